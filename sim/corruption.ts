/**
 * Bytes that do not arrive as they were sent, as over an overheated card or a broken cable: up to three flips within four
 * bytes, which the checksums of frames find with certainty. And whether the receiver noticed.
 */
import type { ConnectionEnd } from "./connection.ts";
import type { Host } from "./host.ts";
import type { Wire } from "./topology.ts";

const FLIPS_LIMIT = 3;
const BURST_BITS = 32;

export class Corruption {
  /** Frames that were corrupted. */
  count = 0;
  /** Ends that were reached by flipped bits, and after how many turns of their host. */
  readonly #reached = new Map<ConnectionEnd, number>();

  /** Draws whether it strikes this frame, and flips bits of it where it does. */
  strikes(wire: Wire, from: ConnectionEnd, to: ConnectionEnd, bytes: Uint8Array): boolean {
    if (!wire.corruptDraws.chance(wire.corruptPerMillion)) return false;
    const draws = wire.drawsOf("corrupt", wire.frames);
    const at = draws.below(bytes.length);
    const flips = new Set<number>();
    for (let left = draws.between(1, FLIPS_LIMIT); left > 0; left--) {
      flips.add(8 * at + draws.below(Math.min(BURST_BITS, 8 * (bytes.length - at))));
    }
    for (const bit of flips) bytes[bit >> 3]! ^= 1 << (bit & 7);
    this.count += 1;
    this.#reached.set(to, to.host.turns);
    const { host } = to;
    host.world.note(host, `of ${bytes.length} bytes from ${from.host.name} bits ${[...flips]} are flipped`);
    return true;
  }

  /** True where flipped bits have come to that end. */
  hasReached(end: ConnectionEnd): boolean {
    return this.#reached.has(end);
  }

  /** True where a host goes on with a session that flipped bits have reached, although it has had a turn since. */
  isTolerated(host: Host): boolean {
    for (const [end, turns] of this.#reached) {
      if (end.host !== host || (end.isLive && host.turns <= turns)) continue;
      this.#reached.delete(end);
      if (end.isLive && end.state === "open") return true;
    }
    return false;
  }
}
