import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AssertionFailure } from "../../src/core/assert.ts";
import type { Lsn, MemberId, Sequence, Term } from "../../src/core/ids.ts";
import { Outbox, type OutboxRecord } from "../../src/node/outbox.ts";

function record(id: number, producerId: number, epoch: number, first: number, count: number): OutboxRecord {
  return {
    id,
    header: { producerId, epoch, baseSequence: first as Sequence, count },
    lengthBytes: 52 + count,
    lsn: id as Lsn,
    handed: null,
    waiters: [],
    loading: false,
    loaded: null,
  };
}

const step = fc.record({
  add: fc.boolean(),
  producerId: fc.integer({ min: 1, max: 3 }),
  epoch: fc.integer({ min: 1, max: 2 }),
  count: fc.integer({ min: 1, max: 5 }),
  pick: fc.nat(20),
});

Deno.test("G78: an outbox keeps the order of publishing and knows its bytes and sequences as a plain list would", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const outbox = new Outbox();
    let list: OutboxRecord[] = [];
    const next = new Map<string, number>();
    steps.forEach(({ add, producerId, epoch, count, pick }, id) => {
      if (add) {
        const session = `${producerId}/${epoch}`;
        const first = next.get(session) ?? 1;
        next.set(session, first + count);
        const added = record(id, producerId, epoch, first, count);
        outbox.add(added);
        list.push(added);
      } else if (list.length > 0) {
        const removed = list[pick % list.length]!;
        outbox.remove(removed);
        list = list.filter((each) => each !== removed);
        assertEquals(outbox.find(removed.header), null);
      }
      assertEquals([...outbox.records()].map((each) => each.id), list.map((each) => each.id));
      assertEquals(outbox.size, list.length);
      assertEquals(outbox.bytes, list.reduce((sum, each) => sum + each.lengthBytes, 0));
      for (const each of list) assertEquals(outbox.find(each.header), each);
      for (const producer of [1, 2, 3]) {
        assertEquals(
          outbox.producers().includes(producer),
          list.some(({ header }) => header.producerId === producer),
        );
        for (const generation of [1, 2]) {
          const probe = record(0, producer, generation, 1, 1).header;
          const own = list.filter(({ header }) =>
            header.producerId === producer && header.epoch === generation
          );
          const waiting = own.map(({ header }) => header.baseSequence + header.count - 1);
          const last = outbox.lastSequence(probe);
          assertEquals(last === null, waiting.length === 0);
          if (last !== null) {
            assertEquals(last >= Math.max(...waiting), true, "nothing that waits is beyond it");
          }
        }
      }
    });
  }));
});

Deno.test("A sequence of a producer's epoch is in the outbox once, and leaves it once", () => {
  const outbox = new Outbox();
  const first = record(1, 5, 1, 1, 3);
  outbox.add(first);
  assertThrows(() => outbox.add(record(2, 5, 1, 1, 1)), AssertionFailure);
  outbox.add(record(3, 5, 2, 1, 3));
  outbox.remove(first);
  assertThrows(() => outbox.remove(first), AssertionFailure);
  assertEquals([outbox.size, outbox.bytes, outbox.producers().includes(5)], [1, 55, true]);
});

Deno.test("Handing again forgets to whom each was handed, and nothing else", () => {
  const outbox = new Outbox();
  for (const id of [1, 2]) {
    const each = record(id, 5, 1, id, 1);
    each.handed = { term: 3 as Term, leader: 2 as MemberId, atMs: 9 };
    outbox.add(each);
  }
  outbox.handAgain();
  assertEquals([...outbox.records()], [record(1, 5, 1, 1, 1), record(2, 5, 1, 2, 1)]);
});
