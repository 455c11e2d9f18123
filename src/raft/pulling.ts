/**
 * What is committed, for whoever is outside the configuration: an observer asks any member by cursor and is answered at once,
 * and once more when there is something new. Nobody counts it, so that a group may have any number of them.
 *
 *   observer    pull(next) ──>                       <── pulled(entries up to the sender's commit)     any member
 *                                                    <── pulled-snapshot, where these are cut off
 *
 * Only what is committed travels, so it needs no match with the log of who asks: every leader of a later term has it (Leader
 * Completeness), and whatever stands there in its place can never be committed. That holds for a voter as well: one that
 * lost its vote while it was away learns so this way.
 *
 * An observer may pull from another one. That none feeds on itself in a ring, an answer says how far the sender is from the
 * leader; each step adds one, and beyond a few nobody is fed.
 */
import { type Index, type MemberId, NO_MEMBER, type Term } from "../core/ids.ts";
import type { Core } from "./core.ts";
import { becomeFollower, installSnapshot, takeEntries } from "./follower.ts";
import { wake } from "./quiescence.ts";
import { cutEntries, NO_ENTRIES } from "./replication.ts";
import type { RaftMessage } from "./types.ts";

/** The distance of who hears of no leader. */
export const NOT_FED = 255;
/** No member so far from the leader counts as fed. */
const DISTANCE_LIMIT = 8;
/** How long the answer of a fed member feeds, in election timeouts. */
const FED_ELECTIONS = 2;

export function pull(core: Core, from: MemberId): void {
  core.send(from, { kind: "pull", term: core.term, next: core.commit + 1 as Index });
}

export function stepPull(core: Core, from: MemberId, message: RaftMessage & { kind: "pull" }): void {
  const { next } = message;
  answer(core, from, next);
  if (next > core.commit) (core.pullers ??= new Map()).set(from, next);
}

/** Tells those who wait for something new, where there is any. */
export function answerPullers(core: Core): void {
  const { pullers } = core;
  if (pullers === null || pullers.size === 0) return;
  const hasNewLeader = core.changed && core.leader !== NO_MEMBER;
  for (const [member, next] of pullers) {
    if (next > core.commit && !hasNewLeader) continue;
    pullers.delete(member);
    if (member !== core.self) answer(core, member, next);
  }
}

function answer(core: Core, to: MemberId, next: Index): void {
  const { log, commit, term, leader } = core;
  const base = log.baseIndex;
  if (next <= base) {
    const snapshot = { index: base, term: log.baseTerm, configuration: log.baseConfiguration };
    core.send(to, { kind: "pulled-snapshot", term, snapshot });
    return;
  }
  const isAhead = next > commit + 1;
  const previousIndex = isAhead ? 0 as Index : next - 1 as Index;
  const previousTerm = isAhead ? 0 as Term : log.termAt(previousIndex)!;
  const entries = isAhead ? NO_ENTRIES : cutEntries(core, next, commit).entries;
  const distance = distanceOf(core);
  core.send(to, { kind: "pulled", term, leader, distance, previousIndex, previousTerm, commit, entries });
}

/** How many members lie between this one and the leader. */
function distanceOf(core: Core): number {
  const { now, leader, options: { electionTimeoutMs } } = core;
  if (core.role === "leader") return 0;
  const hears = core.quiesced || now - core.leaderContactMs < electionTimeoutMs;
  if (leader !== NO_MEMBER && hears) return 1;
  return now - core.fedMs < FED_ELECTIONS * electionTimeoutMs ? core.fedDistance : NOT_FED;
}

/** What another member says to be committed. */
export function stepPulled(core: Core, message: RaftMessage & { kind: "pulled" }): void {
  // Who leads has more than anybody. What does not follow from what is committed here answers an earlier start of this node.
  if (core.role === "leader") return;
  const { previousIndex, entries, commit, distance } = message;
  if (distance !== NOT_FED) {
    core.fedDistance = distance + 1 < DISTANCE_LIMIT ? distance + 1 : NOT_FED;
    core.fedMs = core.now;
  }
  const last = previousIndex + entries.length as Index;
  if (previousIndex <= core.commit && last > core.commit) {
    wake(core);
    takeEntries(core, entries);
    core.commitTo(Math.min(last, commit) as Index);
  }
  hearOfLeader(core, message);
}

export function stepPulledSnapshot(
  core: Core,
  { snapshot }: RaftMessage & { kind: "pulled-snapshot" },
): void {
  if (core.role === "leader" || snapshot.index <= core.commit) return;
  wake(core);
  if (core.log.matches(snapshot.index, snapshot.term)) core.commitTo(snapshot.index);
  else installSnapshot(core, snapshot);
  endCampaignWithoutVote(core);
}

/** Whose own removal has come with what it pulled stands for election no more. */
function endCampaignWithoutVote(core: Core): void {
  if (!core.promotable && core.role !== "follower") becomeFollower(core, core.term, NO_MEMBER);
}

/** Who may campaign finds its leader by itself: no hearsay keeps it from an election. */
function hearOfLeader(core: Core, { term, leader, distance }: RaftMessage & { kind: "pulled" }): void {
  if (core.promotable || core.quiesced) return;
  endCampaignWithoutVote(core);
  if (term !== core.term || leader === NO_MEMBER || leader === core.self || distance === NOT_FED) return;
  if (leader !== core.leader) becomeFollower(core, core.term, leader);
  core.postponeElection();
}
