/**
 * What the files of a write-ahead log say, read by nobody's code but this: headers alone, from the first segment to the last. Made
 * to be plain and to share nothing with the log's own recovery, whose mistakes it would repeat.
 */

import { crc32c } from "../../src/core/crc32c.ts";
import type { DurableFile } from "../disk.ts";

export interface FiledGroup {
  readonly generation: number;
  base: number;
  term: number;
  vote: number;
  /** No entry lies above it. */
  last: number;
  /** Index to term, above the base. */
  readonly entries: Map<number, number>;
  /** Of the same entries: what they hold. */
  readonly contents: Map<number, FiledContent>;
}

export interface FiledContent {
  readonly lengthBytes: number;
  /** The record of the outbox that the entry names as its content; null where it has one of its own. */
  readonly record: FiledRecord | null;
}

/** A record of the outbox, or one that is named and comes later. */
export interface FiledRecord {
  readonly lengthBytes: number;
  isReleased: boolean;
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
  /** The same records, and others that are only named. */
  readonly records: ReadonlyMap<number, FiledRecord>;
  /** Groups that have a tombstone. */
  readonly closed: ReadonlySet<number>;
}

interface Found extends WalFiles {
  readonly groups: Map<number, FiledGroup>;
  readonly outbox: Map<number, number>;
  readonly records: Map<number, FiledRecord>;
  readonly closed: Set<number>;
}

function nothingFound(): Found {
  return { groups: new Map(), outbox: new Map(), records: new Map(), closed: new Set() };
}

/** Whatever names one content costs so much besides it, as a log counts. */
const NAMING_BYTES = 64;

/**
 * What of a log is alive: each content, by each who has it for its own. An entry from the outbox shares its content with the record
 * until that is let go; that it is named where it stands is alive as long as it is not copied.
 */
export function liveBytesOf({ groups, outbox, records }: WalFiles): number {
  let bytes = 0;
  for (const id of outbox.keys()) bytes += NAMING_BYTES + records.get(id)!.lengthBytes;
  for (const { contents } of groups.values()) {
    for (const { lengthBytes, record } of contents.values()) {
      if (record !== null) bytes += NAMING_BYTES;
      if (record === null || record.isReleased) bytes += NAMING_BYTES + lengthBytes;
    }
  }
  return bytes;
}

/** Null where a file cannot be read to its end: it is torn or damaged, and recovery has to say what that means. */
export function readWalFiles(segments: readonly Uint8Array[]): WalFiles | null {
  const found = nothingFound();
  for (const bytes of segments) if (!readSegment(bytes, FILE_HEADER_BYTES, found)) return null;
  return found;
}

/** A segment as far as it has been read. */
interface Known {
  readonly file: DurableFile;
  readonly bytes: number;
}

/**
 * The files of one log, read time and again: where nothing has changed but that something was added behind, only that is read.
 * What it returns is lent until the next time.
 */
export class WalReading {
  #known: readonly Known[] = [];
  #found = nothingFound();

  /** As `readWalFiles`; `files` oldest first. */
  read(files: readonly DurableFile[]): WalFiles | null {
    if (!this.#isContinued(files)) {
      this.#known = [];
      this.#found = nothingFound();
    }
    const before = this.#known;
    this.#known = [];
    for (const [i, { bytes }] of files.entries()) {
      const from = before[i]?.bytes ?? FILE_HEADER_BYTES;
      if (!readSegment(bytes, from, this.#found)) return null;
    }
    this.#known = files.map((file) => ({ file, bytes: Math.max(FILE_HEADER_BYTES, file.bytes.length) }));
    return this.#found;
  }

  /** True where all that was read is as it was, and only its last segment may have grown. */
  #isContinued(files: readonly DurableFile[]): boolean {
    const last = this.#known.length - 1;
    if (last < 0 || files.length <= last) return false;
    return this.#known.every(({ file, bytes }, i) => {
      const now = files[i]!;
      return now.inode === file.inode && now.rewrites === file.rewrites &&
        (i === last ? now.bytes.length >= bytes : now.bytes.length === bytes);
    });
  }
}

