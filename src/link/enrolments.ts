/** The ENROL sessions of a node, its own and those of others with it: bounded in number, in time and in bytes. */
import type { TokenSource } from "../core/flow.ts";
import type { NodeNumber, Token } from "../core/ids.ts";
import type { Network } from "../io/mod.ts";
import { Flag, type Frame, FrameType, Reassembler } from "../wire/mod.ts";
import type { Connection } from "./connection.ts";
import type { EnrolId, EnrolSession } from "./enrol_session.ts";
import type { LinkEvent } from "./events.ts";
import type { LinkOptions } from "./options.ts";
import type { Peers } from "./peers.ts";
import { TrafficClass } from "./traffic_class.ts";
import type { Transmitter } from "./transmitter.ts";

export class Enrolments {
  readonly #options: LinkOptions;
  readonly #network: Network;
  readonly #tokens: TokenSource;
  readonly #transmitter: Transmitter;
  readonly #peers: Peers;
  readonly #sessions = new Map<EnrolId, EnrolSession>();
  readonly #reassembler: Reassembler;

  constructor(
    options: LinkOptions,
    network: Network,
    tokens: TokenSource,
    transmitter: Transmitter,
    peers: Peers,
  ) {
    this.#options = options;
    this.#network = network;
    this.#tokens = tokens;
    this.#transmitter = transmitter;
    this.#peers = peers;
    this.#reassembler = new Reassembler(options.limits.enrolReassembly);
  }

  get(id: Token): EnrolSession | undefined {
    return this.#sessions.get(id);
  }

  dial(address: string, authorityHash: string | null, now: number): EnrolSession {
    const session = this.#add(this.#tokens.next(), false, address, null, now);
    const expect = authorityHash === null
      ? { kind: "member" } as const
      : { kind: "pinned", authorityHash } as const;
    this.#network.dial({ address, expect }, session.id);
    return session;
  }

  /** A stranger's session, or null where there are too many. */
  accept(connection: Connection, now: number): EnrolSession | null {
    if (this.#sessions.size >= this.#options.limits.enrolSessions) return null;
    return this.#add(this.#tokens.next(), true, connection.address, connection, now);
  }

  send(id: EnrolId, source: NodeNumber, bytes: Uint8Array): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined || session.connection === null || !session.connection.confirmed) return false;
    session.messageId++;
    const addressing = { messageId: session.messageId, source, destination: 0 };
    const { outbox, connection } = session;
    if (!this.#transmitter.message(outbox, FrameType.Enrol, TrafficClass.Data, addressing, bytes)) {
      return false;
    }
    this.#transmitter.touch(connection);
    return true;
  }

  /** The message that `frame` is or completes, else null. */
  receive(connection: Connection, frame: Frame, now: number): Uint8Array | null {
    if ((frame.flags & Flag.Chunked) === 0) return frame.payload;
    return this.#reassembler.add(connection.id, frame, now);
  }

  /** `code`: of a dial that failed, else "". */
  remove(session: EnrolSession, reason: string, code = ""): LinkEvent {
    session.outbox.clear();
    this.#sessions.delete(session.id);
    if (session.connection !== null) this.#reassembler.forget(session.connection.id);
    return { kind: "enrol-closed", id: session.id, code, reason };
  }

  /** Ends dials that take too long; sessions end with their connection. */
  tick(now: number): LinkEvent[] {
    this.#reassembler.expire(now);
    const closed: LinkEvent[] = [];
    for (const session of this.#sessions.values()) {
      if (session.connection !== null || now < session.deadlineMs) continue;
      closed.push(this.remove(session, "The dial took too long"));
    }
    return closed;
  }

  deadline(): number {
    let earliest = this.#reassembler.deadline();
    for (const session of this.#sessions.values()) {
      if (session.connection === null) earliest = Math.min(earliest, session.deadlineMs);
    }
    return earliest;
  }

  #add(
    id: EnrolId,
    inbound: boolean,
    address: string,
    connection: Connection | null,
    now: number,
  ): EnrolSession {
    const deadlineMs = now + this.#options.enrolTimeoutMs;
    const outbox = this.#peers.newOutbox();
    const session: EnrolSession = { id, inbound, address, outbox, connection, deadlineMs, messageId: 0 };
    this.#sessions.set(id, session);
    return session;
  }
}
