/**
 * The leader's housekeeping: what the control log says should be, against what a group's configuration is. One small
 * step at a time, proposed again until it is seen done; a new leader goes on where the old one stopped.
 */
import type { MemberId } from "../core/ids.ts";
import { NO_ORIGIN } from "../core/origin.ts";
import type { Configuration, RaftStatus } from "../raft/mod.ts";
import { encodeStreamCommand } from "../stream/mod.ts";
import { hostsOf } from "./borrowing.ts";
import { encodeControlCommand } from "./control_commands.ts";
import type { ControlState, Member } from "./control_state.ts";
import { THIRD_FEATURE_LEVEL } from "./feature_level.ts";
import type { Group } from "./group.ts";
import type { Stalls } from "./stalls.ts";
import type { MachineHost } from "./machine_host.ts";
import type { StreamHost } from "./stream_host.ts";
import type { Absences } from "./absences.ts";
import type { Mark } from "./marks.ts";
import { planVoters, type Standing, type VoterRules } from "./voter_plan.ts";

export const RECONCILE_INTERVAL_MS = 100;
/** While the control group is silent: then nothing changes but by somebody waking it. */
export const SILENT_RECONCILE_INTERVAL_MS = 500;
/** A learner so close to the leader's log counts as caught up. */
const CAUGHT_UP_ENTRIES = 64;

export interface ReconcilerHost {
  readonly memberId: MemberId;
  readonly absences: Absences;
  readonly stalls: Stalls;
  readonly voterRules: Omit<VoterRules, "observes">;
  /** True where a session to the member is up. */
  reachable(member: MemberId): boolean;
  /** Seals the authority's key for a voter and brings it into the log; does nothing where it is not held here. */
  shareAuthority(member: MemberId): void;
  wake(group: Group): void;
  /** Tells the control group's leader that a group does not count any more on a member that leaves. */
  released(member: MemberId, group: Group): void;
  /** True where the group of a stream still counts on a member that leaves. */
  isAwaited(member: Member): boolean;
  reach(mark: Mark): void;
}

/** Steps for the control group, as its leader. */
export function reconcileControl(group: Group, state: ControlState, host: ReconcilerHost, now: number): void {
  if (!group.isLeader) return;
  const status = group.raft.status();
  const leaving = state.members().find((member) => member.leaving !== "no" && !host.isAwaited(member));
  if (leaving !== undefined) removeMember(group, leaving.memberId, status, host, now);
  else settleVoters(group, state, status, host, now);
  for (const voter of status.configuration.incoming) {
    if (state.hasAuthority && state.share(voter) === null) host.shareAuthority(voter);
  }
  host.wake(group);
}

/** Steps for a stream's group, as its leader. True where there was something to do, so that another look is due. */
export function reconcileStream(
  stream: StreamHost,
  control: ControlState,
  host: ReconcilerHost,
  now: number,
): boolean {
  const { group } = stream;
  if (!group.isLeader) return false;
  const acted = [reconcileMembers(group, stream.record.initial, control, host, now)];
  const gone = stream.state.subscriptions().find(({ member }) => control.member(member) === null);
  if (gone !== undefined) {
    group.propose(encodeStreamCommand({ kind: "remove-member", origin: NO_ORIGIN, member: gone.member }));
    acted.push(true);
  }
  if (stream.record.closed && !stream.state.closed) {
    group.propose(encodeStreamCommand({ kind: "close", origin: NO_ORIGIN }));
    acted.push(true);
  }
  if (!acted.includes(true)) return false;
  host.wake(group);
  return true;
}

/** Steps for the group of a user's state machine, as its leader. True where there was something to do. */
export function reconcileMachine(
  { group, record }: MachineHost,
  control: ControlState,
  host: ReconcilerHost,
  now: number,
): boolean {
  if (!group.isLeader || !reconcileMembers(group, record.initial, control, host, now)) return false;
  host.wake(group);
  return true;
}

/** True where there was something to do. */
function reconcileMembers(
  group: Group,
  initial: Configuration,
  control: ControlState,
  host: ReconcilerHost,
  now: number,
): boolean {
  const status = group.raft.status();
  const removes = removeGone(group, control, status, host, now);
  return releaseGone(group, initial, control, status, host) || removes;
}

/** Whoever left the mesh leaves the group: all of them at once. */
function removeGone(
  group: Group,
  control: ControlState,
  status: RaftStatus,
  host: ReconcilerHost,
  now: number,
): boolean {
  const stays = (member: MemberId) => control.member(member)?.leaving === "no";
  const { incoming, learners } = status.configuration;
  if (membersOf(status.configuration).every(stays)) return false;
  if (!stays(host.memberId)) {
    handOver(status, group, host, now);
    return true;
  }
  group.raft.wake(now);
  group.raft.proposeConfiguration({ voters: incoming.filter(stays), learners: learners.filter(stays) });
  return true;
}

