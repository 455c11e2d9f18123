import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  ByteReader,
  ByteWriter,
  concatBytes,
  decodeText,
  equalBytes,
  fromHex,
  toHex,
} from "../../src/core/bytes.ts";
import { DecodeError } from "../../src/core/errors.ts";
import { MAX_NUMBER } from "../../src/core/ids.ts";

const count = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 0xffffffff, 0x100000000, MAX_NUMBER));

Deno.test("a ByteReader reads back what a ByteWriter wrote", () => {
  fc.assert(
    fc.property(
      fc.nat(255),
      fc.nat(65535),
      count,
      fc.string(),
      fc.uint8Array(),
      fc.boolean(),
      (a, b, c, d, e, f) => {
        const bytes = new ByteWriter(1).u8(a).u16(b).u32(c % 0x100000000).u64(c).text(d).blob(e).bool(f).f64(
          1.5,
        ).take();
        const reader = new ByteReader(bytes);
        assertEquals([reader.u8(), reader.u16(), reader.u32(), reader.u64()], [a, b, c % 0x100000000, c]);
        assertEquals(reader.text(), d.toWellFormed());
        assertEquals(reader.blob(), e);
        assertEquals([reader.bool(), reader.f64()], [f, 1.5]);
        reader.end();
      },
    ),
  );
});

Deno.test("a ByteReader on any bytes gives values or a DecodeError, never another error", () => {
  const steps = ["u8", "u16", "u32", "u64", "f64", "bool", "text", "blob", "end"] as const;
  fc.assert(fc.property(fc.uint8Array(), fc.array(fc.constantFrom(...steps)), (bytes, reads) => {
    const reader = new ByteReader(bytes);
    try {
      for (const read of reads) reader[read]();
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }));
});

Deno.test("numbers of 2^53 and more are refused when written and when read", () => {
  const writer = new ByteWriter();
  for (const bad of [MAX_NUMBER + 1, -1, 0.5, NaN, Infinity]) assertThrows(() => writer.u64(bad), RangeError);
  assertThrows(() => new ByteReader(fromHex("0020000000000000")).u64(), DecodeError);
  assertEquals(new ByteReader(fromHex("001fffffffffffff")).u64(), MAX_NUMBER);
});

Deno.test("blob() and text() refuse more than their limit before they take it", () => {
  const bytes = new ByteWriter().text("twelve bytes").take();
  assertThrows(() => new ByteReader(bytes).text(11), DecodeError);
  assertEquals(new ByteReader(bytes).text(12), "twelve bytes");
  assertThrows(() => new ByteReader(new Uint8Array([0, 0, 0, 2, 0xff, 0xfe])).text(), DecodeError);
});

Deno.test("short texts are the same bytes as long ones, wherever they are not ASCII", () => {
  const encoder = new TextEncoder();
  for (let length = 0; length <= 20; length++) {
    for (const odd of ["a", "\x00", "\x7f", "\x80", "\u00e9", "\u20ac", "\ud83d\ude00", "\ufeff", "\ud800"]) {
      for (let at = 0; at <= length; at++) {
        const text = "x".repeat(at) + odd + "y".repeat(length - at);
        const bytes = new ByteWriter(1).u8(7).text(text).u8(9).take();
        const encoded = encoder.encode(text);
        assertEquals(bytes, new ByteWriter().u8(7).blob(encoded).u8(9).take());
        assertEquals(new ByteReader(bytes, 1).text(), text.toWellFormed());
      }
      if (length > 0) {
        const broken = new Uint8Array(length).fill(0x61);
        broken[length - 1] = 0xe2;
        assertThrows(() => decodeText(broken), DecodeError);
      }
    }
  }
});

Deno.test("hexadecimal round-trips and refuses what is none", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => assertEquals(fromHex(toHex(bytes)), new Uint8Array(bytes))),
  );
  assertThrows(() => fromHex("0"), DecodeError);
  assertThrows(() => fromHex("0g"), DecodeError);
});

Deno.test("equalBytes() and concatBytes() are what they say", () => {
  fc.assert(fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
    const both = concatBytes([a, b]);
    assertEquals([...both], [...a, ...b]);
    assertEquals(equalBytes(a, b), toHex(a) === toHex(b));
  }));
});
