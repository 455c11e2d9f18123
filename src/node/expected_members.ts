/**
 * Members beyond what is applied here: without them there may be no majority to apply their admission. Others told of them,
 * or this node's log names them. Who is told of was a member then. Who the log would admit may be none: a node that
 * asked twice stands in the log twice and keeps its first id, so a name in the log makes way for nobody whom the log
 * does not remove as well.
 */
import type { IdentityPeer } from "./identity.ts";

/** Where the log says that a member is, from `index` on. */
export interface AddressChange {
  readonly index: number;
  readonly memberId: number;
  readonly addresses: readonly string[];
}

/** What entries of the control log that are not applied would change. */
export interface LoggedChanges {
  readonly candidates: readonly IdentityPeer[];
  readonly removals: readonly { readonly index: number; readonly memberId: number }[];
  readonly addresses: readonly AddressChange[];
}

export class ExpectedMembers {
  readonly #told = new Map<number, IdentityPeer>();
  readonly #logged = new Map<number, IdentityPeer>();
  /** A member's id to the index of its removal. */
  readonly #removed = new Map<number, number>();
  readonly #addresses: AddressChange[] = [];

  get toldCount(): number {
    return this.#told.size;
  }

  /** Another member, or the identity's file, says that these are members. */
  tell(peers: readonly IdentityPeer[]): void {
    for (const peer of peers) this.#told.set(peer.memberId, peer);
  }

  read({ candidates, removals, addresses }: LoggedChanges): void {
    for (const peer of candidates) this.#logged.set(peer.memberId, peer);
    for (const { index, memberId } of removals) this.#removed.set(memberId, index);
    this.#addresses.push(...addresses);
  }

  /**
   * The members as of control index `applied` and those who are expected beyond, without `self`: one for each number. Who
   * came back on an empty disk has the number that it had, and a newer id.
   */
  among(members: readonly IdentityPeer[], applied: number, self: number): IdentityPeer[] {
    const byNumber = new Map<number, IdentityPeer>();
    const isBeyond = ({ memberId }: IdentityPeer) => memberId > applied && memberId !== self;
    for (const peer of members) if (peer.memberId !== self) byNumber.set(peer.number, peer);
    for (const peer of this.#told.values()) {
      const known = byNumber.get(peer.number);
      if (isBeyond(peer) && (known?.memberId ?? 0) < peer.memberId) byNumber.set(peer.number, peer);
    }
    for (const peer of this.#logged.values()) {
      const known = byNumber.get(peer.number);
      const makesWay = known === undefined ||
        (this.#removed.get(known.memberId) ?? Infinity) < peer.memberId;
      if (isBeyond(peer) && makesWay) byNumber.set(peer.number, peer);
    }
    return [...byNumber.values()];
  }

  /** Where a member may be: as it is known, and where the log says that it is later. */
  addressesOf(peer: IdentityPeer, applied: number): readonly string[] {
    const later = this.#addresses.filter(({ index, memberId }) =>
      index > applied && memberId === peer.memberId
    );
    if (later.length === 0) return peer.addresses;
    return [...new Set([...peer.addresses, ...later.flatMap(({ addresses }) => addresses)])];
  }
}
