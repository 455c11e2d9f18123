/**
 * Since when members have no session to this node. Looked at again and again, also while this node does not lead: whoever
 * comes to lead knows who was away before. A session in between, however short, begins the time anew.
 */
import type { MemberId } from "../core/ids.ts";

export class Absences {
  readonly #sinceMs = new Map<MemberId, number>();

  /** `reachable`: those who have a session now. */
  look(
    members: readonly { readonly memberId: MemberId }[],
    reachable: ReadonlySet<MemberId>,
    now: number,
  ): void {
    const ids = new Set(members.map(({ memberId }) => memberId));
    for (const known of this.#sinceMs.keys()) if (!ids.has(known)) this.#sinceMs.delete(known);
    for (const member of ids) {
      if (reachable.has(member)) this.#sinceMs.delete(member);
      else if (!this.#sinceMs.has(member)) this.#sinceMs.set(member, now);
    }
  }

  /** `contactMs`: when it last answered otherwise. 0 where it is there. */
  awayMs(member: MemberId, contactMs: number, now: number): number {
    const sinceMs = this.#sinceMs.get(member);
    return sinceMs === undefined ? 0 : Math.max(0, now - Math.max(sinceMs, contactMs));
  }
}
