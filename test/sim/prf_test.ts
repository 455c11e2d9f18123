/** The function behind every decision: known answers, and that it is fit to decide. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { hex, Prf, threefry } from "../../sim/prf.ts";

Deno.test("threefry gives the known answers of its authors", () => {
  const out = { low: 0, high: 0 };
  const answer = (k0: number, k1: number, c0: number, c1: number) => {
    threefry(k0, k1, c0, c1, out);
    return hex(out.low) + hex(out.high);
  };
  assertEquals(answer(0, 0, 0, 0), "6b20015999ba4efe");
  assertEquals(answer(-1, -1, -1, -1), "1cb996fcbb002be7");
  assertEquals(answer(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3), "c4923a9c483df7a0");
});

Deno.test("a draw depends on seed, site and count, and on nothing else", () => {
  const prf = new Prf("42");
  const first = prf.site("a");
  for (let i = 0; i < 100; i++) first.next();
  assertEquals(first.at(7), new Prf("42").site("a").at(7), "what was drawn before does not matter");
  assertNotEquals(prf.site("a").at(7), prf.site("b").at(7));
  assertNotEquals(prf.site("a").at(7), prf.site("a").at(8));
  assertNotEquals(prf.site("a").at(7), new Prf("43").site("a").at(7));
  assertNotEquals(prf.site("a").at(1), prf.site("a").at(2 ** 32 + 1), "the high half counts");
});

Deno.test("seeds are numbers, 16 hexadecimal digits or words", () => {
  assertEquals(new Prf("255").seed, "00000000000000ff");
  assertEquals(new Prf("0123456789abcdef").seed, "0123456789abcdef");
  assertNotEquals(new Prf("c8eb1d2").seed, new Prf("c8eb1d3").seed);
});

Deno.test("every bit of neighbouring draws and sites is even", () => {
  const prf = new Prf("1");
  const draws = prf.site("bits");
  const bySite = Array.from({ length: 4096 }, (_, i) => prf.site(`site/${i}`).at(0));
  const byCount = Array.from({ length: 4096 }, () => draws.next());
  for (const words of [bySite, byCount]) {
    for (let bit = 0; bit < 32; bit++) {
      const ones = words.filter((word) => (word >>> bit) & 1).length;
      // Five standard deviations of a fair coin thrown 4096 times.
      assert(Math.abs(ones - 2048) < 160, `bit ${bit} is set ${ones} times of 4096`);
    }
  }
  assert(new Set(byCount).size > 4090, "no short cycle");
});

Deno.test("chances and means come out as asked", () => {
  const draws = new Prf("2").site("means");
  let hits = 0;
  let sum = 0;
  let longest = 0;
  for (let i = 0; i < 20_000; i++) {
    if (draws.chance(100_000)) hits += 1;
    const value = draws.exponential(1_000);
    sum += value;
    longest = Math.max(longest, value);
    assert(draws.below(10) < 10 && draws.between(3, 5) >= 3);
  }
  assert(Math.abs(hits - 2_000) < 220, `one in ten: ${hits} of 20000`);
  assert(Math.abs(sum / 20_000 - 1_000) < 40, `mean ${sum / 20_000}`);
  assert(longest > 7_000, `exponential draws have a tail, longest was ${longest}`);
  assertEquals([draws.chance(0), draws.chance(1_000_000)], [false, true]);
});
