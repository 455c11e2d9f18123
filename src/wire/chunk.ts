/**
 * Messages larger than one frame travel as chunks: frames with the flag CHUNKED, the last one with CHUNK_END too, under one
 * message id. Their metadata says where a chunk belongs:
 *
 * - `no`    u32, position from 0
 * - `total` u32, number of chunks
 * - `size`  u32, bytes of the whole message
 *
 * All chunks but the last carry the same number of bytes, so a chunk's place is known when it arrives, in any order.
 */
import type { ByteWriter } from "../core/bytes.ts";
import { FrameError } from "./frame_error.ts";
import type { Frame, FrameEncoder } from "./frame.ts";
import { Flag } from "./frame_type.ts";
import type { Header } from "./header.ts";
import { CHUNK_PAYLOAD_BYTES, MAX_CHUNKS } from "./limits.ts";

const POSITION_KEY = "no";
const TOTAL_KEY = "total";
const SIZE_KEY = "size";
const CHUNK_FLAGS = Flag.Chunked | Flag.ChunkEnd;

/** How many chunks `sizeBytes` take. */
export function chunkCount(sizeBytes: number, chunkBytes: number = CHUNK_PAYLOAD_BYTES): number {
  return Math.ceil(sizeBytes / chunkBytes);
}

/** Appends chunk `position` of `payload` as one frame. The chunk flags of `header` are set, and cleared again. */
export function encodeChunk(
  encoder: FrameEncoder,
  writer: ByteWriter,
  header: Header,
  payload: Uint8Array,
  position: number,
  chunkBytes: number = CHUNK_PAYLOAD_BYTES,
): void {
  const total = chunkCount(payload.length, chunkBytes);
  if (total > MAX_CHUNKS || position >= total) {
    throw new RangeError(`Cannot encode chunk ${position} of ${total}: the limit is ${MAX_CHUNKS}`);
  }
  const start = position * chunkBytes;
  const part = payload.subarray(start, Math.min(start + chunkBytes, payload.length));
  const metadata = new Map([[POSITION_KEY, position], [TOTAL_KEY, total], [SIZE_KEY, payload.length]]);
  header.flags |= position === total - 1 ? CHUNK_FLAGS : Flag.Chunked;
  encoder.encodeWith(writer, header, metadata, part);
  header.flags &= ~CHUNK_FLAGS;
}

export interface ReassemblyLimits {
  /** Of one message. */
  readonly messageBytes: number;
  /** Of all unfinished messages of one source together. */
  readonly sourceBytes: number;
  /** Of all unfinished messages. */
  readonly totalBytes: number;
  /** Unfinished messages of one source. */
  readonly sourceMessages: number;
  /** Since a message's last chunk, after which the rest is given up. */
  readonly timeoutMs: number;
}

interface Partial {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** One byte per chunk, 1 where it has arrived. */
  readonly arrived: Uint8Array;
  readonly chunkBytes: number;
  missing: number;
  lastAtMs: number;
}

interface Source {
  readonly partials: Map<number, Partial>;
  bytes: number;
}

/** Puts chunks together, per source and message id, bounded in bytes and in time. */
export class Reassembler {
  readonly #limits: ReassemblyLimits;
  readonly #sources = new Map<number, Source>();
  #bytes = 0;

  constructor(limits: ReassemblyLimits) {
    this.#limits = limits;
  }

