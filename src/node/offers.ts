/**
 * What a leader has taken into its log in its term from other members' outboxes, by producer session: each batch once, and
 * in order. Members offer what they do not see applied again and again. Where the group commits more slowly than that,
 * every repetition would stand in the log before what has to be committed; where the leader has little room, a small batch
 * after a large one that did not fit would be nothing but a gap, and take the room of the large one again and again.
 */
import type { Sequence, Term } from "../core/ids.ts";
import { PRODUCERS_PER_STREAM_LIMIT } from "../core/limits.ts";
import type { RecordBatchHeader } from "../stream/mod.ts";

/** Sequences from `first` to below `next` are in the log, as entries of this term. */
interface Taken {
  readonly first: Sequence;
  readonly next: Sequence;
}

export class Offers {
  #term = 0 as Term;
  readonly #sessions = new Map<string, Taken>();

  /** False where the batch is in the log already, or one before it is not. `last`: of the producer, as applied here. */
  wants(header: RecordBatchHeader, term: Term, last: Sequence | null): boolean {
    if (term !== this.#term) this.#sessions.clear();
    this.#term = term;
    const { baseSequence, count } = header;
    const applied = last ?? 0;
    // Whoever offers it is behind, and will see it.
    if (baseSequence + count - 1 <= applied) return false;
    const taken = this.#sessions.get(sessionOf(header));
    if (taken === undefined) return true;
    if (baseSequence > Math.max(taken.next, applied + 1)) return false;
    return baseSequence < taken.first || baseSequence >= taken.next;
  }

  taken(header: RecordBatchHeader): void {
    const { baseSequence, count } = header;
    const before = this.#sessions.get(sessionOf(header));
    const first = before !== undefined && before.next === baseSequence ? before.first : baseSequence;
    this.#set(header, { first, next: baseSequence + count as Sequence });
  }

  /** There was no room for it: what follows it is not taken before it is. */
  refused(header: RecordBatchHeader): void {
    const { baseSequence } = header;
    if (this.#sessions.get(sessionOf(header))?.next === baseSequence) return;
    this.#set(header, { first: baseSequence, next: baseSequence });
  }

  /** What was taken turned out to be of no use when it was applied: it may have to come again. */
  forget(header: RecordBatchHeader): void {
    this.#sessions.delete(sessionOf(header));
  }

  #set(header: RecordBatchHeader, taken: Taken): void {
    if (this.#sessions.size >= PRODUCERS_PER_STREAM_LIMIT) this.#sessions.clear();
    this.#sessions.set(sessionOf(header), taken);
  }
}

function sessionOf({ producerId, epoch }: RecordBatchHeader): string {
  return `${producerId}/${epoch}`;
}
