/** Bugs of reads and of the key-value: answers from the past, conditions that do not hold, changes that nobody is shown. */
import type { Mutant } from "./mutant.ts";

export const READS: readonly Mutant[] = [
  {
    id: "read-by-old-round",
    says: "a read is confirmed by the answer to an earlier round",
    edits: [{
      file: "src/raft/reads.ts",
      from: "  leadership.readRound++;\n",
      to: "",
    }],
  },
  {
    id: "read-at-applied",
    says: "a read waits for what is applied when it is asked, not for what is committed",
    edits: [{
      file: "src/raft/reads.ts",
      from: "leadership.readRounds.push({ round: leadership.readRound, index: core.commit, reads });",
      to: "leadership.readRounds.push({ round: leadership.readRound, index: core.applied, reads });",
    }],
  },
  {
    id: "read-names-reused",
    says: "reads that are forwarded after a restart have the names of those before",
    edits: [{
      file: "src/raft/reads.ts",
      from: 'core.forwardedReadName = core.draw("/reads") % BASES * NAMES_PER_BASE;',
      to: "core.forwardedReadName = BASES;",
    }],
  },
  {
    id: "failed-read-answered",
    says: "a forwarded read is answered where the leader refused it",
    edits: [{
      file: "src/raft/reads.ts",
      from: "if (message.ok) core.reads.push({ context: read.context, index: message.index });",
      to: "if (message.ok || message.index === 0) {\n" +
        "    core.reads.push({ context: read.context, index: message.index });\n  }",
    }],
  },
  {
    id: "compare-accepts-older",
    says: "a conditional write takes an expected version that is behind",
    edits: [{
      file: "src/node/key_values.ts",
      from:
        'if (expectedVersion !== null && expectedVersion !== version) return { kind: "compare-failed", version };',
      to:
        'if (expectedVersion !== null && expectedVersion > version) return { kind: "compare-failed", version };',
    }],
  },
  {
    id: "delete-without-compare",
    says: "a conditional delete ignores its condition",
    edits: [{
      file: "src/node/key_values.ts",
      from: "if (expectedVersion !== null && expectedVersion !== old.version) {",
      to: "if (expectedVersion !== null && expectedVersion < 0) {",
    }],
  },
  {
    id: "versions-repeat",
    says: "a key's version starts again at 1 when it is made anew",
    edits: [{
      file: "src/node/key_values.ts",
      from:
        '    this.#entries.set(key, { key, value, version: index });\n    return { kind: "written", version: index };',
      to:
        '    this.#entries.set(key, { key, value, version: index > 0 ? version + 1 : index });\n    return { kind: "written", version: version + 1 };',
    }],
  },
  {
    id: "version-lost-in-snapshot",
    says: "a snapshot forgets the last change of a key's version",
    edits: [{
      file: "src/node/key_values.ts",
      from: "version: reader.u64() };",
      to: "version: Math.max(1, reader.u64() - 1) };",
    }],
  },
  {
    id: "watch-misses-deletes",
    says: "a watch is not shown that a key was deleted",
    edits: [{
      file: "src/node/membership.ts",
      from: "this.#showKey(result.key, result.value, result.version);",
      to: "if (result.value !== null) this.#showKey(result.key, result.value, result.version);",
    }],
  },
  {
    id: "watch-misses-snapshot",
    says: "a watch is not shown what a snapshot jumped over",
    edits: [{
      file: "src/node/membership.ts",
      from: "if (this.#keyWatches.size === 0) return;",
      to: "if (this.#keyWatches.size >= 0) return;",
    }],
  },
  {
    id: "late-read-answers-twice",
    says: "a read that was given up is answered",
    edits: [{
      file: "src/node/reads.ts",
      from: "return round.filter((read) => this.#reads.has(read));",
      to: "return round;",
    }],
  },
];
