/**
 * The segment table: which files the log consists of, and how much in each is still wanted. Segments are removed from
 * the oldest on, never from the middle: so what is left is always the end of the true history, and a truncation can
 * never be forgotten while an entry that it removed is still in a file.
 */
import { assert } from "../core/assert.ts";
import { segmentName } from "./format.ts";
import { weightOf } from "./extent.ts";

/** Entries keep it in 32 bits: 256 PiB of segments of 64 MiB. */
const SEGMENT_ID_LIMIT = 0x1_0000_0000;

export interface Segment {
  readonly id: number;
  readonly path: string;
  sizeBytes: number;
  /** Without the file header and the repeated state: what counts against the size of a segment. */
  bodyBytes: number;
  liveBytes: number;
  liveExtents: number;
  /** The LSN of the batch by which the last of its extents died: it must be durable before the file goes. */
  diedLsn: number;
}

export class Segments {
  readonly #folder: string;
  /** Oldest first, ids consecutive; the last is the one written to. */
  readonly #list: Segment[] = [];
  #sizeBytes = 0;
  #bodyBytes = 0;
  #liveBytes = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get count(): number {
    return this.#list.length;
  }
  get sizeBytes(): number {
    return this.#sizeBytes;
  }
  get bodyBytes(): number {
    return this.#bodyBytes;
  }
  get liveBytes(): number {
    return this.#liveBytes;
  }
  get oldest(): Segment | undefined {
    return this.#list[0];
  }
  get current(): Segment | undefined {
    return this.#list[this.#list.length - 1];
  }
  /** By age, the oldest is 0. */
  at(position: number): Segment | undefined {
    return this.#list[position];
  }
  path(id: number): string {
    return `${this.#folder}/${segmentName(id)}`;
  }

  add(id: number): Segment {
    const last = this.current;
    assert(last === undefined || last.id + 1 === id, "segments are numbered consecutively");
    assert(id < SEGMENT_ID_LIMIT, "a segment's number fits the column that it is kept in");
    const segment: Segment = {
      id,
      path: this.path(id),
      sizeBytes: 0,
      bodyBytes: 0,
      liveBytes: 0,
      liveExtents: 0,
      diedLsn: 0,
    };
    this.#list.push(segment);
    return segment;
  }

  /** A batch was written at the end of the current segment. */
  grow(segment: Segment, sizeBytes: number, bodyBytes: number): void {
    assert(segment === this.current, "only the current segment grows");
    assert(bodyBytes <= sizeBytes, "a body is part of its file");
    segment.sizeBytes += sizeBytes;
    segment.bodyBytes += bodyBytes;
    this.#sizeBytes += sizeBytes;
    this.#bodyBytes += bodyBytes;
  }

  /** Forgets the current segment, of which no batch exists. */
  dropUnborn(): void {
    const segment = this.#list.pop();
    assert(segment !== undefined && segment.sizeBytes === 0, "an unborn segment is empty");
  }

  removeOldest(): void {
    const segment = this.#list.shift();
    assert(segment !== undefined, "there is a segment to remove");
    assert(segment.liveExtents === 0, "a removed segment holds nothing live");
    this.#sizeBytes -= segment.sizeBytes;
    this.#bodyBytes -= segment.bodyBytes;
  }

  /** Something alive lies there that did not before. */
  hold(id: number, lengthBytes: number): void {
    const segment = this.#get(id);
    segment.liveBytes += weightOf(lengthBytes);
    segment.liveExtents++;
    this.#liveBytes += weightOf(lengthBytes);
  }

  /** It died by the batch `lsn`, or moved by it. */
  release(id: number, lengthBytes: number, lsn: number): void {
    const segment = this.#get(id);
    segment.liveBytes -= weightOf(lengthBytes);
    segment.liveExtents--;
    segment.diedLsn = Math.max(segment.diedLsn, lsn);
    this.#liveBytes -= weightOf(lengthBytes);
    assert(segment.liveExtents >= 0, "a segment never holds less than nothing");
  }

  #get(id: number): Segment {
    const first = this.#list[0];
    assert(first !== undefined, "an extent lies in a segment that exists");
    const segment = this.#list[id - first.id];
    assert(segment !== undefined && segment.id === id, "segments are found by their number");
    return segment;
  }
}
