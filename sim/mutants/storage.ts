/** Bugs of storage: what is said to be durable and is not, and what recovery makes of a crash. */
import type { Mutant } from "./mutant.ts";

export const STORAGE: readonly Mutant[] = [
  {
    id: "ack-without-fsync",
    says: "a batch of the log counts as durable once it is written",
    edits: [{
      file: "src/wal/writer.ts",
      from: "if (!batch.opensSegment) this.#sync(segment);\n  }",
      to: "}",
    }],
  },
  {
    id: "folder-not-synced",
    says: "a new segment's name is not made durable",
    edits: [{
      file: "src/wal/writer.ts",
      from: "this.#folderToken = this.#tokens.next();\n" +
        "    this.#disk.syncFolder(this.#folder, this.#folderToken);\n  }",
      to: "}",
    }],
  },
  {
    id: "recovery-not-pinned",
    says: "recovery acts on what a power failure could still take",
    edits: [{
      file: "src/wal/recovery.ts",
      from: "      yield* this.#rewrite(current.path, this.#tail);",
      to: "      yield* diskStep((token) => this.#disk.truncate(current.path, this.#tail!.length, token));",
    }],
  },
  {
    id: "acks-not-held",
    says: "what a member tells of its log leaves before the log is durable",
    edits: [{
      file: "src/node/group.ts",
      from: "if (outgoing.afterToken === 0) this.#send(outgoing);\n      else held.push(outgoing);",
      to: "this.#send(outgoing);",
    }],
  },
  {
    id: "snapshot-removed-early",
    says: "a snapshot is removed before it is durable that the log begins at a newer one",
    edits: [{
      file: "src/node/snapshot_keeper.ts",
      from: "for (const each of old) if (each !== 0) this.#obsolete.push({ index: each, lsn });",
      to: "for (const each of old) {\n      if (each !== 0 && lsn > 0) this.#remove(each);\n    }",
    }],
  },
  {
    id: "snapshot-renamed-before-sync",
    says: "a file takes its name before its content is durable",
    edits: [{
      file: "src/wal/files.ts",
      from: "  yield* diskStep((token) => disk.sync(aside, token));\n",
      to: "",
    }],
  },
  {
    id: "rename-not-synced",
    says: "a file's new name is not made durable",
    edits: [{
      file: "src/wal/files.ts",
      from: "  yield* diskStep((token) => disk.syncFolder(folderOf(path), token));\n",
      to: "",
    }],
  },
  {
    id: "segment-collected-early",
    says: "a segment is removed before that is durable which makes it needless",
    edits: [{
      file: "src/wal/collector.ts",
      from: "segment.liveExtents === 0 && segment.diedLsn <= durableLsn && next.sizeBytes > 0;",
      to: "segment.liveExtents === 0 && durableLsn > 0 && next.sizeBytes >= 0;",
    }],
  },
  {
    id: "live-segment-collected",
    says: "a segment is removed while one content in it is still needed",
    edits: [{
      file: "src/wal/collector.ts",
      from: "segment.liveExtents === 0 && segment.diedLsn",
      to: "segment.liveExtents <= 1 && segment.diedLsn",
    }, {
      file: "src/wal/segments.ts",
      from: '    assert(segment.liveExtents === 0, "a removed segment holds nothing live");\n',
      to: "",
    }],
  },
  {
    id: "torn-tail-left",
    says: "recovery leaves a torn batch in its place and writes after it",
    edits: [{
      file: "src/wal/recovery.ts",
      from: "? bytes.subarray(0, end) :",
      to: "? bytes :",
    }],
  },
  {
    id: "overwrite-forgotten-at-replay",
    says: "replaying a record keeps what lay beyond it in the log that it overwrites",
    edits: [{
      file: "src/wal/replay.ts",
      from:
        "    if (!record.relocated) this.#table.truncate(log, record.first, 0);\n    let index: number = record.first;",
      to: "    let index: number = record.first;",
    }, {
      file: "src/wal/replay.ts",
      from: "      this.#checkCopy(log, index, record.term, item.crc);\n",
      to: "",
    }],
  },
  {
    id: "snapshot-base-keeps-log",
    says: "the record of an installed snapshot says that the log before it goes on",
    edits: [{
      file: "src/wal/wal.ts",
      from: "writeBase(batch.records, group, generation, log.base, keep);",
      to: "writeBase(batch.records, group, generation, log.base, true);",
    }],
  },
  {
    id: "batch-durable-at-second",
    says: "what is gathered counts as durable with the batch before it",
    edits: [{
      file: "src/wal/wal.ts",
      from: "      this.#durableLsn = durable.batch.lsn;",
      to: "      this.#durableLsn = durable.batch.lsn + (this.#pending?.empty === false ? 1 : 0) as Lsn;",
    }, {
      file: "src/wal/wal.ts",
      from: '      assert(durable.batch.lsn === this.#durableLsn + 1, "batches become durable in order");\n',
      to: "",
    }],
  },
  {
    id: "outbox-content-not-copied",
    says: "the content of a waiting outbox record stays in a segment that is collected",
    edits: [{
      file: "src/wal/collector.ts",
      from: "if (record.segment === 0 || record.segment > upTo) continue;",
      to: "if (record.segment === 0 || record.segment > upTo || record.holders.length === 0) continue;",
    }],
  },
  {
    id: "failed-sync-ignored",
    says: "a failed sync is taken for a successful one",
    edits: [{
      file: "src/wal/writer.ts",
      from: 'if (!event.ok) this.#refuse("Cannot sync the log", event);',
      to: 'if (!event.ok && event.code === "FULL") this.#refuse("Cannot sync the log", event);',
    }],
  },
  {
    id: "restart-trusts-sync",
    says:
      "after a failed sync the next process syncs the same file again, is told that all is well, and believes it",
    edits: [{
      file: "src/wal/recovery.ts",
      from: "      yield* this.#rewrite(current.path, this.#tail);",
      to: "      yield* diskStep((token) => this.#disk.sync(current.path, token));",
    }],
  },
  {
    id: "old-base-snapshot-stays",
    says: "the snapshot that the log began at stays where it begins at a newer one",
    edits: [{
      file: "src/node/snapshot_keeper.ts",
      from: "const old = [this.#base, ...this.#newer.filter((each) => each.index < index)",
      to: "const old = [...this.#newer.filter((each) => each.index < index)",
    }],
  },
  {
    id: "snapshots-never-thinned",
    says: "snapshots pile up where retention holds the log back",
    edits: [{
      file: "src/node/snapshot_keeper.ts",
      from: "while (this.#newer.length > 3) {",
      to: "while (this.#newer.length > 300) {",
    }],
  },
];
