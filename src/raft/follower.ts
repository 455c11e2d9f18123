/**
 * What a member does at a leader's word: keep its log equal to the leader's (Raft paper, section 5.3), take its
 * commit index, install its snapshots (section 7).
 */
import { assert } from "../core/assert.ts";
import { type Index, type MemberId, NO_MEMBER, type Term } from "../core/ids.ts";
import type { Core } from "./core.ts";
import { failForwardedReads, failLeaderReads } from "./reads.ts";
import type { EntryMeta, RaftMessage, SnapshotMeta } from "./types.ts";

/** Enters `term` (or stays in it) as a follower of `leader`, 0 where none is known. */
export function becomeFollower(core: Core, term: Term, leader: MemberId): void {
  assert(term >= core.term, "the term never falls");
  assert(leader !== core.self, "a follower follows another");
  if (leader !== core.leader) failForwardedReads(core);
  core.quiesced = false;
  const newTerm = term > core.term;
  const wasFollower = core.role === "follower";
  if (newTerm) core.setTerm(term, NO_MEMBER);
  core.votes.clear();
  core.ownVotePending = false;
  const { leadership } = core;
  core.leadership = null;
  core.setRole("follower", leader);
  if (leadership !== null) failLeaderReads(core, leadership);
  if (newTerm || !wasFollower) core.restartElectionTimer();
}

/** A message that only the leader of `term` sends. False where that term is over; its sender is told. */
export function followLeader(core: Core, from: MemberId, term: Term, about: Index): boolean {
  if (term < core.term) {
    core.passed.add("raft: a leader of an earlier term is told");
    // Also an isolated member's way back: it was left in a later term, which the leader must learn of.
    refuse(core, from, about, 0 as Index, 0 as Term);
    return false;
  }
  assert(term === core.term, "a later term was entered before");
  assert(core.role !== "leader", "one leader per term");
  assert(core.leader === NO_MEMBER || core.leader === from, "one leader per term");
  if (core.role !== "follower" || core.leader !== from) becomeFollower(core, term, from);
  core.leaderContactMs = core.now;
  core.postponeElection();
  return true;
}

export function stepAppend(core: Core, from: MemberId, message: RaftMessage & { kind: "append" }): void {
  const { previousIndex, previousTerm, entries, term } = message;
  if (!followLeader(core, from, term, previousIndex)) return;
  const { log } = core;
  // What is committed here is in the leader's log, as far as that goes (leader completeness): it needs no match.
  if (previousIndex > core.commit && !log.matches(previousIndex, previousTerm)) {
    const hintIndex = previousIndex > log.lastIndex
      ? log.lastIndex
      : log.lastIndexOfTermAtMost(previousIndex, previousTerm);
    const hintTerm = log.termAt(hintIndex);
    assert(hintTerm !== null, "a hint is of an entry that is there");
    assert(hintIndex < previousIndex || hintTerm !== previousTerm, "a hint leads back, in place or in term");
    core.passed.add("raft: a log that does not match is refused with a hint");
    refuse(core, from, previousIndex, hintIndex, hintTerm);
    return;
  }
  takeEntries(core, entries);
  const matched = previousIndex + entries.length as Index;
  if (message.commit > core.commit) core.commitTo(Math.min(message.commit, matched) as Index);
  acknowledge(core, from, Math.max(matched, core.commit) as Index);
}

/** Skips what is there, and from the first conflict on replaces. A late, shorter append truncates nothing. */
export function takeEntries(core: Core, entries: readonly EntryMeta[]): void {
  const { log } = core;
  for (const entry of entries) {
    if (entry.index <= log.lastIndex) {
      if (entry.index <= log.baseIndex || log.matches(entry.index, entry.term)) continue;
      assert(entry.index > core.commit, "what is committed is never replaced");
      core.passed.add("raft: a conflicting tail is cut off");
      if (log.configurationIndex >= entry.index) {
        core.passed.add("raft: a change of the configuration is cut off");
      }
      log.truncateAfter(entry.index - 1 as Index);
      core.persistence.truncateAfter(entry.index - 1 as Index);
    }
    core.append(entry);
  }
}

export function stepHeartbeat(
  core: Core,
  from: MemberId,
  message: RaftMessage & { kind: "heartbeat" },
): void {
  if (!followLeader(core, from, message.term, core.commit)) return;
  // The leader tells no more than what this member has acknowledged as durable.
  assert(message.commit <= core.log.lastIndex, "what was acknowledged is still there");
  core.commitTo(message.commit);
  core.send(from, { kind: "heartbeat-reply", term: core.term, readRound: message.readRound });
}

export function stepSnapshot(core: Core, from: MemberId, message: RaftMessage & { kind: "snapshot" }): void {
  const { snapshot } = message;
  if (!followLeader(core, from, message.term, snapshot.index)) return;
  if (snapshot.index > core.commit) {
    if (core.log.matches(snapshot.index, snapshot.term)) core.commitTo(snapshot.index);
    else installSnapshot(core, snapshot);
  }
  if (core.snapshot === null) core.passed.add("raft: a snapshot brings nothing new");
  assert(core.commit >= snapshot.index, "a snapshot holds committed entries only");
  acknowledge(core, from, core.commit);
}

export function installSnapshot(core: Core, snapshot: SnapshotMeta): void {
  assert(snapshot.index > core.commit, "a snapshot takes the commit forward");
  assert(snapshot.term <= core.term, "no entry is of a later term than the member");
  core.persistence.replaceBySnapshot(snapshot.index, core.commit);
  core.log.reset(snapshot, snapshot.configuration);
  core.snapshot = snapshot;
  core.commitTo(snapshot.index);
  core.applied = snapshot.index;
}

function acknowledge(core: Core, to: MemberId, index: Index): void {
  assert(index <= core.log.lastIndex, "only what is there is acknowledged");
  core.send(to, {
    kind: "append-reply",
    term: core.term,
    success: true,
    index,
    hintIndex: 0 as Index,
    hintTerm: 0 as Term,
  });
}

function refuse(core: Core, to: MemberId, index: Index, hintIndex: Index, hintTerm: Term): void {
  core.send(to, { kind: "append-reply", term: core.term, success: false, index, hintIndex, hintTerm });
}
