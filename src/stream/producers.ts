/**
 * Producer sessions of a stream: replicated state that makes publishing idempotent. A session accepts exactly the
 * sequence after its last one; lower is a duplicate and is answered with its offset, higher is refused with
 * the expected number. A newer epoch fences the older. There is no window in time after which this is forgotten.
 */
import { assert } from "../core/assert.ts";
import type { ByteReader, ByteWriter } from "../core/bytes.ts";
import type { Index, Offset, Sequence } from "../core/ids.ts";
import { PRODUCER_RANGES_LIMIT, PRODUCERS_PER_STREAM_LIMIT } from "../core/limits.ts";
import type { RecordBatchHeader } from "./record_batch.ts";

/** `count` messages from `firstSequence` have consecutive offsets from `firstOffset`. */
interface SequenceRange {
  firstSequence: Sequence;
  count: number;
  firstOffset: Offset;
}

interface Session {
  readonly name: string;
  readonly producerId: number;
  epoch: number;
  lastSequence: Sequence;
  /** Newest last, bounded; consecutive ranges are one. */
  readonly ranges: SequenceRange[];
}

export type ProducerOutcome =
  | { readonly kind: "accept" }
  /** offset -1: so long ago that it is no longer known where. */
  | { readonly kind: "duplicate"; readonly offset: number }
  | { readonly kind: "gap"; readonly expected: Sequence }
  | { readonly kind: "fenced"; readonly epoch: number }
  | { readonly kind: "unknown" };

export class Producers {
  readonly #byId = new Map<number, Session>();
  readonly #byName = new Map<string, Session>();

  get size(): number {
    return this.#byId.size;
  }

  /** A new session or the next epoch of an old one; null where the limit is reached. `index` names a new session. */
  open(name: string, index: Index): { producerId: number; epoch: number; nextSequence: Sequence } | null {
    let session = this.#byName.get(name);
    if (session === undefined) {
      if (this.#byId.size >= PRODUCERS_PER_STREAM_LIMIT) return null;
      session = { name, producerId: index, epoch: 0, lastSequence: 0 as Sequence, ranges: [] };
      assert(!this.#byId.has(index), "a producer id is an index, used once");
      this.#byId.set(index, session);
      this.#byName.set(name, session);
    }
    session.epoch++;
    return {
      producerId: session.producerId,
      epoch: session.epoch,
      nextSequence: session.lastSequence + 1 as Sequence,
    };
  }

  /** What applying this batch now would mean. Changes nothing. */
  judge(header: RecordBatchHeader): ProducerOutcome {
    const session = this.#byId.get(header.producerId);
    if (session === undefined || header.epoch > session.epoch) return { kind: "unknown" };
    if (header.epoch < session.epoch) return { kind: "fenced", epoch: session.epoch };
    const expected = session.lastSequence + 1 as Sequence;
    if (header.baseSequence === expected) return { kind: "accept" };
    if (header.baseSequence > expected) return { kind: "gap", expected };
    // A batch is repeated whole or not at all; one that reaches beyond what was accepted is a gap in the repetition.
    if (header.baseSequence + header.count > expected) return { kind: "gap", expected };
    return { kind: "duplicate", offset: offsetOf(session, header.baseSequence) };
  }

  /** Takes a batch that `judge` accepts. */
  accept(header: RecordBatchHeader, baseOffset: Offset): void {
    const session = this.#byId.get(header.producerId);
    assert(session !== undefined && session.epoch === header.epoch, "only the current epoch is accepted");
    assert(header.baseSequence === session.lastSequence + 1, "only the next sequence is accepted");
    session.lastSequence = header.baseSequence + header.count - 1 as Sequence;
    const last = session.ranges[session.ranges.length - 1];
    if (last !== undefined && last.firstOffset + last.count === baseOffset) {
      last.count += header.count;
      return;
    }
    session.ranges.push({ firstSequence: header.baseSequence, count: header.count, firstOffset: baseOffset });
    if (session.ranges.length > PRODUCER_RANGES_LIMIT) session.ranges.shift();
  }

  /** The last accepted sequence, or null for an unknown producer. */
  lastSequence(producerId: number): Sequence | null {
    return this.#byId.get(producerId)?.lastSequence ?? null;
  }

  /** The id of a named session, or null. */
  idOf(name: string): number | null {
    return this.#byName.get(name)?.producerId ?? null;
  }

  write(writer: ByteWriter): void {
    writer.u32(this.#byId.size);
    for (const session of this.#byId.values()) {
      writer.text(session.name).u64(session.producerId).u32(session.epoch).u64(session.lastSequence);
      writer.u32(session.ranges.length);
      for (const range of session.ranges) {
        writer.u64(range.firstSequence).u64(range.count).u64(range.firstOffset);
      }
    }
  }

  static read(reader: ByteReader): Producers {
    const producers = new Producers();
    for (let left = reader.u32(); left > 0; left--) {
      const session: Session = {
        name: reader.text(),
        producerId: reader.u64(),
        epoch: reader.u32(),
        lastSequence: reader.u64() as Sequence,
        ranges: [],
      };
      for (let ranges = reader.u32(); ranges > 0; ranges--) {
        session.ranges.push({
          firstSequence: reader.u64() as Sequence,
          count: reader.u64(),
          firstOffset: reader.u64() as Offset,
        });
      }
      producers.#byId.set(session.producerId, session);
      producers.#byName.set(session.name, session);
    }
    return producers;
  }
}

function offsetOf(session: Session, sequence: Sequence): number {
  for (const range of session.ranges) {
    const into = sequence - range.firstSequence;
    if (into >= 0 && into < range.count) return range.firstOffset + into;
  }
  return -1;
}
