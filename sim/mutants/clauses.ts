/** Bugs that leave a clause of a rule out: what is acknowledged, replaced, committed at a start, asked of both halves, waited for. */
import type { Mutant } from "./mutant.ts";

export const CLAUSES: readonly Mutant[] = [
  {
    id: "whole-log-acknowledged",
    says: "an append is acknowledged with the end of the log, whatever of it matched",
    edits: [{
      file: "src/raft/follower.ts",
      from: "acknowledge(core, from, Math.max(matched, core.commit) as Index);",
      to: "acknowledge(core, from, Math.max(matched, log.lastIndex) as Index);",
    }],
  },
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
    id: "old-acknowledgements-leave",
    says:
      "acknowledgements of an earlier term still leave, as soon as what has replaced the entries is durable",
    edits: [{
      file: "src/raft/core.ts",
      from: "if (term > this.term) this.#dropAcknowledgements();",
      to: "if (term < this.term) this.#dropAcknowledgements();",
    }, {
      file: "src/raft/ready.ts",
      from: '  assert(message.term === core.term, "an acknowledgement is of the current term");\n',
      to: "",
    }],
  },
  {
    id: "own-vote-by-any-write",
    says: "a candidate counts its own vote as soon as any write is durable",
    edits: [{
      file: "src/raft/election.ts",
      from:
        "if (!core.ownVotePending || core.hardStateDirty || core.persistence.hardStateGate !== 0) return;",
      to: "if (!core.ownVotePending) return;",
    }, {
      file: "src/raft/leader.ts",
      from:
        'assert(core.persistence.hardStateGate === 0 && !core.hardStateDirty, "a term is durable before it is led");\n',
      to: "",
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
    id: "joint-reads-by-new-half",
    says: "in a joint configuration a majority of the new voters confirms reads and leases",
    edits: [{
      file: "src/raft/reads.ts",
      from: "const confirmed = quorumValue(core.configuration, leadership.answeredRoundOf);",
      to:
        "const confirmed = quorumValue({ ...core.configuration, outgoing: [] }, leadership.answeredRoundOf);",
    }, {
      file: "src/raft/lease.ts",
      from: "const confirmed = quorumValue(core.configuration, leadership.answeredRoundOf);",
      to:
        "const confirmed = quorumValue({ ...core.configuration, outgoing: [] }, leadership.answeredRoundOf);",
    }],
  },
  {
    id: "pulled-beyond-match",
    says: "what is pulled is taken where the entry before it exists, committed or not",
    edits: [{
      file: "src/raft/pulling.ts",
      from: "if (previousIndex <= core.commit && last > core.commit) {",
      to: "if (previousIndex <= core.log.lastIndex && last > core.commit) {",
    }],
  },
  {
    id: "lease-from-first-round",
    says: "a new leader holds a lease before an entry of its own term is committed",
    edits: [{
      file: "src/raft/lease.ts",
      from: "  if (!core.committedInTerm) return -Infinity;\n",
      to: "",
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
  {
    id: "hearsay-keeps-voters",
    says: "a voter that hears from others that there is a leader does not stand for election",
    edits: [{
      file: "src/raft/pulling.ts",
      from: "if (core.promotable || core.quiesced) return;",
      to: "if (core.quiesced) return;",
    }],
  },
  {
    id: "rejoined-progress-kept",
    says: "a leader keeps what it knows of a member that is not in its group any more",
    edits: [{
      file: "src/raft/leadership.ts",
      from: "if (!members.includes(member)) this.progress.delete(member);",
      to: "if (!members.includes(member) && members.length === 0) this.progress.delete(member);",
    }, {
      file: "src/raft/leadership.ts",
      from: '    assert(this.progress.size <= members.length, "peers are members");\n',
      to: "",
    }],
  },
];
