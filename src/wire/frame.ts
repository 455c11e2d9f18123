/**
 * One frame: `u32 length | 48-byte header | hint | u32 metadata length | metadata | payload`.
 *
 * We always set two metadata keys: `hdr_csum`, the CRC-32C of header and hint, and `pay_csum`, the CRC-32C of the
 * payload. A frame with only these two is the ordinary one: its metadata is the same 29 bytes but for the two numbers,
 * so it is written and read without building a map. Any other frame has a third key, `meta_csum`: the CRC-32C of its
 * metadata as it is encoded without that key. The flag HDR_CHECKSUM says that the checksums are there; where they are,
 * they are verified on reading.
 */
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { crc32c } from "../core/crc32c.ts";
import { FrameError } from "./frame_error.ts";
import { Flag } from "./frame_type.ts";
import { decodeHeader, encodeHeader, Header } from "./header.ts";
import {
  HARD_MAX_FRAME_BYTES,
  HEADER_BYTES,
  MAX_FRAME_BYTES,
  MAX_HINT_BYTES,
  MAX_META_BYTES,
  MIN_FRAME_BYTES,
  PREFIX_BYTES,
} from "./limits.ts";
import { decodeMetadata, EMPTY_METADATA, encodeMetadata, type Metadata } from "./metadata.ts";

export const HEADER_CHECKSUM_KEY = "hdr_csum";
export const PAYLOAD_CHECKSUM_KEY = "pay_csum";
export const METADATA_CHECKSUM_KEY = "meta_csum";

const EMPTY = new Uint8Array(0);

/** map(2), text(8) "hdr_csum", u32 …, text(8) "pay_csum", u32 … */
const ORDINARY_METADATA = Uint8Array.from([
  ...[0xa2, 0x68, 0x68, 0x64, 0x72, 0x5f, 0x63, 0x73, 0x75, 0x6d, 0x1a, 0, 0, 0, 0],
  ...[0x68, 0x70, 0x61, 0x79, 0x5f, 0x63, 0x73, 0x75, 0x6d, 0x1a, 0, 0, 0, 0],
]);
const ORDINARY_HEADER_CHECKSUM_AT = 11;
const ORDINARY_PAYLOAD_CHECKSUM_AT = 25;
const METADATA_LENGTH_AT = PREFIX_BYTES + HEADER_BYTES;
const METADATA_AT = METADATA_LENGTH_AT + PREFIX_BYTES;
const ORDINARY_PREAMBLE_BYTES = METADATA_AT + ORDINARY_METADATA.length;

/** Bytes of an ordinary frame beside its payload. */
export const ORDINARY_OVERHEAD_BYTES = ORDINARY_PREAMBLE_BYTES;

/** Writes frames one after the other into a `ByteWriter`. Keeps a scratch buffer: one per writer of frames. */
export class FrameEncoder {
  readonly #scratch = new Uint8Array(ORDINARY_PREAMBLE_BYTES);
  readonly #scratchView = new DataView(this.#scratch.buffer);
  readonly #metadata = new ByteWriter(128);
  readonly #limitBytes: number;

  /** Frames of which everything together, prefix included, exceeds `limitBytes` are refused. */
  constructor(limitBytes: number = MAX_FRAME_BYTES) {
    this.#limitBytes = Math.min(limitBytes, HARD_MAX_FRAME_BYTES);
    this.#scratch.set(ORDINARY_METADATA, METADATA_AT);
    this.#scratchView.setUint32(METADATA_LENGTH_AT, ORDINARY_METADATA.length);
  }

