/**
 * How long something has been so at a node, by its own clock. A node that is paused, or has just been told, cannot have done
 * anything about it: a long time without a turn counts for a short one, and what is overdue has been seen overdue some turns
 * before it counts.
 */
import type { LocalTime } from "./lease_rule.ts";

/** In these a node takes in what came and does what is due. */
const TURNS = 4;
/** The time from one turn to the next counts up to this part of the limit. */
const TURNS_PER_LIMIT = 5;

interface Since {
  readonly sign: number;
  readonly incarnation: number;
  /** As of the last turn. */
  lastedMs: number;
  /** The node's turns when it was looked at in the last one, and when that was. */
  turns: number;
  turnMs: number;
  /** Turns that the node had taken when it was first seen overdue. */
  overdueTurns: number;
}

export class Lasting<Key> {
  readonly #since = new Map<Key, Since>();

  /**
   * True where `key` has shown the same `sign` for `limitMs` and some turns more; null where it is not so. A node that was
   * started anew begins anew.
   */
  lasts(key: Key, sign: number | null, now: LocalTime, limitMs: number): boolean {
    if (sign === null) {
      this.#since.delete(key);
      return false;
    }
    let since = this.#since.get(key);
    if (since?.sign !== sign || since.incarnation !== now.incarnation) {
      const { incarnation, turns, ms } = now;
      since = { sign, incarnation, lastedMs: 0, turns, turnMs: ms, overdueTurns: Infinity };
      this.#since.set(key, since);
    }
    if (now.turns > since.turns) {
      const countsMs = (now.turns - since.turns) * limitMs / TURNS_PER_LIMIT;
      since.lastedMs += Math.min(now.ms - since.turnMs, countsMs);
      since.turns = now.turns;
      since.turnMs = now.ms;
    }
    if (since.lastedMs < limitMs) return false;
    since.overdueTurns = Math.min(since.overdueTurns, now.turns);
    return now.turns >= since.overdueTurns + TURNS;
  }
}
