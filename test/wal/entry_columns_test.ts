import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { EntryColumns } from "../../src/wal/entry_columns.ts";
import { inTerm } from "./log_driver.ts";

interface Row {
  term: number;
  kind: 0 | 1 | 2;
  segment: number;
  offset: number;
  lengthBytes: number;
  crc: number;
  damaged: boolean;
}

function rowOf(seed: number): Row {
  const word = (salt: number) => Math.imul(seed + salt, 0x9e3779b1) >>> 0;
  return {
    term: 1 + word(1) % 5,
    kind: word(2) % 3 as 0 | 1 | 2,
    segment: word(3),
    offset: word(4),
    lengthBytes: word(5),
    crc: word(6),
    damaged: word(7) % 2 === 1,
  };
}

function assertRow(columns: EntryColumns, row: number, expected: Row | null): void {
  assertEquals(columns.isPresent(row), expected !== null);
  if (expected === null) return;
  const { term, kind, ...extent } = expected;
  assertEquals([columns.term(row), columns.kind(row)], [inTerm(term), kind]);
  assertEquals(columns.extent(row), extent);
}

type Change = ["put", number, number] | ["truncate", number] | ["drop", number] | ["place", number, number];

const CHANGE: fc.Arbitrary<Change> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant("put" as const), fc.nat(1500), fc.nat(3)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("truncate" as const), fc.nat(1000)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("drop" as const), fc.nat(1000)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("place" as const), fc.nat(999), fc.nat()) },
);

Deno.test("EntryColumns hold what a list of rows holds", () => {
  fc.assert(
    fc.property(fc.array(CHANGE, { maxLength: 30 }), (changes) => {
      const columns = new EntryColumns();
      let model: (Row | null)[] = [];
      let seed = 0;
      for (const [kind, value, more] of changes) {
        if (kind === "put") {
          for (let i = 0; i < more; i++) model.push(null);
          for (let i = 0; i < value; i++) {
            const row = rowOf(seed++);
            columns.put(model.length, inTerm(row.term), row.kind, row, false, false);
            model.push(row);
          }
          if (value === 0) model = model.slice(0, columns.length);
        } else if (kind === "place") {
          const row = Math.floor(model.length * value / 1000);
          if ((model[row] ?? null) === null) continue;
          const place = { segment: more, offset: more + 1 };
          columns.place(row, place, false);
          model[row] = { ...model[row]!, ...place, damaged: false };
        } else {
          const count = Math.floor(model.length * value / 1000);
          if (kind === "truncate") columns.truncate(count);
          else columns.dropFirst(count);
          model = kind === "truncate" ? model.slice(0, count) : model.slice(count);
        }
        assertEquals(columns.length, model.length);
        const steps = Math.max(1, Math.floor(model.length / 40));
        for (let row = 0; row < model.length; row += steps) assertRow(columns, row, model[row]!);
        assertRow(columns, model.length, null);
      }
    }),
    { numRuns: 150 },
  );
});

Deno.test("EntryColumns take 20 bytes of each entry and give them back", () => {
  const columns = new EntryColumns();
  const row = rowOf(1);
  const put = (at: number) => columns.put(at, inTerm(1), 0, row, false, false);
  put(0);
  assert(columns.sizeBytes <= 200, "a group with one entry takes little");
  for (let at = 1; at < 100_000; at++) put(at);
  assert(columns.sizeBytes < 21 * 100_000, `${columns.sizeBytes} bytes`);
  columns.dropFirst(90_000);
  assert(columns.sizeBytes < 20 * 13_000, `${columns.sizeBytes} bytes after the front went`);
  columns.truncate(10);
  assert(columns.sizeBytes <= 20 * 2048, `${columns.sizeBytes} bytes after the end went`);
  columns.dropFirst(10);
  assertEquals(columns.sizeBytes, 0);
});
