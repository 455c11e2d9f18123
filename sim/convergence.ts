/** What is still missing after the faults have ended, by name: an empty list is a mesh that has converged and serves. */
import type { MemberId } from "../src/core/ids.ts";
import type { GroupInspection, NodeInspection } from "../src/node/inspection.ts";
import type { Counted } from "./checkers/mod.ts";
import type { ControlLog } from "./control_log.ts";
import type { Host } from "./host.ts";
import type { Draws } from "./prf.ts";
import type { Workload } from "./workload.ts";

interface Seen {
  readonly host: Host;
  readonly node: NodeInspection;
}

/** What clients do, and what the control log says of the streams that they use. */
export interface Served {
  readonly workload: Workload;
  readonly control: ControlLog;
}

export function missingOf(hosts: readonly Host[], served: Served | null): string[] {
  const missing: string[] = [];
  const seen: Seen[] = [];
  for (const host of hosts) {
    const node = host.node?.inspect();
    if (node === undefined) missing.push(`${host.name} is down`);
    else if (node.state !== "member") missing.push(`${host.name} is ${node.state}`);
    else seen.push({ host, node });
  }
  const control = groupOf(seen, 0);
  missing.push(...missingOfGroup("control", control));
  if (served === null) return missing;
  for (const life of served.workload.streams) missing.push(...missingOfLife(seen, served, life));
  for (const { host, node } of seen) {
    if ((node.sizes["removals"] ?? 0) > 0) missing.push(`${host.name} has files of dropped groups`);
  }
  return missing;
}

/** One that is closed must be dropped, and then be nowhere. */
function missingOfLife(seen: readonly Seen[], { workload, control }: Served, life: string): string[] {
  const group = control.groupOf(life);
  if (control.isDropped(group)) {
    return groupOf(seen, group).map(({ host }) => `${host.name} has ${life}, which is dropped`);
  }
  const isLeft = control.dropsClosed && control.streams().some((each) => each.group === group && each.closed);
  const closed = isLeft ? [`${life} is closed and not dropped`] : [];
  return [...closed, ...missingOfStream(seen, workload, life, group)];
}

/** Who is cut off from all others and leads them all the same: a leader that no majority answers steps down (thesis, 6.2). */
export function leadsAlone(hosts: readonly Host[]): string[] {
  return hosts.flatMap((host) => {
    // A process that does not run can do nothing about it.
    if (!host.isUp || host.isPaused) return [];
    const alone = (host.node?.inspect().groups ?? []).filter((
      { role, configuration: { incoming, outgoing } },
    ) => role === "leader" && incoming.length + outgoing.length > 1);
    return alone.map(({ name }) => `${host.name} is cut off and still leads ${name}`);
  });
}

function groupOf(
  seen: readonly Seen[],
  id: number,
): { readonly host: Host; readonly group: GroupInspection }[] {
  return seen.flatMap(({ host, node }) =>
    node.groups.filter((group) => group.group === id).map((group) => ({ host, group }))
  );
}

function missingOfGroup(
  name: string,
  members: readonly { readonly host: Host; readonly group: GroupInspection }[],
): string[] {
  if (members.length === 0) return [`nobody runs ${name}`];
  const missing: string[] = [];
  const term = Math.max(...members.map(({ group }) => group.term));
  const last = Math.max(...members.map(({ group }) => group.last));
  if (!members.some(({ group }) => group.role === "leader" && group.term === term)) {
    missing.push(`${name} has no leader in term ${term}`);
  }
  for (const { host, group } of members) {
    const { incoming, outgoing } = group.configuration;
    if (outgoing.length > 0) missing.push(`${name} at ${host.name} is between two configurations`);
    if (group.role === "leader" && ![...incoming, ...outgoing].includes(group.memberId)) {
      missing.push(`${host.name} leads ${name} and has no vote in it`);
    }
    if (group.applied < last || group.last < last) {
      missing.push(
        `${name} at ${host.name} has applied ${group.applied} (commit ${group.commit}) of ${last}`,
      );
    }
  }
  return missing;
}

