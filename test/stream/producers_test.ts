import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AssertionFailure } from "../../src/core/assert.ts";
import { ByteReader, ByteWriter } from "../../src/core/bytes.ts";
import type { Index, Offset, Sequence } from "../../src/core/ids.ts";
import { PRODUCER_RANGES_LIMIT, PRODUCERS_PER_STREAM_LIMIT } from "../../src/core/limits.ts";
import { Producers } from "../../src/stream/producers.ts";
import type { RecordBatchHeader } from "../../src/stream/mod.ts";

function header(producerId: number, epoch: number, baseSequence: number, count: number): RecordBatchHeader {
  return { producerId, epoch, baseSequence: baseSequence as Sequence, count };
}

/** A producer with id 5 that has published sequences 1 to 10 in epoch 2 at offsets 100 to 109. */
function published(): Producers {
  const producers = new Producers();
  producers.open("sensor", 5 as Index);
  producers.open("sensor", 6 as Index);
  producers.accept(header(5, 2, 1, 4), 100 as Offset);
  producers.accept(header(5, 2, 5, 6), 104 as Offset);
  return producers;
}

const JUDGEMENTS = [
  ["the next sequence is accepted", header(5, 2, 11, 1), { kind: "accept" }],
  ["the next sequence is accepted with any count", header(5, 2, 11, 1000), { kind: "accept" }],
  ["a repeated batch is answered with its offset", header(5, 2, 5, 6), { kind: "duplicate", offset: 104 }],
  ["the first batch repeated is answered with its offset", header(5, 2, 1, 4), {
    kind: "duplicate",
    offset: 100,
  }],
  ["a message inside what was accepted is found", header(5, 2, 8, 1), { kind: "duplicate", offset: 107 }],
  ["a repetition may be cut otherwise", header(5, 2, 3, 5), { kind: "duplicate", offset: 102 }],
  ["a repetition that goes on is refused", header(5, 2, 10, 2), { kind: "gap", expected: 11 }],
  ["a sequence beyond the next is refused", header(5, 2, 12, 1), { kind: "gap", expected: 11 }],
  ["an older epoch is fenced, even by a duplicate", header(5, 1, 1, 4), { kind: "fenced", epoch: 2 }],
  ["an older epoch is fenced with the next sequence", header(5, 1, 11, 1), { kind: "fenced", epoch: 2 }],
  ["an epoch that nobody was given is unknown", header(5, 3, 11, 1), { kind: "unknown" }],
  ["a producer that nobody opened is unknown", header(4, 1, 1, 1), { kind: "unknown" }],
  ["the index of a second opening names no session", header(6, 1, 1, 1), { kind: "unknown" }],
] as const;

for (const [what, batch, expected] of JUDGEMENTS) {
  Deno.test(`Producers.judge: ${what}`, () => {
    const producers = published();
    assertEquals(producers.judge(batch), expected as ReturnType<Producers["judge"]>);
    assertEquals(producers.lastSequence(5), 10 as Sequence, "judging changes nothing");
  });
}

Deno.test("Opening a producer gives one id per name, an epoch that rises and the next sequence", () => {
  const producers = new Producers();
  assertEquals(producers.open("a", 3 as Index), { producerId: 3, epoch: 1, nextSequence: 1 as Sequence });
  producers.accept(header(3, 1, 1, 7), 0 as Offset);
  assertEquals(producers.open("a", 9 as Index), { producerId: 3, epoch: 2, nextSequence: 8 as Sequence });
  assertEquals(producers.open("b", 10 as Index), { producerId: 10, epoch: 1, nextSequence: 1 as Sequence });
  assertEquals([producers.idOf("a"), producers.idOf("b"), producers.idOf("c")], [3, 10, null]);
  assertEquals([producers.lastSequence(3), producers.lastSequence(9)], [7 as Sequence, null]);
});

Deno.test("A new epoch goes on after the last sequence and still knows the duplicates of the old one", () => {
  const producers = published();
  producers.open("sensor", 20 as Index);
  assertEquals(producers.judge(header(5, 3, 11, 1)), { kind: "accept" });
  assertEquals(producers.judge(header(5, 3, 5, 6)), { kind: "duplicate", offset: 104 });
});

