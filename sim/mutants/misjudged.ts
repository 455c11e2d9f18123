/** Bugs of judgements on too little: one for all, an early moment for a later one, somebody else for who was meant. */
import type { Mutant } from "./mutant.ts";

export const MISJUDGED: readonly Mutant[] = [
  {
    id: "held-one-batch-early",
    says: "what waits for a batch of the log leaves when the batch before it is durable",
    edits: [{
      file: "src/node/group.ts",
      from: "while (count < this.#held.length && this.#held[count]!.lsn <= lsn) count++;",
      to: "while (count < this.#held.length && this.#held[count]!.lsn <= lsn + 1) count++;",
    }],
  },
  {
    id: "mark-pins-segment",
    says: "the collector looks at where contents lie and not at where they are named",
    edits: [{
      file: "src/wal/collector.ts",
      from: "isOld(log.entries.segment(row)) || isOld(this.#table.markSegment(log, row));",
      to: "isOld(log.entries.segment(row));",
    }],
  },
  {
    id: "death-not-dated",
    says: "a segment does not remember by which batch the last of its contents died",
    edits: [{
      file: "src/wal/segments.ts",
      from: "segment.diedLsn = Math.max(segment.diedLsn, lsn);",
      to: "segment.diedLsn = Math.min(segment.diedLsn, lsn);",
    }],
  },
  {
    id: "completion-waits-for-first",
    says: "of the targets that completion waits for only the first counts",
    edits: [{
      file: "src/stream/subscriptions.ts",
      from: "return lowest(this.#all.filter((subscription) => subscription.required), end);",
      to: "return lowest(this.#all.filter((subscription) => subscription.required).slice(0, 1), end);",
    }],
  },
  {
    id: "list-page-repeats",
    says: "a page of keys begins with the last one of the page before",
    edits: [{
      file: "src/node/key_values.ts",
      from: "key > afterKey) keys.push(key);",
      to: "key >= afterKey) keys.push(key);",
    }],
  },
  {
    id: "list-ends-early",
    says: "a list of keys that goes one beyond a page counts as complete",
    edits: [{
      file: "src/node/key_values.ts",
      from: "more: keys.length > entries.length };",
      to: "more: keys.length > entries.length + 1 };",
    }],
  },
  {
    id: "old-member-id-accepted",
    says: "a node with the name of a member is taken for it, whatever member it says to be",
    edits: [{
      file: "src/link/handshake.ts",
      from: "member !== undefined && member.memberId === hello.memberId && member.name === hello.name;",
      to: "member !== undefined && member.name === hello.name;",
    }],
  },
  {
    id: "late-dial-not-repeated",
    says: "a dial that took too long is not tried again",
    edits: [{
      file: "src/link/dialler.ts",
      from: "      this.end(peer);\n      this.backOff(peer, now, false);\n",
      to: "      this.end(peer);\n",
    }],
  },
  {
    id: "released-early",
    says: "who leaves is let go before it is committed that a stream counts without it",
    edits: [{
      file: "src/node/reconciler.ts",
      from: "  if (status.commit < status.configurationIndex) return false;\n  const counted",
      to: "  const counted",
    }],
  },
  {
    id: "hung-disk-unnoticed",
    says: "a leader whose disk hangs leads on",
    edits: [{
      file: "src/node/disk_watch.ts",
      from: "this.#limitMs = limitMs;",
      to: "this.#limitMs = 10_000 * limitMs;",
    }],
  },
  {
    id: "source-never-left",
    says: "an observer stays with whom it pulls from, whether that answers and hears of the leader or not",
    edits: [{
      file: "src/node/pulls.ts",
      from:
        "const serves = before !== 0 && reachable.has(before) && this.#isAnswered && this.#distance !== NOT_FED;",
      to: "const serves = before !== 0 && (reachable.has(before) || this.#distance !== NOT_FED);",
    }],
  },
  {
    id: "distance-not-counted",
    says: "an observer says that it is as far from the leader as whom it pulls from",
    edits: [{
      file: "src/raft/pulling.ts",
      from: "core.fedDistance = distance + 1 < DISTANCE_LIMIT ? distance + 1 : NOT_FED;",
      to: "core.fedDistance = distance < DISTANCE_LIMIT ? distance : NOT_FED;",
    }],
  },
  {
    id: "silent-leader-misses-nobody",
    says: "the leader of a silent group does not listen for the nodes of the others",
    edits: [{
      file: "src/node/beats.ts",
      from: "if (leader !== self) return [leader];",
      to: "if (leader !== self) return [leader];\n  if (leader === self) return [];",
    }],
  },
  {
    id: "gap-said-uncertain",
    says: "a batch is refused as a gap by a member that has not caught up",
    edits: [{
      file: "src/node/publishing.ts",
      from: 'if (!certain && (outcome.kind === "gap" || outcome.kind === "unknown")) {',
      to: 'if (!certain && outcome.kind === "unknown") {',
    }],
  },
  {
    id: "adopted-state-goes-back",
    says: "a state that is fetched in place of damaged entries is taken also where the member is further",
    edits: [{
      file: "src/node/group.ts",
      from:
        "if (index <= this.machine.applied || index > this.#applyTo || this.raft.termAt(index) !== term) {",
      to: "if (index > this.#applyTo || this.raft.termAt(index) !== term) {",
    }],
  },
  {
    id: "hearsay-of-earlier-term",
    says: "an observer believes in the leader of an earlier term",
    edits: [{
      file: "src/raft/pulling.ts",
      from: "if (term !== core.term || leader === NO_MEMBER",
      to: "if (leader === NO_MEMBER",
    }],
  },
];
