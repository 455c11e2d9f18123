/** Bugs of transitions: what a new term, a new leader or a new configuration takes over, and what it has to leave behind. */
import type { Mutant } from "./mutant.ts";

export const TRANSITIONS: readonly Mutant[] = [
  {
    id: "lease-of-unanswered-round",
    says: "a lease counts from the round of heartbeats after the last one that a quorum has answered",
    edits: [{
      file: "src/raft/lease.ts",
      from: "if (round <= confirmed) return sentMs",
      to: "if (round <= confirmed + 1) return sentMs",
    }],
  },
  {
    id: "promise-kept-half",
    says: "a member keeps its promise not to vote for half an election timeout",
    edits: [{
      file: "src/raft/election.ts",
      from: "core.now - core.leaderContactMs < core.options.electionTimeoutMs;",
      to: "core.now - core.leaderContactMs < core.options.electionTimeoutMs / 2;",
    }],
  },
  {
    id: "forwarded-read-at-own-commit",
    says: "a read that the leader has confirmed is answered at what the member itself knows to be committed",
    edits: [{
      file: "src/raft/reads.ts",
      from: "if (message.ok) core.reads.push({ context: read.context, index: message.index });",
      to: "if (message.ok) core.reads.push({ context: read.context, index: core.commit });",
    }],
  },
  {
    id: "removed-leader-stays",
    says: "a leader leads on after its own removal is committed",
    edits: [{
      file: "src/raft/leader.ts",
      from: "} else if (!isVoter(core.configuration, core.self)) {",
      to: "} else if (!isVoter(core.configuration, core.self) && reached < 0) {",
    }],
  },
  {
    id: "inherited-joint-stays",
    says: "a joint configuration that an earlier leader began is never left",
    edits: [{
      file: "src/raft/leader.ts",
      from: "  if (isJoint(core.configuration)) {\n    core.passed.add(",
      to: "  const isOwn = core.log.termAt(core.log.configurationIndex) === core.term;\n" +
        "  if (isJoint(core.configuration) && !isOwn) return;\n" +
        "  if (isJoint(core.configuration)) {\n    core.passed.add(",
    }],
  },
  {
    id: "later-term-unheard",
    says: "a leader does not step down where a follower answers in a later term",
    edits: [{
      file: "src/raft/raft.ts",
      from: "if (message.term > core.term && entersTerm(message)) {",
      to:
        'if (message.term > core.term && core.role === "leader" && message.kind.endsWith("-reply")) return;\n' +
        "    if (message.term > core.term && entersTerm(message)) {",
    }],
  },
  {
    id: "replaced-counts-as-durable",
    says: "what was durable of a log counts for the snapshot that takes its place",
    edits: [{
      file: "src/raft/persistence.ts",
      from: '"a snapshot takes the commit forward");\n    this.#takeBack(committed);\n',
      to: '"a snapshot takes the commit forward");\n',
    }],
  },
  {
    id: "snapshot-sent-counts",
    says: "a snapshot counts as held by a member once it was sent",
    edits: [{
      file: "src/raft/leader.ts",
      from: "  if (ok) {\n    progress.snapshotDeadlineMs",
      to: "  if (ok) {\n    progress.matched(progress.snapshotIndex);\n    progress.snapshotDeadlineMs",
    }],
  },
  {
    id: "base-configuration-of-before",
    says: "a log that is cut just where its configuration changed begins with the one before",
    edits: [{
      file: "src/raft/log.ts",
      from: "this.#configurations[kept + 1]!.index <= index) kept++;",
      to: "this.#configurations[kept + 1]!.index < index) kept++;",
    }],
  },
  {
    id: "configuration-in-force-late",
    says: "a change of the configuration is not in force before it is committed",
    edits: [{
      file: "src/raft/core.ts",
      from: "    return this.log.configuration;\n",
      to:
        "    return this.log.configurationIndex > this.commit ? this.log.baseConfiguration : this.log.configuration;\n",
    }],
  },
  {
    id: "silent-wake-without-leader",
    says: "a silent member that is woken by a campaign takes its leader to be gone",
    edits: [{
      file: "src/raft/quiescence.ts",
      from: "if (!isMissed) core.leaderContactMs = now;",
      to: "if (!isMissed && now < 0) core.leaderContactMs = now;",
    }],
  },
];