/** Who leaves the mesh may go once what the group counts by, without it, is committed. */
function releaseGone(
  group: Group,
  initial: Configuration,
  control: ControlState,
  status: RaftStatus,
  host: ReconcilerHost,
): boolean {
  if (status.commit < status.configurationIndex) return false;
  const counted = membersOf(status.configuration);
  const gone = initial.incoming.filter((member) =>
    !counted.includes(member) && control.member(member)?.leaving === "left"
  );
  for (const member of gone) host.released(member, group);
  return gone.length > 0;
}

/** It has answered, is there now, and is close to the log's end. A short log is no proof: it must hold something of it. */
function isCaughtUp(status: RaftStatus, learner: MemberId, host: ReconcilerHost): boolean {
  const progress = status.peers.find((each) => each.member === learner);
  if (progress === undefined || progress.match === 0 || !host.reachable(learner)) return false;
  return progress.match + CAUGHT_UP_ENTRIES >= status.lastIndex;
}

/** Who is to vote listens first, those who have caught up vote where there is room, and nobody votes who is dead. */
function settleVoters(
  group: Group,
  state: ControlState,
  status: RaftStatus,
  host: ReconcilerHost,
  now: number,
): void {
  const { configuration, peers, term, commit } = status;
  host.stalls.look(peers, term, commit, now);
  const standings = state.members().map((member) => standingOf(member, status, host, now));
  const rules = { ...host.voterRules, observes: state.featureLevel >= THIRD_FEATURE_LEVEL };
  const target = planVoters(host.memberId, configuration, standings, rules);
  if (target === null) return;
  group.raft.wake(now);
  const proposed = group.raft.proposeConfiguration(target);
  const replaces = configuration.incoming.some((voter) => !target.voters.includes(voter));
  if (proposed.ok && replaces) host.reach("a voter that is away for long is replaced");
}

function standingOf(member: Member, status: RaftStatus, host: ReconcilerHost, now: number): Standing {
  const { memberId, leaving } = member;
  const progress = status.peers.find((each) => each.member === memberId);
  const absentMs = memberId === host.memberId
    ? 0
    : host.absences.awayMs(memberId, progress?.contactMs ?? 0, now);
  // Who makes nothing durable for so long is no better than one that is away; before, it counts as there.
  const stalledMs = host.stalls.stalledMs(memberId, now);
  return {
    member: memberId,
    hosts: hostsOf(member),
    stays: leaving === "no",
    awayMs: stalledMs >= host.voterRules.voterReplaceMs ? Math.max(absentMs, stalledMs) : absentMs,
    caughtUp: isCaughtUp(status, memberId, host),
  };
}

function removeMember(
  group: Group,
  member: MemberId,
  status: RaftStatus,
  host: ReconcilerHost,
  now: number,
): void {
  if (membersOf(status.configuration).includes(member)) {
    removeFromConfiguration(group, member, status, host, now);
    return;
  }
  // Only once the change is committed: until then the member may be needed to commit it.
  if (status.commit < status.configurationIndex) return;
  group.propose(encodeControlCommand({ kind: "finish-removal", origin: NO_ORIGIN, member }));
}

function removeFromConfiguration(
  group: Group,
  member: MemberId,
  status: RaftStatus,
  host: ReconcilerHost,
  now: number,
): void {
  if (member !== host.memberId) {
    group.raft.wake(now);
    group.raft.proposeConfiguration({ kind: "remove", member });
    return;
  }
  handOver(status, group, host, now);
}

/** A leader that leaves hands over first; another one removes it. */
function handOver(status: RaftStatus, group: Group, host: ReconcilerHost, now: number): void {
  const heir = heirOf(status, host.memberId, (each) => host.reachable(each));
  if (heir !== null) group.raft.transferLeadership(heir, now);
}

/** The voter that is furthest and there, to lead after `leaver`; null where there is none. */
export function heirOf(
  status: RaftStatus,
  leaver: MemberId,
  reachable: (member: MemberId) => boolean,
): MemberId | null {
  const heirs = status.peers
    .filter(({ member }) =>
      member !== leaver && status.configuration.incoming.includes(member) && reachable(member)
    )
    .sort((a, b) => b.match - a.match || a.member - b.member);
  return heirs[0]?.member ?? null;
}

function membersOf(configuration: Configuration): readonly MemberId[] {
  return [...configuration.incoming, ...configuration.outgoing, ...configuration.learners];
}
