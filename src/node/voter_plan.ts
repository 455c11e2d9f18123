/**
 * Who should vote in the control group: a decision of its leader, from what the group is and how its members stand. It
 * changes nothing itself.
 *
 * Votes that are free, and those of voters that are out of reach for long, go to members that are there. Whoever is to get one
 * becomes a learner first, at most two at a time, and votes once it has caught up; all others are observers, outside the
 * configuration. A dead voter and its substitute change places at once, by one joint configuration, so that at no time fewer vote and
 * every decision has a majority of the old and of the new voters. Who comes back observes from then on, and votes again
 * only where a vote is free.
 *
 * In a mesh that has members of a build without observers, whoever does not vote is a learner.
 */
import { assert } from "../core/assert.ts";
import type { MemberId } from "../core/ids.ts";
import { LEARNERS_LIMIT } from "../core/limits.ts";
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
  /** False where whoever does not vote has to be a learner. */
  readonly observes: boolean;
}

interface Situation {
  readonly self: MemberId;
  readonly configuration: Configuration;
  /** Of the mesh's members that vote. */
  readonly voters: readonly Standing[];
  /** Of its learners that stay. */
  readonly learners: readonly Standing[];
  /** Those that stay and are neither. */
  readonly others: readonly Standing[];
  /** Learners that could vote at once. */
  readonly fit: readonly Standing[];
  readonly rules: VoterRules;
}

/** What the configuration should become, null where it is as it should be or nothing can be done about it now. */
export function planVoters(
  self: MemberId,
  configuration: Configuration,
  standings: readonly Standing[],
  rules: VoterRules,
): ConfigurationTarget | null {
  // A change is under way.
  if (isJoint(configuration)) return null;
  const { incoming, learners } = configuration;
  const learning = standings.filter(({ member, stays }) => stays && learners.includes(member));
  const situation: Situation = {
    self,
    configuration,
    voters: standings.filter(({ member }) => incoming.includes(member)),
    learners: learning,
    others: standings.filter(({ member, stays }) =>
      stays && !incoming.includes(member) && !learners.includes(member)
    ),
    fit: learning.filter(({ awayMs, caughtUp }) => awayMs === 0 && caughtUp),
    rules,
  };
  return promote(situation) ?? replaceDead(situation) ?? listen(situation);
}

/** Free votes are given to who could use them. */
function promote({ configuration, voters, fit, rules }: Situation): ConfigurationTarget | null {
  const { incoming, learners } = configuration;
  const promoted = spread(fit, voters, rules.votersLimit - incoming.length);
  if (promoted.length === 0) return null;
  return {
    voters: [...incoming, ...promoted],
    learners: learners.filter((learner) => !promoted.includes(learner)),
  };
}

/** A learner takes the place of a voter that is out of reach for long. */
function replaceDead(situation: Situation): ConfigurationTarget | null {
  const { configuration: { incoming, learners }, voters, fit, rules } = situation;
  const dead = deadVoter(situation);
  if (dead === null) return null;
  const left = voters.filter((each) => each !== dead);
  const [substitute] = spread(fit, left, 1);
  if (substitute === undefined) return null;
  const after = [...incoming.filter((member) => member !== dead.member), substitute];
  if (!canReplace(situation, dead, substitute)) return null;
  assert(after.length === incoming.length, "a replacement leaves as many voters as there were");
  const rest = learners.filter((learner) => learner !== substitute);
  return { voters: after, learners: rules.observes ? rest : [...rest, dead.member] };
}

/** The voter that is away for longest, where that is long enough. */
function deadVoter({ self, voters, rules }: Situation): Standing | null {
  const dead = voters.filter(({ member, awayMs }) => member !== self && awayMs >= rules.voterReplaceMs);
  return dead.sort((a, b) => b.awayMs - a.awayMs || a.member - b.member)[0] ?? null;
}

/** The change needs a majority of the old voters, and whatever follows one of the new. */
function canReplace({ configuration, voters }: Situation, dead: Standing, substitute: MemberId): boolean {
  const { incoming } = configuration;
  const there = new Set([
    ...voters.filter((each) => each !== dead && each.awayMs === 0).map(({ member }) => member),
    substitute,
  ]);
  const after = [...incoming.filter((member) => member !== dead.member), substitute];
  return isMajority(there, incoming) && isMajority(there, after);
}

/** Who is to listen, so that it can vote soon; null where those are listening. */
function listen(situation: Situation): ConfigurationTarget | null {
  const { configuration: { incoming, learners }, rules } = situation;
  const wanted = rules.observes ? listenersOf(situation) : everyListener(situation);
  const isSame = wanted.length === learners.length && wanted.every((member) => learners.includes(member));
  return isSame ? null : { voters: incoming, learners: wanted };
}

/** Without observers, whoever came listens for good. */
function everyListener({ configuration: { learners }, others }: Situation): readonly MemberId[] {
  return [...learners, ...others.map(({ member }) => member)];
}

/** As many as there are votes to be given: those who listen already and are there, then others that are there. */
function listenersOf(situation: Situation): readonly MemberId[] {
  const { configuration: { incoming, learners: before }, voters, learners, others, rules } = situation;
  const free = Math.max(0, rules.votersLimit - incoming.length);
  const dead = deadVoter(situation);
  const places = Math.min(LEARNERS_LIMIT, free + (dead === null ? 0 : 1));
  const left = voters.filter((each) => each !== dead);
  const kept = learners.filter(({ awayMs }) => awayMs < rules.voterReplaceMs)
    .sort((a, b) => a.awayMs - b.awayMs || Number(b.caughtUp) - Number(a.caughtUp) || a.member - b.member)
    .slice(0, places);
  const come = spread(others.filter(({ awayMs }) => awayMs === 0), left, places - kept.length);
  // Who is leaving is taken out by who removes it.
  const leaving = before.filter((member) => !learners.some((each) => each.member === member));
  return [...kept.map(({ member }) => member), ...come, ...leaving];
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
