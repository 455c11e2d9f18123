/**
 * How long something has been so at a node, by its own clock. A node that is paused, or has just been told, cannot have done
 * anything about it: what is overdue has been seen overdue some turns before it counts.
 */
import type { LocalTime } from "./lease_rule.ts";

/** In these a node takes in what came and does what is due. */
const TURNS = 4;

interface Since {
  readonly sign: number;
  readonly incarnation: number;
  readonly ms: number;
  /** Turns that the node had taken when it was first seen overdue. */
  overdueTurns: number;
}

export class Lasting {
  readonly #since = new Map<string, Since>();

  /**
   * True where `key` has shown the same `sign` for `limitMs` and some turns more; null where it is not so. A node that was
   * started anew begins anew.
   */
  lasts(key: string, sign: number | null, now: LocalTime, limitMs: number): boolean {
    if (sign === null) {
      this.#since.delete(key);
      return false;
    }
    let since = this.#since.get(key);
    if (since?.sign !== sign || since.incarnation !== now.incarnation) {
      since = { sign, incarnation: now.incarnation, ms: now.ms, overdueTurns: Infinity };
      this.#since.set(key, since);
    }
    if (now.ms - since.ms < limitMs) return false;
    since.overdueTurns = Math.min(since.overdueTurns, now.turns);
    return now.turns >= since.overdueTurns + TURNS;
  }
}
