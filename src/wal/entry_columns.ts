/**
 * What the log knows of one group's entries, 20 bytes each: a member that is away for a night leaves millions of them to the
 * others. Rows are consecutive and counted from the first after the group's base; objects are made only when asked for.
 *
 *   5 words a row: number of the term and flags | length | CRC-32C | segment | offset
 *
 * Rows lie in pages, so that the front goes as the base moves and nothing large is ever copied.
 */
import { assert } from "../core/assert.ts";
import type { Term } from "../core/ids.ts";
import type { EntryKind } from "../raft/types.ts";
import type { Extent, Place } from "./extent.ts";

const PAGE_BITS = 10;
const PAGE_ROWS = 1 << PAGE_BITS;
/** Of a group's first page, which grows: most groups keep few entries. */
const SMALLEST_PAGE_ROWS = 8;
const ROW_WORDS = 5;
const [META, LENGTH, CRC, SEGMENT, OFFSET] = [0, 1, 2, 3, 4] as const;

const KIND_MASK = 3;
/** Not set: a gap, only while records are replayed, until a copy fills it. */
const PRESENT = 4;
const DAMAGED = 8;
const SHARED = 16;
const MARKED = 32;
const FLAG_BITS = 8;
const TERMS_LIMIT = 0x100_0000;

export class EntryColumns {
  readonly #pages: Uint32Array[] = [];
  /** Rows of the first page that are gone. */
  #head = 0;
  #length = 0;
  /** Terms by their number: those of 16 million elections without one compaction have one. */
  #terms: Term[] = [];
  #lastTerm = -1;

  get length(): number {
    return this.#length;
  }

  /** What the columns take, unused rows of their pages included. */
  get sizeBytes(): number {
    let bytes = 0;
    for (const page of this.#pages) bytes += page.byteLength;
    return bytes;
  }

  isPresent(row: number): boolean {
    return row >= 0 && row < this.#length && (this.#word(row, META) & PRESENT) !== 0;
  }
  term(row: number): Term {
    return this.#terms[this.#word(row, META) >>> FLAG_BITS]!;
  }
  kind(row: number): EntryKind {
    return (this.#word(row, META) & KIND_MASK) as EntryKind;
  }
  lengthBytes(row: number): number {
    return this.#word(row, LENGTH);
  }
  crc(row: number): number {
    return this.#word(row, CRC);
  }
  segment(row: number): number {
    return this.#word(row, SEGMENT);
  }
  offset(row: number): number {
    return this.#word(row, OFFSET);
  }
  isDamaged(row: number): boolean {
    return (this.#word(row, META) & DAMAGED) !== 0;
  }
  /** The content is an unreleased outbox record's, which knows where it lies. */
  isShared(row: number): boolean {
    return (this.#word(row, META) & SHARED) !== 0;
  }
  /** A record elsewhere names the content as this entry's: see `GroupLog.marks`. */
  isMarked(row: number): boolean {
    return (this.#word(row, META) & MARKED) !== 0;
  }

  extent(row: number): Extent {
    const page = this.#pages[this.#head + row >>> PAGE_BITS]!;
    const at = (this.#head + row & PAGE_ROWS - 1) * ROW_WORDS;
    return {
      segment: page[at + SEGMENT]!,
      offset: page[at + OFFSET]!,
      lengthBytes: page[at + LENGTH]!,
      crc: page[at + CRC]!,
      damaged: (page[at + META]! & DAMAGED) !== 0,
    };
  }

  liesAt(row: number, place: Place): boolean {
    return this.segment(row) === place.segment && this.offset(row) === place.offset;
  }

  /** Writes a row that is new or was cleared; what lies between the last one and it are gaps. */
  put(row: number, term: Term, kind: EntryKind, extent: Extent, isShared: boolean, isMarked: boolean): void {
    assert(row >= 0, "an entry lies after the base");
    while (this.#length <= row) this.#append();
    assert(!this.isPresent(row), "an entry is put where none is");
    const flags = kind | PRESENT | (isShared ? SHARED : 0) | (isMarked ? MARKED : 0);
    const page = this.#pages[this.#head + row >>> PAGE_BITS]!;
    const at = (this.#head + row & PAGE_ROWS - 1) * ROW_WORDS;
    page[at + META] = this.#numberOf(term) << FLAG_BITS | flags | (extent.damaged ? DAMAGED : 0);
    page[at + LENGTH] = extent.lengthBytes;
    page[at + CRC] = extent.crc;
    page[at + SEGMENT] = extent.segment;
    page[at + OFFSET] = extent.offset;
  }

  clear(row: number): void {
    this.#set(row, META, 0);
  }

  /** The content is the entry's own from now on and lies there. */
  place(row: number, place: Place, isDamaged: boolean): void {
    const flags = this.#word(row, META) & ~(SHARED | DAMAGED);
    this.#set(row, META, flags | (isDamaged ? DAMAGED : 0));
    this.#set(row, SEGMENT, place.segment);
    this.#set(row, OFFSET, place.offset);
  }

  damage(row: number): void {
    this.#set(row, META, this.#word(row, META) | DAMAGED);
  }

  unmark(row: number): void {
    this.#set(row, META, this.#word(row, META) & ~MARKED);
  }

  /** Keeps the first `length` rows. */
  truncate(length: number): void {
    if (length >= this.#length) return;
    this.#length = length;
    if (length === 0) return this.#reset();
    this.#pages.length = (this.#head + length - 1 >>> PAGE_BITS) + 1;
  }

  /** The row after them is row 0 from now on. */
  dropFirst(count: number): void {
    assert(count <= this.#length, "only rows that there are go");
    this.#length -= count;
    if (this.#length === 0) return this.#reset();
    this.#head += count;
    const pages = this.#head >>> PAGE_BITS;
    if (pages === 0) return;
    this.#pages.splice(0, pages);
    this.#head &= PAGE_ROWS - 1;
  }

  #reset(): void {
    this.#head = 0;
    this.#pages.length = 0;
    this.#terms = [];
    this.#lastTerm = -1;
  }

  #append(): void {
    const at = this.#head + this.#length;
    const pageAt = at >>> PAGE_BITS;
    const page = this.#pages[pageAt];
    if (page === undefined) {
      const rows = pageAt === 0 ? SMALLEST_PAGE_ROWS : PAGE_ROWS;
      this.#pages.push(new Uint32Array(rows * ROW_WORDS));
    } else if ((at & PAGE_ROWS - 1) * ROW_WORDS >= page.length) {
      const larger = new Uint32Array(2 * page.length);
      larger.set(page);
      this.#pages[pageAt] = larger;
    }
    this.#length++;
    this.clear(this.#length - 1);
  }

  #numberOf(term: Term): number {
    if (this.#terms[this.#lastTerm] === term) return this.#lastTerm;
    this.#lastTerm = this.#terms.lastIndexOf(term);
    if (this.#lastTerm < 0) this.#lastTerm = this.#terms.push(term) - 1;
    assert(this.#lastTerm < TERMS_LIMIT, "the terms of one log can be numbered");
    return this.#lastTerm;
  }

  #word(row: number, word: number): number {
    const at = this.#head + row;
    return this.#pages[at >>> PAGE_BITS]![(at & PAGE_ROWS - 1) * ROW_WORDS + word]!;
  }

  #set(row: number, word: number, value: number): void {
    const at = this.#head + row;
    this.#pages[at >>> PAGE_BITS]![(at & PAGE_ROWS - 1) * ROW_WORDS + word] = value;
  }
}
