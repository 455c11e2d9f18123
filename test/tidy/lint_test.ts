/** Every lint rule fires on what it is for, and only in node code. */
import { assertEquals } from "@std/assert";
import plugin, { isNodeCode } from "../../tools/lint/mod.ts";

function rulesHit(source: string, filename = "src/raft/sample.ts"): string[] {
  const hits = Deno.lint.runPlugin(plugin, filename, source).map((diagnostic) => diagnostic.id);
  return [...new Set(hits)].sort();
}

const REFUSED: readonly (readonly [rule: string, source: string])[] = [
  ["sennit/no-async", "export async function f(): Promise<void> {}"],
  ["sennit/no-async", "export const f = async () => 1;"],
  ["sennit/no-async", "export class A { async f() {} }"],
  ["sennit/no-async", "export function f(a: { then(x: unknown): void }) { a.then(1); }"],
  ["sennit/no-async", "export const p = new Promise(() => {});"],
  ["sennit/no-async", "export function f(p: Promise<number>) { return p; }"],
  ["sennit/no-ambient", "export const now = Date.now();"],
  ["sennit/no-ambient", "export const at = new Date(0);"],
  ["sennit/no-ambient", "export const at = Temporal.Now.instant();"],
  ["sennit/no-ambient", "export const now = performance.now();"],
  ["sennit/no-ambient", "setTimeout(() => {}, 1);"],
  ["sennit/no-ambient", "setInterval(() => {}, 1);"],
  ["sennit/no-ambient", "setImmediate(() => {});"],
  ["sennit/no-ambient", "queueMicrotask(() => {});"],
  ["sennit/no-ambient", "export const id = crypto.randomUUID();"],
  ["sennit/no-ambient", "crypto.getRandomValues(new Uint8Array(4));"],
  ["sennit/no-ambient", "export const s = crypto.subtle;"],
  ["sennit/no-ambient", "Deno.exit(1);"],
  ["sennit/no-ambient", "export const r = fetch('x');"],
  ["sennit/no-ambient", "new Worker('x');"],
  ["sennit/no-ambient", "export const w = new WeakRef({});"],
  ["sennit/no-ambient", "new FinalizationRegistry(() => {});"],
  ["sennit/no-ambient", "export const s = AbortSignal.timeout(5);"],
  ["sennit/no-ambient", "export const f = new Intl.NumberFormat();"],
  ["sennit/no-ambient", "export const o = 'a'.localeCompare('b');"],
  ["sennit/no-ambient", "export const s = new Error('x').stack;"],
  ["sennit/no-ambient", "export const g = globalThis.Date;"],
  ["sennit/no-import", "export const m = import('./x.ts');"],
  ["sennit/no-import", "import { createHash } from 'node:crypto'; createHash('x');"],
  ["sennit/no-import", "export * from 'npm:ws';"],
  ["sennit/no-inexact-math", "export const r = Math.random();"],
  ["sennit/no-inexact-math", "export const r = Math.exp(1);"],
  ["sennit/no-inexact-math", "export const r = Math['pow'](2, 3);"],
  ["sennit/no-inexact-math", "export const r = 2 ** 53;"],
  ["sennit/no-inexact-math", "export function f(a: number) { a **= 2; return a; }"],
  ["sennit/no-module-state", "let count = 0; export const f = () => count++;"],
  ["sennit/no-module-state", "export let count = 0;"],
  ["sennit/no-module-state", "var count = 0; export const f = () => count++;"],
];

for (const [rule, source] of REFUSED) {
  Deno.test(`${rule} refuses \`${source}\` in node code and nowhere else`, () => {
    assertEquals(rulesHit(source), [rule]);
    assertEquals(rulesHit(source, "src/platform/sample.ts"), []);
    assertEquals(rulesHit(source, "test/raft/sample_test.ts"), []);
  });
}

const ACCEPTED: readonly string[] = [
  "export class A { now() { let n = 0; return ++n; } }",
  "export interface Io { readonly crypto: { sha256(b: Uint8Array): Uint8Array } }\n" +
  "export const f = (io: Io, crypto: Io['crypto']) => [io.crypto.sha256, crypto.sha256];",
  "export const r = Math.floor(Math.sqrt(2)) + Math.min(1, 2) + Math.clz32(1);",
  "export const o = { Date: 1, fetch: 2 };\nexport const v = o.Date + o.fetch;",
  "export const LIMIT = 3;",
  "export function* flow(): Generator<number> { yield 1; }",
];

for (const source of ACCEPTED) {
  Deno.test(`the lint rules accept \`${source.split("\n")[0]}\``, () => assertEquals(rulesHit(source), []));
}

Deno.test("isNodeCode() is true for src/ but the rooms that touch the world and the library's face", () => {
  assertEquals(
    ["src/raft/log.ts", "/a/src/b/src/node/mod.ts", "src/mod.ts", "src/api/server.ts", "sim/world.ts"].map(
      isNodeCode,
    ),
    [true, true, false, false, false],
  );
});
