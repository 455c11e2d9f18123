/**
 * Outbox records whose content the disk has lost. Until its entry is replicated a record exists here alone: its QUEUED meant
 * this one disk. What can be had back is taken back: from the entry of the log that is the same batch, wherever that came
 * from, or from the producer that publishes the batch again. Until then nothing that was published after it leaves this
 * node, for later batches of its producer would be refused as gaps; the node says so, and nothing is skipped.
 */
import { crc32c } from "../core/crc32c.ts";
import type { Index } from "../core/ids.ts";
import { EntryKind } from "../raft/mod.ts";
import type { LoadedEntry } from "../wal/mod.ts";
import type { StreamSeat } from "./stream_seat.ts";

/** Entries looked through in one turn. */
const SEARCH_ENTRIES_PER_TURN = 4096;

export class LostRecords {
  readonly #seat: StreamSeat;
  readonly #ids = new Set<number>();
  /** Entries through here are not the same batch as any of the records. */
  #searched = 0;
  /** An entry that is one of them is being read: the load's request and the record. */
  #load: { readonly request: number; readonly id: number } | null = null;

  constructor(seat: StreamSeat) {
    this.#seat = seat;
  }

  get size(): number {
    return this.#ids.size;
  }

  /** For status and refusals; "" where nothing is lost. */
  get trouble(): string {
    const { size } = this.#ids;
    if (size === 0) return "";
    const what = size === 1 ? "a batch that was queued here is" : `${size} batches that were queued here are`;
    return `${what} damaged on the disk of this node and in no log within reach: publish the same again, or evict this node`;
  }

  add(id: number): void {
    this.#ids.add(id);
    this.#searched = 0;
  }

  /** True where the batch is one of those lost: it is written back. */
  offer(batch: Uint8Array): boolean {
    const id = this.#find(batch.length, () => crc32c(batch));
    if (id === null) return false;
    this.#seat.node.wal.repairOutbox(id, batch);
    return true;
  }

  /** Looks for the records in the log. */
  search(): void {
    const { wal } = this.#seat.node;
    const group = this.#seat.group.id;
    const range = this.#ids.size === 0 || this.#load !== null ? null : wal.range(group);
    if (range === null) return;
    let budget = SEARCH_ENTRIES_PER_TURN;
    for (let at = Math.max(this.#searched + 1, range.first); at <= range.last && budget > 0; at++, budget--) {
      const index = at as Index;
      const entry = wal.entry(group, index)!;
      const id = entry.kind === EntryKind.Command ? this.#find(entry.lengthBytes, () => entry.crc) : null;
      // Damaged itself: it may be repaired, and is looked at again.
      if (id !== null && entry.damaged) return;
      this.#searched = at;
      if (id === null) continue;
      if (entry.bytes !== null) wal.repairOutbox(id, entry.bytes);
      else this.#load = { request: wal.load(group, index, index, entry.lengthBytes), id };
      return;
    }
  }

  /** A load of the log has come. True where it was asked for here. */
  loaded(request: number, entries: readonly LoadedEntry[]): boolean {
    if (this.#load?.request !== request) return false;
    const { id } = this.#load;
    this.#load = null;
    const [entry] = entries;
    const record = this.#seat.node.wal.outboxRecord(id);
    // What could not be read is looked for again.
    if (entry === undefined) this.#searched = 0;
    else if (record !== null && record.crc === crc32c(entry.bytes)) {
      this.#seat.node.wal.repairOutbox(id, entry.bytes);
    }
    return true;
  }

  /** Records that are whole again, each once. */
  takeWhole(): number[] {
    const whole: number[] = [];
    for (const id of this.#ids) {
      if (this.#seat.node.wal.outboxRecord(id)?.damaged === true) continue;
      this.#ids.delete(id);
      whole.push(id);
    }
    return whole;
  }

  #find(lengthBytes: number, crcOf: () => number): number | null {
    for (const id of this.#ids) {
      const record = this.#seat.node.wal.outboxRecord(id);
      if (record === null || !record.damaged || record.lengthBytes !== lengthBytes) continue;
      if (record.crc === crcOf()) return id;
    }
    return null;
  }
}
