import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { DecodeError } from "../../src/core/errors.ts";
import { parseUlid, ulidBytes, ulidText } from "../../src/core/ulid.ts";

const random = fc.uint8Array({ minLength: 10, maxLength: 10 });
const time = fc.nat(2 ** 48 - 1);

Deno.test("G82 a ULID's text round-trips and has the layout of the specification", () => {
  assertEquals(ulidText(ulidBytes(1469918176385, new Uint8Array(10))).slice(0, 10), "01ARYZ6S41");
  fc.assert(fc.property(time, random, (wallMs, bytes) => {
    const ulid = ulidBytes(wallMs, bytes);
    const text = ulidText(ulid);
    assertEquals(text.length, 26);
    assertEquals(parseUlid(text), ulid);
  }));
});

Deno.test("G82 ULIDs sort by time, as texts and as bytes", () => {
  fc.assert(fc.property(time, time, random, random, (first, second, a, b) => {
    fc.pre(first !== second);
    const [earlier, later] = first < second ? [first, second] : [second, first];
    assert(ulidText(ulidBytes(earlier, a)) < ulidText(ulidBytes(later, b)));
  }));
});

Deno.test("parseUlid() refuses what is no ULID", () => {
  for (const bad of ["", "01ARYZ6S41", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01ARYZ6S41ILOU000000000000"]) {
    assertThrows(() => parseUlid(bad), DecodeError);
  }
});
