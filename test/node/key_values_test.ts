import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ByteReader, ByteWriter } from "../../src/core/bytes.ts";
import type { Index } from "../../src/core/ids.ts";
import { KEY_VALUE_BYTES_LIMIT, LIST_BYTES_LIMIT } from "../../src/core/limits.ts";
import { KeyValues } from "../../src/node/key_values.ts";

const V = new Uint8Array([1, 2, 3]);

/** "k" is at version 5; "absent" is not there. */
function written(): KeyValues {
  const all = new KeyValues();
  all.put(5 as Index, "k", V, null);
  return all;
}

const PUTS = [
  ["k", null, { kind: "written", version: 9 }],
  ["k", 5, { kind: "written", version: 9 }],
  ["k", 4, { kind: "compare-failed", version: 5 }],
  ["k", 0, { kind: "compare-failed", version: 5 }],
  ["absent", null, { kind: "written", version: 9 }],
  ["absent", 0, { kind: "written", version: 9 }],
  ["absent", 5, { kind: "compare-failed", version: 0 }],
] as const;

for (const [key, expected, outcome] of PUTS) {
  Deno.test(`Putting ${key} where version ${expected ?? "any"} is expected: ${outcome.kind}`, () => {
    const all = written();
    assertEquals(all.put(9 as Index, key, new Uint8Array([7]), expected), outcome);
    const now = all.get(key);
    if (outcome.kind === "written") assertEquals(now, { key, value: new Uint8Array([7]), version: 9 });
    else assertEquals(now, key === "k" ? { key, value: V, version: 5 } : null);
  });
}

const DELETES = [
  ["k", null, { kind: "written", version: 9 }],
  ["k", 5, { kind: "written", version: 9 }],
  ["k", 4, { kind: "compare-failed", version: 5 }],
  ["k", 0, { kind: "compare-failed", version: 5 }],
  ["absent", null, { kind: "not-found" }],
  ["absent", 0, { kind: "not-found" }],
  ["absent", 5, { kind: "compare-failed", version: 0 }],
] as const;

for (const [key, expected, outcome] of DELETES) {
  Deno.test(`Deleting ${key} where version ${expected ?? "any"} is expected: ${outcome.kind}`, () => {
    const all = written();
    assertEquals(all.delete(9 as Index, key, expected), outcome);
    assertEquals(all.get("k") === null, key === "k" && outcome.kind === "written");
    assertEquals(all.bytes, all.size === 0 ? 0 : 4);
  });
}

Deno.test("A key deleted and written again has a version that it never had", () => {
  const all = written();
  all.delete(6 as Index, "k", null);
  assertEquals(all.put(7 as Index, "k", V, 5), { kind: "compare-failed", version: 0 });
  assertEquals(all.put(8 as Index, "k", V, 0), { kind: "written", version: 8 });
});

Deno.test("The key-value is full at its limit of bytes, until something is deleted or made smaller", () => {
  const all = new KeyValues();
  // One buffer stands for all values: only lengths count.
  const value = new Uint8Array(16 * 1024 * 1024 - 4);
  for (let i = 0; i < 16; i++) all.put(i + 1 as Index, `k${10 + i}x`, value, null);
  assertEquals(all.bytes, KEY_VALUE_BYTES_LIMIT);
  assertEquals(all.put(20 as Index, "n", new Uint8Array(), null), { kind: "full" });
  assertEquals(all.put(21 as Index, "k10x", value, null).kind, "written", "what replaces as much still fits");
  assertEquals(all.put(22 as Index, "k10x", new Uint8Array(value.length + 1), null), { kind: "full" });
  assertEquals(all.get("k10x")?.version, 21);
  all.put(23 as Index, "k10x", new Uint8Array(1), null);
  assertEquals(all.put(24 as Index, "n", new Uint8Array(), null).kind, "written");
  all.delete(25 as Index, "n", null);
  all.delete(26 as Index, "k11x", null);
  assertEquals(all.bytes, 14 * 16 * 1024 * 1024 + 5);
});

Deno.test("A list is what is between prefix and key, sorted by code units, page by page", () => {
  const keys = fc.uniqueArray(
    fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom("a", "b", "é", "😀", "\uffff") }),
  );
  const prefix = fc.constantFrom("", "a", "ab", "é");
  fc.assert(fc.property(keys, prefix, fc.integer({ min: 1, max: 4 }), (all, start, limit) => {
    const keyValues = new KeyValues();
    all.forEach((key, at) => keyValues.put(at + 1 as Index, key, V, null));
    // The default order of arrays is by code units.
    const expected = all.filter((key) => key.startsWith(start)).sort();
    const found: string[] = [];
    for (let after = "", more = true; more;) {
      const page = keyValues.list(start, after, limit);
      assertEquals(page.entries.length <= limit, true);
      found.push(...page.entries.map(({ key }) => key));
      after = found[found.length - 1] ?? "";
      more = page.more;
    }
    assertEquals(found, expected);
  }));
});

Deno.test("Equal contents are written as equal bytes whatever the order of writing, and read back", () => {
  const entries = fc.uniqueArray(
    fc.tuple(fc.string({ maxLength: 3 }), fc.uint8Array({ maxLength: 3 }), fc.nat(99)),
    {
      selector: ([key]) => key,
    },
  );
  fc.assert(fc.property(entries, (all) => {
    const bytesOf = (order: typeof all) => {
      const keyValues = new KeyValues();
      for (const [key, value, index] of order) keyValues.put(index as Index, key, value, null);
      const writer = new ByteWriter();
      keyValues.write(writer);
      return writer.take();
    };
    const bytes = bytesOf(all);
    assertEquals(bytesOf([...all].reverse()), bytes);
    const reader = new ByteReader(bytes);
    const copy = KeyValues.read(reader);
    reader.end();
    for (const [key, value, version] of all) assertEquals(copy.get(key), { key, value, version });
    assertEquals(copy.size, all.length);
    const writer = new ByteWriter();
    copy.write(writer);
    assertEquals(writer.take(), bytes);
  }));
});

Deno.test("A list holds no more than one answer carries, but always something, and says that there is more", () => {
  const all = new KeyValues();
  const large = new Uint8Array(LIST_BYTES_LIMIT / 2);
  for (const [at, key] of ["a", "b", "c"].entries()) all.put(at + 1 as Index, key, large, null);
  const found: string[][] = [];
  for (let after = "", more = true; more;) {
    const page = all.list("", after, 100);
    found.push(page.entries.map((entry) => entry.key));
    after = page.entries[page.entries.length - 1]!.key;
    more = page.more;
  }
  assertEquals(found, [["a"], ["b"], ["c"]]);
  all.put(4 as Index, "b", new Uint8Array(2 * LIST_BYTES_LIMIT), null);
  assertEquals(all.list("", "a", 100), { entries: [all.get("b")!], more: true });
});
