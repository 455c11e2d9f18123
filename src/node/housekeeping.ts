/** The regular round of a member: what its groups should be, by the control state, and what others should know of it. */
import type { ControlState } from "./control_state.ts";
import { SECOND_FEATURE_LEVEL } from "./feature_level.ts";
import type { Group } from "./group.ts";
import type { Membership } from "./membership.ts";
import { reconcileControl, reconcileMachine, type ReconcilerHost, reconcileStream } from "./reconciler.ts";
import type { Runtime } from "./runtime.ts";

export function keepHouse(runtime: Runtime, membership: Membership, now: number): void {
  const { control } = runtime;
  if (control === null) return;
  const { state } = control.machine;
  runtime.departures.prune(state);
  runtime.absences.look(state.members(), runtime.reachable, now);
  const host = reconcilerHost(runtime, membership, state);
  const isCurrent = state.featureLevel >= SECOND_FEATURE_LEVEL;
  control.group.raft.allMembersCurrent = isCurrent;
  reconcileControl(control.group, state, host, now);
  for (const group of runtime.unsettled.take(runtime.groups.values(), state.applied)) {
    group.raft.allMembersCurrent = isCurrent;
    if (!reconcileHosted(runtime, group, state, host, now)) runtime.unsettled.delete(group);
  }
  runtime.removals.work();
  membership.announceAddresses(state);
  membership.announceLending(state);
  membership.agreeLease(state);
}

/** True where there was something to do. */
function reconcileHosted(
  { streams, machines, closings }: Runtime,
  group: Group,
  state: ControlState,
  host: ReconcilerHost,
  now: number,
): boolean {
  const stream = streams.get(group.id);
  if (stream !== undefined) {
    const acted = reconcileStream(stream, state, host, now);
    return closings.look(stream, state, now) || acted;
  }
  const machine = machines.get(group.id);
  return machine !== undefined && reconcileMachine(machine, state, host, now);
}

function reconcilerHost(runtime: Runtime, membership: Membership, state: ControlState): ReconcilerHost {
  return {
    memberId: runtime.memberId,
    absences: runtime.absences,
    stalls: runtime.stalls,
    voterRules: runtime.settings,
    reach: (mark) => runtime.observer?.reach(mark),
    reachable: (member) => runtime.reachable.has(member),
    shareAuthority: (member) => membership.shareAuthority(member),
    wake: (group) => runtime.wake(group),
    released: (member, { id }) => {
      runtime.observer?.reach("a stream's group lets a leaver go");
      const { group } = runtime.control!;
      if (group.isLeader) runtime.departures.released(member, id, state);
      else runtime.sendNode(group.leader, { kind: "released", group: id, member });
    },
    isAwaited: (member) => runtime.departures.isAwaited(member, state),
  };
}