  /** Bytes held for unfinished messages, as declared by their first chunk. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  /** Takes a chunk in; the whole message when it was the last one missing, else null. Repeated chunks change nothing. */
  add(sourceId: number, frame: Frame, now: number): Uint8Array<ArrayBuffer> | null {
    const position = metadataNumber(frame, POSITION_KEY);
    const total = metadataNumber(frame, TOTAL_KEY);
    const size = metadataNumber(frame, SIZE_KEY);
    const last = (frame.flags & Flag.ChunkEnd) !== 0;
    const chunkBytes = ordinaryChunkBytes(position, total, size, frame.payloadBytes, last);
    const source = this.#sources.get(sourceId) ?? { partials: new Map<number, Partial>(), bytes: 0 };
    let partial = source.partials.get(frame.messageId);
    if (partial === undefined) {
      partial = this.#begin(source, total, size, chunkBytes, now);
      source.partials.set(frame.messageId, partial);
      this.#sources.set(sourceId, source);
    } else if (
      partial.bytes.length !== size || partial.arrived.length !== total || partial.chunkBytes !== chunkBytes
    ) {
      throw new FrameError("MALFORMED");
    }
    partial.lastAtMs = now;
    if (partial.arrived[position] === 1) return null;
    partial.arrived[position] = 1;
    partial.missing--;
    partial.bytes.set(frame.payload, position * chunkBytes);
    if (partial.missing > 0) return null;
    this.#remove(sourceId, source, frame.messageId, partial);
    return partial.bytes;
  }

  /** Forgets what a source has not finished. */
  forget(sourceId: number): void {
    const source = this.#sources.get(sourceId);
    if (source === undefined) return;
    this.#bytes -= source.bytes;
    this.#sources.delete(sourceId);
  }

  /** Gives up messages whose next chunk did not come in time; returns how many. */
  expire(now: number): number {
    let expired = 0;
    for (const [sourceId, source] of this.#sources) {
      for (const [messageId, partial] of source.partials) {
        if (now - partial.lastAtMs < this.#limits.timeoutMs) continue;
        this.#remove(sourceId, source, messageId, partial);
        expired++;
      }
    }
    return expired;
  }

  /** When `expire` next has something to do, Infinity where nothing is unfinished. */
  deadline(): number {
    let earliest = Infinity;
    for (const source of this.#sources.values()) {
      for (const partial of source.partials.values()) {
        earliest = Math.min(earliest, partial.lastAtMs + this.#limits.timeoutMs);
      }
    }
    return earliest;
  }

  #begin(source: Source, total: number, size: number, chunkBytes: number, now: number): Partial {
    const limits = this.#limits;
    if (
      size > limits.messageBytes || source.bytes + size > limits.sourceBytes ||
      this.#bytes + size > limits.totalBytes || source.partials.size >= limits.sourceMessages
    ) throw new FrameError("SIZE", size);
    source.bytes += size;
    this.#bytes += size;
    const bytes = new Uint8Array(size);
    return { bytes, arrived: new Uint8Array(total), chunkBytes, missing: total, lastAtMs: now };
  }

  #remove(sourceId: number, source: Source, messageId: number, partial: Partial): void {
    source.partials.delete(messageId);
    source.bytes -= partial.bytes.length;
    this.#bytes -= partial.bytes.length;
    if (source.partials.size === 0) this.#sources.delete(sourceId);
  }
}

/** The length of all chunks but the last, from any one of them; throws where the numbers contradict each other. */
function ordinaryChunkBytes(
  position: number,
  total: number,
  size: number,
  payloadBytes: number,
  last: boolean,
): number {
  const consistent = total >= 1 && total <= MAX_CHUNKS && position < total && size >= total &&
    last === (position === total - 1);
  if (!consistent) throw new FrameError("MALFORMED");
  if (total === 1) {
    if (payloadBytes !== size) throw new FrameError("MALFORMED");
    return size;
  }
  const chunkBytes = last ? (size - payloadBytes) / (total - 1) : payloadBytes;
  const lastBytes = size - chunkBytes * (total - 1);
  if (!Number.isInteger(chunkBytes) || lastBytes < 1 || lastBytes > chunkBytes) {
    throw new FrameError("MALFORMED");
  }
  return chunkBytes;
}

function metadataNumber(frame: Frame, key: string): number {
  const value = frame.metadata.get(key);
  if (typeof value !== "number") throw new FrameError("META");
  return value;
}
