import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ByteReader, ByteWriter } from "../../src/core/bytes.ts";
import { DecodeError } from "../../src/core/errors.ts";
import { readVarint, ValueReader, ValueWriter, writeVarint } from "../../src/recording/values.ts";

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, undefined, true, false, -0, NaN, Infinity, -Infinity),
    fc.double(),
    fc.maxSafeInteger(),
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("kind", "token", "bytes"),
    fc.uint8Array(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

Deno.test("a recorded value is read back as it was", () => {
  fc.assert(fc.property(fc.array(plain, { maxLength: 20 }), (values) => {
    const writer = new ByteWriter();
    const out = new ValueWriter(writer);
    for (const value of values) out.value(value);
    const reader = new ByteReader(writer.view());
    const back = new ValueReader();
    for (const value of values) assertEquals(back.value(reader), value);
    assertEquals(reader.remaining, 0);
  }));
});

Deno.test("a count is read back up to 2^53 - 1, and nothing larger is read", () => {
  for (const value of [0, 1, 127, 128, 2 ** 31, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER]) {
    const writer = new ByteWriter();
    writeVarint(writer, value);
    assertEquals(readVarint(new ByteReader(writer.view())), value);
  }
  assertThrows(() => readVarint(new ByteReader(new Uint8Array(9).fill(0xff))), DecodeError);
});

Deno.test("names of fields are written once", () => {
  const writer = new ByteWriter();
  const out = new ValueWriter(writer);
  out.value({ kind: "frame", connection: 1 });
  const first = writer.length;
  out.value({ kind: "frame", connection: 2 });
  assert(writer.length - first < 10, `${writer.length - first} bytes`);
});

Deno.test("garbage is refused as a value, and never exhausts the stack", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    try {
      new ValueReader().value(new ByteReader(bytes));
    } catch (error) {
      assert(error instanceof DecodeError, String(error));
    }
  }));
  const deep = new Uint8Array(100_000);
  for (let i = 0; i < deep.length; i += 2) deep.set([8, 1], i);
  assertThrows(() => new ValueReader().value(new ByteReader(deep)), DecodeError, "nested too deep");
});
