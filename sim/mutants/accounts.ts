/** Bugs of accounts: what a counter, a copy or a subscriber says while what it is about has moved on. */
import type { Mutant } from "./mutant.ts";

export const ACCOUNTS: readonly Mutant[] = [
  {
    id: "key-value-size-forgotten",
    says: "the size of keys that were deleted or overwritten still counts against the key-value's limit",
    edits: [{
      file: "src/node/key_values.ts",
      from: "    this.#bytes -= sizeOf(old);\n",
      to: "",
    }, {
      file: "src/node/key_values.ts",
      from: "const grown = this.#bytes - sizeOf(old) + key.length + value.length;",
      to: "const grown = this.#bytes + key.length + value.length;",
    }],
  },
  {
    id: "subscriber-survives-snapshot",
    says: "a subscriber whose successor was opened in what a snapshot jumped over goes on",
    edits: [{
      file: "src/node/delivery.ts",
      from: "if (current === null || current.epoch === subscriber.epoch) continue;",
      to: "if (current === null || current.epoch >= subscriber.epoch) continue;",
    }],
  },
  {
    id: "failed-snapshot-untold",
    says: "a leader is not told that its snapshot could not be read, and waits for it to be sent",
    edits: [{
      file: "src/node/group.ts",
      from: "        this.raft.snapshotSent(to, false, this.#host.now);\n",
      to: "",
    }],
  },
  {
    id: "outbox-copy-not-adopted",
    says: "the copy of an outbox record that the collector made is not taken for its content",
    edits: [{
      file: "src/wal/placement.ts",
      from: "if (record === undefined || !(isRepair || isSamePlace(record, from))) return false;",
      to: "if (record === undefined || !isRepair || record.segment < from.segment) return false;",
    }, {
      file: "src/wal/placement.ts",
      from: "import { type Contents, isSamePlace } from",
      to: "import { type Contents } from",
    }],
  },
  {
    id: "closing-takes-all-outbox",
    says: "with a dropped group the outbox records of all groups are let go",
    edits: [{
      file: "src/wal/wal.ts",
      from:
        "      if (record.group === group && record.generation <= generation) this.releaseOutbox(record.id);",
      to: "      if (record.generation <= generation) this.releaseOutbox(record.id);",
    }],
  },
  {
    id: "damage-forgotten-in-copy",
    says: "the copy of a content that the disk has lost says that it is whole",
    edits: [{
      file: "src/wal/collector.ts",
      from: "writeEntryItem(this.#batch.records, entryKind, to.lengthBytes, to.crc, to.damaged);",
      to: "writeEntryItem(this.#batch.records, entryKind, to.lengthBytes, to.crc, false);",
    }],
  },
  {
    id: "stale-copy-written",
    says:
      "what was overwritten or cut off while it was being read is copied to the end of the log all the same",
    edits: [{
      file: "src/wal/collector.ts",
      from: "if (!this.#alive(candidate)) continue;",
      to: 'if (candidate.kind !== "content" && !this.#alive(candidate)) continue;',
    }],
  },
  {
    id: "compacted-entry-stays-alive",
    says: "of the entries that a log is cut by the first still counts as alive in its segment",
    edits: [{
      file: "src/wal/table.ts",
      from: "for (let row = 0; row < gone; row++) this.#drop(log, row, lsn);",
      to: "for (let row = 1; row < gone; row++) this.#drop(log, row, lsn);",
    }],
  },
  {
    id: "retention-for-required-only",
    says: "only subscriptions that completion waits for keep messages from being dropped",
    edits: [{
      file: "src/stream/subscriptions.ts",
      from: "    return lowest(this.#all, end);",
      to: "    return lowest(this.#all.filter((subscription) => subscription.required), end);",
    }],
  },
  {
    id: "repetition-of-other-length",
    says: "a batch of another length is taken for the one of the same sequence that waits in the outbox",
    edits: [{
      file: "src/node/publishing.ts",
      from: "if (waiting.header.count !== header.count) {",
      to: "if (waiting.header.count < 0) {",
    }],
  },
  {
    id: "late-publish-said-not-applied",
    says: "a batch that is not committed in time, and stays queued, is reported as not applied",
    edits: [{
      file: "src/node/publishing.ts",
      from: 'new SennitError("TIMEOUT", text, { outcome: "UNKNOWN" }));',
      to: 'new SennitError("TIMEOUT", text, { outcome: "NOT_APPLIED" }));',
    }],
  },
  {
    id: "fenced-subscriber-served",
    says: "a subscriber goes on when another one takes its subscription over",
    edits: [{
      file: "src/node/delivery.ts",
      from: "subscriber.name === result.name && subscriber.epoch < result.epoch",
      to: "subscriber.name === result.name && subscriber.epoch < 0",
    }],
  },
  {
    id: "full-batch-half-kept",
    says: "what was written of a batch that found no space stays before the next try",
    edits: [{
      file: "src/wal/writer.ts",
      from: "    else this.#disk.truncate(path, sizeBytes, this.#cutToken);",
      to: "    else this.#disk.sync(path, this.#cutToken);",
    }],
  },
  {
    id: "offers-outlive-term",
    says: "a leader takes what it took into its log in an earlier term to be there still",
    edits: [{
      file: "src/node/offers.ts",
      from: "if (term !== this.#term) this.#sessions.clear();",
      to: "if (term < this.#term) this.#sessions.clear();",
    }],
  },
  {
    id: "offers-out-of-order",
    says: "a leader takes a batch into its log although it lacks the one before it",
    edits: [{
      file: "src/node/offers.ts",
      from: "    if (baseSequence > Math.max(taken.next, applied + 1)) return false;\n",
      to: "",
    }],
  },
  {
    id: "oldest-range-kept",
    says: "where a session has more ranges than are remembered the newest is forgotten",
    edits: [{
      file: "src/stream/producers.ts",
      from: "session.ranges.length > PRODUCER_RANGES_LIMIT) session.ranges.shift();",
      to: "session.ranges.length > PRODUCER_RANGES_LIMIT) session.ranges.pop();",
    }],
  },
];
