/** The current members as the node last told them, and how far its knowledge of member ids reaches. */
import type { NodeNumber, Token } from "../core/ids.ts";
import type { FrameEncoder } from "../wire/mod.ts";
import type { LinkLimits, PeerMember } from "./options.ts";
import { Outbox, QueueTotal } from "./outbox.ts";
import { Peer } from "./peer.ts";

export class Peers {
  readonly #byNumber = new Map<NodeNumber, Peer>();
  readonly #total = new QueueTotal();
  readonly #encoder: FrameEncoder;
  readonly #limits: LinkLimits;
  #knownMemberId = 0;

  constructor(encoder: FrameEncoder, limits: LinkLimits) {
    this.#encoder = encoder;
    this.#limits = limits;
  }

  get all(): IterableIterator<Peer> {
    return this.#byNumber.values();
  }
  /**
   * The state that decides who is a member has been applied up to here: a member id that it has passed and that is not current
   * was removed. Nothing else may count as knowledge, because an evicted node takes the word for good.
   */
  get knownMemberId(): number {
    return this.#knownMemberId;
  }
  get queuedBytes(): number {
    return this.#total.bytes;
  }
  get(number: NodeNumber): Peer | undefined {
    return this.#byNumber.get(number);
  }
  /** The peer whose dial `token` is. */
  byDial(token: Token): Peer | null {
    for (const peer of this.#byNumber.values()) if (peer.dialToken === token) return peer;
    return null;
  }

  newOutbox(): Outbox {
    return new Outbox(this.#encoder, this.#total, this.#limits);
  }

  /** The control state is applied up to `appliedIndex`. */
  learn(appliedIndex: number): void {
    this.#knownMemberId = Math.max(this.#knownMemberId, appliedIndex);
  }

  /** Takes over the new list: who is new, and who is gone (or came back under another member id). */
  replace(
    members: readonly PeerMember[],
  ): { readonly added: readonly Peer[]; readonly removed: readonly Peer[] } {
    const added: Peer[] = [];
    const removed: Peer[] = [];
    const wanted = new Map<NodeNumber, PeerMember>();
    for (const member of members) wanted.set(member.number, member);
    for (const [number, peer] of this.#byNumber) {
      const member = wanted.get(number);
      if (member !== undefined && isSameMember(member, peer.member)) {
        peer.member = member;
        continue;
      }
      this.#byNumber.delete(number);
      removed.push(peer);
    }
    for (const [number, member] of wanted) {
      if (this.#byNumber.has(number)) continue;
      const peer = new Peer(member, this.newOutbox());
      this.#byNumber.set(number, peer);
      added.push(peer);
    }
    return { added, removed };
  }
}

function isSameMember(a: PeerMember, b: PeerMember): boolean {
  return a.memberId === b.memberId && a.name === b.name;
}
