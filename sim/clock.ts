/**
 * The simulated clock port of one incarnation: virtual time through a clock that starts anywhere, runs a little fast or slow and
 * whose wall time is off and may jump. Within a turn it stands still: a turn's cost lies between its inputs and
 * its effects.
 */
import type { Clock } from "../src/io/mod.ts";
import { EventKind } from "./event_queue.ts";
import type { Host } from "./host.ts";

/** How one machine's clocks differ from virtual time. */
export interface ClockFaults {
  /** Millionths by which the monotonic clock runs fast (or slow, below 0). */
  driftPerMillion: number;
  /** The monotonic clock's arbitrary start. */
  startMs: number;
  /** Wall time minus the world's. */
  wallOffsetMs: number;
}

/** When virtual time starts: 2026-01-01 UTC. */
export const WALL_START_MS = 1_767_225_600_000;

export class SimClock implements Clock {
  readonly #host: Host;
  #incarnation: number;
  /** Local time is bent at this point: a change of drift bends it without a step. */
  #fromUs: number;
  #fromLocalMs: number;
  #driftPerMillion: number;
  #wakeLocalMs = Infinity;
  /** World time of the earliest wake event under way. */
  #eventAtUs = Infinity;
  /** Wishes in a row to be woken at a time that had come already. */
  overdueWishes = 0;

  constructor(host: Host, incarnation: number) {
    this.#host = host;
    this.#incarnation = incarnation;
    this.#fromUs = host.world.nowUs;
    this.#fromLocalMs = host.clockFaults.startMs;
    this.#driftPerMillion = host.clockFaults.driftPerMillion;
  }

  monotonicMs(): number {
    return this.#localAt(this.#host.world.nowUs);
  }

  wallMs(): number {
    return WALL_START_MS + Math.floor(this.#host.world.nowUs / 1000) + this.#host.clockFaults.wallOffsetMs;
  }

  requestTurn(): void {
    if (this.#incarnation === this.#host.incarnation) this.#host.requestTurn();
  }

  wakeAt(atMs: number): void {
    if (Number.isNaN(atMs)) throw new RangeError("Cannot wake at NaN");
    this.#wakeLocalMs = atMs;
    this.overdueWishes = atMs <= this.monotonicMs() ? this.overdueWishes + 1 : 0;
    if (atMs !== Infinity && this.#incarnation === this.#host.incarnation) this.#arm();
  }

  /** The same ports serve another inbox. */
  adopt(incarnation: number): void {
    this.#incarnation = incarnation;
    this.#wakeLocalMs = Infinity;
    this.#eventAtUs = Infinity;
  }

  setDrift(perMillion: number): void {
    this.#fromLocalMs = this.monotonicMs();
    this.#fromUs = this.#host.world.nowUs;
    this.#driftPerMillion = perMillion;
    if (this.#wakeLocalMs !== Infinity) this.#arm();
  }

  /** A wake event came due; true where the node is to be given a turn. */
  onWake(): boolean {
    const nowUs = this.#host.world.nowUs;
    if (nowUs < this.#eventAtUs) return false; // An earlier wish, replaced since.
    this.#eventAtUs = Infinity;
    if (this.#wakeLocalMs === Infinity) return false;
    if (this.#localAt(nowUs) < this.#wakeLocalMs) {
      this.#arm();
      return false;
    }
    this.#wakeLocalMs = Infinity; // A wish is granted once.
    return true;
  }

  /** A wish that only moved later leaves the event as it is: it finds itself too early and is armed again. */
  #arm(): void {
    const aheadMs = this.#wakeLocalMs - this.#localAt(this.#host.world.nowUs);
    const aheadUs = Math.max(0, Math.ceil(aheadMs * 1000 / (1 + this.#driftPerMillion / 1_000_000)));
    const atUs = Math.max(this.#host.world.nowUs + aheadUs, this.#host.world.nowUs + (aheadMs > 0 ? 1 : 0));
    if (atUs >= this.#eventAtUs) return;
    this.#eventAtUs = atUs;
    this.#host.world.schedule(atUs, this.#host, EventKind.Wake, this.#incarnation, 0, null);
  }

  #localAt(worldUs: number): number {
    const passedUs = worldUs - this.#fromUs;
    return this.#fromLocalMs + (passedUs + passedUs * this.#driftPerMillion / 1_000_000) / 1000;
  }
}
