/**
 * A segment file of a recording: a head in clear, then encrypted blocks.
 *
 *     head   "SENNITFR", u16 format, u16 0, u32 take, u32 segment, u64 first block, 16 bytes salt, 8 bytes key check, u32 CRC-32C
 *     block  u32 length of the body, u64 number, u8 1 where the take may be cut behind it, body, u32 CRC-32C of all before
 *     body   AES-256-GCM under the take's key with the block's number as nonce and the flag as associated data, then the tag
 *
 * The checksum needs no key, so that a torn tail is seen without it; what was changed on purpose the tag shows.
 */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { ByteReader, ByteWriter, encodeText, equalBytes } from "../core/bytes.ts";
import { crc32c } from "../core/crc32c.ts";
import { DecodeError } from "../core/errors.ts";

export const RECORDING_FORMAT = 1;
export const SALT_BYTES = 16;
const MAGIC = "SENNITFR";
const CHECK_BYTES = 8;
export const HEAD_BYTES = 8 + 2 + 2 + 4 + 4 + 8 + SALT_BYTES + CHECK_BYTES + 4;
const BLOCK_HEAD_BYTES = 4 + 8 + 1;
const TAG_BYTES = 16;
/** What a block adds to what it carries. */
export const BLOCK_OVERHEAD_BYTES = BLOCK_HEAD_BYTES + TAG_BYTES + 4;

export interface SegmentHead {
  readonly format: number;
  /** Counts the starts that were recorded into one folder. */
  readonly take: number;
  readonly segment: number;
  readonly firstBlock: number;
  readonly salt: Uint8Array;
  readonly keyCheck: Uint8Array;
}

export function encodeHead(head: SegmentHead): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(HEAD_BYTES);
  writer.raw(encodeText(MAGIC)).u16(head.format).u16(0).u32(head.take).u32(head.segment).u64(head.firstBlock);
  writer.raw(head.salt).raw(head.keyCheck);
  return writer.u32(crc32c(writer.view())).take();
}

/** Throws `DecodeError` for anything that is no head; a head of another format is returned. */
export function decodeHead(bytes: Uint8Array): SegmentHead {
  const reader = new ByteReader(bytes, 0, Math.min(bytes.length, HEAD_BYTES));
  if (!equalBytes(reader.raw(MAGIC.length), encodeText(MAGIC))) throw new DecodeError("No recording");
  const format = reader.u16();
  reader.u16();
  const head: SegmentHead = {
    format,
    take: reader.u32(),
    segment: reader.u32(),
    firstBlock: reader.u64(),
    salt: reader.raw(SALT_BYTES).slice(),
    keyCheck: reader.raw(CHECK_BYTES).slice(),
  };
  // Where the head of another format ends is not known here.
  if (format === RECORDING_FORMAT && reader.u32() !== crc32c(bytes, 0, HEAD_BYTES - 4)) {
    throw new DecodeError("The head's checksum is wrong");
  }
  return head;
}

export interface Block {
  readonly number: number;
  readonly mayCut: boolean;
  /** Encrypted. */
  readonly body: Uint8Array;
  /** Where the next one begins. */
  readonly end: number;
}

/** The block at `at`; null where there is no whole and valid one. */
export function blockAt(bytes: Uint8Array, at: number): Block | null {
  try {
    const reader = new ByteReader(bytes, at);
    const length = reader.u32();
    const number = reader.u64();
    const mayCut = reader.bool();
    const body = reader.raw(length);
    if (reader.u32() !== crc32c(bytes, at, at + BLOCK_HEAD_BYTES + length)) return null;
    return { number, mayCut, body, end: reader.at };
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

/** Where a damaged block says that the next one begins. */
export function claimedEnd(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) return bytes.length;
  return at + BLOCK_OVERHEAD_BYTES - TAG_BYTES + new ByteReader(bytes, at).u32();
}

export class BlockCipher {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  encrypt(number: number, mayCut: boolean, plain: Uint8Array): Uint8Array<ArrayBuffer> {
    const writer = new ByteWriter(plain.length + BLOCK_OVERHEAD_BYTES);
    writer.u32(plain.length + TAG_BYTES).u64(number).bool(mayCut);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonceOf(number), { authTagLength: TAG_BYTES });
    cipher.setAAD(Uint8Array.of(mayCut ? 1 : 0));
    writer.raw(cipher.update(plain));
    cipher.final();
    writer.raw(cipher.getAuthTag());
    return writer.u32(crc32c(writer.view())).view();
  }

  /** Throws `DecodeError` where the block was changed. */
  decrypt({ number, mayCut, body }: Block): Uint8Array {
    const end = body.length - TAG_BYTES;
    if (end < 0) throw new DecodeError("A block without a tag");
    const cipher = createDecipheriv("aes-256-gcm", this.#key, nonceOf(number), { authTagLength: TAG_BYTES });
    cipher.setAAD(Uint8Array.of(mayCut ? 1 : 0));
    cipher.setAuthTag(body.subarray(end));
    const plain = cipher.update(body.subarray(0, end));
    try {
      cipher.final();
    } catch {
      throw new DecodeError(`Block ${number} was changed`);
    }
    return new Uint8Array(plain);
  }
}

/** A number is used once under a take's key. */
function nonceOf(number: number): Uint8Array {
  return new ByteWriter(12).u32(0).u64(number).view();
}
