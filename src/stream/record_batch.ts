/**
 * The record batch: what a producer encodes once and what the outbox, the log, the wire and the subscriber
 * carry unchanged. Nobody between producer and consumer takes it apart; the node reads only the header.
 *
 *     0  u8   format: 1 (also the kind of the log entry, see commands.ts)
 *     1  u8   flags: 0
 *     2  u16  reserved: 0
 *     4  u32  length of the whole batch in bytes
 *     8  u64  producer id
 *    16  u32  producer epoch
 *    20  u64  sequence of the first message
 *    28  u32  count of messages, at least 1
 *    32  16B  ULID of the batch
 *    48  u32  CRC-32C over bytes 0-47 and 52-end
 *    52  per message: u32 length, bytes
 */
import { assert } from "../core/assert.ts";
import { getU64, setU64 } from "../core/bytes.ts";
import { crc32c } from "../core/crc32c.ts";
import { DecodeError } from "../core/errors.ts";
import type { Sequence } from "../core/ids.ts";
import { BATCH_BYTES_LIMIT, BATCH_MESSAGES_LIMIT, MESSAGE_BYTES_LIMIT } from "../core/limits.ts";
import { ULID_BYTES } from "../core/ulid.ts";

export const RECORD_BATCH_FORMAT = 1;
export const RECORD_BATCH_HEADER_BYTES = 52;
const CRC_AT = 48;

export interface RecordBatchHeader {
  readonly producerId: number;
  readonly epoch: number;
  readonly baseSequence: Sequence;
  readonly count: number;
}

export interface RecordBatchFields extends RecordBatchHeader {
  readonly ulid: Uint8Array;
}

/** Encodes a batch; `RangeError` where a limit of core/limits.ts is passed. */
export function encodeRecordBatch(
  fields: Omit<RecordBatchFields, "count">,
  messages: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const length = recordBatchBytes(messages);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes[0] = RECORD_BATCH_FORMAT;
  view.setUint32(4, length);
  setU64(view, 8, fields.producerId);
  view.setUint32(16, fields.epoch);
  setU64(view, 20, fields.baseSequence);
  view.setUint32(28, messages.length);
  assert(fields.ulid.length === ULID_BYTES, "a batch has a ULID of 16 bytes");
  bytes.set(fields.ulid, 32);
  let at = RECORD_BATCH_HEADER_BYTES;
  for (const message of messages) {
    view.setUint32(at, message.length);
    bytes.set(message, at + 4);
    at += 4 + message.length;
  }
  view.setUint32(CRC_AT, checksum(bytes));
  return bytes;
}

/** Bytes of a batch of these messages; `RangeError` where a limit is passed. */
export function recordBatchBytes(messages: readonly Uint8Array[]): number {
  if (messages.length < 1 || messages.length > BATCH_MESSAGES_LIMIT) {
    throw new RangeError(
      `Cannot encode a batch as it holds 1 to ${BATCH_MESSAGES_LIMIT} messages: current value is ${messages.length}`,
    );
  }
  let length = RECORD_BATCH_HEADER_BYTES;
  for (const message of messages) {
    if (message.length > MESSAGE_BYTES_LIMIT) {
      throw new RangeError(
        `Cannot encode a message as it may have ${MESSAGE_BYTES_LIMIT} bytes: current value is ${message.length}`,
      );
    }
    length += 4 + message.length;
  }
  if (length > BATCH_BYTES_LIMIT) {
    throw new RangeError(
      `Cannot encode a batch as it may have ${BATCH_BYTES_LIMIT} bytes: current value is ${length}`,
    );
  }
  return length;
}

/** Reads the header without the messages; throws `DecodeError`. Does not verify the checksum. */
export function readRecordBatchHeader(bytes: Uint8Array): RecordBatchHeader {
  if (bytes.length < RECORD_BATCH_HEADER_BYTES) throw new DecodeError("Record batch is truncated");
  if (bytes[0] !== RECORD_BATCH_FORMAT) throw new DecodeError(`Record batch format ${bytes[0]} is unknown`);
  if (bytes[1] !== 0 || bytes[2] !== 0 || bytes[3] !== 0) {
    throw new DecodeError("Record batch flags are unknown");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(4) !== bytes.length) {
    throw new DecodeError("Record batch has another length than it says");
  }
  const header: RecordBatchHeader = {
    producerId: getU64(view, 8),
    epoch: view.getUint32(16),
    baseSequence: getU64(view, 20) as Sequence,
    count: view.getUint32(28),
  };
  if (header.count < 1 || header.count > BATCH_MESSAGES_LIMIT) {
    throw new DecodeError("Record batch count is invalid");
  }
  if (header.baseSequence < 1) throw new DecodeError("Record batch sequence starts at 1");
  if (!Number.isSafeInteger(header.baseSequence + header.count)) {
    throw new DecodeError("Record batch sequence overflows");
  }
  return header;
}

/** Verifies everything: header, checksum, and that the messages fill the batch exactly. Throws `DecodeError`. */
export function verifyRecordBatch(bytes: Uint8Array): RecordBatchHeader {
  const header = readRecordBatchHeader(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(CRC_AT) !== checksum(bytes)) throw new DecodeError("Record batch checksum mismatch");
  let at = RECORD_BATCH_HEADER_BYTES;
  for (let i = 0; i < header.count; i++) {
    if (at + 4 > bytes.length) throw new DecodeError("Record batch has fewer messages than it says");
    const length = view.getUint32(at);
    if (length > MESSAGE_BYTES_LIMIT || at + 4 + length > bytes.length) {
      throw new DecodeError("Record batch message is over its bound");
    }
    at += 4 + length;
  }
  if (at !== bytes.length) throw new DecodeError("Record batch has bytes after its last message");
  return header;
}

/** The messages of a verified batch, as views. */
export function recordBatchMessages(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: Uint8Array[] = new Array(view.getUint32(28));
  let at = RECORD_BATCH_HEADER_BYTES;
  for (let i = 0; i < messages.length; i++) {
    const length = view.getUint32(at);
    messages[i] = bytes.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  return messages;
}

function checksum(bytes: Uint8Array): number {
  return crc32c(bytes, RECORD_BATCH_HEADER_BYTES, bytes.length, crc32c(bytes, 0, CRC_AT));
}
