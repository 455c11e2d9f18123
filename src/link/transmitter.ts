/**
 * The sending half: session frames of connections, and the gathering of everything that waits into one buffer per connection
 * and flush.
 */
import { ByteWriter, EMPTY_BYTES } from "../core/bytes.ts";
import type { NodeNumber } from "../core/ids.ts";
import type { Network } from "../io/mod.ts";
import {
  type Frame,
  FrameEncoder,
  FrameType,
  Header,
  LINK_FRAME_LIMIT_BYTES,
  packRoute,
  StatusCode,
} from "../wire/mod.ts";
import { type ByeReason, byeStatus, encodeBye } from "./bye.ts";
import type { Connection } from "./connection.ts";
import { encodeHello, type Hello, HELLO_METADATA } from "./hello.ts";
import type { Outbox } from "./outbox.ts";
import type { TrafficClass } from "./traffic_class.ts";

/** Answers to a peer that asks faster than it reads are dropped from here on. */
const CONTROL_LIMIT_BYTES = 16 * 1024;
const HIGHEST_PRIORITY = 7;

export class Transmitter {
  readonly encoder = new FrameEncoder(LINK_FRAME_LIMIT_BYTES);
  readonly #network: Network;
  readonly #socketLimitBytes: number;
  readonly #header = new Header();
  readonly #out = new ByteWriter(4096);
  /** Connections that have something to send, in the order in which they got it. */
  readonly #dirty = new Set<Connection>();

  constructor(network: Network, socketLimitBytes: number) {
    this.#network = network;
    this.#socketLimitBytes = socketLimitBytes;
  }

  /** Marks that something waits for this connection. */
  touch(connection: Connection): void {
    this.#dirty.add(connection);
  }

  hello(connection: Connection, hello: Hello): void {
    const header = this.#control(FrameType.Hello, hello.number);
    this.encoder.encodeWith(connection.control, header, HELLO_METADATA, encodeHello(hello));
    this.#countControl(connection);
  }

  ping(connection: Connection, source: NodeNumber, now: number): number {
    const id = connection.keepalive.ping(now);
    const header = this.#control(FrameType.Ping, source);
    header.correlationLow = id >>> 0;
    this.#put(connection, header, EMPTY_BYTES);
    return id;
  }

  /** Echoes the correlation id of `ping`. */
  pong(connection: Connection, source: NodeNumber, ping: Frame): void {
    const header = this.#control(FrameType.Pong, source);
    header.correlationHigh = ping.correlationHigh;
    header.correlationLow = ping.correlationLow;
    this.#put(connection, header, EMPTY_BYTES);
  }

  drain(connection: Connection, source: NodeNumber): void {
    this.#put(connection, this.#control(FrameType.Drain, source), EMPTY_BYTES);
  }

  bye(connection: Connection, source: NodeNumber, reason: ByeReason, message: string): void {
    const header = this.#control(FrameType.Bye, source);
    header.code = byeStatus(reason);
    this.encoder.encode(connection.control, header, encodeBye(reason, message));
    this.#countControl(connection);
  }

  /** Encodes a message into `outbox`; false where a limit of it would be passed. */
  message(
    outbox: Outbox,
    type: FrameType,
    trafficClass: TrafficClass,
    addressing: { readonly messageId: number; readonly source: number; readonly destination: number },
    payload: Uint8Array,
  ): boolean {
    const header = this.#header;
    header.type = type;
    header.flags = 0;
    header.code = StatusCode.Ok;
    header.correlationHigh = 0;
    header.correlationLow = 0;
    header.messageId = addressing.messageId;
    header.source = addressing.source;
    header.destination = addressing.destination;
    header.route = packRoute(HIGHEST_PRIORITY - trafficClass, trafficClass, 0, 0);
    return outbox.put(trafficClass, header, payload);
  }

  /** Sends what session frames wait and closes; nothing more leaves on this connection. */
  finish(connection: Connection, reason: string): void {
    this.#dirty.delete(connection);
    if (connection.control.length > 0) {
      connection.traffic.bytesOut += connection.control.length;
      this.#network.send(connection.id, connection.control.take());
      connection.control.reset();
    }
    this.#network.close(connection.id, reason);
  }

  forget(connection: Connection): void {
    this.#dirty.delete(connection);
  }

  /** Hands over what fits, one buffer per connection; true where queues had to wait for a connection to drain. */
  flush(): boolean {
    let blocked = false;
    for (const connection of this.#dirty) {
      if (this.#flushOne(connection)) blocked = true;
      else this.#dirty.delete(connection);
    }
    return blocked;
  }

  /** True where something waits that this connection would carry. */
  waits(connection: Connection): boolean {
    const outbox = outboxOf(connection);
    return connection.control.length > 0 || (outbox !== null && outbox.bytes > 0);
  }

  #flushOne(connection: Connection): boolean {
    const out = this.#out;
    out.reset();
    if (connection.control.length > 0) {
      out.raw(connection.control.view());
      connection.control.reset();
    }
    const outbox = outboxOf(connection);
    let blocked = false;
    if (outbox !== null && outbox.bytes > 0) {
      const budget = this.#socketLimitBytes - this.#network.buffered(connection.id) - out.length;
      blocked = outbox.fill(out, budget);
    }
    if (out.length > 0) {
      connection.traffic.bytesOut += out.length;
      this.#network.send(connection.id, out.take());
    }
    return blocked;
  }

  #control(type: FrameType, source: NodeNumber): Header {
    const header = this.#header;
    header.type = type;
    header.flags = 0;
    header.code = StatusCode.Ok;
    header.messageId = 0;
    header.correlationHigh = 0;
    header.correlationLow = 0;
    header.source = source;
    header.destination = 0;
    header.route = packRoute(HIGHEST_PRIORITY, 0, 0, 0);
    return header;
  }

  #put(connection: Connection, header: Header, payload: Uint8Array): void {
    if (connection.control.length > CONTROL_LIMIT_BYTES) return;
    this.encoder.encode(connection.control, header, payload);
    this.#countControl(connection);
  }

  #countControl(connection: Connection): void {
    connection.traffic.framesOut++;
    this.#dirty.add(connection);
  }
}

/** The queues that a connection serves at present. */
function outboxOf(connection: Connection): Outbox | null {
  if (connection.phase !== "open" || !connection.confirmed) return null;
  if (connection.enrol !== null) return connection.enrol.outbox;
  return connection.peer !== null && connection.peer.active === connection ? connection.peer.outbox : null;
}