/** Reads batches from an offset on; false where it does not come to the end. */
function readSegment(bytes: Uint8Array, from: number, found: Found): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = from;
  while (at < bytes.length) {
    if (bytes.length - at < BATCH_HEADER_BYTES || view.getUint32(at) !== BATCH_MAGIC) return false;
    const headerBytes = view.getUint32(at + 8);
    const next = at + headerBytes + view.getUint32(at + 40);
    if (headerBytes < BATCH_HEADER_BYTES || next > bytes.length) return false;
    const crc = crc32c(
      bytes,
      at + HEADER_CRC_AT + 4,
      at + headerBytes,
      crc32c(bytes, at, at + HEADER_CRC_AT),
    );
    if (crc !== view.getUint32(at + HEADER_CRC_AT)) return false;
    const records = new Records(view, at + BATCH_HEADER_BYTES, found);
    for (let left = view.getUint32(at + 56); left > 0; left--) {
      if (!records.next()) return false;
    }
    at = next;
  }
  return true;
}

class Records {
  readonly #view: DataView;
  readonly #groups: Map<number, FiledGroup>;
  readonly #outbox: Map<number, number>;
  readonly #records: Map<number, FiledRecord>;
  readonly #closed: Set<number>;
  #at: number;

  constructor(view: DataView, at: number, { groups, outbox, records, closed }: Found) {
    this.#view = view;
    this.#at = at;
    this.#groups = groups;
    this.#outbox = outbox;
    this.#records = records;
    this.#closed = closed;
  }

  /** False where the record is none that is known. */
  next(): boolean {
    const kind = this.#u8();
    switch (kind) {
      case 1:
        this.#open(this.#u64(), this.#u64());
        return true;
      case 2: {
        const group = this.#u64();
        this.#groups.delete(group);
        this.#closed.add(group);
        this.#at += 8;
        return true;
      }
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
        const id = this.#u64();
        const lengthBytes = this.#length();
        this.#put(group, index, term, kind === 8, { lengthBytes, record: this.#recordOf(id, lengthBytes) });
        return true;
      }
      case 9:
      case 10:
        this.#keep(this.#u64());
        return true;
      case 11:
        this.#release(this.#u64());
        return true;
    }
    return false;
  }

  #keep(id: number): void {
    this.#outbox.set(id, this.#u64());
    this.#at += 8 + 1; // The group's generation, and whether the content is lost.
    this.#recordOf(id, this.#length());
  }

  /** Its copy may come after what names it. Numbers are used again once they are let go. */
  #recordOf(id: number, lengthBytes: number): FiledRecord {
    let record = this.#records.get(id);
    if (record === undefined) this.#records.set(id, record = { lengthBytes, isReleased: false });
    return record;
  }

  /** Of a content, which its checksum follows. */
  #length(): number {
    const lengthBytes = this.#u32();
    this.#at += 4;
    return lengthBytes;
  }

  #release(id: number): void {
    this.#outbox.delete(id);
    const record = this.#records.get(id);
    if (record !== undefined) record.isReleased = true;
    this.#records.delete(id);
  }

  #open(id: number, generation: number): void {
    if (this.#groups.get(id)?.generation === generation) return;
    this.#groups.set(id, {
      generation,
      base: 0,
      term: 0,
      vote: 0,
      last: 0,
      entries: new Map(),
      contents: new Map(),
    });
  }

  #base(group: FiledGroup): void {
    group.base = this.#u64();
    this.#at += 8; // Its term.
    const keepsRest = this.#u8() !== 0;
    for (const index of [...group.entries.keys()]) {
      if (!keepsRest || index <= group.base) drop(group, index);
    }
  }

  #entries(group: FiledGroup, isCopy: boolean): void {
    const term = this.#u64();
    const first = this.#u64();
    const count = this.#u32();
    for (let i = 0; i < count; i++) {
      this.#at += 1; // Its kind.
      this.#put(group, first + i, term, isCopy || i > 0, { lengthBytes: this.#length(), record: null });
    }
  }

  /** What is not a copy takes the place of all that followed. */
  #put(group: FiledGroup, index: number, term: number, isCopy: boolean, content: FiledContent): void {
    if (!isCopy && index <= group.last) {
      for (const known of [...group.entries.keys()]) if (known >= index) drop(group, known);
      group.last = index;
    }
    group.entries.set(index, term);
    group.contents.set(index, content);
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

function drop({ entries, contents }: FiledGroup, index: number): void {
  entries.delete(index);
  contents.delete(index);
}
