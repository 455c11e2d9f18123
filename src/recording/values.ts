/**
 * Plain data as bytes and back, exactly: what a port delivers and what a client asks (null, undefined, booleans,
 * numbers, strings, byte arrays, arrays, objects). Short strings, and so the names of fields, are written once and
 * then named by number; a reader that begins where the writer did learns them in the same order.
 */
import { assert } from "../core/assert.ts";
import { type ByteReader, type ByteWriter, decodeText, encodeText } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import { isCount } from "../core/ids.ts";

const KNOWN_STRINGS_LIMIT = 1024;
const KNOWN_STRING_CHARACTERS_LIMIT = 32;
/** What comes from outside nests no deeper, so that no input can exhaust the stack. */
const DEPTH_LIMIT = 32;

const enum Tag {
  Null,
  Undefined,
  False,
  True,
  Count,
  Number,
  String,
  Bytes,
  List,
  Object,
}

/** 7 bits a byte, lowest first; numbers below 2^53. */
export function writeVarint(writer: ByteWriter, value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    writer.u8((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  writer.u8(rest);
}

export function readVarint(reader: ByteReader): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < 8; i++) {
    const byte = reader.u8();
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (!isCount(value)) break;
      return value;
    }
    scale *= 0x80;
  }
  throw new DecodeError("Number is 2^53 or larger");
}

export class ValueWriter {
  readonly #writer: ByteWriter;
  readonly #known = new Map<string, number>();

  constructor(writer: ByteWriter) {
    this.#writer = writer;
  }

  value(value: unknown): void {
    const writer = this.#writer;
    if (value === null) writer.u8(Tag.Null);
    else if (value === undefined) writer.u8(Tag.Undefined);
    else if (typeof value === "boolean") writer.u8(value ? Tag.True : Tag.False);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "string") {
      writer.u8(Tag.String);
      this.string(value);
    } else if (value instanceof Uint8Array) {
      writer.u8(Tag.Bytes);
      writeVarint(writer, value.length);
      writer.raw(value);
    } else if (Array.isArray(value)) {
      writer.u8(Tag.List);
      writeVarint(writer, value.length);
      for (const each of value) this.value(each);
    } else this.#object(value);
  }

  string(text: string): void {
    const writer = this.#writer;
    const known = this.#known.get(text);
    if (known !== undefined) return writeVarint(writer, known + 1);
    writer.u8(0);
    const bytes = encodeText(text);
    writeVarint(writer, bytes.length);
    writer.raw(bytes);
    if (isKept(text, this.#known.size)) this.#known.set(text, this.#known.size);
  }

  #number(value: number): void {
    if (isCount(value) && !Object.is(value, -0)) {
      this.#writer.u8(Tag.Count);
      writeVarint(this.#writer, value);
    } else this.#writer.u8(Tag.Number).f64(value);
  }

  #object(value: unknown): void {
    assert(typeof value === "object", "what is recorded is plain data");
    const proto = Object.getPrototypeOf(value);
    assert(proto === Object.prototype || proto === null, "what is recorded is plain data");
    const entries = Object.entries(value as object);
    this.#writer.u8(Tag.Object);
    writeVarint(this.#writer, entries.length);
    for (const [name, each] of entries) {
      this.string(name);
      this.value(each);
    }
  }
}

/** Throws `DecodeError` for anything that no `ValueWriter` wrote. */
export class ValueReader {
  readonly #known: string[] = [];

  value(reader: ByteReader, depth = 0): unknown {
    if (depth > DEPTH_LIMIT) throw new DecodeError("A value is nested too deep");
    const tag = reader.u8() as Tag;
    switch (tag) {
      case Tag.Null:
        return null;
      case Tag.Undefined:
        return undefined;
      case Tag.False:
        return false;
      case Tag.True:
        return true;
      case Tag.Count:
        return readVarint(reader);
      case Tag.Number:
        return reader.f64();
      case Tag.String:
        return this.string(reader);
      case Tag.Bytes:
        return reader.raw(readVarint(reader)).slice();
      case Tag.List:
        return Array.from({ length: countIn(reader) }, () => this.value(reader, depth + 1));
      case Tag.Object:
        return this.#object(reader, depth);
      default:
        throw new DecodeError(`Unknown tag ${tag}`);
    }
  }

  string(reader: ByteReader): string {
    const number = readVarint(reader);
    if (number > 0) {
      const known = this.#known[number - 1];
      if (known === undefined) throw new DecodeError(`String ${number} was not written before`);
      return known;
    }
    const text = decodeText(reader.raw(readVarint(reader)));
    if (isKept(text, this.#known.length)) this.#known.push(text);
    return text;
  }

  #object(reader: ByteReader, depth: number): Record<string, unknown> {
    const entries = Array.from(
      { length: countIn(reader) },
      () => [this.string(reader), this.value(reader, depth + 1)] as const,
    );
    return Object.fromEntries(entries);
  }
}

function isKept(text: string, known: number): boolean {
  return known < KNOWN_STRINGS_LIMIT && text.length <= KNOWN_STRING_CHARACTERS_LIMIT;
}

/** Of things that take at least a byte each. */
function countIn(reader: ByteReader): number {
  const count = readVarint(reader);
  if (count > reader.remaining) throw new DecodeError(`Truncated: ${count} values wanted`);
  return count;
}
