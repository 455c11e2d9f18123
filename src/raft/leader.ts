/**
 * What a leader does: append proposals, replicate them in a window per peer, commit what a quorum has made
 * durable, prove by heartbeats that it still leads, and step down when it cannot.
 */
import { assert } from "../core/assert.ts";
import { type Index, type MemberId, NO_MEMBER } from "../core/ids.ts";
import { isJoint, isVoter, leaveJoint } from "./configuration.ts";
import { encodedConfigurationBytes } from "./configuration_codec.ts";
import type { Core } from "./core.ts";
import { becomeFollower } from "./follower.ts";
import { Leadership } from "./leadership.ts";
import { preferredHeir, SETTLED_ELECTIONS } from "./priority.ts";
import { quiesce } from "./quiescence.ts";
import { quorumValue } from "./quorum.ts";
import { startTimedRound } from "./lease.ts";
import { confirmReads, startReadRound } from "./reads.ts";
import {
  sendAppends,
  sendHeartbeat,
  SNAPSHOT_INSTALL_ELECTIONS,
  SNAPSHOT_STALL_ELECTIONS,
} from "./replication.ts";
import { type Configuration, EntryKind, type RaftMessage } from "./types.ts";

export function becomeLeader(core: Core): void {
  assert(core.role === "candidate", "only a candidate wins");
  assert(core.vote === core.self, "a candidate voted for itself");
  assert(core.persistence.hardStateGate === 0 && !core.hardStateDirty, "a term is durable before it is led");
  const { log, now, options } = core;
  const durableIndex = () => core.persistence.durableIndex;
  const leadership = new Leadership(core.self, durableIndex, now, options);
  leadership.uncommittedBytes = log.bytesAfter(core.commit);
  leadership.follow(core.configuration, log.lastIndex + 1 as Index, now);
  core.leadership = leadership;
  core.votes.clear();
  core.electionDeadlineMs = Infinity;
  core.setRole("leader", core.self);
  // An entry of its own term lets a leader commit what it inherited (paper, 5.4.2), and announces it.
  appendOwn(core, leadership, EntryKind.Noop, 0, null);
}

/** Appends an entry of the current term; it is sent and persisted at the next gathering. */
export function appendOwn(
  core: Core,
  leadership: Leadership,
  kind: EntryKind,
  lengthBytes: number,
  configuration: Configuration | null,
): Index {
  assert(core.role === "leader", "only a leader appends of its own");
  assert(!core.quiesced, "a silent group is woken before anything is proposed");
  leadership.activeMs = core.now;
  const index = core.log.lastIndex + 1 as Index;
  core.append({ index, term: core.term, kind, lengthBytes, configuration });
  leadership.uncommittedBytes += lengthBytes;
  if (configuration !== null) {
    leadership.follow(configuration, index, core.now);
    leadership.quorumDeadlineMs = core.now;
    advanceCommit(core, leadership);
  }
  assert(core.log.lastIndex === index, "the appended entry is the last");
  return index;
}

/** Appends a configuration, in force from now on. */
export function appendConfiguration(core: Core, leadership: Leadership, configuration: Configuration): Index {
  const lengthBytes = encodedConfigurationBytes(configuration);
  return appendOwn(core, leadership, EntryKind.Configuration, lengthBytes, configuration);
}

/** Commits what a quorum holds durably, if it is of this term: older entries only with it (paper, Figure 8). */
export function advanceCommit(core: Core, leadership: Leadership): void {
  const before = core.commit;
  const reached = quorumValue(core.configuration, leadership.matchOf) as Index;
  assert(reached <= core.log.lastIndex, "nobody has more than the leader");
  if (reached <= before) return;
  if (core.log.termAt(reached) !== core.term) {
    core.passed.add("raft: entries of an earlier term wait for one of this term");
    return;
  }
  core.commitTo(reached);
  for (let index = before + 1; index <= reached; index++) {
    leadership.uncommittedBytes -= core.log.lengthAt(index as Index);
  }
  assert(leadership.uncommittedBytes >= 0, "uncommitted bytes are counted in and out");
  if (core.log.configurationIndex > reached) return;
  if (isJoint(core.configuration)) {
    core.passed.add("raft: a joint configuration is left");
    // Committed by majorities of both: from now on only the new voters count. Also where an earlier leader began it.
    appendConfiguration(core, leadership, leaveJoint(core.configuration));
  } else if (!isVoter(core.configuration, core.self)) {
    // A removed leader manages the group until its removal is committed (paper, end of section 6).
    resignRemoved(core, leadership);
  }
}

