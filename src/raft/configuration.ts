/**
 * Configurations of a group: who is in them, and what one change makes of one. Pure functions over immutable
 * values; a configuration is active from the moment its entry is appended (Raft paper, section 6).
 */
import { assert } from "../core/assert.ts";
import type { MemberId } from "../core/ids.ts";
import type { Configuration } from "./types.ts";

/** A change of exactly one member: any two majorities, before and after, share a member (thesis, 4.1). */
export interface ConfigurationChange {
  /** "add-voter" also promotes a learner; "promote" refuses whoever is not one. */
  readonly kind: "add-learner" | "promote" | "remove" | "add-voter";
  readonly member: MemberId;
}

/** A whole configuration to go to, by a joint one where voters differ by more than one (thesis, 4.3). In any order. */
export interface ConfigurationTarget {
  readonly voters: readonly MemberId[];
  readonly learners: readonly MemberId[];
}

export type ConfigurationRefusal =
  | "LAST_VOTER"
  | "NO_CHANGE"
  | "NO_VOTERS"
  | "VOTER_AND_LEARNER"
  | "TOO_MANY";

/** Members of one list. Far above any group; bounds what garbage can make a reader of a configuration do. */
export const CONFIGURATION_MEMBERS_LIMIT = 1000;

/** Knows nobody: what a member starts with that waits to be told. It never campaigns. */
export const EMPTY_CONFIGURATION: Configuration = { incoming: [], outgoing: [], learners: [] };

/** A simple (not joint) configuration of these members, in any order. */
export function simpleConfiguration(
  voters: readonly MemberId[],
  learners: readonly MemberId[] = [],
): Configuration {
  const configuration = { incoming: sorted(voters), outgoing: [], learners: sorted(learners) };
  assertConfiguration(configuration);
  return configuration;
}

export function isVoter(configuration: Configuration, member: MemberId): boolean {
  return configuration.incoming.includes(member) || configuration.outgoing.includes(member);
}

export function isMember(configuration: Configuration, member: MemberId): boolean {
  return isVoter(configuration, member) || configuration.learners.includes(member);
}

/** True where decisions need majorities of two sets of voters. */
export function isJoint(configuration: Configuration): boolean {
  return configuration.outgoing.length > 0;
}

/** Everyone who gets entries, ascending and without duplicates. */
export function membersOf(configuration: Configuration): MemberId[] {
  return sorted([...configuration.incoming, ...configuration.outgoing, ...configuration.learners]);
}

/** Everyone whose vote counts, ascending and without duplicates. */
export function votersOf(configuration: Configuration): MemberId[] {
  return sorted([...configuration.incoming, ...configuration.outgoing]);
}

/** What `change` makes of `before`, or why it is refused. */
export function changeConfiguration(
  before: Configuration,
  change: ConfigurationChange,
): Configuration | ConfigurationRefusal {
  assert(before.outgoing.length === 0, "a single change starts from a configuration that is not joint");
  assert(change.member > 0, "a change names a member");
  const after = applyChange(before, change);
  if (typeof after !== "string") {
    assertConfiguration(after);
    const difference = Math.abs(after.incoming.length - before.incoming.length);
    assert(difference <= 1, "a single change adds or removes at most one voter");
  }
  return after;
}

/**
 * What leads to `target`: the target itself where it differs by at most one voter, else the joint configuration before it;
 * or why it is refused.
 */
export function targetConfiguration(
  before: Configuration,
  target: ConfigurationTarget,
): Configuration | ConfigurationRefusal {
  assert(!isJoint(before), "a change starts from a configuration that is not joint");
  const incoming = sorted(target.voters);
  const learners = sorted(target.learners);
  if (incoming.length === 0) return "NO_VOTERS";
  if (Math.max(incoming.length, learners.length) > CONFIGURATION_MEMBERS_LIMIT) return "TOO_MANY";
  if (learners.some((learner) => incoming.includes(learner))) return "VOTER_AND_LEARNER";
  const added = incoming.filter((member) => !before.incoming.includes(member)).length;
  const removed = before.incoming.filter((member) => !incoming.includes(member)).length;
  if (added + removed === 0 && sameMembers(learners, before.learners)) return "NO_CHANGE";
  const after = { incoming, outgoing: added + removed <= 1 ? [] : before.incoming, learners };
  assertConfiguration(after);
  return after;
}

/** What a joint configuration leads to. */
export function leaveJoint(joint: Configuration): Configuration {
  assert(isJoint(joint), "only a joint configuration is left");
  const after = { ...joint, outgoing: [] };
  assertConfiguration(after);
  return after;
}

function applyChange(
  before: Configuration,
  { kind, member }: ConfigurationChange,
): Configuration | ConfigurationRefusal {
  const votes = before.incoming.includes(member);
  const learns = before.learners.includes(member);
  switch (kind) {
    case "add-learner":
      if (votes || learns) return "NO_CHANGE";
      return { ...before, learners: sorted([...before.learners, member]) };
    case "promote":
    case "add-voter":
      if (votes || (kind === "promote" && !learns)) return "NO_CHANGE";
      return {
        incoming: sorted([...before.incoming, member]),
        outgoing: [],
        learners: before.learners.filter((other) => other !== member),
      };
    case "remove":
      if (!votes && !learns) return "NO_CHANGE";
      if (votes && before.incoming.length === 1) return "LAST_VOTER";
      return {
        incoming: before.incoming.filter((other) => other !== member),
        outgoing: [],
        learners: before.learners.filter((other) => other !== member),
      };
  }
}

/** States what every configuration is: sorted lists without duplicates, nobody both voter to stay and learner. */
export function assertConfiguration(configuration: Configuration): void {
  assert(ascending(configuration.incoming), "incoming voters are sorted and without duplicates");
  assert(ascending(configuration.outgoing), "outgoing voters are sorted and without duplicates");
  assert(ascending(configuration.learners), "learners are sorted and without duplicates");
  for (const learner of configuration.learners) {
    assert(!configuration.incoming.includes(learner), "nobody is both voter and learner");
  }
}

function sameMembers(a: readonly MemberId[], b: readonly MemberId[]): boolean {
  return a.length === b.length && a.every((member, at) => member === b[at]);
}

/** True where every number is above the one before it, and above 0. */
export function ascending(members: readonly MemberId[]): boolean {
  let before = 0;
  for (const member of members) {
    if (member <= before) return false;
    before = member;
  }
  return true;
}

function sorted(members: readonly MemberId[]): MemberId[] {
  const all = [...new Set(members)];
  return all.sort((a, b) => a - b);
}
