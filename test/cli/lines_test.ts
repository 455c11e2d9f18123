/** Lines become messages, wherever the pieces that are read happen to end. */
import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { BATCH_BYTES_TARGET, batchesOf, skipping } from "../../src/cli/lines.ts";
import { MESSAGE_BYTES_LIMIT } from "../../src/core/limits.ts";
import { SennitError } from "../../src/core/errors.ts";

async function* pieces(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    const lent = part.slice();
    yield lent;
    lent.fill(0xff); // The reader's buffer is used again.
  }
}

async function texts(batches: AsyncIterable<Uint8Array[]>): Promise<string[][]> {
  const found: string[][] = [];
  for await (const batch of batches) found.push(batch.map((message) => new TextDecoder().decode(message)));
  return found;
}

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("batchesOf() gives every line once and in order, however the input is cut", async () => {
  const line = fc.string().map((text) => text.replaceAll("\n", ""));
  await fc.assert(fc.asyncProperty(
    fc.array(line, { maxLength: 30 }),
    fc.array(fc.nat(20), { maxLength: 20 }),
    fc.boolean(),
    fc.integer({ min: 1, max: 5 }),
    async (lines, cuts, eager, messages) => {
      const whole = bytes(lines.map((text) => `${text}\n`).join(""));
      const parts: Uint8Array[] = [];
      let at = 0;
      for (const cut of cuts) parts.push(whole.subarray(at, at = Math.min(whole.length, at + cut)));
      parts.push(whole.subarray(at));
      const batches = await texts(batchesOf(pieces(...parts), { messages, eager }));
      assertEquals(batches.flat(), lines.map((text) => new TextDecoder().decode(bytes(text))));
      assertEquals(batches.every((batch) => batch.length >= 1 && batch.length <= messages), true);
    },
  ));
});

Deno.test("batchesOf() takes a last line without a newline, and no empty one after the last newline", async () => {
  const options = { messages: 10, eager: false };
  assertEquals(await texts(batchesOf(pieces(bytes("a\n\nb")), options)), [["a", "", "b"]]);
  assertEquals(await texts(batchesOf(pieces(bytes("a\n")), options)), [["a"]]);
  assertEquals(await texts(batchesOf(pieces(), options)), []);
});

Deno.test("batchesOf() hands on at once when eager, and fills batches when not", async () => {
  const source = () => pieces(bytes("a\n"), bytes("b\n"));
  assertEquals(await texts(batchesOf(source(), { messages: 10, eager: true })), [["a"], ["b"]]);
  assertEquals(await texts(batchesOf(source(), { messages: 10, eager: false })), [["a", "b"]]);
});

Deno.test("batchesOf() cuts batches by bytes and names the line that is too long", async () => {
  const half = new Uint8Array(BATCH_BYTES_TARGET / 2 + 1).fill(65);
  const newline = bytes("\n");
  const batches = await texts(
    batchesOf(pieces(half, newline, half, newline), { messages: 10, eager: false }),
  );
  assertEquals(batches.map((batch) => batch.length), [1, 1]);
  const long = new Uint8Array(MESSAGE_BYTES_LIMIT + 1).fill(65);
  const read = texts(batchesOf(pieces(bytes("a\n"), long), { messages: 10, eager: false }));
  const error = await assertRejects(() => read, SennitError) as SennitError;
  assertEquals([error.code, error.details["line"]], ["TOO_LARGE", 2]);
});

Deno.test("skipping() leaves out exactly so many messages", async () => {
  for (let count = 0; count <= 4; count++) {
    const all = batchesOf(pieces(bytes("a\nb\nc\n")), { messages: 2, eager: false });
    assertEquals((await texts(skipping(all, count))).flat(), ["a", "b", "c"].slice(count));
  }
});