/** Tells everyone of the commit, and the furthest voter to take over at once. */
function resignRemoved(core: Core, leadership: Leadership): void {
  core.passed.add("raft: a leader is removed by its own entry");
  let successor = NO_MEMBER;
  let furthest = -1;
  for (const [member, progress] of leadership.progress) {
    sendHeartbeat(core, leadership, member, progress);
    if (progress.match > furthest && isVoter(core.configuration, member)) {
      furthest = progress.match;
      successor = member;
    }
  }
  assert(successor !== NO_MEMBER, "a group keeps a voter");
  core.send(successor, { kind: "timeout-now", term: core.term });
  becomeFollower(core, core.term, NO_MEMBER);
}

/** What a leader sends, once per gathering. */
export function gatherLeader(core: Core, leadership: Leadership): void {
  assert(core.role === "leader", "only a leader gathers as one");
  const newRound = startReadRound(core, leadership);
  if (newRound) heartbeatAll(core, leadership);
  sendAppends(core, leadership);
  if (newRound) confirmReads(core, leadership);
}

function heartbeatAll(core: Core, leadership: Leadership): void {
  if (core.options.leaseReads) startTimedRound(core, leadership);
  leadership.heartbeatDeadlineMs = core.now + core.options.heartbeatIntervalMs;
  for (const [member, progress] of leadership.progress) sendHeartbeat(core, leadership, member, progress);
}

export function tickLeader(core: Core, leadership: Leadership): void {
  const { now } = core;
  if (core.quiesced) return;
  if (now >= leadership.quorumDeadlineMs && !quorumIsThere(core, leadership)) {
    core.passed.add("raft: a leader hears from no majority");
    becomeFollower(core, core.term, NO_MEMBER);
    return;
  }
  assert(now < leadership.quorumDeadlineMs, "a leader was in contact with a quorum");
  if (now >= leadership.transferDeadlineMs) {
    core.passed.add("raft: a transfer of leadership is given up");
    leadership.endTransfer();
  }
  for (const progress of leadership.progress.values()) {
    if (progress.state === "snapshot" && now >= progress.snapshotDeadlineMs) {
      core.passed.add("raft: a snapshot's transfer is given up");
      progress.becomeProbe(progress.match + 1 as Index);
    }
  }
  if (now >= leadership.heartbeatDeadlineMs) {
    if (quiesce(core, leadership)) return;
    heartbeatAll(core, leadership);
    if (now >= leadership.settledAtMs) followPriority(core, leadership);
  }
}

/** Hands over to a member of higher priority; where that fails, not again before a while. */
function followPriority(core: Core, leadership: Leadership): void {
  if (core.priorities.size === 0 || leadership.transferTo !== NO_MEMBER) return;
  const heir = preferredHeir(core, leadership);
  if (heir === NO_MEMBER) return;
  leadership.settledAtMs = core.now + SETTLED_ELECTIONS * core.options.electionTimeoutMs;
  transferLeadership(core, heir);
}

/** Check-quorum (thesis, 6.2): a leader that no majority answered for a whole election timeout is none. */
function quorumIsThere(core: Core, leadership: Leadership): boolean {
  const contactMs = quorumValue(core.configuration, leadership.contactOf);
  leadership.quorumDeadlineMs = contactMs + core.options.electionTimeoutMs;
  return core.now < leadership.quorumDeadlineMs;
}

export function leaderDeadline(core: Core, leadership: Leadership): number {
  if (core.quiesced) return Infinity;
  let deadline = Math.min(
    leadership.heartbeatDeadlineMs,
    leadership.quorumDeadlineMs,
    leadership.transferDeadlineMs,
  );
  for (const progress of leadership.progress.values()) {
    if (progress.snapshotDeadlineMs < deadline) deadline = progress.snapshotDeadlineMs;
  }
  return deadline;
}

export function stepAppendReply(
  core: Core,
  from: MemberId,
  message: RaftMessage & { kind: "append-reply" },
): void {
  const { leadership, log } = core;
  const progress = leadership?.progress.get(from);
  if (leadership === null || progress === undefined || message.term < core.term) return;
  assert(message.term === core.term, "a later term was entered before");
  progress.contactMs = core.now;
  if (!message.success) {
    repair(core, from, message);
    return;
  }
  assert(message.index <= log.lastIndex, "nobody has more than the leader");
  const news = progress.matched(message.index);
  const startable = progress.state === "probe" ||
    (progress.state === "snapshot" && progress.match >= log.baseIndex);
  if (startable) progress.becomeReplicate();
  // It has that snapshot, and the log has been cut behind it meanwhile: a later one takes its place.
  else if (progress.state === "snapshot" && progress.match >= progress.snapshotIndex) {
    progress.becomeProbe(progress.match + 1 as Index);
  }
  if (!news) return;
  advanceCommit(core, leadership);
  finishTransfer(core, from);
}

