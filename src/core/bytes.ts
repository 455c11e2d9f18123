/**
 * Reading and writing of fixed binary layouts, big-endian. A `ByteWriter` grows by doubling and is reused; a
 * `ByteReader` checks every bound and throws `DecodeError`, never reads past its end, and never returns a
 * number of 2^53 or more.
 */

import { DecodeError } from "./errors.ts";
import { isCount } from "./ids.ts";

const TWO_32 = 0x1_0000_0000;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Texts up to here are mostly names: where they are ASCII, a loop is done before the runtime's coder has been called. */
const SHORT_TEXT = 16;
const ASCII_LIMIT = 0x80;

export const EMPTY_BYTES = new Uint8Array(0);

/** Writes a safe integer as u64 without BigInt. */
export function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / TWO_32));
  view.setUint32(at + 4, value >>> 0);
}

/** Reads a u64 as a number; throws `DecodeError` from 2^53 on. */
export function getU64(view: DataView, at: number): number {
  const high = view.getUint32(at);
  if (high >= 0x20_0000) throw new DecodeError("Number is 2^53 or larger");
  return high * TWO_32 + view.getUint32(at + 4);
}

/** An append-only buffer. `take()` copies what was written; `view()` lends it until the next write. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(initialBytes = 256) {
    this.#bytes = new Uint8Array(initialBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
  }

  /** Makes room for `count` bytes and returns where they start; the caller fills them by `patch…` or `view()`. */
  reserve(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = needed;
    return at;
  }

  u8(value: number): this {
    const at = this.reserve(1);
    this.#bytes[at] = value;
    return this;
  }
  u16(value: number): this {
    const at = this.reserve(2);
    this.#view.setUint16(at, value);
    return this;
  }
  u32(value: number): this {
    const at = this.reserve(4);
    this.#view.setUint32(at, value);
    return this;
  }
  /** A u64 from a safe integer; anything else is the writer's bug and throws `RangeError`. */
  u64(value: number): this {
    if (!isCount(value)) throw new RangeError(`Cannot encode as u64: current value is ${value}`);
    const at = this.reserve(8);
    setU64(this.#view, at, value);
    return this;
  }
  f64(value: number): this {
    const at = this.reserve(8);
    this.#view.setFloat64(at, value);
    return this;
  }
  bool(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }
  raw(bytes: Uint8Array): this {
    const at = this.reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }
  /** u32 length, then the bytes. */
  blob(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }
  /** u32 length, then UTF-8. */
  text(value: string): this {
    return value.length <= SHORT_TEXT && this.#shortText(value) ? this : this.blob(encoder.encode(value));
  }
  /** False where the text is not ASCII, and nothing is written. */
  #shortText(value: string): boolean {
    const at = this.reserve(4 + value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code >= ASCII_LIMIT) {
        this.#length = at;
        return false;
      }
      this.#bytes[at + 4 + i] = code;
    }
    this.#view.setUint32(at, value.length);
    return true;
  }
  patchU32(at: number, value: number): void {
    this.#view.setUint32(at, value);
  }
  patchU64(at: number, value: number): void {
    setU64(this.#view, at, value);
  }
  /** What was written so far, lent: valid until the next write or reset. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }
  /** A copy of what was written so far. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }
}

/** A bounds-checked cursor over bytes that came from outside. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = start;
    this.#end = end;
  }

  get at(): number {
    return this.#at;
  }
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** Moves past `count` bytes and returns where they start. */
  skip(count: number): number {
    if (count < 0 || count > this.#end - this.#at) {
      throw new DecodeError(`Truncated: ${count} bytes wanted, ${this.#end - this.#at} left`);
    }
    const at = this.#at;
    this.#at += count;
    return at;
  }
  u8(): number {
    return this.#bytes[this.skip(1)]!;
  }
  u16(): number {
    return this.#view.getUint16(this.skip(2));
  }
  u32(): number {
    return this.#view.getUint32(this.skip(4));
  }
  u64(): number {
    return getU64(this.#view, this.skip(8));
  }
  f64(): number {
    return this.#view.getFloat64(this.skip(8));
  }
  bool(): boolean {
    const value = this.u8();
    if (value > 1) throw new DecodeError(`Not a boolean: ${value}`);
    return value === 1;
  }
  /** A view, not a copy, of the next `count` bytes. */
  raw(count: number): Uint8Array {
    const at = this.skip(count);
    return this.#bytes.subarray(at, at + count);
  }
  /** A view, not a copy, of a blob of at most `limitBytes`. */
  blob(limitBytes = this.remaining): Uint8Array {
    const length = this.u32();
    if (length > limitBytes) throw new DecodeError(`Blob of ${length} bytes over the limit of ${limitBytes}`);
    return this.raw(length);
  }
  text(limitBytes = this.remaining): string {
    return decodeText(this.blob(limitBytes));
  }
  /** Ends the reading: left-over bytes are an error. */
  end(): void {
    if (this.remaining !== 0) throw new DecodeError(`${this.remaining} unexpected bytes at the end`);
  }
}

export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Strict UTF-8; throws `DecodeError`. */
export function decodeText(bytes: Uint8Array): string {
  const short = bytes.length <= SHORT_TEXT ? shortText(bytes) : null;
  if (short !== null) return short;
  try {
    return decoder.decode(bytes);
  } catch {
    throw new DecodeError("Not valid UTF-8");
  }
}

/** Null where it is not ASCII. */
function shortText(bytes: Uint8Array): string | null {
  let text = "";
  for (let i = 0; i < bytes.length; i++) {
    const code = bytes[i]!;
    if (code >= ASCII_LIMIT) return null;
    text += String.fromCharCode(code);
  }
  return text;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let total = 0;
  for (const part of parts) total += part.length;
  const all = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += (byte < 16 ? "0" : "") + byte.toString(16);
  return text;
}

/** Lower- or upper-case hexadecimal; throws `DecodeError`. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) throw new DecodeError("Not hexadecimal");
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
