/** Bugs that leave a clause of a rule out: what is replaced, committed at a start, promised beyond a term, changed jointly, waited for. */
import type { Mutant } from "./mutant.ts";

export const CLAUSES: readonly Mutant[] = [
  {
    id: "conflicts-kept",
    says: "an entry that is there stays, whatever its term",
    edits: [{
      file: "src/raft/follower.ts",
      from: "if (entry.index <= log.baseIndex || log.matches(entry.index, entry.term)) continue;",
      to: "if (entry.index <= log.lastIndex || log.matches(entry.index, entry.term)) continue;",
    }],
  },
  {
    id: "all-committed-at-start",
    says: "a member that starts takes all of its log to be committed",
    edits: [{
      file: "src/raft/core.ts",
      from: "this.commit = Math.max(log.baseIndex, Math.min(hardState.commit, log.lastIndex)) as Index;",
      to: "this.commit = Math.max(log.baseIndex, log.lastIndex) as Index;",
    }],
  },
  {
    id: "uncommitted-configuration-in-snapshot",
    says: "a snapshot carries the configuration in force, committed or not",
    edits: [{
      file: "src/node/group.ts",
      from:
        "this.snapshots.take({ index, term, configuration: this.#appliedConfiguration }, this.machine.encode());",
      to:
        "this.snapshots.take({ index, term, configuration: this.raft.configuration }, this.machine.encode());",
    }],
  },
  {
    id: "snapshot-of-current-term",
    says: "a snapshot says that its last entry is of the term in which it is taken",
    edits: [{
      file: "src/node/group.ts",
      from:
        "this.snapshots.take({ index, term, configuration: this.#appliedConfiguration }, this.machine.encode());",
      to:
        "const now = { index, term: this.raft.term, configuration: this.#appliedConfiguration };\n      this.snapshots.take(now, this.machine.encode());",
    }],
  },
  {
    id: "promise-ends-with-term",
    says: "a member that enters a later term is free of what it promised a leader before",
    edits: [{
      file: "src/raft/follower.ts",
      from: "if (newTerm) core.setTerm(term, NO_MEMBER);",
      to: "if (newTerm) {\n    core.setTerm(term, NO_MEMBER);\n    core.leaderContactMs = -Infinity;\n  }",
    }],
  },
  {
    id: "voters-changed-at-once",
    says: "several voters change at once, without a joint configuration",
    edits: [{
      file: "src/raft/configuration.ts",
      from: "outgoing: added + removed <= 1 ? [] : before.incoming, learners };",
      to: "outgoing: added + removed <= 9 ? [] : before.incoming, learners };",
    }],
  },
  {
    id: "anybody-keeps-leader",
    says: "a leader stays as long as any member answers, voter or not",
    edits: [{
      file: "src/raft/leader.ts",
      from: "const contactMs = quorumValue(core.configuration, leadership.contactOf);",
      to:
        "let contactMs = core.configuration.incoming.length > 1 ? -Infinity : Infinity;\n  for (const each of leadership.progress.values()) contactMs = Math.max(contactMs, each.contactMs);",
    }],
  },
  {
    id: "inherited-joint-left-at-once",
    says: "a new leader leaves a joint configuration that it inherited before that is committed",
    edits: [{
      file: "src/raft/leader.ts",
      from: "  appendOwn(core, leadership, EntryKind.Noop, 0, null);\n}",
      to:
        "  appendOwn(core, leadership, EntryKind.Noop, 0, null);\n  if (isJoint(core.configuration)) appendConfiguration(core, leadership, leaveJoint(core.configuration));\n}",
    }],
  },
];
