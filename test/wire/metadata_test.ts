import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { ByteReader, ByteWriter, concatBytes, encodeText, fromHex, toHex } from "../../src/core/bytes.ts";
import {
  decodeMetadata,
  encodeMetadata,
  FrameError,
  type Metadata,
  type MetadataValue,
} from "../../src/wire/mod.ts";

function encode(metadata: Metadata): Uint8Array {
  const writer = new ByteWriter();
  encodeMetadata(writer, metadata);
  return writer.take();
}

const decode = (bytes: Uint8Array): Metadata => decodeMetadata(new ByteReader(bytes));

Deno.test("Metadata of text, u32 and bytes round-trips, unknown keys included (R9)", () => {
  const value: fc.Arbitrary<MetadataValue> = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.integer({ min: 0, max: 0xffff_ffff }),
    fc.uint8Array({ maxLength: 300 }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: "grapheme" }), value), { maxLength: 40 }), (entries) => {
      const metadata = new Map(entries);
      assertEquals(new Map([...decode(encode(metadata))].sort()), new Map([...metadata].sort()));
    }),
  );
});

Deno.test("encodeMetadata sorts keys by their bytes and uses the shortest heads (R9)", () => {
  const metadata = new Map<string, MetadataValue>([
    ["b", 24],
    ["a", "x"],
    ["ab", 0x1_0000],
    ["\u{10000}", 1],
    ["\uffff", new Uint8Array([7])],
  ]);
  assertEquals(
    toHex(encode(metadata)),
    "a5" + "61616178" + "6261621a00010000" + "61621818" + "63efbfbf4107" + "64f090808001",
  );
});

Deno.test("decodeMetadata skips keys that are not text and values of other types (R9)", () => {
  // {1: "x", "f": 1.5, "n": -1, "l": [1, [2, {"a": 3}]], "t": 0("x"), "big": 2^32, "ok": 7}
  const bytes = concatBytes([
    fromHex("a7" + "01" + "6178" + "6166" + "f93e00" + "616e" + "20"),
    fromHex("616c" + "82" + "01" + "82" + "02" + "a1" + "6161" + "03" + "6174" + "c0" + "6178"),
    fromHex("63626967" + "1b0000000100000000" + "626f6b" + "07"),
  ]);
  assertEquals([...decode(bytes)], [["ok", 7]]);
});

const BAD_METADATA: readonly [string, string][] = [
  ["something that is no map", "01"],
  ["the text that old chunk frames carried", toHex(encodeText("{}"))],
  ["a truncated map", "a16161"],
  ["trailing bytes", "a0a0"],
  ["a key twice", "a2616101616102"],
  ["indefinite lengths", "bf616101ff"],
  ["text that is no UTF-8", "a16161" + "61ff"],
  ["a length beyond the end", "a161617b7fffffffffffffff"],
  ["an array that claims more items than there are bytes", "a161619b00ffffffffffffff01"],
  ["a reserved head", "a161611c"],
];

for (const [what, hex] of BAD_METADATA) {
  Deno.test(`decodeMetadata refuses ${what} (R9)`, () => {
    const error = assertThrows(() => decode(fromHex(hex)), FrameError);
    assertEquals(error.message, "cbor meta invalid");
  });
}

Deno.test("decodeMetadata walks deep nesting without recursion", () => {
  const depth = 50_000;
  const bytes = concatBytes([fromHex("a16161"), new Uint8Array(depth).fill(0x81), fromHex("00")]);
  assertEquals(decode(bytes).size, 0);
});

Deno.test("decodeMetadata gives a map or FrameError for any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        assert(decode(bytes) instanceof Map);
      } catch (error) {
        assert(error instanceof FrameError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("encodeMetadata throws for a number that is no u32", () => {
  for (const value of [-1, 1.5, 2 ** 32, NaN]) {
    assertThrows(() => encode(new Map([["a", value]])), RangeError);
  }
});

Deno.test("Metadata keeps a byte order mark as the character that it is (R9)", () => {
  const metadata = new Map<string, MetadataValue>([["", "plain"], ["\ufeff", "\ufeffmarked"]]);
  assertEquals(decode(encode(metadata)), metadata);
});
