import { assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { encodeText } from "../../src/core/bytes.ts";
import { crc32c } from "../../src/core/crc32c.ts";

Deno.test("crc32c() gives the values of RFC 3720, appendix B.4", () => {
  assertEquals(crc32c(encodeText("123456789")), 0xe3069283);
  assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assertEquals(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assertEquals(crc32c(new Uint8Array(32).map((_, at) => at)), 0x46dd794e);
  assertEquals(crc32c(new Uint8Array(0)), 0);
});

Deno.test("crc32c() over pieces is that over the whole, wherever it is cut", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
    const at = Math.min(cut, bytes.length);
    assertEquals(crc32c(bytes, at, bytes.length, crc32c(bytes, 0, at)), crc32c(bytes));
  }));
});

Deno.test("crc32c() sees every flipped bit", () => {
  const bytes = new Uint8Array(40).map((_, at) => at * 7);
  const whole = crc32c(bytes);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    assertNotEquals(crc32c(bytes), whole);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
});
