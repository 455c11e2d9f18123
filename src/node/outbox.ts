/**
 * What was published at this node and is not known to be applied: in the order of publishing, each record durable in the
 * write-ahead log before QUEUED is said. The record is the log entry's content, so at a leader one sync serves both.
 * Records go to the leader again until they are seen applied; a duplicate is recognised there by its sequence.
 */
import { assert } from "../core/assert.ts";
import type { Lsn, MemberId, Sequence, Term, Token } from "../core/ids.ts";
import type { AckLevel } from "./calls.ts";
import type { RecordBatchHeader } from "../stream/mod.ts";

export interface PublishWaiter {
  readonly token: Token;
  readonly level: AckLevel;
  /** Until when the call waits for the commit; the record waits on. */
  readonly deadlineMs: number;
}

export interface OutboxRecord {
  readonly id: number;
  readonly header: RecordBatchHeader;
  readonly lengthBytes: number;
  readonly lsn: Lsn;
  /** Whom it was last handed to and when; null: it waits. */
  handed: { readonly term: Term; readonly leader: MemberId; readonly atMs: number } | null;
  waiters: PublishWaiter[];
  /** Its content is being read from the disk. */
  loading: boolean;
  /** Its content, read from the disk, until it is handed over. */
  loaded: Uint8Array | null;
}

export class Outbox {
  readonly #records = new Map<string, OutboxRecord>();
  /** Per producer session: how many records wait and the last sequence among them. */
  readonly #sessions = new Map<string, { producerId: number; records: number; last: Sequence }>();
  #bytes = 0;

  get size(): number {
    return this.#records.size;
  }
  get bytes(): number {
    return this.#bytes;
  }

  /** In the order of publishing. */
  records(): IterableIterator<OutboxRecord> {
    return this.#records.values();
  }

  add(record: OutboxRecord): void {
    const key = keyOf(record.header);
    assert(!this.#records.has(key), "a sequence is in the outbox once");
    this.#records.set(key, record);
    this.#bytes += record.lengthBytes;
    const { producerId, baseSequence, count } = record.header;
    const session = this.#sessions.get(sessionOf(record.header)) ??
      { producerId, records: 0, last: 0 as Sequence };
    session.records++;
    session.last = Math.max(session.last, baseSequence + count - 1) as Sequence;
    this.#sessions.set(sessionOf(record.header), session);
  }

  find(header: RecordBatchHeader): OutboxRecord | null {
    // Where nobody publishes every applied batch asks: it makes no key.
    if (this.#records.size === 0) return null;
    return this.#records.get(keyOf(header)) ?? null;
  }

  remove(record: OutboxRecord): void {
    const removed = this.#records.delete(keyOf(record.header));
    assert(removed, "only what is in the outbox leaves it");
    this.#bytes -= record.lengthBytes;
    const session = this.#sessions.get(sessionOf(record.header))!;
    if (--session.records === 0) this.#sessions.delete(sessionOf(record.header));
  }

  /** The last sequence of a producer's session that waits here, or null. */
  lastSequence(header: Pick<RecordBatchHeader, "producerId" | "epoch">): Sequence | null {
    return this.#sessions.get(sessionOf(header))?.last ?? null;
  }

  /** Producers of what waits here, of whatever epoch. */
  producers(): number[] {
    return [...this.#sessions.values()].map(({ producerId }) => producerId);
  }

  /** Everything from the first record on is to be handed over again. */
  handAgain(): void {
    for (const record of this.#records.values()) record.handed = null;
  }
}

function keyOf(header: RecordBatchHeader): string {
  return `${header.producerId}/${header.epoch}/${header.baseSequence}`;
}

function sessionOf(header: Pick<RecordBatchHeader, "producerId" | "epoch">): string {
  return `${header.producerId}/${header.epoch}`;
}
