/**
 * Linearizable reads without a log entry (Ongaro's thesis, section 6.4). A leader notes its commit index, has a
 * round of heartbeats prove that it still leads, and then the read may be answered once that index is applied.
 * All reads asked between two gatherings share one round. While the leader holds a lease that is proof enough, and there
 * is no round (6.4.1). Followers and learners ask the leader.
 */
import { assert } from "../core/assert.ts";
import { type Index, type MemberId, NO_MEMBER, type Term } from "../core/ids.ts";
import type { Core } from "./core.ts";
import type { Leadership, PendingRead } from "./leadership.ts";
import { holdsLease } from "./lease.ts";
import { quorumValue } from "./quorum.ts";
import type { RaftMessage } from "./types.ts";

/** Names of forwarded reads: a base drawn anew by each incarnation, and this many names above it. */
const NAMES_PER_BASE = 0x40_0000;
const BASES = 0x8000_0000;

/** A read of this member. Its answer comes by `reads` or `failedReads`. */
export function askRead(core: Core, context: number): void {
  assert(Number.isSafeInteger(context), "a read's context is a safe integer");
  if (core.leadership !== null) {
    if (holdsLease(core, core.leadership)) {
      core.passed.add("raft: a lease answers a read");
      core.reads.push({ context, index: core.commit });
    } else if (!admitRead(core, core.leadership, { context, from: core.self })) {
      core.failedReads.push(context);
    }
    return;
  }
  assert(core.leader !== core.self, "only a leader leads itself");
  if (core.leader === NO_MEMBER || core.forwardedReads.size >= core.options.pendingReadsLimit) {
    core.failedReads.push(context);
    return;
  }
  const name = nextName(core);
  core.forwardedReads.set(name, { context, deadlineMs: core.now + core.options.electionTimeoutMs });
  core.send(core.leader, { kind: "read-index", term: core.term, context: name });
}

/** A peer's read. */
export function stepReadIndex(
  core: Core,
  from: MemberId,
  message: RaftMessage & { kind: "read-index" },
): void {
  const { context } = message;
  if (core.leadership !== null && holdsLease(core, core.leadership)) {
    answerPeer(core, from, context, core.commit, true);
    return;
  }
  const admitted = core.leadership !== null && admitRead(core, core.leadership, { context, from });
  assert(!admitted || core.role === "leader", "only a leader admits reads");
  if (!admitted) answerPeer(core, from, context, 0 as Index, false);
}

/** The leader's answer to a forwarded read; late and repeated ones find nothing to answer. */
export function stepReadIndexReply(
  core: Core,
  message: RaftMessage & { kind: "read-index-reply" },
): void {
  const read = core.forwardedReads.get(message.context);
  if (read === undefined) return;
  core.forwardedReads.delete(message.context);
  if (message.ok) core.reads.push({ context: read.context, index: message.index });
  else core.failedReads.push(read.context);
}

/**
 * Puts all waiting reads into a new round; true where heartbeats must go out for it. Before an entry of the
 * leader's own term is committed its commit index may be behind, so that reads wait (paper, section 8).
 */
export function startReadRound(core: Core, leadership: Leadership): boolean {
  if (leadership.waitingReads.length === 0) return false;
  if (!core.committedInTerm) {
    core.passed.add("raft: reads wait for an entry of the leader's own term");
    return false;
  }
  const reads = leadership.waitingReads;
  leadership.waitingReads = [];
  leadership.readRound++;
  leadership.readRounds.push({ round: leadership.readRound, index: core.commit, reads });
  assert(core.commit >= core.applied, "a read is at a committed index");
  return true;
}

/** Answers the rounds that a quorum has confirmed. */
export function confirmReads(core: Core, leadership: Leadership): void {
  const { readRounds } = leadership;
  if (readRounds.length === 0) return;
  const confirmed = quorumValue(core.configuration, leadership.answeredRoundOf);
  assert(confirmed <= leadership.readRound, "no round is answered before it is asked");
  let done = 0;
  for (; done < readRounds.length && readRounds[done]!.round <= confirmed; done++) {
    const { index, reads } = readRounds[done]!;
    leadership.pendingReadCount -= reads.length;
    for (const { context, from } of reads) {
      if (from === core.self) core.reads.push({ context, index });
      else answerPeer(core, from, context, index, true);
    }
  }
  readRounds.splice(0, done);
  assert(leadership.pendingReadCount >= 0, "reads are counted in and out");
}

/** Leadership ends: what waited for it cannot be answered by it. */
export function failLeaderReads(core: Core, leadership: Leadership): void {
  assert(core.leadership === null, "reads fail after leadership has ended");
  if (leadership.pendingReadCount > 0) core.passed.add("raft: reads fail with their leader");
  for (const { reads } of leadership.readRounds) failAll(core, reads);
  failAll(core, leadership.waitingReads);
  leadership.readRounds.length = 0;
  leadership.waitingReads = [];
  leadership.pendingReadCount = 0;
}

/** The leader that forwarded reads went to is no longer this member's. */
export function failForwardedReads(core: Core): void {
  for (const { context } of core.forwardedReads.values()) core.failedReads.push(context);
  core.forwardedReads.clear();
}

/** Gives up on reads whose answer did not come in time. */
export function expireForwardedReads(core: Core): void {
  for (const [name, { context, deadlineMs }] of core.forwardedReads) {
    if (deadlineMs > core.now) return;
    core.forwardedReads.delete(name);
    core.failedReads.push(context);
  }
}

export function readDeadline(core: Core): number {
  for (const { deadlineMs } of core.forwardedReads.values()) return deadlineMs;
  return Infinity;
}

function admitRead(core: Core, leadership: Leadership, read: PendingRead): boolean {
  assert(leadership.pendingReadCount <= core.options.pendingReadsLimit, "pending reads are bounded");
  if (leadership.pendingReadCount === core.options.pendingReadsLimit) return false;
  leadership.pendingReadCount++;
  leadership.activeMs = core.now;
  leadership.waitingReads.push(read);
  return true;
}

function failAll(core: Core, reads: readonly PendingRead[]): void {
  for (const { context, from } of reads) {
    if (from === core.self) core.failedReads.push(context);
    else answerPeer(core, from, context, 0 as Index, false);
  }
}

function answerPeer(core: Core, to: MemberId, context: number, index: Index, ok: boolean): void {
  const term: Term = core.term;
  core.send(to, { kind: "read-index-reply", term, context, index, ok });
}

/** A name that no earlier incarnation of this member used, so that a late answer to it finds nothing. */
function nextName(core: Core): number {
  if (core.forwardedReadName % NAMES_PER_BASE === 0) {
    core.forwardedReadName = core.draw("/reads") % BASES * NAMES_PER_BASE;
  }
  core.forwardedReadName++;
  assert(Number.isSafeInteger(core.forwardedReadName), "a read's name is a safe integer");
  return core.forwardedReadName;
}
