/**
 * Batches that a leader could not take from other members' outboxes, by producer session: what comes after one of
 * them waits for it to be sent again. In the log it would only be a gap, and where the leader has little room a small batch
 * after a large one would take that room again and again.
 */
import type { Sequence, Term } from "../core/ids.ts";
import { PRODUCERS_PER_STREAM_LIMIT } from "../core/limits.ts";
import type { RecordBatchHeader } from "../stream/mod.ts";

export class Offers {
  #term = 0 as Term;
  /** Per session the first sequence of the batch that there was no room for. */
  readonly #refused = new Map<string, Sequence>();

  /** True where the batch comes after one that this leader has not taken yet. `last`: of the producer, as applied here. */
  isEarly(header: RecordBatchHeader, term: Term, last: Sequence | null): boolean {
    if (term !== this.#term) return false;
    const refused = this.#refused.get(sessionOf(header));
    return refused !== undefined && refused > (last ?? 0) && header.baseSequence > refused;
  }

  refused(header: RecordBatchHeader, term: Term): void {
    if (term !== this.#term || this.#refused.size >= PRODUCERS_PER_STREAM_LIMIT) this.#refused.clear();
    this.#term = term;
    this.#refused.set(sessionOf(header), header.baseSequence);
  }

  taken(header: RecordBatchHeader): void {
    const refused = this.#refused.get(sessionOf(header));
    if (refused !== undefined && header.baseSequence >= refused) this.#refused.delete(sessionOf(header));
  }
}

function sessionOf({ producerId, epoch }: RecordBatchHeader): string {
  return `${producerId}/${epoch}`;
}
