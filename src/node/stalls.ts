/**
 * Since when members of a group answer their leader and make nothing durable of what is committed: their disk hangs, or is out
 * of space, or far too slow. A session says nothing of it. Looked at by the leader, and begun anew with every term.
 */
import type { Index, MemberId, Term } from "../core/ids.ts";
import type { PeerStatus } from "../raft/mod.ts";

interface Stall {
  readonly match: Index;
  readonly sinceMs: number;
}

export class Stalls {
  readonly #stalls = new Map<MemberId, Stall>();
  #term = 0 as Term;

  /** `peers`: of the leader of `term`. Who is sent a snapshot has that to write first. */
  look(peers: readonly PeerStatus[], term: Term, commit: Index, now: number): void {
    if (term !== this.#term) this.#stalls.clear();
    this.#term = term;
    const behind = peers.filter(({ match, state }) => match < commit && state !== "snapshot");
    for (const member of this.#stalls.keys()) {
      if (!behind.some((peer) => peer.member === member)) this.#stalls.delete(member);
    }
    for (const { member, match } of behind) {
      if (this.#stalls.get(member)?.match !== match) this.#stalls.set(member, { match, sinceMs: now });
    }
  }

  /** 0 where it has what is committed, or is getting it. */
  stalledMs(member: MemberId, now: number): number {
    const stall = this.#stalls.get(member);
    return stall === undefined ? 0 : now - stall.sinceMs;
  }
}
