/**
 * Extents: contents in the log, each named by its one place in one segment or, until a synced batch holds it, by a number.
 * They are values: two that name the same place are the same content. And the memory in which contents are kept: until they
 * are synced, and after that as many of the newest as one bound in bytes allows.
 */
import { assert } from "../core/assert.ts";
import { crc32c } from "../core/crc32c.ts";
import type { GroupLog } from "./table.ts";

/** At least what the records that name one content take in a header. */
export const EXTENT_OVERHEAD_BYTES = 64;
/** Segments and offsets are kept in words of 32 bits. */
const WORD_LIMIT = 0x1_0000_0000;

export interface Place {
  /** 0 while no synced batch holds it. */
  readonly segment: number;
  /** Of the content in its segment's file; its number while no synced batch holds it. */
  readonly offset: number;
}

export interface Extent extends Place {
  readonly lengthBytes: number;
  readonly crc: number;
  /** The disk no longer has the content. */
  readonly damaged: boolean;
}

/** Where no content is: what a record names whose copy comes later in the log. */
export const NOWHERE: Place = { segment: 0, offset: 0 };

export function isSamePlace(a: Place, b: Place): boolean {
  return a.segment === b.segment && a.offset === b.offset;
}

/** What a content makes its segment worth keeping. */
export function weightOf(lengthBytes: number): number {
  return lengthBytes + EXTENT_OVERHEAD_BYTES;
}

const NOBODY: readonly never[] = [];

/** A content, or a mark without any, that a batch carries which is not synced. */
export class NewContent implements Extent {
  readonly lengthBytes: number;
  readonly crc: number;
  /** Never changed, so they may be lent. Null where there are none: of a mark, or of a copy of what is damaged. */
  readonly bytes: Uint8Array | null;
  readonly damaged: boolean;
  /** The entry that has it, as far as it still does when it is synced: index 0 for none. */
  log: GroupLog | null = null;
  index = 0;
  /** Others, which shared it with an outbox record that was released before it was synced. */
  sharers: readonly { readonly log: GroupLog; readonly index: number }[] = NOBODY;
  /** The outbox record whose content it is, -1 for none. */
  outboxId = -1;
  segment = 0;
  offset: number;

  constructor(number: number, lengthBytes: number, crc: number, bytes: Uint8Array | null) {
    this.offset = number;
    this.lengthBytes = lengthBytes;
    this.crc = crc;
    this.bytes = bytes;
    this.damaged = bytes === null && lengthBytes > 0;
  }

  /** Its batch is synced, and it lies there. */
  settle(segment: number, offset: number): void {
    assert(this.segment === 0, "a content is synced once");
    this.segment = segment;
    this.offset = offset;
  }
}

/** Not 0, which is nowhere. */
const FIRST_NUMBER = 1;
/** Of contents of no length, wherever they lie. */
const NO_BYTES = new Uint8Array(0);

/**
 * First in, first out, of the segment first to which nothing was added for longest: the newest contents are those that
 * followers, state machines and subscribers want next.
 */
export class Contents {
  readonly #limitBytes: number;
  /** Of the batch in flight and of the one that is being gathered, in the order of their numbers. */
  #unsynced: NewContent[] = [];
  /** By segment, the one last added to at the end, then by offset: small numbers are much cheaper keys than one made of both. */
  readonly #cached = new Map<number, Map<number, Uint8Array>>();
  #newestSegment = 0;
  #cachedBytes = 0;
  #firstNumber = FIRST_NUMBER;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get cachedBytes(): number {
    return this.#cachedBytes;
  }

  /** A content that the batch being gathered will carry. `bytes` must never change again. */
  add(bytes: Uint8Array): NewContent {
    return this.#numbered(bytes.length, crc32c(bytes), bytes);
  }

  /** A copy of something in another place. */
  copy(from: Extent, bytes: Uint8Array | null): NewContent {
    return this.#numbered(from.lengthBytes, from.crc, bytes);
  }

  /** Something without content that lies where its batch does. */
  mark(): NewContent {
    return this.#numbered(0, 0, null);
  }

  unsynced(number: number): NewContent | undefined {
    const first = this.#unsynced[0];
    // Numbers start anew after the last that fits.
    return first === undefined ? undefined : this.#unsynced[(number - this.#firstNumber) >>> 0];
  }

  /** Null where it is not in memory. Shared, never changed by anybody. */
  bytesOf(extent: Extent): Uint8Array | null {
    if (extent.lengthBytes === 0) return NO_BYTES;
    if (extent.damaged) return null; // What was lost before it was copied takes no room: another may lie in its place.
    if (extent.segment === 0) return this.unsynced(extent.offset)?.bytes ?? null;
    return this.#cached.get(extent.segment)?.get(extent.offset) ?? null;
  }

  /** The batch is settled that carries the oldest `count` contents and marks. */
  synced(count: number): void {
    assert(count <= this.#unsynced.length, "what a batch carries was not synced");
    if (count === this.#unsynced.length) this.#unsynced = [];
    else this.#unsynced.splice(0, count);
    this.#firstNumber = (this.#firstNumber + count) >>> 0;
  }

  /** Takes a synced content in, unless it alone is over the limit. */
  keep(place: Place, bytes: Uint8Array): void {
    assert(place.segment > 0, "only synced content is cached");
    const weightBytes = weightOf(bytes.length);
    if (bytes.length === 0 || weightBytes > this.#limitBytes) return;
    const ofSegment = this.#cached.get(place.segment) ?? new Map<number, Uint8Array>();
    if (ofSegment.has(place.offset)) return;
    if (place.segment !== this.#newestSegment || ofSegment.size === 0) {
      this.#cached.delete(place.segment);
      this.#cached.set(place.segment, ofSegment);
      this.#newestSegment = place.segment;
    }
    ofSegment.set(place.offset, bytes);
    this.#cachedBytes += weightBytes;
    if (this.#cachedBytes > this.#limitBytes) this.#evict();
  }

  forget(segment: number, offset: number): void {
    const ofSegment = this.#cached.get(segment);
    const bytes = ofSegment?.get(offset);
    if (ofSegment === undefined || bytes === undefined) return;
    ofSegment.delete(offset);
    if (ofSegment.size === 0) this.#cached.delete(segment);
    this.#cachedBytes -= weightOf(bytes.length);
    assert(this.#cachedBytes >= 0, "the cache never holds less than nothing");
  }

  #evict(): void {
    for (const [segment, ofSegment] of this.#cached) {
      for (const offset of ofSegment.keys()) {
        this.forget(segment, offset);
        if (this.#cachedBytes <= this.#limitBytes) return;
      }
    }
  }

  #numbered(lengthBytes: number, crc: number, bytes: Uint8Array | null): NewContent {
    const number = (this.#firstNumber + this.#unsynced.length) >>> 0;
    const content = new NewContent(number, lengthBytes, crc, bytes);
    this.#unsynced.push(content);
    return content;
  }
}

export function keyOf({ segment, offset }: Place): number {
  return segment * WORD_LIMIT + offset;
}
