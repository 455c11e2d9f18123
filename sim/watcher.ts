/**
 * Who draws a picture of a run is told here what passes. It looks and changes nothing: a run with a watcher has the trace
 * of one without.
 */
import type { EventKind, Target } from "./event_queue.ts";
import type { Host } from "./host.ts";
import type { World } from "./world.ts";

/** What became of bytes that a node sent. */
export type FrameFate = "arrived" | "lost";

export interface Watcher {
  /** An event is over, the checkers have not looked yet. */
  stepped(world: World, target: Target, kind: EventKind): void;
  /** Bytes reached a node, or never will. Lent for the call. */
  frame(world: World, from: Host, to: Host, sentUs: number, bytes: Uint8Array, fate: FrameFate): void;
  /** A line of the run's story: of a host, or of the world. */
  noted(world: World, host: Host | null, text: string): void;
}
