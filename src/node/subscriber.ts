/**
 * One subscriber attached to this node: how far it was sent, what it may still be sent, and what it has said to have
 * processed. Acknowledged ranges may come in any order; only what is contiguous moves the offset.
 */
import { assert } from "../core/assert.ts";
import type { Offset, Token } from "../core/ids.ts";
import { ACK_RANGES_LIMIT } from "../core/limits.ts";

export interface AckWaiter {
  readonly token: Token;
  readonly next: Offset;
  /** Until when it waits for the commit; Infinity while a gap before it is not acknowledged. */
  deadlineMs: number;
}

export class Subscriber {
  readonly token: Token;
  readonly name: string;
  readonly epoch: number;
  /** The next offset to be sent. */
  cursor: Offset;
  creditBytes: number;
  /** The load that the next delivery waits for, 0 for none. */
  load = 0;
  /** Everything below is processed, as this subscriber says. */
  #processed: Offset;
  /** Processed beyond the first gap: sorted, disjoint, not adjacent. */
  #ranges: { first: Offset; next: Offset }[] = [];
  waiters: AckWaiter[] = [];

  constructor(options: {
    readonly token: Token;
    readonly name: string;
    readonly epoch: number;
    readonly cursor: Offset;
    readonly processed: Offset;
    readonly creditBytes: number;
  }) {
    this.token = options.token;
    this.name = options.name;
    this.epoch = options.epoch;
    this.cursor = options.cursor;
    this.#processed = options.processed;
    this.creditBytes = options.creditBytes;
  }

  get processed(): Offset {
    return this.#processed;
  }

  /** Notes [first, next) as processed; false where too many separate ranges are open. */
  acknowledge(first: Offset, next: Offset): boolean {
    assert(first < next && next <= this.cursor, "only what was delivered is acknowledged");
    const ranges = this.#ranges;
    let at = 0;
    while (at < ranges.length && ranges[at]!.next < first) at++;
    let merged = { first, next };
    let until = at;
    while (until < ranges.length && ranges[until]!.first <= next) {
      merged = {
        first: Math.min(merged.first, ranges[until]!.first) as Offset,
        next: Math.max(merged.next, ranges[until]!.next) as Offset,
      };
      until++;
    }
    // What the offset waits for opens no separate range: it is taken, or nothing would ever go on.
    const opens = until === at && first > this.#processed;
    if (opens && ranges.length >= ACK_RANGES_LIMIT) return false;
    ranges.splice(at, until - at, merged);
    while (ranges.length > 0 && ranges[0]!.first <= this.#processed) {
      const { next: through } = ranges.shift()!;
      if (through > this.#processed) this.#processed = through;
    }
    return true;
  }
}
