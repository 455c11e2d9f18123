/**
 * One connection and what its session has come to.
 *
 * ```
 * hello ── HELLO accepted here ──> open ── PONG or a message: accepted there too ──> open, confirmed
 *   │                               │
 *   └── refused, timeout ──> gone   └── told to end as a duplicate ──> leaving ──> gone
 * ```
 *
 * Only a confirmed session is told of (`up`, `enrol-opened`), so a node that the other end refuses never sees itself as
 * connected.
 */
import { ByteWriter } from "../core/bytes.ts";
import type { MemberId } from "../core/ids.ts";
import type { ConnectionId, PeerIdentity } from "../io/mod.ts";
import type { EnrolSession } from "./enrol_session.ts";
import { Keepalive } from "./keepalive.ts";
import type { Peer } from "./peer.ts";
import { Traffic } from "./traffic.ts";

/** In a member's place. */
export const NOBODY = 0 as MemberId;

export type Phase = "hello" | "open" | "leaving";

export class Connection {
  phase: Phase = "hello";
  confirmed = false;
  /** The other end said DRAIN. What it says on the next connection, after a restart, is not bound by it. */
  draining = false;
  /** Of a MEMBER session: the peer. Of a dialled connection: the peer that was dialled, from the start. */
  peer: Peer | null = null;
  /** Of an ENROL session. */
  enrol: EnrolSession | null = null;
  /** Session frames to send, ahead of everything else. */
  readonly control = new ByteWriter(256);
  readonly keepalive: Keepalive;
  /** What has passed: counted here until the peer is known, for the peer from then on. */
  traffic: Traffic = new Traffic();
  /** When the present phase must have ended; Infinity for a confirmed session of a member. */
  phaseDeadlineMs: number;
  /** The PING whose PONG proves this connection alive against a newer one; 0: none is awaited. */
  proofPing = 0;

  constructor(
    readonly id: ConnectionId,
    readonly inbound: boolean,
    readonly address: string,
    readonly identity: PeerIdentity,
    options: {
      readonly now: number;
      readonly pingIntervalMs: number;
      readonly idleTimeoutMs: number;
      readonly helloTimeoutMs: number;
    },
  ) {
    this.keepalive = new Keepalive(options.now, options.pingIntervalMs, options.idleTimeoutMs);
    this.phaseDeadlineMs = options.now + options.helloTimeoutMs;
  }

  /** Who is at the other end, once its HELLO was accepted here as a member's; before that, or for anybody else, `NOBODY`. */
  get member(): MemberId {
    return this.phase === "hello" || this.peer === null ? NOBODY : this.peer.member.memberId;
  }

  /** The session turned out to be this peer's, or was dialled to be. */
  belongTo(peer: Peer): void {
    if (this.traffic !== peer.traffic) peer.traffic.add(this.traffic);
    this.traffic = peer.traffic;
    this.peer = peer;
  }

  deadline(): number {
    const { phase, phaseDeadlineMs, keepalive } = this;
    const untilMs = Math.min(phaseDeadlineMs, keepalive.idleAtMs);
    // Who leaves sends no PING any more: one that is overdue must not wake anybody.
    return phase === "open" ? Math.min(untilMs, keepalive.nextPingAtMs) : untilMs;
  }
}