  /** Appends an ordinary frame with `payload[start, end)`. Sets HDR_CHECKSUM in `header.flags`. */
  encode(
    writer: ByteWriter,
    header: Header,
    payload: Uint8Array,
    start = 0,
    end: number = payload.length,
  ): void {
    const length = ORDINARY_PREAMBLE_BYTES + end - start;
    this.#checkSize(length);
    const view = this.#scratchView;
    header.flags |= Flag.HeaderChecksum;
    view.setUint32(0, length - PREFIX_BYTES);
    encodeHeader(view, PREFIX_BYTES, header, 0);
    const headerChecksum = crc32c(this.#scratch, PREFIX_BYTES, METADATA_LENGTH_AT);
    view.setUint32(METADATA_AT + ORDINARY_HEADER_CHECKSUM_AT, headerChecksum);
    view.setUint32(METADATA_AT + ORDINARY_PAYLOAD_CHECKSUM_AT, crc32c(payload, start, end));
    writer.raw(this.#scratch);
    if (start === 0 && end === payload.length) writer.raw(payload);
    else if (end > start) writer.raw(payload.subarray(start, end));
  }

  /** Appends a frame with a hint or further metadata. The checksum keys are ours: given ones are replaced. */
  encodeWith(
    writer: ByteWriter,
    header: Header,
    metadata: Metadata,
    payload: Uint8Array,
    hint: Uint8Array = EMPTY,
  ): void {
    if (hint.length > MAX_HINT_BYTES) {
      throw new RangeError(`Cannot encode hint of ${hint.length} bytes: the limit is ${MAX_HINT_BYTES}`);
    }
    header.flags |= Flag.HeaderChecksum;
    encodeHeader(this.#scratchView, PREFIX_BYTES, header, hint.length);
    const headOnly = crc32c(this.#scratch, PREFIX_BYTES, METADATA_LENGTH_AT);
    const all = new Map(metadata);
    all.set(HEADER_CHECKSUM_KEY, crc32c(hint, 0, hint.length, headOnly));
    all.set(PAYLOAD_CHECKSUM_KEY, crc32c(payload));
    all.set(METADATA_CHECKSUM_KEY, metadataChecksum(all, this.#metadata));
    this.#metadata.reset();
    encodeMetadata(this.#metadata, all);
    if (this.#metadata.length > MAX_META_BYTES) throw new FrameError("SIZE", this.#metadata.length);
    const length = METADATA_AT + hint.length + this.#metadata.length + payload.length;
    this.#checkSize(length);
    writer.u32(length - PREFIX_BYTES);
    writer.raw(this.#scratch.subarray(PREFIX_BYTES, METADATA_LENGTH_AT)).raw(hint);
    writer.blob(this.#metadata.view()).raw(payload);
  }

  #checkSize(length: number): void {
    if (length > this.#limitBytes) throw new FrameError("SIZE", length);
  }
}

/** A decoded frame: the header's fields, and where the rest lies in the bytes it was read from. Reused by its reader. */
export class Frame extends Header {
  #bytes: Uint8Array = EMPTY;
  #hintAt = 0;
  #hintEnd = 0;
  #payloadAt = 0;
  #end = 0;
  #metadata: Metadata | null = null;
  #headerChecksum = 0;
  #payloadChecksum = 0;

  get payloadBytes(): number {
    return this.#end - this.#payloadAt;
  }
  /** A view into the bytes that the frame was read from. */
  get payload(): Uint8Array {
    return this.#bytes.subarray(this.#payloadAt, this.#end);
  }
  /** A view into the bytes that the frame was read from. */
  get hint(): Uint8Array {
    return this.#bytes.subarray(this.#hintAt, this.#hintEnd);
  }
  /** All metadata, the checksums included; built on demand for an ordinary frame. */
  get metadata(): Metadata {
    this.#metadata ??= new Map([
      [HEADER_CHECKSUM_KEY, this.#headerChecksum],
      [PAYLOAD_CHECKSUM_KEY, this.#payloadChecksum],
    ]);
    return this.#metadata;
  }

  /** Reads the frame of `bytes[at, end)`, whose prefix says that it fills that range. Throws `FrameError`. */
  read(bytes: Uint8Array, view: DataView, at: number, end: number): void {
    this.#bytes = bytes;
    this.#end = end;
    const headerAt = at + PREFIX_BYTES;
    const hintBytes = decodeHeader(view, headerAt, this);
    this.#hintAt = headerAt + HEADER_BYTES;
    this.#hintEnd = this.#hintAt + hintBytes;
    const metadataAt = this.#hintEnd + PREFIX_BYTES;
    if (metadataAt > end) throw new FrameError("MALFORMED");
    const metadataBytes = view.getUint32(this.#hintEnd);
    if (metadataBytes > MAX_META_BYTES) throw new FrameError("SIZE", metadataBytes);
    this.#payloadAt = metadataAt + metadataBytes;
    if (this.#payloadAt > end) throw new FrameError("MALFORMED");
    if (isOrdinary(bytes, metadataAt, metadataBytes)) {
      this.#metadata = null;
      this.#headerChecksum = view.getUint32(metadataAt + ORDINARY_HEADER_CHECKSUM_AT);
      this.#payloadChecksum = view.getUint32(metadataAt + ORDINARY_PAYLOAD_CHECKSUM_AT);
      this.#verifyHeader(headerAt);
      this.#verifyPayload();
    } else {
      this.#readMetadata(headerAt, metadataAt);
    }
  }

  #readMetadata(headerAt: number, metadataAt: number): void {
    this.#metadata = this.#payloadAt === metadataAt
      ? EMPTY_METADATA
      : decodeMetadata(new ByteReader(this.#bytes, metadataAt, this.#payloadAt));
    const headerChecksum = this.#metadata.get(HEADER_CHECKSUM_KEY);
    const payloadChecksum = this.#metadata.get(PAYLOAD_CHECKSUM_KEY);
    // The flag promises all keys: without it a flipped byte of a length or a key could take a checksum away.
    const isPromised = (this.flags & Flag.HeaderChecksum) !== 0;
    if (headerChecksum !== undefined || isPromised) {
      if (typeof headerChecksum !== "number") throw new FrameError("HEADER_CHECKSUM");
      this.#headerChecksum = headerChecksum;
      this.#verifyHeader(headerAt);
    }
    if (isPromised && !isMetadataSound(this.#metadata, this.#payloadAt - metadataAt)) {
      throw new FrameError("META");
    }
    if (payloadChecksum !== undefined || isPromised) {
      if (typeof payloadChecksum !== "number") throw new FrameError("PAYLOAD_CHECKSUM");
      this.#payloadChecksum = payloadChecksum;
      this.#verifyPayload();
    }
  }

  #verifyHeader(headerAt: number): void {
    if (crc32c(this.#bytes, headerAt, this.#hintEnd) !== this.#headerChecksum) {
      throw new FrameError("HEADER_CHECKSUM");
    }
  }

  #verifyPayload(): void {
    if (crc32c(this.#bytes, this.#payloadAt, this.#end) !== this.#payloadChecksum) {
      throw new FrameError("PAYLOAD_CHECKSUM");
    }
  }
}

/**
 * The first build wrote no third key, and nothing but these: such metadata is taken without one. Flipped bits cannot make
 * that of what is written now: the key that they would have to take away would remain as an unknown one, or, where it is no
 * text any more and is passed over, as bytes that belong to no entry.
 */
const FIRST_KEYS: ReadonlySet<string> = new Set([
  HEADER_CHECKSUM_KEY,
  PAYLOAD_CHECKSUM_KEY,
  "content-type",
  "version",
]);

function isMetadataSound(metadata: Metadata, bytes: number): boolean {
  const stored = metadata.get(METADATA_CHECKSUM_KEY);
  if (stored !== undefined) return stored === metadataChecksum(metadata);
  for (const key of metadata.keys()) if (!FIRST_KEYS.has(key)) return false;
  const writer = new ByteWriter(128);
  encodeMetadata(writer, metadata);
  return writer.length === bytes;
}

/** Over all entries but its own. `scratch` is used for their encoding. */
function metadataChecksum(metadata: Metadata, scratch = new ByteWriter(128)): number {
  const rest = new Map(metadata);
  rest.delete(METADATA_CHECKSUM_KEY);
  scratch.reset();
  encodeMetadata(scratch, rest);
  return crc32c(scratch.view());
}

/**
 * The end of the frame that starts at `at`, or -1 where fewer bytes than its prefix says are there up to `end`. Checks
 * the length, so that nobody waits for a frame that would be refused.
 */
export function frameEnd(view: DataView, at: number, end: number, limitBytes: number): number {
  if (end - at < PREFIX_BYTES) return -1;
  const length = view.getUint32(at);
  if (length > limitBytes) throw new FrameError("SIZE", length);
  if (length < MIN_FRAME_BYTES) throw new FrameError("MALFORMED");
  const frameEndsAt = at + PREFIX_BYTES + length;
  return frameEndsAt > end ? -1 : frameEndsAt;
}

function isOrdinary(bytes: Uint8Array, at: number, length: number): boolean {
  if (length !== ORDINARY_METADATA.length) return false;
  for (let i = 0; i < ORDINARY_HEADER_CHECKSUM_AT; i++) {
    if (bytes[at + i] !== ORDINARY_METADATA[i]) return false;
  }
  for (let i = ORDINARY_HEADER_CHECKSUM_AT + 4; i < ORDINARY_PAYLOAD_CHECKSUM_AT; i++) {
    if (bytes[at + i] !== ORDINARY_METADATA[i]) return false;
  }
  return true;
}
