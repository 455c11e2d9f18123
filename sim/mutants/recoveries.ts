/** Bugs of going on without a majority: what the command makes of the survivors' disks, and who takes whose word afterwards. */
import type { Mutant } from "./mutant.ts";

export const RECOVERIES: readonly Mutant[] = [
  {
    id: "recover-from-shortest-log",
    says: "of the survivors the one whose log is shortest goes on",
    edits: [{
      file: "src/node/recovery_plan.ts",
      from: "(lastTerm === best.group.lastTerm && lastIndex > best.group.lastIndex);",
      to: "(lastTerm === best.group.lastTerm && lastIndex < best.group.lastIndex);",
    }],
  },
  {
    id: "recover-in-known-term",
    says: "who goes on does so in a term in which others may have voted",
    edits: [{
      file: "src/node/recovery_plan.ts",
      from: "term: Math.max(...holders.map(({ held }) => held.term)) + 1 as Term,",
      to: "term: Math.max(...holders.map(({ held }) => held.term)) as Term,",
    }],
  },
  {
    id: "recover-without-sync",
    says: "the command says that it is done before what it wrote is durable",
    edits: [{
      file: "src/node/stopped_node.ts",
      from: "yield* this.#until(() => this.#wal.durableLsn >= lsn);",
      to: "yield* this.#until(() => this.#wal.durableLsn >= lsn || lsn > 0);",
    }],
  },
  {
    id: "left-behind-is-heard",
    says: "members of different recovery epochs speak with each other",
    edits: [{
      file: "src/link/handshake.ts",
      from: "if (hello.recoveryEpoch !== self.recoveryEpoch) {",
      to: "if (hello.recoveryEpoch < 0) {",
    }, {
      file: "src/node/runtime.ts",
      from: "if (recoveryEpoch !== this.identity.recoveryEpoch) return false;",
      to: "if (recoveryEpoch < 0) return false;",
    }],
  },
];