function missingOfStream(seen: readonly Seen[], workload: Workload, name: string, id: number): string[] {
  const streams = seen.flatMap(({ node }) => node.streams.filter((stream) => stream.group === id));
  if (streams.length === 0) return [`nobody has ${name}`];
  const missing = missingOfGroup(name, groupOf(seen, id));
  for (const producer of workload.producers) {
    if (producer.stream === name && !producer.isIdle) {
      missing.push(`producer ${producer.name} of ${name} has no answer (${producer.lastFailure})`);
    }
  }
  const nextOffset = Math.max(...streams.map((stream) => stream.nextOffset));
  for (const { ledger } of workload.consumers) {
    if (ledger.stream !== name || ledger.isRetired) continue;
    const where = `${name} at ${ledger.node}`;
    const done = ledger.mode === "sink" ? ledger.nextOffset : ledger.seen.size;
    if (done < nextOffset) missing.push(`${where} has seen ${done} of ${nextOffset} messages`);
    else if (ledger.acknowledgedOffset < nextOffset) {
      missing.push(`${where} has acknowledged ${ledger.acknowledgedOffset} of ${nextOffset}`);
    }
  }
  const batches = seen.flatMap(({ host, node }) =>
    (node.sizes["outboxBatches"] ?? 0) > 0 ? [`${host.name} has batches in its outbox`] : []
  );
  return [...missing, ...batches];
}

/** Members that no session leads to from another one. */
export function missingSessions(hosts: readonly Host[]): string[] {
  const seen = hosts.flatMap((host) => host.node?.inspect() ?? []);
  return seen.flatMap((from) => {
    const missed = seen.filter((to) => to !== from && !from.reachable.has(to.memberId));
    return missed.map((to) => `${from.name} has no session with ${to.name}`);
  });
}

/** Groups of which it has a replica. */
export function groupsOf(host: Host): number[] {
  return host.node?.inspect().groups.map(({ group }) => group) ?? [];
}

/**
 * Machines with the disk of a member that is none any more: each must have been told so, but those that know no address of
 * anybody any more. No member looks for who was removed.
 */
export function notRefused(hosts: readonly Host[], isStranded: (host: Host) => boolean): string[] {
  return hosts.flatMap((host) => {
    const state = host.node?.inspect().state;
    return state === "evicted" || state === "empty" || isStranded(host)
      ? []
      : [`${host.name} is no member and is ${state ?? "starting"}`];
  });
}

/**
 * A random part of the members that can decide by itself: with a majority of the voters of every configuration that
 * anybody counts by. All members where the part drawn has not.
 */
export function drawCore(
  draws: Draws,
  members: readonly Host[],
  counted: ReadonlyMap<Host, Counted>,
): Host[] {
  const size = draws.between(Math.floor(members.length / 2) + 1, members.length);
  const core = draws.shuffled(members).slice(0, size);
  return canDecide(core, members, counted) ? core : [...members];
}

/** True where a part of the members has a majority of the voters of every configuration that anybody counts by. */
export function canDecide(
  core: readonly Host[],
  members: readonly Host[],
  counted: ReadonlyMap<Host, Counted>,
): boolean {
  const ids = new Set(core.flatMap((host) => counted.get(host)?.memberId ?? []));
  return members.every((host) => {
    const configuration = counted.get(host)?.configuration;
    return configuration === undefined || decides(ids, configuration);
  });
}

/** Groups that nobody here leads, although the hosts are a majority of its voters. */
export function leaderless(hosts: readonly Host[]): string[] {
  const groups = new Map<number, GroupInspection[]>();
  for (const host of hosts) {
    for (const group of host.node?.inspect().groups ?? []) {
      groups.set(group.group, [...groups.get(group.group) ?? [], group]);
    }
  }
  return [...groups.values()].flatMap((members) => {
    const ids = new Set(members.map(({ memberId }) => memberId));
    const [{ name }] = members as [GroupInspection];
    if (!members.every(({ configuration }) => decides(ids, configuration))) return [];
    return members.some(({ role }) => role === "leader") ? [] : [`${name} has no leader`];
  });
}

function decides(
  ids: ReadonlySet<MemberId>,
  { incoming, outgoing }: GroupInspection["configuration"],
): boolean {
  const isMajority = (voters: readonly MemberId[]) =>
    voters.length === 0 || 2 * voters.filter((id) => ids.has(id)).length > voters.length;
  return isMajority(incoming) && isMajority(outgoing);
}
