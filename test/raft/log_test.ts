import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AssertionFailure } from "../../src/core/assert.ts";
import type { Index, MemberId, Term } from "../../src/core/ids.ts";
import { simpleConfiguration } from "../../src/raft/configuration.ts";
import { Log } from "../../src/raft/log.ts";
import { EntryKind, type EntryMeta } from "../../src/raft/types.ts";

const FIRST = simpleConfiguration([1, 2, 3] as MemberId[]);
const ORIGIN = { index: 0 as Index, term: 0 as Term };

function entry(index: number, term: number, voters?: number[]): EntryMeta {
  return {
    index: index as Index,
    term: term as Term,
    kind: voters === undefined ? EntryKind.Command : EntryKind.Configuration,
    lengthBytes: index % 7,
    configuration: voters === undefined ? null : simpleConfiguration(voters as MemberId[]),
  };
}

function logOf(...terms: number[]): Log {
  const log = new Log(ORIGIN, FIRST);
  terms.forEach((term, i) => log.append(entry(i + 1, term)));
  return log;
}

type Step =
  | { readonly kind: "append"; readonly count: number; readonly rise: number; readonly voters: number | null }
  | { readonly kind: "truncate"; readonly share: number }
  | { readonly kind: "compact"; readonly share: number }
  | { readonly kind: "reset"; readonly ahead: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("append" as const),
    count: fc.integer({ min: 1, max: 20 }),
    rise: fc.nat(3),
    voters: fc.option(fc.integer({ min: 1, max: 5 })),
  }),
  fc.record({ kind: fc.constant("truncate" as const), share: fc.nat(100) }),
  fc.record({ kind: fc.constant("compact" as const), share: fc.nat(100) }),
  fc.record({ kind: fc.constant("reset" as const), ahead: fc.integer({ min: 1, max: 5 }) }),
);

Deno.test("Log answers like a plain array of entries, whatever is appended, truncated, compacted and reset", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const log = new Log(ORIGIN, FIRST);
    let base = { index: 0, term: 0 };
    let baseConfiguration = FIRST;
    let model: EntryMeta[] = [];
    for (const step of steps) {
      const last = base.index + model.length;
      const at = base.index + Math.floor(model.length * ("share" in step ? step.share : 0) / 100);
      if (step.kind === "append") {
        const term = Math.max(1, (model.at(-1)?.term ?? base.term) + step.rise);
        for (let i = 1; i <= step.count; i++) {
          const voters = i === step.count && step.voters !== null
            ? Array.from({ length: step.voters }, (_, n) => n + 1)
            : undefined;
          const next = entry(last + i, term, voters);
          log.append(next);
          model.push(next);
        }
      } else if (step.kind === "truncate") {
        log.truncateAfter(at as Index);
        model = model.slice(0, at - base.index);
      } else if (step.kind === "compact") {
        const gone = model.slice(0, at - base.index);
        baseConfiguration = gone.findLast((entry) => entry.configuration !== null)?.configuration ??
          baseConfiguration;
        log.compact(at as Index);
        model = model.slice(at - base.index);
        base = { index: at, term: gone.at(-1)?.term ?? base.term };
      } else {
        base = { index: last + step.ahead, term: (model.at(-1)?.term ?? base.term) + 1 };
        baseConfiguration = simpleConfiguration([step.ahead] as MemberId[]);
        log.reset({ index: base.index as Index, term: base.term as Term }, baseConfiguration);
        model = [];
      }
      assertSame(log, base, baseConfiguration, model);
    }
  }));
});

function assertSame(
  log: Log,
  base: { index: number; term: number },
  baseConfiguration: typeof FIRST,
  model: readonly EntryMeta[],
): void {
  const last = base.index + model.length;
  assertEquals([log.baseIndex, log.baseTerm, log.lastIndex], [base.index, base.term, last] as never);
  assertEquals(log.lastTerm as number, model.at(-1)?.term ?? base.term);
  assertEquals(log.baseConfiguration, baseConfiguration);
  const changed = model.findLast((entry) => entry.configuration !== null);
  assertEquals(log.configuration, changed?.configuration ?? baseConfiguration);
  if (changed !== undefined) assertEquals(log.configurationIndex, changed.index);
  for (let index = Math.max(0, base.index - 1); index <= last + 1; index++) {
    const known = model[index - base.index - 1] ?? null;
    assertEquals(log.entryAt(index as Index), known);
    const term = index === base.index ? base.term : known?.term ?? null;
    assertEquals(log.termAt(index as Index) as number | null, term);
  }
  assertEquals(log.bytesAfter(base.index as Index), model.reduce((sum, entry) => sum + entry.lengthBytes, 0));
}

Deno.test("Log.lastIndexOfTermAtMost finds where a repair goes on", () => {
  const log = logOf(1, 1, 2, 2, 5, 5);
  const cases: [index: number, term: number, expected: number][] = [
    [6, 5, 6],
    [6, 4, 4],
    [6, 2, 4],
    [6, 1, 2],
    [6, 0, 0],
    [5, 4, 4],
    [3, 1, 2],
    [3, 9, 3],
    [9, 9, 6],
    [0, 3, 0],
  ];
  for (const [index, term, expected] of cases) {
    assertEquals(log.lastIndexOfTermAtMost(index as Index, term as Term) as number, expected);
  }
  log.compact(4 as Index);
  assertEquals(log.lastIndexOfTermAtMost(6 as Index, 1 as Term) as number, 3);
  assertEquals(log.lastIndexOfTermAtMost(2 as Index, 1 as Term) as number, 2);
});

Deno.test("Log refuses gaps, falling terms and truncation of what a snapshot holds", () => {
  assertThrows(() => logOf(1).append(entry(3, 1)), AssertionFailure);
  assertThrows(() => logOf(2).append(entry(2, 1)), AssertionFailure);
  assertThrows(() => logOf(1).append({ ...entry(2, 1), kind: EntryKind.Configuration }), AssertionFailure);
  const log = logOf(1, 1, 1);
  log.compact(2 as Index);
  assertThrows(() => log.truncateAfter(1 as Index), AssertionFailure);
  assertThrows(() => log.compact(1 as Index), AssertionFailure);
  assertThrows(() => log.compact(4 as Index), AssertionFailure);
});

Deno.test("Log truncation brings the configuration before back", () => {
  const log = logOf(1, 1);
  log.append(entry(3, 1, [1, 2]));
  log.append(entry(4, 1, [1]));
  assertEquals(log.configuration, simpleConfiguration([1] as MemberId[]));
  log.truncateAfter(3 as Index);
  assertEquals(log.configuration, simpleConfiguration([1, 2] as MemberId[]));
  log.truncateAfter(2 as Index);
  assertEquals(log.configuration, FIRST);
});
