/** The sink: what it stores it keeps, what was torn it cuts, what is damaged it refuses. */
import { assertEquals, assertRejects } from "@std/assert";
import { readSink, SINK_HEADER_BYTES, SinkFile, UNSYNCED_BYTES_LIMIT } from "../../src/cli/sink_file.ts";
import { SennitError } from "../../src/core/errors.ts";

const text = (value: string) => new TextEncoder().encode(value);
const FIRST = { firstOffset: 5, messages: [text("a"), text(""), text("ccc")] };
const SECOND = { firstOffset: 8, messages: [text("dd")] };

async function withFolder(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(`${folder}/sink`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Stores batches, one step each, and gives the file's size after each. */
async function write(path: string, batches: readonly (typeof FIRST)[]): Promise<number[]> {
  const sink = await SinkFile.open(path);
  const sizes = [];
  for (const batch of batches) {
    await sink.store([batch]);
    sizes.push((await Deno.stat(path)).size);
  }
  sink.close();
  return sizes;
}

async function contents(path: string): Promise<[number, string][]> {
  const found: [number, string][] = [];
  for await (const { firstOffset, messages } of readSink(path)) {
    messages.forEach((message, i) => found.push([firstOffset + i, new TextDecoder().decode(message)]));
  }
  return found;
}

Deno.test("SinkFile keeps what it stored and says where to go on", async () => {
  await withFolder(async (path) => {
    const sink = await SinkFile.open(path);
    assertEquals(sink.nextOffset, null);
    await sink.store([FIRST, SECOND]);
    assertEquals(sink.nextOffset, 9);
    sink.close();
    const again = await SinkFile.open(path);
    assertEquals(again.nextOffset, 9);
    await again.store([{ firstOffset: 12, messages: [text("e")] }]);
    again.close();
    assertEquals(await contents(path), [[5, "a"], [6, ""], [7, "ccc"], [8, "dd"], [12, "e"]]);
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
  });
});

Deno.test("SinkFile cuts a tail torn at any byte, keeps what was whole before it, and goes on from there", async () => {
  await withFolder(async (path) => {
    const [afterFirst, afterSecond] = await write(path, [FIRST, SECOND]);
    const whole = await Deno.readFile(path);
    for (let size = 0; size <= afterSecond!; size++) {
      await Deno.writeFile(path, whole.subarray(0, size));
      const sink = await SinkFile.open(path);
      const next = size < afterFirst! ? null : size < afterSecond! ? 8 : 9;
      assertEquals(sink.nextOffset, next, `torn at ${size}`);
      if (next === null) await sink.store([FIRST]);
      if (next !== 9) await sink.store([SECOND]);
      sink.close();
      assertEquals(await Deno.readFile(path), whole, `mended at ${size}`);
    }
  });
});

Deno.test("SinkFile never takes a flipped bit for data", async () => {
  await withFolder(async (path) => {
    const [afterFirst, afterSecond] = await write(path, [FIRST, SECOND]);
    const whole = await Deno.readFile(path);
    for (let at = SINK_HEADER_BYTES; at < afterSecond!; at++) {
      const flipped = whole.slice();
      flipped[at]! ^= 0x10;
      await Deno.writeFile(path, flipped);
      const sink = await SinkFile.open(path);
      assertEquals(sink.nextOffset, at < afterFirst! ? null : 8, `flipped at ${at}`);
      sink.close();
    }
  });
});

Deno.test("SinkFile refuses damage that cannot be a torn tail, and leaves the file as it is", async () => {
  await withFolder(async (path) => {
    const [afterFirst] = await write(path, [FIRST]);
    const whole = await Deno.readFile(path);
    const long = new Uint8Array(whole.length + UNSYNCED_BYTES_LIMIT + 1);
    long.set(whole);
    await Deno.writeFile(path, long);
    const error = await assertRejects(() => SinkFile.open(path), SennitError) as SennitError;
    assertEquals([error.code, error.details], ["DATA_DAMAGED", { at: afterFirst! }]);
    assertEquals((await Deno.stat(path)).size, long.length);
  });
});

Deno.test("SinkFile refuses a file of another kind and one that is in use", async () => {
  await withFolder(async (path) => {
    await Deno.writeTextFile(path, "a text of a person, not to be cut\n");
    assertEquals(
      (await assertRejects(() => SinkFile.open(path), SennitError) as SennitError).code,
      "DATA_DAMAGED",
    );
    assertEquals(await Deno.readTextFile(path), "a text of a person, not to be cut\n");
    await Deno.remove(path);
    const sink = await SinkFile.open(path);
    assertEquals(
      (await assertRejects(() => SinkFile.open(path), SennitError) as SennitError).code,
      "DATA_IN_USE",
    );
    sink.close();
  });
});

Deno.test("SinkFile refuses an offset that it has passed", async () => {
  await withFolder(async (path) => {
    const sink = await SinkFile.open(path);
    await sink.store([FIRST]);
    await assertRejects(() => sink.store([FIRST]), RangeError);
    sink.close();
    assertEquals((await contents(path)).length, 3);
  });
});

Deno.test("sink ends quietly where who reads it has enough", async () => {
  await withFolder(async (path) => {
    const messages = Array.from({ length: 20_000 }, (_, i) => text(`message ${i}`));
    await write(path, [{ firstOffset: 0, messages }]);
    const main = new URL("../../main.ts", import.meta.url).pathname;
    const line = `"$0" run -A "$1" sink "$2" | head -n 1`;
    const { stdout, stderr } = await new Deno.Command("bash", {
      args: ["-c", line, Deno.execPath(), main, path],
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    }).output();
    assertEquals(new TextDecoder().decode(stdout).split("\n").length, 2);
    assertEquals(new TextDecoder().decode(stderr), "");
  });
});
