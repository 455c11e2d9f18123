import { assertEquals } from "@std/assert";
import type { Sequence, Term } from "../../src/core/ids.ts";
import { PRODUCERS_PER_STREAM_LIMIT } from "../../src/core/limits.ts";
import { Offers } from "../../src/node/offers.ts";
import type { RecordBatchHeader } from "../../src/stream/mod.ts";

const TERM = 3 as Term;

function batch(first: number, count = 1, epoch = 1, producerId = 4): RecordBatchHeader {
  return { producerId, epoch, baseSequence: first as Sequence, count };
}

Deno.test("what comes after a batch that a leader had no room for waits until that one is taken", () => {
  const offers = new Offers();
  offers.refused(batch(120, 7), TERM);
  assertEquals(offers.isEarly(batch(127), TERM, 119 as Sequence), true);
  assertEquals(offers.isEarly(batch(120, 7), TERM, 119 as Sequence), false);
  // A repetition of what was taken before says nothing of it.
  offers.taken(batch(119));
  assertEquals(offers.isEarly(batch(127), TERM, 119 as Sequence), true);
  offers.taken(batch(120, 7));
  assertEquals(offers.isEarly(batch(127), TERM, 119 as Sequence), false);
});

Deno.test("nobody waits for a batch that came into the log another way, in another term, or of another session", () => {
  const offers = new Offers();
  offers.refused(batch(120, 7), TERM);
  assertEquals(offers.isEarly(batch(127), TERM, 126 as Sequence), false);
  assertEquals(offers.isEarly(batch(127), 4 as Term, 119 as Sequence), false);
  assertEquals(offers.isEarly(batch(127, 1, 2), TERM, 119 as Sequence), false);
  assertEquals(offers.isEarly(batch(127, 1, 1, 5), TERM, null), false);
  offers.refused(batch(5), 4 as Term);
  assertEquals(offers.isEarly(batch(6), 4 as Term, null), true);
});

Deno.test("a leader remembers a bounded number of batches that it had no room for", () => {
  const offers = new Offers();
  for (let id = 0; id <= PRODUCERS_PER_STREAM_LIMIT; id++) offers.refused(batch(1, 1, 1, id), TERM);
  assertEquals(offers.isEarly(batch(2, 1, 1, 0), TERM, null), false);
  assertEquals(offers.isEarly(batch(2, 1, 1, PRODUCERS_PER_STREAM_LIMIT), TERM, null), true);
});
