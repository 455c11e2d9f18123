/** Bugs of joint consensus: decisions by one half, and a joint configuration that is left before it is committed. */
import type { Mutant } from "./mutant.ts";

export const CHANGES: readonly Mutant[] = [
  {
    id: "joint-commits-by-new-half",
    says: "in a joint configuration a majority of the new voters commits",
    edits: [{
      file: "src/raft/quorum.ts",
      from: "if (configuration.outgoing.length === 0) return incoming;\n  return Math.min(",
      to: "if (configuration.outgoing.length >= 0) return incoming;\n  return Math.min(",
    }],
  },
  {
    id: "joint-elects-by-new-half",
    says: "in a joint configuration a majority of the new voters elects",
    edits: [{
      file: "src/raft/quorum.ts",
      from: "if (configuration.outgoing.length === 0) return incoming;\n  const outgoing",
      to: "if (configuration.outgoing.length >= 0) return incoming;\n  const outgoing",
    }],
  },
  {
    id: "joint-left-early",
    says: "a joint configuration is left at the next commit, itself committed or not",
    edits: [{
      file: "src/raft/leader.ts",
      from: "if (core.log.configurationIndex > reached) return;",
      to: "if (core.log.configurationIndex > reached && !isJoint(core.configuration)) return;",
    }],
  },
  {
    id: "removed-peer-kept",
    says: "a leader goes on with peers that its configuration has dropped",
    edits: [{
      file: "src/raft/leadership.ts",
      from: "if (!members.includes(member)) this.progress.delete(member);",
      to: "if (!members.includes(member) && nowMs < 0) this.progress.delete(member);",
    }],
  },
];
