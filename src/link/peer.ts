/** A current member as the links see it: its connections, its queues, and when to dial it next. */
import type { Token } from "../core/ids.ts";
import type { Random } from "../io/mod.ts";
import type { Connection } from "./connection.ts";
import type { PeerStatus } from "./events.ts";
import type { PeerMember } from "./options.ts";
import type { Outbox } from "./outbox.ts";
import { TRAFFIC_CLASSES, type TrafficClass } from "./traffic_class.ts";
import { Traffic } from "./traffic.ts";

const DRAW_RANGE = 0x1_0000_0000;

export class Peer {
  member: PeerMember;
  readonly outbox: Outbox;
  /** The session that carries messages; null while down. Always one of `connections`, open and confirmed. */
  active: Connection | null = null;
  /** Connections whose HELLO was accepted here. */
  readonly connections: Connection[] = [];
  /** The dial under way, and until when it may take. */
  dialToken: Token | null = null;
  dialDeadlineMs = Infinity;
  dialAddress = "";
  /** The connection that came of a dial until it is confirmed or gone. */
  dialled: Connection | null = null;
  nextDialAtMs = Infinity;
  /** What its build supports, as it said last; 0 before it was met. */
  featureLevel = 0;
  readonly traffic = new Traffic();
  #attempt = 0;
  #draws = 0;

  constructor(member: PeerMember, outbox: Outbox) {
    this.member = member;
    this.outbox = outbox;
  }

  /** Addresses are tried in turn. */
  nextAddress(): string {
    return this.member.addresses[this.#attempt % this.member.addresses.length]!;
  }

  /** True once it said DRAIN in this session: it finishes what it has and takes no new data. */
  get draining(): boolean {
    return this.active?.draining ?? false;
  }

  /** A session came about: the next pause is the shortest again. */
  succeeded(): void {
    this.#attempt = 0;
    this.nextDialAtMs = Infinity;
  }

  /** Sets the time of the next dial: the pause doubles, half of it is random so that peers do not dial in step. */
  backOff(now: number, random: Random, minMs: number, maxMs: number, permanent: boolean): void {
    let pauseMs = minMs;
    for (let i = 0; i < this.#attempt && pauseMs < maxMs; i++) pauseMs *= 2;
    pauseMs = permanent ? maxMs : Math.min(pauseMs, maxMs);
    this.#attempt++;
    this.nextDialAtMs = now + pauseMs / 2 + (pauseMs / 2) * this.#draw(random);
  }

  /** The first dial: within `spreadMs`, at random. */
  dialWithin(now: number, random: Random, spreadMs: number): void {
    this.nextDialAtMs = spreadMs === 0 ? now : now + spreadMs * this.#draw(random);
  }

  status(): PeerStatus {
    const { member, active, traffic, outbox } = this;
    const queueBytes: number[] = [];
    for (let i = 0; i < TRAFFIC_CLASSES; i++) queueBytes.push(outbox.classBytes(i as TrafficClass));
    return {
      number: member.number,
      memberId: member.memberId,
      name: member.name,
      featureLevel: this.featureLevel,
      connected: active !== null,
      rttMs: active?.keepalive.rttMs ?? 0,
      bytesIn: traffic.bytesIn,
      bytesOut: traffic.bytesOut,
      framesIn: traffic.framesIn,
      framesOut: traffic.framesOut + outbox.framesOut,
      queueBytes,
      lanes: this.connections.length,
      draining: this.draining,
    };
  }

  #draw(random: Random): number {
    return random.draw(`link: dial ${this.member.number}`, this.#draws++) / DRAW_RANGE;
  }
}
