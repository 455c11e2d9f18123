/** Bugs of consensus: classic mistakes in elections, replication, commitment, reads and changes of membership. */
import type { Mutant } from "./mutant.ts";

export const CONSENSUS: readonly Mutant[] = [
  {
    id: "vote-unpersisted",
    says: "a vote leaves before it is durable",
    edits: [{
      file: "src/raft/ready.ts",
      from: 'if (message.kind !== "append-reply" || !message.success) return gate;',
      to: 'if (message.kind === "vote-reply") return 0;\n' +
        '  if (message.kind !== "append-reply" || !message.success) return gate;',
    }],
  },
  {
    id: "stale-log-vote",
    says: "a vote compares the lengths of the logs and not their last terms",
    edits: [{
      file: "src/raft/election.ts",
      from: "return lastTerm > log.lastTerm || (lastTerm === log.lastTerm && lastIndex >= log.lastIndex);",
      to: "return lastTerm >= 0 && lastIndex >= log.lastIndex;",
    }],
  },
  {
    id: "timer-not-reset-on-append",
    says: "a leader's word does not postpone the next election",
    edits: [{
      file: "src/raft/follower.ts",
      from: "core.leaderContactMs = core.now;\n  core.postponeElection();",
      to: "core.leaderContactMs = core.now;",
    }],
  },
  {
    id: "prevote-bumps-term",
    says: "a pre-candidate enters the term that it asks for",
    edits: [{
      file: "src/raft/election.ts",
      from: 'core.setRole("pre-candidate", NO_MEMBER);\n  core.restartElectionTimer();',
      to: 'core.setTerm(core.term + 1 as Term, NO_MEMBER);\n  core.setRole("pre-candidate", NO_MEMBER);\n' +
        "  core.restartElectionTimer();",
    }],
  },
  {
    id: "fig8-commit",
    says: "entries of earlier terms are committed by counting (Raft paper, figure 8)",
    edits: [{
      file: "src/raft/leader.ts",
      from: "if (core.log.termAt(reached) !== core.term) {\n    core.passed.add(",
      to: "if (core.log.termAt(reached) === null) {\n    core.passed.add(",
    }],
  },
  {
    id: "truncate-always",
    says: "an append that brings nothing new cuts off what follows it",
    edits: [{
      file: "src/raft/follower.ts",
      from: "if (entry.index <= log.baseIndex || log.matches(entry.index, entry.term)) continue;",
      to: "if (entry.index <= Math.max(log.baseIndex, core.commit)) continue;",
    }],
  },
  {
    id: "prev-term-unchecked",
    says: "an append is taken where the entry before it exists, whatever its term",
    edits: [{
      file: "src/raft/follower.ts",
      from: "if (previousIndex > core.commit && !log.matches(previousIndex, previousTerm)) {",
      to: "if (previousIndex > core.commit && previousIndex > log.lastIndex) {",
    }],
  },
  {
    id: "match-on-send",
    says: "an entry counts as replicated when it is sent",
    edits: [{
      file: "src/raft/progress.ts",
      from: "this.next = lastIndex + 1 as Index;\n  }\n\n  /** The peer has",
      to: "this.next = lastIndex + 1 as Index;\n    this.match = lastIndex;\n  }\n\n  /** The peer has",
    }],
  },
  {
    id: "quorum-off-by-one",
    says: "half of the voters, rounded down, are a majority",
    edits: [{
      file: "src/raft/quorum.ts",
      from: "return Math.floor(count / 2) + 1;",
      to: "return Math.max(1, Math.floor(count / 2));",
    }],
  },
  {
    id: "quorum-half-of-even",
    says: "half of an even number of voters is a majority",
    edits: [{
      file: "src/raft/quorum.ts",
      from: "return Math.floor(count / 2) + 1;",
      to: "return Math.ceil(count / 2);",
    }],
  },
  {
    id: "self-counted-before-sync",
    says: "a leader counts its own entries before they are durable",
    edits: [{
      file: "src/raft/leader.ts",
      from: "const durableIndex = () => core.persistence.durableIndex;",
      to: "const durableIndex = () => core.log.lastIndex;",
    }],
  },
  {
    id: "read-from-deposed-leader",
    says: "a leader answers reads without asking whether it still leads",
    edits: [{
      file: "src/raft/reads.ts",
      from: "} else if (!admitRead(core, core.leadership, { context, from: core.self })) {\n" +
        "      core.failedReads.push(context);",
      to: "} else {\n      core.reads.push({ context, index: core.commit });",
    }],
  },
  {
    id: "read-before-own-commit",
    says: "a new leader answers reads before an entry of its own term is committed",
    edits: [{
      file: "src/raft/reads.ts",
      from: "if (!core.committedInTerm) {",
      to: "if (core.log.lastIndex === 0) {",
    }],
  },
  {
    id: "single-server-2015",
    says: "the configuration may change before an entry of the leader's own term is committed",
    edits: [{
      file: "src/raft/membership.ts",
      from: 'if (!core.committedInTerm) return { ok: false, reason: "NOT_YET_COMMITTED_IN_TERM", leader };\n',
      to: "",
    }],
  },
  {
    id: "change-before-change",
    says: "the configuration may change while an earlier change is not committed",
    edits: [{
      file: "src/raft/membership.ts",
      from: "if (core.log.configurationIndex > core.commit || isJoint(configuration)) {",
      to: "if (isJoint(configuration)) {",
    }],
  },
  {
    id: "snapshot-stale-membership",
    says: "an installed snapshot leaves the old configuration in force",
    edits: [{
      file: "src/raft/follower.ts",
      from: "core.log.reset(snapshot, snapshot.configuration);",
      to: "core.log.reset(snapshot, core.log.configuration);",
    }],
  },
];
