/** The judge of key-value histories, on histories whose verdict is known. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { judge } from "../../sim/checkers/linearizability.ts";
import type { KvOperation } from "../../sim/workloads/history.ts";

type Row = Partial<KvOperation> & { readonly from: number; readonly to: number };

function write(from: number, to: number, value: number): Row {
  return { kind: "write", value, from, to };
}
function read(from: number, to: number, result: number): Row {
  return { kind: "read", result, from, to };
}
function cas(from: number, to: number, expected: number, value: number, isMet: boolean): Row {
  return { kind: "write", expected, value, outcome: isMet ? "ok" : "mismatch", from, to };
}
function unknown(row: Row): Row {
  return { ...row, outcome: "unknown", to: Infinity };
}

function verdict(...rows: readonly Row[]): string {
  return judge(rows.map(({ from, to, ...row }): KvOperation => ({
    client: 0,
    key: "k",
    kind: "read",
    value: 0,
    expected: null,
    outcome: "ok",
    result: 0,
    ...row,
    invokedAt: from,
    returnedAt: to,
  }))).verdict;
}

Deno.test("judge() accepts what happened in order", () => {
  assertEquals(verdict(), "linearizable");
  assertEquals(verdict(read(1, 2, 0), write(3, 4, 1), read(5, 6, 1)), "linearizable");
  assertEquals(verdict(write(1, 2, 1), cas(3, 4, 1, 2, true), read(5, 6, 2)), "linearizable");
  assertEquals(verdict(write(1, 2, 1), cas(3, 4, 5, 2, false), read(5, 6, 1)), "linearizable");
});

Deno.test("judge() accepts any order of what overlapped", () => {
  assertEquals(verdict(write(1, 10, 1), write(2, 9, 2), read(11, 12, 1)), "linearizable");
  assertEquals(verdict(write(1, 10, 1), write(2, 9, 2), read(11, 12, 2)), "linearizable");
  assertEquals(verdict(write(1, 10, 1), read(2, 3, 1), read(4, 5, 1)), "linearizable");
});

Deno.test("judge() refuses a stale read", () => {
  assertEquals(verdict(write(1, 2, 1), write(3, 4, 2), read(5, 6, 1)), "violated");
});

Deno.test("judge() refuses a read that goes back while a write is under way", () => {
  assertEquals(verdict(write(1, 10, 1), read(2, 3, 1), read(4, 5, 0)), "violated");
});

Deno.test("judge() refuses a lost write and a phantom", () => {
  assertEquals(verdict(write(1, 2, 1), read(3, 4, 0)), "violated");
  assertEquals(verdict(read(1, 2, 7)), "violated");
});

Deno.test("judge() refuses two compare-and-sets that were met by one value", () => {
  assertEquals(
    verdict(write(1, 2, 1), cas(3, 10, 1, 2, true), cas(4, 9, 1, 3, true)),
    "violated",
  );
});

Deno.test("judge() refuses a condition that was said not to hold and did", () => {
  assertEquals(verdict(write(1, 2, 1), cas(3, 4, 1, 2, false)), "violated");
});

Deno.test("judge() lets an unknown write happen late, early or never, and never twice", () => {
  const lost = unknown(write(1, 0, 1));
  assertEquals(verdict(lost, read(2, 3, 0), read(4, 5, 1)), "linearizable");
  assertEquals(verdict(lost, read(2, 3, 1)), "linearizable");
  assertEquals(verdict(lost, read(2, 3, 0)), "linearizable");
  assertEquals(verdict(lost, read(2, 3, 1), write(4, 5, 2), read(6, 7, 2), read(8, 9, 1)), "violated");
  assertEquals(verdict(unknown(write(4, 0, 1)), read(2, 3, 1)), "violated");
});

Deno.test("judge() knows deletes", () => {
  const remove = (from: number, to: number, outcome: "ok" | "mismatch"): Row => ({
    kind: "delete",
    outcome,
    from,
    to,
  });
  assertEquals(verdict(write(1, 2, 1), remove(3, 4, "ok"), read(5, 6, 0)), "linearizable");
  assertEquals(verdict(write(1, 2, 1), remove(3, 4, "mismatch")), "violated");
  assertEquals(verdict(remove(1, 2, "ok")), "violated");
});

/** What can be seen of a register that takes its operations in some order within their intervals. */
const realHistory = fc.array(fc.tuple(fc.nat(2), fc.nat(30), fc.nat(30)), { maxLength: 12 }).map((rows) => {
  const points = rows.map(([kind, before, after], i) => ({
    kind,
    at: 100 * (i + 1),
    before,
    after,
    value: i + 1,
  }));
  let state = 0;
  return points.map(({ kind, at, before, after, value }): Row => {
    const [from, to] = [at - 10 * before - 1, at + 10 * after + 1];
    if (kind !== 0) {
      state = value;
      return write(from, to, value);
    }
    return read(from, to, state);
  });
});

Deno.test("judge() accepts every history of a register, and agrees with trying all orders", () => {
  fc.assert(fc.property(realHistory, (rows) => verdict(...distinct(rows)) === "linearizable"), { seed: 1 });
  const small = fc.array(
    fc.tuple(fc.boolean(), fc.nat(3), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(small, (tuples) => {
      const rows = distinct(
        tuples.map(([isRead, value, from, length], i): Row =>
          isRead
            ? read(from * 10, (from + length) * 10, value)
            : write(from * 10, (from + length) * 10, i + 1)
        ),
      );
      assertEquals(verdict(...rows), bruteForce(rows) ? "linearizable" : "violated");
    }),
    { seed: 2, numRuns: 500 },
  );
});

/** Moments are all different, as in a run: ties go to the earlier row. */
function distinct(rows: readonly Row[]): Row[] {
  const moments = rows.flatMap((row, i) => [{ i, end: 0, at: row.from }, { i, end: 1, at: row.to }]);
  moments.sort((a, b) => a.at - b.at || a.end - b.end || a.i - b.i);
  const copies = rows.map((row) => ({ ...row }));
  moments.forEach(({ i, end }, moment) => {
    if (end === 0) copies[i] = { ...copies[i]!, from: moment };
    else copies[i] = { ...copies[i]!, to: moment };
  });
  return copies;
}

function bruteForce(rows: readonly Row[], state = 0): boolean {
  if (rows.length === 0) return true;
  return rows.some((row, i) => {
    if (rows.some((other) => other.to < row.from)) return false;
    if (row.kind === "read" && row.result !== state) return false;
    const rest = rows.filter((_, j) => j !== i);
    return bruteForce(rest, row.kind === "read" ? state : row.value!);
  });
}
