/**
 * Idle groups fall silent: where everything is committed and everybody has it, the leader says so once, and from then on neither
 * side of the group has a timer or sends a message. That the leader is there is then known of its node and not of each of
 * its groups; the host says so by waking a group whose leader's node it has not heard of for an election timeout.
 *
 * Whatever happens to a sleeping member wakes it: a message, a proposal, a read, its host. A leader that wakes says so to all;
 * any other asks its leader to wake, waits for an election timeout as ever, and does what it would have done; so long it
 * votes for nobody else either. So a wrong sleep costs time and never safety, and a net below all that wakes a follower after
 * a long while by itself.
 */
import { assert } from "../core/assert.ts";
import { type MemberId, NO_MEMBER } from "../core/ids.ts";
import { isJoint, isVoter } from "./configuration.ts";
import type { Core } from "./core.ts";
import { followLeader } from "./follower.ts";
import type { Leadership } from "./leadership.ts";
import { preferredHeir } from "./priority.ts";
import { sendHeartbeat } from "./replication.ts";
import type { RaftMessage } from "./types.ts";

/** How long a group is idle before it falls silent, in election timeouts. */
export const IDLE_ELECTIONS = 2;
/** How long a follower sleeps at most, in election timeouts: long enough to cost nothing. */
export const SLEEP_ELECTIONS = 600;

/** Says to all that the group falls silent, where there is nothing left to do for anybody. True where it does. */
export function quiesce(core: Core, leadership: Leadership): boolean {
  if (!core.options.quiesceIdle || !core.allMembersCurrent || !isIdle(core, leadership)) return false;
  const { term, commit } = core;
  for (const member of leadership.progress.keys()) core.send(member, { kind: "quiesce", term, commit });
  core.quiesced = true;
  core.passed.add("raft: a group falls silent");
  return true;
}

function isIdle(core: Core, leadership: Leadership): boolean {
  const { now, log, commit, options } = core;
  if (now - leadership.activeMs < IDLE_ELECTIONS * options.electionTimeoutMs) return false;
  if (commit !== log.lastIndex || core.applied !== commit || !core.committedInTerm) return false;
  if (isJoint(core.configuration) || !isVoter(core.configuration, core.self)) return false;
  if (leadership.pendingReadCount > 0 || leadership.transferTo !== NO_MEMBER) return false;
  for (const { match, state, contactMs } of leadership.progress.values()) {
    const isThere = now - contactMs < options.electionTimeoutMs;
    if (match !== commit || state !== "replicate" || !isThere) return false;
  }
  return preferredHeir(core, leadership) === NO_MEMBER;
}

/** The leader falls silent. A follower that lacks something does not: it will ask for votes, and so wake the leader. */
export function stepQuiesce(core: Core, from: MemberId, message: RaftMessage & { kind: "quiesce" }): void {
  if (!followLeader(core, from, message.term, core.commit)) return;
  if (core.log.lastIndex !== message.commit || core.persistence.durableIndex !== message.commit) return;
  core.commitTo(message.commit);
  core.quiesced = true;
  core.electionDeadlineMs = core.now + SLEEP_ELECTIONS * core.options.electionTimeoutMs;
}

/**
 * Ends the silence, with time as it is now; does nothing where there is none. `by`: who woke this member, 0 for itself. A follower
 * takes its leader to be there, unless that `isMissed` or wakes it itself: it gives it an election timeout before it votes for another.
 */
export function wake(core: Core, by: MemberId = NO_MEMBER, isMissed = false): void {
  if (!core.quiesced) return;
  core.passed.add("raft: a silent group is woken");
  core.quiesced = false;
  const { leadership, now, options } = core;
  if (leadership === null) {
    assert(core.role === "follower", "only leaders and followers sleep");
    core.restartElectionTimer();
    if (core.leader === by) return;
    if (!isMissed) core.leaderContactMs = now;
    assert(core.leader !== NO_MEMBER, "who sleeps has a leader");
    core.send(core.leader, { kind: "wake", term: core.term });
    return;
  }
  leadership.activeMs = now;
  leadership.heartbeatDeadlineMs = now + options.heartbeatIntervalMs;
  leadership.quorumDeadlineMs = now + options.electionTimeoutMs;
  for (const [member, progress] of leadership.progress) {
    // Nobody was asked meanwhile: who is away has an election timeout from now to be missed.
    progress.contactMs = now;
    sendHeartbeat(core, leadership, member, progress);
  }
}

/** True where a message ends the silence: all do but the word of it, answers that come late, and what observers ask. */
export function wakes(message: RaftMessage): boolean {
  const { kind } = message;
  return kind !== "quiesce" && kind !== "heartbeat-reply" && kind !== "append-reply" &&
    !kind.startsWith("pull");
}
