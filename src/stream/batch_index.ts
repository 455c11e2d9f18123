/**
 * Where the messages of a stream lie in its group's log: one row per retained batch, in typed columns, searched by
 * offset. Local to a member: it depends on how far that member has compacted its log, not on the state.
 */
import { assert } from "../core/assert.ts";
import type { ByteReader, ByteWriter } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import type { Index, Offset } from "../core/ids.ts";

export interface BatchPosition {
  readonly index: Index;
  readonly baseOffset: Offset;
}

export class BatchIndex {
  #indexes = new Float64Array(64);
  #offsets = new Float64Array(64);
  /** Bytes of all batches ever indexed, up to and with the row. */
  #totals = new Float64Array(64);
  /** Rows [head, tail) are live. */
  #head = 0;
  #tail = 0;
  /** `#totals` of the row before the head. */
  #forgottenBytes = 0;
  #totalBytes = 0;

  get size(): number {
    return this.#tail - this.#head;
  }

  /** Bytes of all batches in the index. */
  get retainedBytes(): number {
    return this.#totalBytes - this.#forgottenBytes;
  }

  /** Bytes of the batches at and after the one that holds `offset`. */
  bytesFrom(offset: Offset): number {
    const row = this.#rowOf(offset);
    return this.#totalBytes - (row <= this.#head ? this.#forgottenBytes : this.#totals[row - 1]!);
  }

  /** The first offset that can still be read, or `next` where nothing is retained. */
  firstOffset(next: Offset): Offset {
    return this.size === 0 ? next : this.#offsets[this.#head]! as Offset;
  }

  push(index: Index, baseOffset: Offset, sizeBytes: number): void {
    if (this.size > 0) {
      assert(index > this.#indexes[this.#tail - 1]!, "batches are indexed in log order");
      assert(baseOffset > this.#offsets[this.#tail - 1]!, "offsets rise");
    }
    if (this.#tail === this.#indexes.length) this.#makeRoom();
    this.#indexes[this.#tail] = index;
    this.#offsets[this.#tail] = baseOffset;
    this.#totalBytes += sizeBytes;
    this.#totals[this.#tail] = this.#totalBytes;
    this.#tail++;
  }

  /** The batch that holds `offset`, or null where it is not retained. The caller knows that it is below the end. */
  find(offset: Offset): BatchPosition | null {
    const row = this.#rowOf(offset);
    if (row < this.#head) return null;
    return { index: this.#indexes[row]! as Index, baseOffset: this.#offsets[row]! as Offset };
  }

  /** Forgets batches at and before log index `through`. */
  compact(through: Index): void {
    while (this.#head < this.#tail && this.#indexes[this.#head]! <= through) {
      this.#forgottenBytes = this.#totals[this.#head]!;
      this.#head++;
    }
  }

  write(writer: ByteWriter): void {
    writer.u32(this.size);
    for (let row = this.#head; row < this.#tail; row++) {
      const before = row === this.#head ? this.#forgottenBytes : this.#totals[row - 1]!;
      writer.u64(this.#indexes[row]!).u64(this.#offsets[row]!).u32(this.#totals[row]! - before);
    }
  }

  /**
   * Reads what `write` wrote, leaving out batches at and before `base`, which the log no longer holds. Throws
   * `DecodeError`.
   */
  static read(reader: ByteReader, base: Index): BatchIndex {
    const index = new BatchIndex();
    let lastIndex = -1;
    let lastOffset = -1;
    for (let left = reader.u32(); left > 0; left--) {
      const at = reader.u64() as Index;
      const offset = reader.u64() as Offset;
      const size = reader.u32();
      if (at <= lastIndex || offset <= lastOffset) {
        throw new DecodeError("Batches are not in the log's order");
      }
      lastIndex = at;
      lastOffset = offset;
      if (at > base) index.push(at, offset, size);
    }
    return index;
  }

  #makeRoom(): void {
    const live = this.size;
    const capacity = live * 2 > this.#indexes.length ? this.#indexes.length * 2 : this.#indexes.length;
    const move = (column: Float64Array) => {
      const next = new Float64Array(capacity);
      next.set(column.subarray(this.#head, this.#tail));
      return next;
    };
    this.#indexes = move(this.#indexes);
    this.#offsets = move(this.#offsets);
    this.#totals = move(this.#totals);
    this.#head = 0;
    this.#tail = live;
  }

  /** The last row that begins at or before `offset`; one before the head where there is none. */
  #rowOf(offset: Offset): number {
    let low = this.#head;
    let high = this.#tail;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#offsets[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
