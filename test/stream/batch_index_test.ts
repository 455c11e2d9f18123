import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AssertionFailure } from "../../src/core/assert.ts";
import { ByteReader, ByteWriter } from "../../src/core/bytes.ts";
import { DecodeError } from "../../src/core/errors.ts";
import type { Index, Offset } from "../../src/core/ids.ts";
import { BatchIndex } from "../../src/stream/batch_index.ts";

interface Row {
  readonly index: number;
  readonly offset: number;
  readonly count: number;
  readonly bytes: number;
}

const step = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant("push" as const),
      skip: fc.nat(2),
      count: fc.integer({ min: 1, max: 4 }),
      bytes: fc.integer({ min: 53, max: 4 << 20 }),
      many: fc.oneof({ weight: 5, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(40) }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("compact" as const), share: fc.integer({ min: 0, max: 110 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("reload" as const), share: fc.integer({ min: 0, max: 110 }) }),
  },
);

/** Everything that an index answers, against rows in a list. */
function compare(index: BatchIndex, rows: readonly Row[], next: number): void {
  assertEquals(index.size, rows.length);
  assertEquals(index.retainedBytes, rows.reduce((sum, row) => sum + row.bytes, 0));
  assertEquals(index.firstOffset(next as Offset), (rows[0]?.offset ?? next) as Offset);
  const probes = new Set([0, next - 1]);
  for (const row of [...rows.slice(0, 3), ...rows.slice(-3)]) {
    for (const offset of [row.offset - 1, row.offset, row.offset + row.count - 1]) probes.add(offset);
  }
  for (const offset of probes) {
    if (offset < 0 || offset >= next) continue;
    const at = rows.findLastIndex((row) => row.offset <= offset);
    const found = at < 0 ? null : { index: rows[at]!.index as Index, baseOffset: rows[at]!.offset as Offset };
    assertEquals(index.find(offset as Offset), found);
    const from = rows.slice(Math.max(at, 0)).reduce((sum, row) => sum + row.bytes, 0);
    assertEquals(index.bytesFrom(offset as Offset), from);
  }
}

Deno.test("A batch index finds, counts and forgets as a plain list of its rows would", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
    let index = new BatchIndex();
    let rows: Row[] = [];
    let last = 0;
    let next = 0;
    for (const each of steps) {
      if (each.kind === "push") {
        for (let i = 0; i < each.many; i++) {
          last += 1 + each.skip;
          rows.push({ index: last, offset: next, count: each.count, bytes: each.bytes });
          index.push(last as Index, next as Offset, each.bytes);
          next += each.count;
        }
      } else {
        const through = Math.floor(last * each.share / 100) as Index;
        rows = rows.filter((row) => row.index > through);
        if (each.kind === "compact") index.compact(through);
        else {
          const writer = new ByteWriter();
          index.write(writer);
          const reader = new ByteReader(writer.take());
          index = BatchIndex.read(reader, through);
          reader.end();
        }
      }
      compare(index, rows, next);
    }
  }));
});

Deno.test("Batches are indexed in the order of the log only", () => {
  const index = new BatchIndex();
  index.push(5 as Index, 10 as Offset, 60);
  assertThrows(() => index.push(5 as Index, 11 as Offset, 60), AssertionFailure);
  assertThrows(() => index.push(6 as Index, 10 as Offset, 60), AssertionFailure);
});

Deno.test("Rows of a stored index that do not rise are refused as damaged bytes", () => {
  const rows: Record<string, [number, number][]> = {
    "an index twice": [[5, 10], [5, 11]],
    "an offset twice": [[5, 10], [6, 10]],
    "an index that falls": [[5, 10], [4, 11]],
  };
  for (const [what, all] of Object.entries(rows)) {
    const writer = new ByteWriter().u32(all.length);
    for (const [index, offset] of all) writer.u64(index).u64(offset).u32(60);
    assertThrows(
      () => BatchIndex.read(new ByteReader(writer.take()), 0 as Index),
      DecodeError,
      undefined,
      what,
    );
  }
});