/** The peer's log differs at `message.index`, or does not go so far: go back, by whole terms where terms differ. */
function repair(core: Core, from: MemberId, message: RaftMessage & { kind: "append-reply" }): void {
  const progress = core.leadership!.progress.get(from)!;
  assert(!message.success, "only a refusal asks for repair");
  // What matched once is never refused: such a refusal is late. So is one to an older probe.
  if (message.index <= progress.match) {
    core.passed.add("raft: a late refusal is ignored");
    return;
  }
  if (progress.state === "snapshot") return;
  if (progress.state === "probe" && message.index !== progress.next - 1) return;
  const hint = core.log.lastIndexOfTermAtMost(message.hintIndex, message.hintTerm);
  const next = Math.max(progress.match + 1, Math.min(message.index, hint + 1));
  assert(next <= message.index, "repair goes back");
  progress.becomeProbe(next as Index);
  progress.toldCommit = 0 as Index;
}

export function stepHeartbeatReply(
  core: Core,
  from: MemberId,
  message: RaftMessage & { kind: "heartbeat-reply" },
): void {
  const { leadership } = core;
  const progress = leadership?.progress.get(from);
  if (leadership === null || progress === undefined || message.term < core.term) return;
  assert(message.term === core.term, "a later term was entered before");
  assert(message.readRound <= leadership.readRound, "no round is answered before it is asked");
  progress.contactMs = core.now;
  // A probe that is still not answered now is taken for lost; so is a window that has not moved since the last time.
  progress.probeSent = false;
  if (progress.match < core.log.lastIndex && progress.match === progress.matchAtHeartbeat) {
    core.passed.add("raft: a window that does not move is probed");
    progress.probeWanted = true;
  }
  progress.matchAtHeartbeat = progress.match;
  if (message.readRound > progress.answeredRound) {
    progress.answeredRound = message.readRound;
    confirmReads(core, leadership);
  }
}

/** The host says that a snapshot's transfer has begun or got on. */
export function snapshotProgress(core: Core, to: MemberId): void {
  const progress = core.leadership?.progress.get(to);
  if (progress === undefined || progress.state !== "snapshot") return;
  progress.snapshotDeadlineMs = core.now + SNAPSHOT_STALL_ELECTIONS * core.options.electionTimeoutMs;
}

/** The host says what became of the snapshot that it was to send. */
export function snapshotSent(core: Core, to: MemberId, ok: boolean): void {
  const progress = core.leadership?.progress.get(to);
  if (progress === undefined || progress.state !== "snapshot") return;
  assert(progress.snapshotIndex > progress.match, "a snapshot brings something new");
  if (ok) {
    progress.snapshotDeadlineMs = core.now + SNAPSHOT_INSTALL_ELECTIONS * core.options.electionTimeoutMs;
  } else {
    // Not before the peer's next sign of life.
    progress.becomeProbe(progress.match + 1 as Index);
    progress.probeSent = true;
  }
}

/**
 * Starts handing leadership to `to` (thesis, 3.10): no new proposals until it has everything, then it is told to
 * campaign at once. Given up after an election timeout.
 */
export function transferLeadership(core: Core, to: MemberId): boolean {
  const { leadership } = core;
  if (leadership === null || to === core.self || !isVoter(core.configuration, to)) return false;
  if (leadership.transferTo === to) return true;
  assert(leadership.progress.has(to), "a voter is a peer");
  leadership.activeMs = core.now;
  leadership.transferTo = to;
  leadership.transferDeadlineMs = core.now + core.options.electionTimeoutMs;
  finishTransfer(core, to);
  assert(core.role === "leader", "a leader leads until another does");
  return true;
}

function finishTransfer(core: Core, to: MemberId): void {
  const { leadership } = core;
  if (leadership === null || leadership.transferTo !== to) return;
  const progress = leadership.progress.get(to);
  assert(progress !== undefined, "a transfer is to a peer");
  if (progress.match < core.log.lastIndex) return;
  leadership.handedOver = true;
  core.send(to, { kind: "timeout-now", term: core.term });
}
