/**
 * The trace's hash: two 32-bit lanes over every event of a run. One seed, two processes, one hash; where it differs, the
 * checkpoints say between which events, and a run over that range says which.
 */
import { hex } from "./prf.ts";

/** A checkpoint is kept each time that so many events have passed. */
export const CHECKPOINT_EVENTS = 1024;
/** When there are more, every second one goes and the distance doubles. */
const CHECKPOINTS_LIMIT = 4096;

export interface Checkpoint {
  readonly event: number;
  readonly hash: string;
}

export class Trace {
  #a = 0x6a09e667;
  #b = 0xbb67ae85;
  #events = 0;
  #distance = CHECKPOINT_EVENTS;
  #checkpoints: Checkpoint[] = [];

  get events(): number {
    return this.#events;
  }
  get hash(): string {
    return hex(this.#a) + hex(this.#b);
  }
  get checkpoints(): readonly Checkpoint[] {
    return this.#checkpoints;
  }

  add(word: number): void {
    let a = this.#a ^ Math.imul(word, 0xcc9e2d51);
    a = (a << 13) | (a >>> 19);
    this.#a = (Math.imul(a, 5) + 0xe6546b64) | 0;
    let b = this.#b + word | 0;
    b = Math.imul(b ^ (b >>> 15), 0x85ebca6b);
    this.#b = (b ^ (b >>> 13)) + this.#a | 0;
  }

  /** Ends one event: kind, place and numbers besides what was added by `add`. */
  event(timeUs: number, target: number, kind: number, a: number, b: number): void {
    this.add(timeUs >>> 0);
    this.add(Math.floor(timeUs / 0x1_0000_0000));
    this.add((target << 8) | kind);
    this.add(a | 0);
    this.add(b | 0);
    this.#events += 1;
    if (this.#events % this.#distance === 0) this.#keep();
  }

  #keep(): void {
    this.#checkpoints.push({ event: this.#events, hash: this.hash });
    if (this.#checkpoints.length < CHECKPOINTS_LIMIT) return;
    this.#checkpoints = this.#checkpoints.filter((_, i) => i % 2 === 1);
    this.#distance *= 2;
  }
}

/** The events (from, to] within which two runs began to differ; null where they did not. */
export function differingRange(
  a: readonly Checkpoint[],
  b: readonly Checkpoint[],
): { readonly from: number; readonly to: number } | null {
  let from = 0;
  const others = new Map(b.map((checkpoint) => [checkpoint.event, checkpoint.hash]));
  for (const { event, hash } of a) {
    const other = others.get(event);
    if (other === undefined) continue;
    if (other !== hash) return { from, to: event };
    from = event;
  }
  return null;
}
