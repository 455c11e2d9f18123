/**
 * The ports: everything that a node learns or does comes through them. Types only. No port returns a promise:
 * an operation is submitted under a token, its completion is an event delivered to the node's inbox, tagged
 * with the incarnation it was submitted in and dropped where that has ended. Events are plain data, so that
 * they can be recorded and replayed.
 */
import type { Clock } from "./clock.ts";
import type { Crypto, CryptoEvent } from "./crypto.ts";
import type { Disk, DiskEvent } from "./disk.ts";
import type { Network, NetworkEvent } from "./network.ts";
import type { Random } from "./random.ts";

export * from "./clock.ts";
export * from "./crypto.ts";
export * from "./disk.ts";
export * from "./network.ts";
export * from "./random.ts";

/** All ports of one node. */
export interface Io {
  readonly clock: Clock;
  readonly random: Random;
  readonly network: Network;
  readonly disk: Disk;
  readonly crypto: Crypto;
}

export type IoEvent = NetworkEvent | DiskEvent | CryptoEvent;

/** Where a platform delivers. Both calls return quickly and never throw for what the world did. */
export interface Inbox {
  /** Takes the event in and asks for a turn; dropped where `incarnation` is not the current one. */
  deliver(incarnation: number, event: IoEvent): void;
  /** Runs one turn: takes all inputs that have arrived, steps the cores, turns effects into I/O. */
  turn(incarnation: number): void;
}

/** A platform: the ports of one node, delivering to one inbox after `attach`. */
export interface Platform {
  readonly io: Io;
  attach(incarnation: number, inbox: Inbox): void;
}