Deno.test("Only what judge accepts may be accepted", () => {
  for (const batch of [header(5, 1, 11, 1), header(5, 2, 12, 1), header(5, 2, 10, 1), header(7, 1, 1, 1)]) {
    assertThrows(() => published().accept(batch, 110 as Offset), AssertionFailure);
  }
});

Deno.test("Opening is refused at the limit of producers, but not for one that is known", () => {
  const producers = new Producers();
  for (let i = 1; i <= PRODUCERS_PER_STREAM_LIMIT; i++) producers.open(`p${i}`, i as Index);
  assertEquals(producers.open("one more", 1_000_000 as Index), null);
  assertEquals(producers.size, PRODUCERS_PER_STREAM_LIMIT);
  assertEquals(producers.open("p7", 1_000_001 as Index)?.epoch, 2);
});

Deno.test("A duplicate older than the remembered ranges is still a duplicate, of offset -1", () => {
  const producers = new Producers();
  producers.open("a", 1 as Index);
  // Offsets with a hole between every two batches: nothing can be merged.
  const count = PRODUCER_RANGES_LIMIT + 3;
  for (let i = 0; i < count; i++) producers.accept(header(1, 1, i + 1, 1), i * 10 as Offset);
  for (let i = 0; i < count; i++) {
    const offset = i < 3 ? -1 : i * 10;
    assertEquals(producers.judge(header(1, 1, i + 1, 1)), { kind: "duplicate", offset });
  }
});

Deno.test("A message of another producer between two batches does not shift the answers to their duplicates", () => {
  const producers = new Producers();
  producers.open("a", 1 as Index);
  producers.accept(header(1, 1, 1, 2), 0 as Offset);
  producers.accept(header(1, 1, 3, 2), 3 as Offset);
  assertEquals(producers.judge(header(1, 1, 2, 1)), { kind: "duplicate", offset: 1 });
  assertEquals(producers.judge(header(1, 1, 3, 2)), { kind: "duplicate", offset: 3 });
});

Deno.test("Consecutive batches are remembered as one however many they are", () => {
  const producers = new Producers();
  producers.open("a", 1 as Index);
  for (let i = 0; i < 1000; i++) producers.accept(header(1, 1, i + 1, 1), i + 50 as Offset);
  assertEquals(producers.judge(header(1, 1, 1, 1)), { kind: "duplicate", offset: 50 });
  assertEquals(producers.judge(header(1, 1, 1000, 1)), { kind: "duplicate", offset: 1049 });
});

Deno.test("Producers are read back as they were written, after any history", () => {
  const step = fc.record({
    name: fc.nat(3),
    count: fc.integer({ min: 1, max: 5 }),
    hole: fc.nat(2),
    open: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const producers = new Producers();
    let index = 0;
    let offset = 0;
    for (const { name, count, hole, open } of steps) {
      index++;
      const id = producers.idOf(`p${name}`);
      if (id === null || open) {
        producers.open(`p${name}`, index as Index);
        continue;
      }
      const epochs = [1, 2, 3, 4, 5, 6, 7, 8, 9, ...Array.from({ length: 60 }, (_, at) => 10 + at)];
      const next = producers.lastSequence(id)! + 1;
      const epoch = epochs.find((each) => producers.judge(header(id, each, next, count)).kind === "accept")!;
      offset += hole;
      producers.accept(header(id, epoch, next, count), offset as Offset);
      offset += count;
    }
    const writer = new ByteWriter();
    producers.write(writer);
    const reader = new ByteReader(writer.take());
    const copy = Producers.read(reader);
    reader.end();
    const again = new ByteWriter();
    copy.write(again);
    assertEquals(again.take(), writer.take());
    for (const name of ["p0", "p1", "p2", "p3"]) {
      const id = producers.idOf(name);
      assertEquals(copy.idOf(name), id);
      for (let sequence = 1; id !== null && sequence <= producers.lastSequence(id)! + 2; sequence++) {
        for (const epoch of [1, 2, 3]) {
          assertEquals(
            copy.judge(header(id, epoch, sequence, 1)),
            producers.judge(header(id, epoch, sequence, 1)),
          );
        }
      }
    }
  }));
});
