/** Bugs of what is forgotten: in a snapshot, at the head of a segment, at a restart, when roles change. */
import type { Mutant } from "./mutant.ts";

export const FORGOTTEN: readonly Mutant[] = [
  {
    id: "segment-head-drops-log",
    says: "the state repeated at the head of a segment says that a log begins anew",
    edits: [{
      file: "src/wal/wal.ts",
      from: "writeBase(batch.records, log.group, log.generation, log.base, true);",
      to: "writeBase(batch.records, log.group, log.generation, log.base, log.entries.length === 0);",
    }],
  },
  {
    id: "log-at-rest-not-sealed",
    says: "a log that falls idle is not sealed, so that damage to its last batch passes for a torn write",
    edits: [{
      file: "src/wal/wal.ts",
      from: "if (this.unsealed) this.#write(this.#pending!);",
      to: "if (this.unsealed) this.#unsealed = false;",
    }],
  },
  {
    id: "snapshot-checksum-of-header",
    says: "the checksum of a snapshot covers its header and not its state",
    edits: [{
      file: "src/wal/snapshots.ts",
      from: "return crc32c(bytes, HEADER_BYTES, bytes.length, crc32c(bytes, 0, CRC_AT));",
      to: "return crc32c(bytes, 0, CRC_AT);",
    }],
  },
  {
    id: "ranges-lost-in-snapshot",
    says: "a snapshot forgets at which offsets what a producer sent lies",
    edits: [{
      file: "src/stream/producers.ts",
      from:
        "        session.ranges.push({\n          firstSequence: reader.u64() as Sequence,\n          count:",
      to:
        "        session.ranges.length = 0;\n        session.ranges.push({\n          firstSequence: reader.u64() as Sequence,\n          count:",
    }],
  },
  {
    id: "required-lost-in-snapshot",
    says: "a snapshot forgets which subscriptions completion waits for",
    edits: [{
      file: "src/stream/subscriptions.ts",
      from: "required: reader.bool(),",
      to: "required: reader.bool() && false,",
    }],
  },
  {
    id: "invitation-not-used-up",
    says: "an invitation lets in whoever comes with it, more than once",
    edits: [{
      file: "src/node/control_state.ts",
      from: "    this.#invitations.delete(command.invitationHash);\n    const member",
      to: "    const member",
    }],
  },
  {
    id: "stream-closed-forgotten",
    says: "a snapshot forgets that a stream is closed",
    edits: [{
      file: "src/stream/state.ts",
      from: "state.#closed = reader.bool();",
      to: "state.#closed = reader.bool() && false;",
    }],
  },
  {
    id: "votes-of-before-count",
    says: "a candidate begins a campaign with the votes of the last one",
    edits: [{
      file: "src/raft/election.ts",
      from:
        "  // Its own vote counts like any other: where it is a voter's, and once it is durable.\n  core.votes.clear();\n",
      to: "",
    }],
  },
  {
    id: "damaged-delivery-not-resumed",
    says: "a subscriber whose next messages could not be read is never sent any more",
    edits: [{
      file: "src/node/delivery.ts",
      from: "      subscriber.load = 0;\n",
      to: '      if (failed !== "DATA_DAMAGED") subscriber.load = 0;\n',
    }],
  },
  {
    id: "repair-asks-once",
    says: "a damaged entry that one member does not hold is asked for at no other",
    edits: [{
      file: "src/node/repair.ts",
      from: "    if (peer === undefined) {\n      if (!wanted.fruitless) {",
      to: "    if (peer === undefined || wanted.asked.size > 0) {\n      if (!wanted.fruitless) {",
    }],
  },
  {
    id: "outbox-order-lost",
    says:
      "what waits in the outbox goes to the next leader from where the last one stood, not from its begin",
    edits: [{
      file: "src/node/publishing.ts",
      from: "        if (first && handed !== null) this.#outbox.handAgain();\n",
      to: "",
    }, {
      file: "src/node/publishing.ts",
      from: "        this.#outbox.handAgain();\n        break;",
      to: "        break;",
    }],
  },
  {
    id: "dead-session-kept",
    says: "a session over which nothing comes any more is not ended",
    edits: [{
      file: "src/link/keepalive.ts",
      from: "return this.#lastHeardAtMs + this.#idleTimeoutMs;",
      to: "return this.#lastHeardAtMs + 10_000 * this.#idleTimeoutMs;",
    }],
  },
  {
    id: "evicted-keeps-session",
    says: "the sessions of a member that was removed go on",
    edits: [{
      file: "src/link/links.ts",
      from: "for (const peer of removed) this.#remove(peer);",
      to: "for (const peer of removed) if (appliedIndex < 0) this.#remove(peer);",
    }],
  },
];
