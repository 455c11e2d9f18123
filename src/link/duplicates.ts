/**
 * Two connections between the same two nodes: which one stays. Both ends follow the same rule, so they never close both:
 *
 * - dialled by different ends: the one that the smaller number dialled, once a PONG has shown that the peer still has it;
 * - dialled by the same end: the newer, because an end dials only where it has lost the older.
 *
 * The other is told to end and is read until the peer has closed it, so that nothing under way on it is lost.
 */
import type { NodeNumber } from "../core/ids.ts";
import type { Connection } from "./connection.ts";
import type { Peer } from "./peer.ts";
import type { Transmitter } from "./transmitter.ts";

export class Duplicates {
  readonly #transmitter: Transmitter;
  readonly #lingerMs: number;

  constructor(transmitter: Transmitter, lingerMs: number) {
    this.#transmitter = transmitter;
    this.#lingerMs = lingerMs;
  }

  /** `newer` has just proved to work while `peer` had another session: it carries messages until the matter is settled. */
  resolve(peer: Peer, newer: Connection, self: NodeNumber, now: number): void {
    peer.active = newer;
    this.#transmitter.touch(newer);
    const newerIsPreferred = newer.inbound !== (self < peer.member.number);
    for (const other of peer.connections) {
      if (other === newer || other.phase !== "open" || !other.confirmed) continue;
      if (other.inbound === newer.inbound || newerIsPreferred) this.#leave(other, self, now);
      else other.proofPing = this.#transmitter.ping(other, self, now);
    }
  }

  /** The preferred connection has given its proof: the others end. */
  settle(peer: Peer, preferred: Connection, self: NodeNumber, now: number): void {
    preferred.proofPing = 0;
    peer.active = preferred;
    this.#transmitter.touch(preferred);
    for (const other of peer.connections) {
      if (other !== preferred && other.phase === "open" && other.confirmed) this.#leave(other, self, now);
    }
  }

  #leave(connection: Connection, self: NodeNumber, now: number): void {
    connection.phase = "leaving";
    connection.phaseDeadlineMs = now + this.#lingerMs;
    this.#transmitter.bye(connection, self, "DUPLICATE", "Another connection is kept");
  }
}
