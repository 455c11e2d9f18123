/**
 * Members that leave on their own, and the streams' groups that have let them go, as those groups' leaders say. A member that
 * left before would take the quorum of a group of two with it for good. Only the control group's leader asks; whoever
 * comes to lead it is told again.
 */
import type { GroupId, MemberId } from "../core/ids.ts";
import type { ControlState, Member } from "./control_state.ts";

export class Departures {
  readonly #released = new Map<MemberId, Set<GroupId>>();

  /** The group's committed configuration does not count on the member any more. */
  released(member: MemberId, group: GroupId, state: ControlState): void {
    if (state.member(member)?.leaving !== "left") return;
    const groups = this.#released.get(member);
    if (groups === undefined) this.#released.set(member, new Set([group]));
    else groups.add(group);
  }

  /**
   * True where the group of a stream or a machine still counts on a member that leaves. One that is evicted is waited for by nobody, and
   * what has no other member ends with its last.
   */
  isAwaited(member: Member, state: ControlState): boolean {
    if (member.leaving !== "left") return false;
    const released = this.#released.get(member.memberId);
    const groups = [...state.streams(), ...state.machines()];
    return groups.some(({ group, initial }) =>
      initial.incoming.includes(member.memberId) && !released?.has(group) &&
      initial.incoming.some((other) => state.member(other)?.leaving === "no")
    );
  }

  /** Whoever is gone is not waited for again. */
  prune(state: ControlState): void {
    for (const member of this.#released.keys()) {
      if (state.member(member) === null) this.#released.delete(member);
    }
  }
}
