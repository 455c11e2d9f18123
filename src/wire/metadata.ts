/**
 * Frame metadata: a CBOR map (RFC 8949) from text to text, u32 or bytes. Keys leave sorted by their bytes. On reading,
 * unknown keys are kept; entries with a key that is not text, or a value of another type, are skipped. Indefinite
 * lengths are refused, nesting is bounded and walked without recursion.
 */
import { type ByteReader, type ByteWriter, decodeText, encodeText } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import { FrameError } from "./frame_error.ts";

export type MetadataValue = string | number | Uint8Array;
export type Metadata = ReadonlyMap<string, MetadataValue>;

export const EMPTY_METADATA: Metadata = new Map();

const MAJOR_UNSIGNED = 0;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const MAJOR_TAG = 6;
const TWO_32 = 0x1_0000_0000;

/** Writes the map, keys sorted. A number that is no u32 is the caller's mistake. */
export function encodeMetadata(writer: ByteWriter, metadata: Metadata): void {
  const entries: { key: Uint8Array; value: MetadataValue }[] = [];
  for (const [key, value] of metadata) entries.push({ key: encodeText(key), value });
  entries.sort((a, b) => compareBytes(a.key, b.key));
  writeHead(writer, MAJOR_MAP, entries.length);
  for (const { key, value } of entries) {
    writeHead(writer, MAJOR_TEXT, key.length);
    writer.raw(key);
    writeValue(writer, value);
  }
}

/** Reads one map that fills the rest of `reader`. Byte values are views. */
export function decodeMetadata(reader: ByteReader): Metadata {
  try {
    return readMap(reader);
  } catch (error) {
    if (error instanceof FrameError) throw error;
    if (error instanceof DecodeError) throw new FrameError("META");
    throw error;
  }
}

function readMap(reader: ByteReader): Metadata {
  if (reader.remaining === 0) return EMPTY_METADATA;
  const initial = reader.u8();
  if (initial >> 5 !== MAJOR_MAP) throw new FrameError("META");
  const count = readArgument(reader, initial);
  const map = new Map<string, MetadataValue>();
  for (let i = 0; i < count; i++) {
    const keyInitial = reader.u8();
    if (keyInitial >> 5 !== MAJOR_TEXT) {
      skipItem(reader, keyInitial);
      skipItem(reader, reader.u8());
      continue;
    }
    const key = decodeText(reader.raw(readArgument(reader, keyInitial)));
    if (map.has(key)) throw new FrameError("META");
    const value = readValue(reader);
    if (value !== null) map.set(key, value);
  }
  if (reader.remaining !== 0) throw new FrameError("META");
  return map;
}

/** A value of a known type, or null after skipping one of another. */
function readValue(reader: ByteReader): MetadataValue | null {
  const initial = reader.u8();
  const major = initial >> 5;
  if (major === MAJOR_UNSIGNED) {
    const value = readArgument(reader, initial);
    return value < TWO_32 ? value : null;
  }
  if (major === MAJOR_TEXT) return decodeText(reader.raw(readArgument(reader, initial)));
  if (major === MAJOR_BYTES) return reader.raw(readArgument(reader, initial));
  skipItem(reader, initial);
  return null;
}

/** Skips one item of any type by counting the items still owed instead of descending. */
function skipItem(reader: ByteReader, firstInitial: number): void {
  let initial = firstInitial;
  let owed = 1;
  while (true) {
    owed--;
    const major = initial >> 5;
    const argument = readArgument(reader, initial);
    if (major === MAJOR_BYTES || major === MAJOR_TEXT) reader.skip(argument);
    else if (major === MAJOR_ARRAY) owed += argument;
    else if (major === MAJOR_MAP) owed += 2 * argument;
    else if (major === MAJOR_TAG) owed += 1;
    if (owed === 0) return;
    // Every item still owed takes at least one byte: a huge count ends here, not after a long walk.
    if (owed > reader.remaining) throw new FrameError("META");
    initial = reader.u8();
  }
}

/** The length, count or value that follows an initial byte. Simple values and floats are read over. */
function readArgument(reader: ByteReader, initial: number): number {
  const low = initial & 0x1f;
  if (low < 24) return low;
  if (low === 24) return reader.u8();
  if (low === 25) return reader.u16();
  if (low === 26) return reader.u32();
  if (low === 27) {
    const high = reader.u32();
    const rest = reader.u32();
    // What 2^53 loses here no caller can use: lengths that large exceed the reader, integers are skipped.
    return high * TWO_32 + rest;
  }
  throw new FrameError("META");
}

function writeHead(writer: ByteWriter, major: number, argument: number): void {
  const top = major << 5;
  if (argument < 24) writer.u8(top | argument);
  else if (argument < 0x100) writer.u8(top | 24).u8(argument);
  else if (argument < 0x1_0000) writer.u8(top | 25).u16(argument);
  else writer.u8(top | 26).u32(argument);
}

function writeValue(writer: ByteWriter, value: MetadataValue): void {
  if (typeof value === "number") {
    if (!Number.isInteger(value) || value < 0 || value >= TWO_32) {
      throw new RangeError(`Cannot encode metadata as u32: current value is ${value}`);
    }
    writeHead(writer, MAJOR_UNSIGNED, value);
  } else if (typeof value === "string") {
    const bytes = encodeText(value);
    writeHead(writer, MAJOR_TEXT, bytes.length);
    writer.raw(bytes);
  } else {
    writeHead(writer, MAJOR_BYTES, value.length);
    writer.raw(value);
  }
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return a.length - b.length;
}
