import { assertEquals } from "@std/assert";
import type { Sequence, Term } from "../../src/core/ids.ts";
import { PRODUCERS_PER_STREAM_LIMIT } from "../../src/core/limits.ts";
import { Offers } from "../../src/node/offers.ts";
import type { RecordBatchHeader } from "../../src/stream/mod.ts";

const TERM = 3 as Term;

function batch(first: number, count = 1, epoch = 1, producerId = 4): RecordBatchHeader {
  return { producerId, epoch, baseSequence: first as Sequence, count };
}

function wants(offers: Offers, header: RecordBatchHeader, last = 119, term: Term = TERM): boolean {
  return offers.wants(header, term, last as Sequence);
}

/** What of these is taken where there is room for all of them. */
function offer(offers: Offers, firsts: readonly number[], last = 119): number[] {
  return firsts.filter((first) => {
    if (!wants(offers, batch(first), last)) return false;
    offers.taken(batch(first));
    return true;
  });
}

Deno.test("a batch that is offered again and again is taken once in a term", () => {
  const offers = new Offers();
  assertEquals(offer(offers, [120, 121, 122, 120, 121, 122, 123, 120]), [120, 121, 122, 123]);
  // The log of another term may not hold it.
  assertEquals(wants(offers, batch(120), 119, 4 as Term), true);
});

Deno.test("what is applied here is not taken again from who is behind", () => {
  assertEquals(offer(new Offers(), [118, 119, 120]), [120]);
});

Deno.test("what comes after a batch that a leader had no room for waits until that one is taken", () => {
  const offers = new Offers();
  assertEquals(wants(offers, batch(120, 7)), true);
  offers.refused(batch(120, 7));
  assertEquals([wants(offers, batch(127)), wants(offers, batch(120, 7))], [false, true]);
  offers.refused(batch(120, 7));
  assertEquals([wants(offers, batch(127)), wants(offers, batch(120, 7))], [false, true]);
  offers.taken(batch(120, 7));
  assertEquals([wants(offers, batch(127)), wants(offers, batch(120, 7))], [true, false]);
});

Deno.test("nobody waits for a batch that came into the log another way, or of another session", () => {
  const offers = new Offers();
  wants(offers, batch(120, 7));
  offers.refused(batch(120, 7));
  assertEquals(wants(offers, batch(127), 126), true);
  assertEquals(wants(offers, batch(127, 1, 2)), true);
  assertEquals(offers.wants(batch(1, 1, 1, 5), TERM, null), true);
});

Deno.test("after a gap the batches come again from the one that was missing", () => {
  const offers = new Offers();
  assertEquals(offer(offers, [122, 123]), [122, 123]);
  assertEquals(offer(offers, [120, 121, 122, 123]), [120, 121, 122, 123]);
  offers.forget(batch(122));
  assertEquals(offer(offers, [121, 122, 123], 120), [121, 122, 123]);
});

Deno.test("a leader remembers a bounded number of sessions", () => {
  const offers = new Offers();
  const sessions = Array.from({ length: PRODUCERS_PER_STREAM_LIMIT + 1 }, (_, id) => batch(120, 1, 1, id));
  for (const each of sessions) if (wants(offers, each)) offers.taken(each);
  assertEquals([wants(offers, sessions[0]!), wants(offers, sessions.at(-1)!)], [true, false]);
});
