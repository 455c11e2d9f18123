/**
 * Who should vote in the control group: a decision of its leader, from what the group is and how its members stand. It
 * changes nothing itself.
 *
 * A voter that is out of reach for long gives its vote to a learner that has caught up; both at once, by one joint
 * configuration, so that at no time fewer vote and every decision has a majority of the old and of the new voters. Who
 * comes back listens from then on, and votes again only where a vote is free.
 */
import { assert } from "../core/assert.ts";
import type { MemberId } from "../core/ids.ts";
import { type Configuration, type ConfigurationTarget, isJoint } from "../raft/mod.ts";

/** How one member of the mesh stands, as the leader sees it. */
export interface Standing {
  readonly member: MemberId;
  /** Hosts of its addresses, without ports. */
  readonly hosts: readonly string[];
  /** False where it was asked to go. */
  readonly stays: boolean;
  /** How long there was neither a session nor an answer; 0 where it is there. */
  readonly awayMs: number;
  /** Of a learner: close to the end of the leader's log. */
  readonly caughtUp: boolean;
}

export interface VoterRules {
  readonly votersLimit: number;
  readonly voterReplaceMs: number;
}

/** What the configuration should become, null where it is as it should be or nothing can be done about it now. */
export function planVoters(
  self: MemberId,
  { incoming, outgoing, learners }: Configuration,
  standings: readonly Standing[],
  rules: VoterRules,
): ConfigurationTarget | null {
  // A change is under way.
  if (isJoint({ incoming, outgoing, learners })) return null;
  const known = [...incoming, ...learners];
  const coming = standings.filter(({ member, stays }) => stays && !known.includes(member))
    .map(({ member }) => member);
  const fit = standings.filter((each) =>
    learners.includes(each.member) && each.stays && each.awayMs === 0 && each.caughtUp
  );
  const voters = standings.filter(({ member }) => incoming.includes(member));
  const promoted = spread(fit, voters, rules.votersLimit - incoming.length);
  if (promoted.length + coming.length > 0) {
    return {
      voters: [...incoming, ...promoted],
      learners: [...learners.filter((learner) => !promoted.includes(learner)), ...coming],
    };
  }
  return replaceDead(self, { incoming, outgoing, learners }, voters, fit, rules.voterReplaceMs);
}

function replaceDead(
  self: MemberId,
  { incoming, learners }: Configuration,
  voters: readonly Standing[],
  fit: readonly Standing[],
  voterReplaceMs: number,
): ConfigurationTarget | null {
  const dead = voters.filter(({ member, awayMs }) => member !== self && awayMs >= voterReplaceMs)
    .sort((a, b) => b.awayMs - a.awayMs || a.member - b.member)[0];
  if (dead === undefined) return null;
  const left = voters.filter((each) => each !== dead);
  const [substitute] = spread(fit, left, 1);
  if (substitute === undefined) return null;
  // The change needs a majority of the old voters, and whatever follows one of the new.
  const there = new Set([
    ...left.filter(({ awayMs }) => awayMs === 0).map(({ member }) => member),
    substitute,
  ]);
  const after = [...incoming.filter((member) => member !== dead.member), substitute];
  if (!isMajority(there, incoming) || !isMajority(there, after)) return null;
  assert(after.length === incoming.length, "a replacement leaves as many voters as there were");
  return {
    voters: after,
    learners: [...learners.filter((learner) => learner !== substitute), dead.member],
  };
}

/** At most `count` of these, each on the host that fewest of those who vote are on; the longest-standing of equals. */
function spread(fit: readonly Standing[], voters: readonly Standing[], count: number): MemberId[] {
  const chosen: Standing[] = [];
  while (chosen.length < count) {
    const voting = [...voters, ...chosen];
    const load = ({ hosts }: Standing) =>
      voting.filter((voter) => voter.hosts.some((host) => hosts.includes(host))).length;
    const next = fit.filter((each) => !chosen.includes(each))
      .sort((a, b) => load(a) - load(b) || a.member - b.member)[0];
    if (next === undefined) break;
    chosen.push(next);
  }
  return chosen.map(({ member }) => member);
}

function isMajority(there: ReadonlySet<MemberId>, voters: readonly MemberId[]): boolean {
  return 2 * voters.filter((voter) => there.has(voter)).length > voters.length;
}
