/** Bytes of entries that came in a frame or a proposal and are not in the log yet; forgotten at the end of the turn. */
import type { Index, Term } from "../core/ids.ts";

export interface Arrival {
  readonly index: Index;
  readonly term: Term;
  readonly bytes: Uint8Array;
}

export class Arrivals {
  #arrivals: Arrival[] = [];
  /** After the one that was asked for last: they are persisted mostly in the order in which they came. */
  #next = 0;

  add(arrival: Arrival): void {
    this.#arrivals.push(arrival);
  }

  /** Takes back what was kept by `copies`, before what has come since. */
  putBack(kept: readonly Arrival[]): void {
    this.#arrivals = [...kept, ...this.#arrivals];
  }

  /** To be kept over the end of the turn. */
  copies(): Arrival[] {
    return this.#arrivals.map((each) => ({ ...each, bytes: each.bytes.slice() }));
  }

  /** The content of an entry; null where it did not come. */
  bytesOf(entry: Pick<Arrival, "index" | "term">): Uint8Array | null {
    const arrivals = this.#arrivals;
    let at = this.#next;
    if (at >= arrivals.length || !isSame(arrivals[at]!, entry)) {
      at = arrivals.length - 1;
      while (at >= 0 && !isSame(arrivals[at]!, entry)) at--;
      if (at < 0) return null;
    }
    this.#next = at + 1;
    return arrivals[at]!.bytes;
  }

  clear(): void {
    this.#arrivals = [];
    this.#next = 0;
  }
}

/** Index and term name an entry (Raft paper, 5.3): equal ones have equal content. */
function isSame(arrival: Arrival, entry: Pick<Arrival, "index" | "term">): boolean {
  return arrival.index === entry.index && arrival.term === entry.term;
}
