/** Bugs of elections: who may stand, who may vote, whose votes count, and when a leader is none any more. */
import type { Mutant } from "./mutant.ts";

export const ELECTIONS: readonly Mutant[] = [
  {
    id: "stickiness-off",
    says: "a member votes although it hears from a leader",
    edits: [{
      file: "src/raft/raft.ts",
      from: "if (asksForVote && !message.transfer && leaderInOffice(core)) {",
      to: "if (core.term < 0 && asksForVote && !message.transfer && leaderInOffice(core)) {",
    }, {
      file: "src/raft/election.ts",
      from: "  if (leaderInOffice(core)) return;\n",
      to: "",
    }, {
      file: "src/raft/election.ts",
      from: '  assert(core.role !== "leader", "a leader is in office");\n',
      to: "",
    }],
  },
  {
    id: "second-vote-in-term",
    says: "a member votes again in a term in which it has voted",
    edits: [{
      file: "src/raft/election.ts",
      from: "const free = core.vote === from || (core.vote === NO_MEMBER && core.leader === NO_MEMBER);",
      to: 'const free = core.leader === NO_MEMBER && core.role === "follower";',
    }, {
      file: "src/raft/core.ts",
      from:
        'assert(term > this.term || this.vote === NO_MEMBER || vote === this.vote, "one vote per term");\n',
      to: "",
    }],
  },
  {
    id: "vote-kept-in-new-term",
    says: "a member enters a new term with its vote of the old one",
    edits: [{
      file: "src/raft/follower.ts",
      from: "if (newTerm) core.setTerm(term, NO_MEMBER);",
      to: "if (newTerm) core.setTerm(term, core.vote);",
    }],
  },
  {
    id: "late-vote-counts",
    says: "a vote of an earlier term counts in a later one",
    edits: [{
      file: "src/raft/election.ts",
      from: 'if (core.role !== "candidate" || message.term !== core.term) return;',
      to: 'if (core.role !== "candidate") return;',
    }],
  },
  {
    id: "refusals-elect",
    says: "a refused vote counts like a granted one",
    edits: [{
      file: "src/raft/election.ts",
      from:
        'assert(from !== core.self, "the own vote does not travel");\n  core.votes.set(from, message.granted);',
      to: 'assert(from !== core.self, "the own vote does not travel");\n  core.votes.set(from, true);',
    }],
  },
  {
    id: "own-vote-before-durable",
    says: "a candidate counts its own vote before it is durable",
    edits: [{
      file: "src/raft/election.ts",
      from: "core.ownVotePending = true;\n",
      to: "core.ownVotePending = false;\n  core.votes.set(core.self, true);\n",
    }, {
      file: "src/raft/leader.ts",
      from:
        'assert(core.persistence.hardStateGate === 0 && !core.hardStateDirty, "a term is durable before it is led");\n',
      to: "",
    }],
  },
  {
    id: "learner-stands",
    says: "who has no vote stands for election",
    edits: [{
      file: "src/raft/core.ts",
      from: "return this.log.isVoterSince(this.commit, this.self);",
      to: "return this.log.configuration.incoming.length > 0;",
    }],
  },
  {
    id: "check-quorum-off",
    says: "a leader that nobody answers leads on",
    edits: [{
      file: "src/raft/leader.ts",
      from: "leadership.quorumDeadlineMs = contactMs + core.options.electionTimeoutMs;",
      to: "leadership.quorumDeadlineMs = Math.max(contactMs, core.now) + core.options.electionTimeoutMs;",
    }],
  },
  {
    id: "stale-pre-vote",
    says: "a pre-vote is granted to a log that is behind",
    edits: [{
      file: "src/raft/election.ts",
      from:
        "const granted = message.term > core.term && isUpToDate(core, message.lastIndex, message.lastTerm);",
      to: "const granted = message.term > core.term && message.lastTerm <= message.term;",
    }],
  },
  {
    id: "vote-forgotten-in-log",
    says: "the vote does not go into the log with its term",
    edits: [{
      file: "src/wal/wal.ts",
      from: "log.hardState = { term: hardState.term, vote: hardState.vote, commit: hardState.commit };",
      to:
        "log.hardState = { term: hardState.term, vote: 0 as typeof hardState.vote, commit: hardState.commit };",
    }],
  },
  {
    id: "vote-forgotten-in-segment",
    says: "the state repeated at the head of a segment leaves the vote out",
    edits: [{
      file: "src/wal/wal.ts",
      from: "writeHardState(batch.records, log.group, log.generation, log.hardState);\n      for",
      to: "writeHardState(batch.records, log.group, log.generation, {\n        ...log.hardState,\n" +
        "        vote: 0 as typeof log.hardState.vote,\n      });\n      for",
    }],
  },
];
