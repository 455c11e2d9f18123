/**
 * What the files of a write-ahead log say, read by nobody's code but this: headers alone, from the first segment to the last. Made
 * to be plain and to share nothing with the log's own recovery, whose mistakes it would repeat.
 */

import { crc32c } from "../../src/core/crc32c.ts";

export interface FiledGroup {
  readonly generation: number;
  base: number;
  term: number;
  vote: number;
  /** No entry lies above it. */
  last: number;
  /** Index to term, above the base. */
  readonly entries: Map<number, number>;
}

const FILE_HEADER_BYTES = 20;
const BATCH_HEADER_BYTES = 60;
const BATCH_MAGIC = 0x57414c42;
const HEADER_CRC_AT = 12;

export interface WalFiles {
  /** By id. */
  readonly groups: ReadonlyMap<number, FiledGroup>;
  /** The group of each record of the outbox that is not let go. */
  readonly outbox: ReadonlyMap<number, number>;
}

/** Null where a file cannot be read to its end: it is torn or damaged, and recovery has to say what that means. */
export function readWalFiles(segments: readonly Uint8Array[]): WalFiles | null {
  const groups = new Map<number, FiledGroup>();
  const outbox = new Map<number, number>();
  for (const bytes of segments) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = FILE_HEADER_BYTES;
    while (at < bytes.length) {
      if (bytes.length - at < BATCH_HEADER_BYTES || view.getUint32(at) !== BATCH_MAGIC) return null;
      const headerBytes = view.getUint32(at + 8);
      const next = at + headerBytes + view.getUint32(at + 40);
      if (headerBytes < BATCH_HEADER_BYTES || next > bytes.length) return null;
      const crc = crc32c(
        bytes,
        at + HEADER_CRC_AT + 4,
        at + headerBytes,
        crc32c(bytes, at, at + HEADER_CRC_AT),
      );
      if (crc !== view.getUint32(at + HEADER_CRC_AT)) return null;
      const records = new Records(view, at + BATCH_HEADER_BYTES, groups, outbox);
      for (let left = view.getUint32(at + 56); left > 0; left--) {
        if (!records.next()) return null;
      }
      at = next;
    }
  }
  return { groups, outbox };
}

class Records {
  readonly #view: DataView;
  readonly #groups: Map<number, FiledGroup>;
  readonly #outbox: Map<number, number>;
  #at: number;

  constructor(view: DataView, at: number, groups: Map<number, FiledGroup>, outbox: Map<number, number>) {
    this.#view = view;
    this.#at = at;
    this.#groups = groups;
    this.#outbox = outbox;
  }

  /** False where the record is none that is known. */
  next(): boolean {
    const kind = this.#u8();
    switch (kind) {
      case 1:
        this.#open(this.#u64(), this.#u64());
        return true;
      case 2:
        this.#groups.delete(this.#u64());
        this.#at += 8;
        return true;
      case 3:
        this.#base(this.#group());
        return true;
      case 4: {
        const group = this.#group();
        group.term = this.#u64();
        group.vote = this.#u64();
        this.#at += 8;
        return true;
      }
      case 5:
      case 6:
        this.#entries(this.#group(), kind === 6);
        return true;
      case 7:
      case 8: {
        const group = this.#group();
        const term = this.#u64();
        const index = this.#u64();
        this.#at += 16;
        this.#put(group, index, term, kind === 8);
        return true;
      }
      case 9:
      case 10:
        this.#outbox.set(this.#u64(), this.#u64());
        this.#at += 8 + 1 + 8;
        return true;
      case 11:
        this.#outbox.delete(this.#u64());
        return true;
    }
    return false;
  }

  #open(id: number, generation: number): void {
    if (this.#groups.get(id)?.generation === generation) return;
    this.#groups.set(id, { generation, base: 0, term: 0, vote: 0, last: 0, entries: new Map() });
  }

  #base(group: FiledGroup): void {
    group.base = this.#u64();
    this.#at += 8; // Its term.
    const keepsRest = this.#u8() !== 0;
    for (const index of [...group.entries.keys()]) {
      if (!keepsRest || index <= group.base) group.entries.delete(index);
    }
  }

  #entries(group: FiledGroup, isCopy: boolean): void {
    const term = this.#u64();
    const first = this.#u64();
    const count = this.#u32();
    for (let i = 0; i < count; i++) this.#put(group, first + i, term, isCopy || i > 0);
    this.#at += 9 * count;
  }

  /** What is not a copy takes the place of all that followed. */
  #put(group: FiledGroup, index: number, term: number, isCopy: boolean): void {
    if (!isCopy && index <= group.last) {
      for (const known of [...group.entries.keys()]) if (known >= index) group.entries.delete(known);
      group.last = index;
    }
    group.entries.set(index, term);
    if (index > group.last) group.last = index;
  }

  #group(): FiledGroup {
    const id = this.#u64();
    const generation = this.#u64();
    this.#open(id, generation);
    return this.#groups.get(id)!;
  }
  #u8(): number {
    return this.#view.getUint8(this.#at++);
  }
  #u32(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4);
  }
  #u64(): number {
    this.#at += 8;
    return this.#view.getUint32(this.#at - 8) * 0x1_0000_0000 + this.#view.getUint32(this.#at - 4);
  }
}
