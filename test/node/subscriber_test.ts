import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AssertionFailure } from "../../src/core/assert.ts";
import type { Offset, Token } from "../../src/core/ids.ts";
import { ACK_RANGES_LIMIT } from "../../src/core/limits.ts";
import { Subscriber } from "../../src/node/subscriber.ts";

function subscriber(processed: number, cursor: number): Subscriber {
  return new Subscriber({
    token: 1 as Token,
    name: "default",
    epoch: 1,
    cursor: cursor as Offset,
    processed: processed as Offset,
    creditBytes: 0,
  });
}

function acknowledge(one: Subscriber, first: number, next: number): boolean {
  return one.acknowledge(first as Offset, next as Offset);
}

Deno.test("Acknowledged ranges in any order move the offset as far as a plain set of offsets is without a gap", () => {
  const range = fc.tuple(fc.nat(59), fc.integer({ min: 1, max: 8 }));
  fc.assert(
    fc.property(fc.nat(20), fc.array(range, { maxLength: 60 }), (start, ranges) => {
      const one = subscriber(start, 70);
      const set = new Set<number>();
      let expected = start;
      for (const [first, count] of ranges) {
        assertEquals(acknowledge(one, first, first + count), true);
        for (let offset = first; offset < first + count; offset++) set.add(offset);
        while (set.has(expected)) expected++;
        assertEquals(one.processed, expected as Offset);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("G89: one acknowledged twice, or below what is processed, changes nothing", () => {
  const one = subscriber(10, 30);
  for (const [first, next] of [[10, 15], [10, 15], [0, 5], [12, 14], [5, 15]]) {
    assertEquals(acknowledge(one, first!, next!), true);
    assertEquals(one.processed, 15 as Offset);
  }
});

Deno.test("Only what was delivered is acknowledged, and ranges are not empty", () => {
  for (const [first, next] of [[10, 31], [30, 31], [15, 15], [15, 14]]) {
    assertThrows(() => acknowledge(subscriber(10, 30), first!, next!), AssertionFailure);
  }
});

/** As many separate ranges as may be: every second offset from 11 on. */
function full(): Subscriber {
  const one = subscriber(0, 10_000);
  for (let i = 0; i < ACK_RANGES_LIMIT; i++) assertEquals(acknowledge(one, 11 + 2 * i, 12 + 2 * i), true);
  return one;
}

Deno.test("Too many separate ranges are refused, but not one that joins others", () => {
  const one = full();
  assertEquals(acknowledge(one, 9000, 9001), false);
  assertEquals(acknowledge(one, 12, 13), true, "it joins two");
  assertEquals(acknowledge(one, 9000, 9001), true, "which leaves room for one more");
  assertEquals(acknowledge(one, 9002, 9003), false);
});

Deno.test("The range that everything waits for is taken however many others are open", () => {
  const one = full();
  assertEquals(acknowledge(one, 0, 5), true);
  assertEquals(one.processed, 5 as Offset);
  assertEquals(acknowledge(one, 5, 11), true);
  assertEquals(one.processed, 12 as Offset);
  assertEquals(acknowledge(one, 3, 4), true, "what is processed already opens nothing");
});
