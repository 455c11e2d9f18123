/** Dialling of members: when, which address, under which token, and the pause after a failure. */
import type { TokenSource } from "../core/flow.ts";
import type { MemberId, Token } from "../core/ids.ts";
import type { Network, Random } from "../io/mod.ts";
import type { LinkOptions } from "./options.ts";
import type { Peer } from "./peer.ts";
import type { Peers } from "./peers.ts";

/** A peer without a session; `isSought`: a dial is under way, has led to a connection, or is planned. */
export interface Apart {
  readonly memberId: MemberId;
  readonly isSought: boolean;
}

export class Dialler {
  readonly #options: LinkOptions;
  readonly #network: Network;
  readonly #random: Random;
  readonly #tokens: TokenSource;
  readonly #peers: Peers;

  constructor(options: LinkOptions, network: Network, random: Random, tokens: TokenSource, peers: Peers) {
    this.#options = options;
    this.#network = network;
    this.#random = random;
    this.#tokens = tokens;
    this.#peers = peers;
  }

  /** Plans the first dial. The side with the smaller number goes first: fewer duplicates to resolve. */
  plan(peer: Peer, now: number, first: boolean): void {
    peer.dialWithin(now, this.#random, first ? 0 : this.#options.redialMinMs);
  }

  /** Plans the next dial after a failure or a loss. `permanent`: a dial soon would end the same way. */
  backOff(peer: Peer, now: number, permanent: boolean): void {
    peer.backOff(now, this.#random, this.#options.redialMinMs, this.#options.redialMaxMs, permanent);
  }

  /** Gives up a dial that takes too long; starts one that is due. */
  tick(peer: Peer, now: number): void {
    if (now >= peer.dialDeadlineMs) {
      this.end(peer);
      this.backOff(peer, now, false);
    }
    if (!mayDial(peer) || now < peer.nextDialAtMs) return;
    const token = this.#tokens.next();
    peer.dialToken = token;
    peer.dialAddress = peer.nextAddress();
    peer.dialDeadlineMs = now + this.#options.dialTimeoutMs;
    peer.nextDialAtMs = Infinity;
    this.#network.dial({ address: peer.dialAddress, expect: { kind: "member" } }, token);
  }

  /** The dial `token` has come to an end: whose it was, null for one that was given up. */
  completed(token: Token): Peer | null {
    const peer = this.#peers.byDial(token);
    if (peer !== null) this.end(peer);
    return peer;
  }

  /** Peers without a session whose address is known. */
  apart(): readonly Apart[] {
    const apart: Apart[] = [];
    for (const { active, dialToken, dialled, nextDialAtMs, member } of this.#peers.all) {
      if (active !== null || member.addresses.length === 0) continue;
      const isSought = dialToken !== null || dialled !== null || nextDialAtMs < Infinity;
      apart.push({ memberId: member.memberId, isSought });
    }
    return apart;
  }

  end(peer: Peer): void {
    peer.dialToken = null;
    peer.dialDeadlineMs = Infinity;
  }

  deadline(peer: Peer): number {
    return Math.min(peer.dialDeadlineMs, mayDial(peer) ? peer.nextDialAtMs : Infinity);
  }
}

/** Only where there is neither a session nor a dial on its way to one. */
function mayDial(peer: Peer): boolean {
  return peer.active === null && peer.dialToken === null && peer.dialled === null &&
    peer.member.addresses.length > 0;
}
