/**
 * The batch that is being gathered, and its bytes. It keeps what it was made of until it is synced, because the
 * disk takes a buffer for good and a full disk asks for the same batch again.
 */
import { assert } from "../core/assert.ts";
import { ByteWriter } from "../core/bytes.ts";
import { crc32c } from "../core/crc32c.ts";
import type { GroupId, Lsn, Term } from "../core/ids.ts";
import type { Extent, NewContent } from "./extent.ts";
import { BATCH_HEADER_BYTES, FILE_HEADER_BYTES, writeBatchHeader, writeFileHeader } from "./format.ts";

/** One content of the payload. */
interface Piece {
  readonly content: NewContent;
  readonly bytes: Uint8Array;
  /** In the segment's file, known once encoded. */
  offset: number;
}

/** A copy under way: once synced, `to` takes the place of `from`. */
export type Relocation =
  & {
    readonly from: Extent;
    readonly to: NewContent;
    /** Brings back what was damaged, wherever that lies by then. */
    readonly isRepair: boolean;
  }
  & (
    /** An outbox record: the entries that share it follow. */
    | { readonly kind: "outbox"; readonly id: number }
    | {
      readonly kind: "content" | "mark";
      readonly group: GroupId;
      readonly generation: number;
      readonly index: number;
      readonly term: Term;
    }
  );

export interface EncodedBatch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly headerCrc: number;
  /** Of the repeated state and the file header, which do not count against a segment's size. */
  readonly headBytes: number;
}

export class Batch {
  readonly lsn: Lsn;
  /** True where it is the first of a new segment. */
  readonly opensSegment: boolean;
  readonly records = new ByteWriter(512);
  readonly relocations: Relocation[] = [];
  readonly #pieces: Piece[] = [];
  /** What has no bytes: it lies where the batch lies. */
  readonly #marks: NewContent[] = [];
  #recordCount = 0;
  #headRecords = 0;
  #releases = 0;
  #headRecordBytes = 0;
  #payloadBytes = 0;

  constructor(lsn: Lsn, opensSegment: boolean) {
    this.lsn = lsn;
    this.opensSegment = opensSegment;
  }

  /** True where nothing but repeated state was gathered. */
  get empty(): boolean {
    return this.#recordCount === this.#headRecords;
  }
  /** True where nothing was gathered that anybody waits for: only repeated state and releases. */
  get canWait(): boolean {
    return this.#recordCount === this.#headRecords + this.#releases;
  }
  get sizeBytes(): number {
    return this.records.length + this.#payloadBytes;
  }

  /** One more record was written to `records`. */
  counted(): void {
    this.#recordCount++;
  }

  /** The record counted last lets an outbox record go: done again after a crash where it is lost. */
  release(): void {
    this.#releases++;
  }

  /** Everything written so far is the repeated state of a segment's head. */
  endHead(): void {
    assert(this.opensSegment, "state is repeated at the head of a segment");
    this.#headRecords = this.#recordCount;
    this.#headRecordBytes = this.records.length;
  }

  /** The content's bytes become part of the payload. */
  add(content: NewContent): void {
    const { bytes } = content;
    if (bytes === null) {
      this.#marks.push(content);
      return;
    }
    assert(bytes.length === content.lengthBytes, "content has its extent's length");
    this.#pieces.push({ content, bytes, offset: 0 });
    this.#payloadBytes += bytes.length;
  }

  /** The bytes to append at `offset` of the segment's file: always the same for the same arguments. */
  encode(segment: number, offset: number, previousCrc: number): EncodedBatch {
    assert(this.opensSegment === (offset === 0), "a batch opens a segment at the file's start");
    const payloadCrc = this.#payloadCrc();
    const fileHeaderBytes = this.opensSegment ? FILE_HEADER_BYTES : 0;
    const headBytes = fileHeaderBytes + BATCH_HEADER_BYTES + this.records.length;
    const out = new ByteWriter(headBytes + this.#payloadBytes);
    if (this.opensSegment) writeFileHeader(out, segment);
    const headerCrc = writeBatchHeader(out, {
      segment,
      lsn: this.lsn,
      offset: offset + fileHeaderBytes,
      payloadBytes: this.#payloadBytes,
      payloadCrc,
      previousCrc,
      headRecords: this.#headRecords,
      records: this.#recordCount,
    }, this.records.view());
    for (const piece of this.#pieces) {
      piece.offset = offset + out.length;
      out.raw(piece.bytes);
    }
    assert(out.length === headBytes + this.#payloadBytes, "the pieces fill the payload");
    // The writer is as large as the batch and nobody writes to it again.
    return { bytes: out.view(), headerCrc, headBytes: fileHeaderBytes + this.#headRecordBytes };
  }

  /** Calls nobody: lists where each content lies, once encoded. */
  get pieces(): readonly Piece[] {
    return this.#pieces;
  }
  get marks(): readonly NewContent[] {
    return this.#marks;
  }

  #payloadCrc(): number {
    let crc = 0;
    for (const piece of this.#pieces) crc = crc32c(piece.bytes, 0, piece.bytes.length, crc);
    return crc;
  }
}

/** The file offset at which the first batch of a segment starts. */
export const FIRST_BATCH_AT = FILE_HEADER_BYTES;
