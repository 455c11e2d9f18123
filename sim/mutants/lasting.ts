/** Bugs of what has to outlast something: a restart, a snapshot, a change of leaders, the removal of a file. */
import type { Mutant } from "./mutant.ts";

export const LASTING: readonly Mutant[] = [
  {
    id: "outbox-numbers-begin-anew",
    says: "after a start the numbers of outbox records begin with those of records that are still there",
    edits: [{
      file: "src/node/membership.ts",
      from: "      runtime.outboxRecovered(record.id);\n",
      to: "",
    }],
  },
  {
    id: "dropped-snapshots-removed-early",
    says: "the snapshots of a dropped group go before it is durable that the group is gone",
    edits: [{
      file: "src/node/removals.ts",
      from: "const isDue = lsn <= this.#host.wal.durableLsn && (snapshots?.isIdle ?? true);",
      to: "const isDue = lsn > 0 && (snapshots?.isIdle ?? true);",
    }],
  },
  {
    id: "install-removes-early",
    says: "the old snapshots go as soon as a received one is written, durably the log's begin or not",
    edits: [{
      file: "src/node/group.ts",
      from: "    this.#installedToken = ready.persistToken;\n",
      to: "    this.#installedToken = ready.persistToken;\n    this.snapshots.installed(meta.index);\n",
    }],
  },
  {
    id: "tombstone-not-repeated",
    says: "a new segment does not repeat which groups are closed",
    edits: [{
      file: "src/wal/wal.ts",
      from: "    for (const [group, generation] of this.#table.closed) {",
      to: "    for (const [group, generation] of [...this.#table.closed].slice(1)) {",
    }],
  },
  {
    id: "asked-before-start-forgotten",
    says:
      "a node that was started anew takes in what a session publishes that it has asked to be fenced before",
    edits: [{
      file: "src/node/producer_opens.ts",
      from: "if (this.#hasSpoken) return null;",
      to: "if (this.#hasSpoken || this.#asked.size === 0) return null;",
    }],
  },
];
