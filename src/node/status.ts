/** A node as it shows itself: for status pages and scripts. Advice, not truth: the log decides. */
import { CONTROL_GROUP, type MemberId } from "../core/ids.ts";
import { isMember } from "../raft/mod.ts";
import type { GroupStatus, MemberStatus, NodeStatus, StreamStatus } from "./calls.ts";
import { borrowedBy } from "./borrowing.ts";
import type { Member, StreamRecord } from "./control_state.ts";
import { FEATURE_LEVEL, THIRD_FEATURE_LEVEL } from "./feature_level.ts";
import type { Group } from "./group.ts";
import type { Runtime } from "./runtime.ts";

export function nodeStatus(runtime: Runtime): NodeStatus {
  const control = runtime.controlState;
  const identity = runtime.hasLinks ? runtime.identity : null;
  const members = control === null ? [] : control.members().map((member) => memberStatus(runtime, member));
  const wal = runtime.wal.status();
  const { state } = runtime;
  return {
    state: state === "starting" || state === "stopped" ? "joining" : state,
    name: runtime.settings.name,
    number: identity?.number ?? 0,
    memberId: identity?.memberId ?? 0,
    meshId: identity?.meshId ?? "",
    meshName: identity?.meshName ?? "",
    recoveryEpoch: identity?.recoveryEpoch ?? 0,
    featureLevel: control?.featureLevel ?? 0,
    policy: control?.admission.policy ?? "",
    health: healthOf(members),
    members,
    groups: [
      ...[...runtime.groups.values()].map((group) => groupStatus(runtime, group)),
      ...runtime.snapshotRepair.waiting().map(closedStatus),
    ],
    streams: control === null ? [] : control.streams().map((record) => streamStatus(runtime, record)),
    warnings: [...runtime.warnings.values()],
    wal: { segments: wal.segments, bytes: wal.bytes, durableLsn: wal.durableLsn },
  };
}

/** Counts members, and decides nothing. */
function healthOf(members: readonly MemberStatus[]): NodeStatus["health"] {
  const away = members.filter((member) => !member.reachable).length;
  if (away === 0) return "HEALTHY";
  return 2 * away >= members.length ? "CRITICAL" : "DEGRADED";
}

function memberStatus(runtime: Runtime, member: Member): MemberStatus {
  const configuration = runtime.control?.group.raft.status().configuration;
  const self = member.memberId === runtime.memberId;
  const peer = runtime.links.status().find((each) => each.memberId === member.memberId);
  const voter = configuration?.incoming.includes(member.memberId) ?? false;
  const learner = configuration?.learners.includes(member.memberId) ?? false;
  return {
    memberId: member.memberId,
    name: member.name,
    number: member.number,
    addresses: member.addresses,
    role: voter ? "voter" : learner ? "learner" : observes(runtime) ? "observer" : "none",
    self,
    reachable: self || (peer?.connected ?? false),
    rttMs: peer?.rttMs ?? 0,
    featureLevel: self ? FEATURE_LEVEL : peer?.featureLevel ?? 0,
  };
}

/** True where whoever is outside the configuration is meant to be there. */
function observes(runtime: Runtime): boolean {
  return (runtime.controlState?.featureLevel ?? 0) >= THIRD_FEATURE_LEVEL;
}

function observersOf(runtime: Runtime, group: Group): string[] {
  if (group.id !== CONTROL_GROUP || !observes(runtime)) return [];
  const { configuration } = group.raft;
  const members = runtime.controlState?.members() ?? [];
  return members.filter(({ memberId }) => !isMember(configuration, memberId)).map(({ name }) => name);
}

/** Of a group that cannot be opened yet. */
function closedStatus(
  { group, name, trouble }: { readonly group: number; readonly name: string; readonly trouble: string },
): GroupStatus {
  const nobody = {
    leader: "",
    vote: "",
    voters: [],
    outgoing: [],
    learners: [],
    observers: [],
    source: "",
    peers: [],
    transferTo: "",
  };
  const nothing = { term: 0, commit: 0, applied: 0, first: 0, last: 0, durable: 0 };
  return { group, generation: 0, name, role: "closed", ...nobody, ...nothing, trouble };
}

function groupStatus(runtime: Runtime, group: Group): GroupStatus {
  const status = group.raft.status();
  const name = (id: MemberId) => runtime.memberName(id);
  const { incoming, outgoing, learners } = status.configuration;
  return {
    group: group.id,
    generation: group.generation,
    name: group.name,
    role: status.role,
    leader: status.leader === 0 ? "" : name(status.leader),
    term: status.term,
    commit: status.commit,
    applied: group.applied,
    first: status.firstIndex,
    last: status.lastIndex,
    durable: status.durableIndex,
    vote: status.vote === 0 ? "" : name(status.vote),
    voters: incoming.map(name),
    outgoing: outgoing.map(name),
    learners: learners.map(name),
    observers: observersOf(runtime, group),
    source: group.id !== CONTROL_GROUP || runtime.pulls.source === 0 ? "" : name(runtime.pulls.source),
    peers: status.peers.map(({ member, state, match }) => ({ member: name(member), state, match })),
    transferTo: status.transferTo === 0 ? "" : name(status.transferTo),
    trouble: trouble(runtime, group, incoming, status.leader),
  };
}

/** Why nothing can be committed at present, as far as sessions tell, or not everything can be read here. */
function trouble(runtime: Runtime, group: Group, voters: readonly MemberId[], leader: MemberId): string {
  if (runtime.diskHangs) return "the disk of this node hangs";
  const damage = runtime.repair.troubleOf(group.id) || (runtime.streams.get(group.id)?.trouble ?? "");
  if (damage !== "") return damage;
  const up = voters.filter((id) => id === runtime.memberId || runtime.reachable.has(id));
  const majority = Math.floor(voters.length / 2) + 1;
  if (up.length < majority) {
    const away = voters.filter((id) => !up.includes(id)).map((id) => runtime.memberName(id)).join(", ");
    return `${up.length} of ${voters.length} voters are reachable, ${majority} are needed: ${away} away`;
  }
  return leader === 0 ? "an election is under way" : "";
}

/** A majority of two is both of them. */
function adviceOf(runtime: Runtime, record: StreamRecord): string {
  const here = record.initial.incoming.filter((id) => runtime.controlState?.member(id)?.leaving === "no");
  if (record.closed || here.length !== 2) return "";
  const [a, b] = here.map((id) => runtime.memberName(id));
  return `only ${a} and ${b} hold this stream: it stops committing while either is away, unless it borrows a replica`;
}

export function streamStatus(runtime: Runtime, record: StreamRecord): StreamStatus {
  const host = runtime.streams.get(record.group);
  const name = (id: MemberId) => runtime.memberName(id);
  return {
    name: record.name,
    group: record.group,
    state: record.closed ? "closed" : "open",
    source: name(record.source),
    targets: record.targets.filter((id) => runtime.controlState?.member(id) !== null).map(name),
    borrowed: borrowedBy(record).filter((id) => runtime.controlState?.member(id) !== null).map(name),
    advice: adviceOf(runtime, record),
    firstOffset: host?.state.firstOffset ?? 0,
    nextOffset: host?.state.nextOffset ?? 0,
    completedOffset: host?.state.completedOffset ?? 0,
    retainedBytes: host?.state.retainedBytes ?? 0,
    outboxBatches: host?.outboxBatches ?? 0,
    subscriptions: host === undefined ? [] : host.state.subscriptions().map((each) => ({
      member: name(each.member),
      subscription: each.name,
      offset: each.offset,
    })),
  };
}
