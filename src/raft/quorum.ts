/**
 * Quorum arithmetic. All three questions that a group asks of its voters (what is committed, who is still
 * there, which round is confirmed) are one: the largest value that a majority has reached. A joint configuration
 * asks both of its halves (Ongaro's thesis, section 4.3).
 */
import { assert } from "../core/assert.ts";
import type { MemberId } from "../core/ids.ts";
import type { Configuration } from "./types.ts";

export type VoteOutcome = "won" | "lost" | "pending";

/** How many of `count` voters are a majority. */
export function majorityOf(count: number): number {
  assert(count >= 1, "a majority is of at least one voter");
  return Math.floor(count / 2) + 1;
}

/** The largest value that a majority of the voters has reached; in a joint configuration, of both halves. */
export function quorumValue(configuration: Configuration, valueOf: (member: MemberId) => number): number {
  assert(configuration.incoming.length > 0, "only a configuration with voters has a quorum");
  const incoming = majorityValue(configuration.incoming, valueOf);
  if (configuration.outgoing.length === 0) return incoming;
  return Math.min(incoming, majorityValue(configuration.outgoing, valueOf));
}

/** How an election stands: `votes` holds true for a granted and false for a refused vote. */
export function voteOutcome(
  configuration: Configuration,
  votes: ReadonlyMap<MemberId, boolean>,
): VoteOutcome {
  assert(configuration.incoming.length > 0, "only a configuration with voters elects");
  const incoming = majorityOutcome(configuration.incoming, votes);
  if (configuration.outgoing.length === 0) return incoming;
  const outgoing = majorityOutcome(configuration.outgoing, votes);
  if (incoming === "lost" || outgoing === "lost") return "lost";
  return incoming === "won" && outgoing === "won" ? "won" : "pending";
}

function majorityValue(members: readonly MemberId[], valueOf: (member: MemberId) => number): number {
  // Insertion sort, descending: at most a dozen voters, and no comparator per call.
  const values: number[] = [];
  for (const member of members) {
    const value = valueOf(member);
    let at = values.length;
    values.push(value);
    for (; at > 0 && values[at - 1]! < value; at--) values[at] = values[at - 1]!;
    values[at] = value;
  }
  return values[majorityOf(values.length) - 1]!;
}

function majorityOutcome(
  members: readonly MemberId[],
  votes: ReadonlyMap<MemberId, boolean>,
): VoteOutcome {
  let granted = 0;
  let refused = 0;
  for (const member of members) {
    const vote = votes.get(member);
    if (vote === true) granted++;
    if (vote === false) refused++;
  }
  const needed = majorityOf(members.length);
  assert(granted + refused <= members.length, "no voter is counted twice");
  if (granted >= needed) return "won";
  return members.length - refused < needed ? "lost" : "pending";
}
