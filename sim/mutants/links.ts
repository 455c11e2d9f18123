/** Bugs of links and of who hangs on them: sessions that are not found again, credit, and what a subscription begins with. */
import type { Mutant } from "./mutant.ts";

export const LINKS: readonly Mutant[] = [
  {
    id: "draining-for-ever",
    says: "a peer that once said that it stops is sent no data after it is back",
    edits: [{
      file: "src/link/peer.ts",
      from: "  get draining(): boolean {\n    return this.active?.draining ?? false;\n",
      to: "  isDraining = false;\n  get draining(): boolean {\n    return this.isDraining;\n",
    }, {
      file: "src/link/links.ts",
      from: "      connection.draining = true;\n",
      to: "      if (connection.peer !== null) connection.peer.isDraining = true;\n",
    }],
  },
  {
    id: "broken-handshake-not-repeated",
    says: "who was dialled and gone before its session came about is not dialled again",
    edits: [{
      file: "src/link/links.ts",
      from: "      peer.dialled = null;\n      this.#backOff(peer, permanent);\n",
      to: "      peer.dialled = null;\n",
    }],
  },
  {
    id: "failed-dial-not-repeated",
    says: "who could not be dialled is not dialled again",
    edits: [{
      file: "src/link/links.ts",
      from: "    this.#backOff(peer, false);\n    return true;\n",
      to: "    return true;\n",
    }],
  },
  {
    id: "lost-session-not-redialled",
    says: "a peer whose session was lost is not dialled again",
    edits: [{
      file: "src/link/links.ts",
      from: 'kind: "down", number, memberId, reason });\n    this.#backOff(peer, permanent);\n',
      to: 'kind: "down", number, memberId, reason });\n',
    }],
  },
  {
    id: "credit-replaced",
    says: "credit that is given back takes the place of what was left",
    edits: [{
      file: "src/node/delivery.ts",
      from: "Math.min(found.creditBytes + bytes, SUBSCRIBER_CREDIT_BYTES_LIMIT)",
      to: "Math.min(bytes, SUBSCRIBER_CREDIT_BYTES_LIMIT)",
    }],
  },
  {
    id: "fenced-by-own-epoch",
    says: "a subscriber is fenced by its own opening",
    edits: [{
      file: "src/node/delivery.ts",
      from: "subscriber.name === result.name && subscriber.epoch < result.epoch",
      to: "subscriber.name === result.name && subscriber.epoch <= result.epoch",
    }],
  },
  {
    id: "failed-move-blocks-offsets",
    says: "after a move of offsets whose outcome is unknown none is asked for any more",
    edits: [{
      file: "src/node/delivery.ts",
      from:
        "      // Offsets only rise: whatever became of it, saying it again is right.\n      () => this.#moving = false,\n",
      to: "      () => {},\n",
    }],
  },
  {
    id: "begins-behind-its-cursor",
    says: "a subscriber that asks to begin later is held to what it skipped",
    edits: [{
      file: "src/node/delivery.ts",
      from: "processed: cursor > result.offset ? cursor : result.offset,",
      to: "processed: result.offset,",
    }],
  },
  {
    id: "new-subscription-at-nothing",
    says: "a new subscription begins at offset 0, whatever is retained",
    edits: [{
      file: "src/stream/subscriptions.ts",
      from: "epoch: 0, offset: this.floor(end) };",
      to: "epoch: 0, offset: Math.min(0, this.floor(end)) as Offset };",
    }],
  },
  {
    id: "subscriptions-mixed-up",
    says: "of a member's subscriptions the first is taken for each of them",
    edits: [{
      file: "src/stream/subscriptions.ts",
      from: "if (each.member === member && each.name === name) return each;",
      to: 'if (each.member === member && name !== "") return each;',
    }],
  },
  {
    id: "fences-other-subscriptions",
    says: "who opens a subscription ends the member's other ones too",
    edits: [{
      file: "src/node/delivery.ts",
      from: "subscriber.name === result.name && subscriber.epoch < result.epoch",
      to: "subscriber.epoch < result.epoch",
    }],
  },
];
