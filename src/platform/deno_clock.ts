/**
 * The clock of a real node. A requested turn is one `setImmediate`, which runs after the I/O that is ready. The
 * wake-up is one `setTimeout`: where the wish only moved later the running timer stays, finds at its end that it is
 * too early and is armed again, because a node wishes anew at every turn and timers are dear.
 */
import { clearImmediate, setImmediate } from "node:timers";
import type { Clock } from "../io/mod.ts";
import type { Outlet } from "./outlet.ts";

/** Timers hold 31 bits of milliseconds; a later wish is reached in steps. */
const MAX_TIMER_MS = 1_000_000_000;

export class DenoClock implements Clock {
  readonly #outlet: Outlet;
  #immediate: ReturnType<typeof setImmediate> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** The wish that the running timer was armed for; it ends up to a millisecond later. Meaningless without one. */
  #timerForMs = 0;
  #wakeAtMs = Infinity;
  #closed = false;

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
  }

  monotonicMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  requestTurn(): void {
    if (this.#immediate === null && !this.#closed) this.#immediate = setImmediate(this.#onImmediate);
  }

  wakeAt(atMs: number): void {
    if (Number.isNaN(atMs)) throw new RangeError("Cannot wake at NaN");
    this.#wakeAtMs = atMs;
    if (atMs === Infinity || this.#closed) return; // A running timer ends in vain.
    if (this.#timer !== null && this.#timerForMs <= atMs) return;
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#wakeAtMs = Infinity;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#timer = null;
    this.#immediate = null;
  }

  #arm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const now = performance.now();
    // Not when it will end, which is in whole milliseconds: the same wish once more would be earlier than that.
    this.#timerForMs = Math.min(this.#wakeAtMs, now + MAX_TIMER_MS);
    this.#timer = setTimeout(this.#onTimer, Math.max(0, Math.ceil(this.#timerForMs - now)));
  }

  readonly #onImmediate = (): void => {
    this.#immediate = null;
    this.#outlet.turn();
  };

  readonly #onTimer = (): void => {
    this.#timer = null;
    if (this.#wakeAtMs === Infinity) return;
    if (performance.now() < this.#wakeAtMs) {
      this.#arm();
      return;
    }
    this.#wakeAtMs = Infinity; // A wish is granted once.
    this.#outlet.turn();
  };
}
