/**
 * Elections (Raft paper, 5.2 and 5.4.1), with pre-vote (thesis, 9.6) and check-quorum (6.2) always on:
 *
 *   follower --timeout--> pre-candidate --majority would--> candidate --majority does--> leader
 *
 * A pre-candidate changes no term, so that whoever was cut off disturbs nobody when it returns. Who has heard from a
 * leader within an election timeout votes for nobody else, unless that leader itself asked for the election.
 */
import { assert } from "../core/assert.ts";
import { type MemberId, NO_MEMBER, type Term } from "../core/ids.ts";
import { votersOf } from "./configuration.ts";
import type { Core } from "./core.ts";
import { becomeFollower } from "./follower.ts";
import { becomeLeader } from "./leader.ts";
import { wake } from "./quiescence.ts";
import { voteOutcome } from "./quorum.ts";
import { failForwardedReads } from "./reads.ts";
import type { RaftMessage } from "./types.ts";

/** The election timer has run out. */
export function electionTimeout(core: Core): void {
  assert(core.role !== "leader", "a leader has no election timer");
  assert(core.now >= core.electionDeadlineMs, "an election starts when its time has come");
  if (core.quiesced) {
    wake(core);
    return;
  }
  if (core.promotable) {
    preCampaign(core);
    return;
  }
  if (core.leader !== NO_MEMBER) becomeFollower(core, core.term, NO_MEMBER);
  core.electionDeadlineMs = Infinity;
}

function preCampaign(core: Core): void {
  assert(core.promotable, "only a voter campaigns");
  assert(core.role !== "leader", "a leader does not campaign");
  failForwardedReads(core);
  core.setRole("pre-candidate", NO_MEMBER);
  core.restartElectionTimer();
  core.ownVotePending = false;
  core.votes.clear();
  core.votes.set(core.self, true);
  requestVotes(core, "pre-vote", core.term + 1 as Term, false);
  judgeVotes(core);
}

/** Asks for votes in a new term; `transfer` where the leader of the old one wants it. */
export function campaign(core: Core, transfer: boolean): void {
  assert(core.promotable, "only a voter campaigns");
  assert(core.role !== "leader", "a leader does not campaign");
  failForwardedReads(core);
  core.setTerm(core.term + 1 as Term, core.self);
  core.setRole("candidate", NO_MEMBER);
  core.restartElectionTimer();
  // Its own vote counts like any other: where it is a voter's, and once it is durable.
  core.votes.clear();
  core.ownVotePending = true;
  requestVotes(core, "vote", core.term, transfer);
}

function requestVotes(core: Core, kind: "pre-vote" | "vote", term: Term, transfer: boolean): void {
  const { lastIndex, lastTerm } = core.log;
  assert(lastTerm < term, "a campaign is for a term without entries");
  for (const member of votersOf(core.configuration)) {
    if (member !== core.self) core.send(member, { kind, term, lastIndex, lastTerm, transfer });
  }
}

/** The hard state is durable: a candidate's own vote counts now. */
export function ownVotePersisted(core: Core): void {
  if (!core.ownVotePending || core.hardStateDirty || core.persistence.hardStateGate !== 0) return;
  assert(core.role === "candidate", "only a candidate waits for its own vote");
  assert(core.vote === core.self, "a candidate voted for itself");
  core.ownVotePending = false;
  core.votes.set(core.self, true);
  judgeVotes(core);
}

function judgeVotes(core: Core): void {
  const outcome = voteOutcome(core.configuration, core.votes);
  assert(core.role === "pre-candidate" || core.role === "candidate", "votes are judged in a campaign");
  if (outcome === "lost") becomeFollower(core, core.term, NO_MEMBER);
  if (outcome !== "won") return;
  if (core.role === "pre-candidate") campaign(core, false);
  else becomeLeader(core);
}

/**
 * True where a leader may be in office as far as this member can tell. A promise, on which leases rest: it holds whatever
 * term this member has entered since, and for as long after a restart, which forgets the last sign.
 */
export function leaderInOffice(core: Core): boolean {
  return core.role === "leader" || core.now - core.leaderContactMs < core.options.electionTimeoutMs;
}

export function stepPreVote(core: Core, from: MemberId, message: RaftMessage & { kind: "pre-vote" }): void {
  if (leaderInOffice(core)) return;
  const granted = message.term > core.term && isUpToDate(core, message.lastIndex, message.lastTerm);
  assert(core.role !== "leader", "a leader is in office");
  // A grant names the term it would be for; a refusal the term that the asker may have missed.
  const term = granted ? message.term : core.term;
  core.send(from, { kind: "pre-vote-reply", term, granted });
}

/** `message.term` has been entered already, where it is a later one. */
export function stepVote(core: Core, from: MemberId, message: RaftMessage & { kind: "vote" }): void {
  assert(message.term <= core.term, "a later term was entered before");
  const free = core.vote === from || (core.vote === NO_MEMBER && core.leader === NO_MEMBER);
  const granted = message.term === core.term && free &&
    isUpToDate(core, message.lastIndex, message.lastTerm);
  if (!granted && message.term === core.term) {
    core.passed.add(
      free ? "raft: a vote is refused to a shorter log" : "raft: a vote is refused to a second candidate",
    );
  }
  if (granted) {
    assert(core.role !== "candidate" && core.role !== "leader", "who voted for itself votes for nobody else");
    if (core.role === "pre-candidate") becomeFollower(core, core.term, NO_MEMBER);
    core.setTerm(core.term, from);
    core.postponeElection();
  }
  core.send(from, { kind: "vote-reply", term: core.term, granted });
}

export function stepPreVoteReply(
  core: Core,
  from: MemberId,
  message: RaftMessage & { kind: "pre-vote-reply" },
): void {
  if (core.role !== "pre-candidate") return;
  // A grant for the term of another campaign is late.
  if (message.granted && message.term !== core.term + 1) return;
  assert(message.granted || message.term <= core.term, "a later term was entered before");
  core.votes.set(from, message.granted);
  judgeVotes(core);
}

export function stepVoteReply(
  core: Core,
  from: MemberId,
  message: RaftMessage & { kind: "vote-reply" },
): void {
  if (message.granted && message.term < core.term) core.passed.add("raft: a late grant is ignored");
  if (core.role !== "candidate" || message.term !== core.term) return;
  assert(from !== core.self, "the own vote does not travel");
  core.votes.set(from, message.granted);
  judgeVotes(core);
}

/** The leader hands over. */
export function stepTimeoutNow(core: Core, message: RaftMessage & { kind: "timeout-now" }): void {
  if (message.term !== core.term || core.role === "leader" || !core.promotable) return;
  assert(core.vote !== core.self || core.role !== "follower" || core.leader !== core.self, "not a leader");
  campaign(core, true);
}

/** The log that ends in a later term, or in the same one further, is more up to date (paper, 5.4.1). */
function isUpToDate(core: Core, lastIndex: number, lastTerm: number): boolean {
  const { log } = core;
  return lastTerm > log.lastTerm || (lastTerm === log.lastTerm && lastIndex >= log.lastIndex);
}
