/**
 * What every implementation of the disk port does, real or simulated, in the absence of faults. Written against the
 * port alone.
 */
import { assert, assertEquals } from "@std/assert";
import type { Token } from "../../src/core/ids.ts";
import type { DiskEvent, Platform } from "../../src/io/mod.ts";
import { type Drive, Recorder } from "./recorder.ts";

export interface DiskBench {
  /** On an empty data folder. */
  readonly platform: Platform;
  readonly drive: Drive;
  dispose(): void | Promise<void>;
}

export type MakeDiskBench = () => DiskBench | Promise<DiskBench>;

const BIG_BYTES = 3 * 1024 * 1024 + 17;

/** Registers the tests of one implementation under its name. */
export function diskConformance(name: string, makeBench: MakeDiskBench): void {
  const test = (title: string, body: (recorder: Recorder) => Promise<void>) =>
    Deno.test(`disk of ${name} ${title}`, async () => {
      const bench = await makeBench();
      try {
        await body(new Recorder(bench.platform, bench.drive));
      } finally {
        await bench.dispose();
      }
    });

  test("reads what was appended", readsAppended);
  test("reads fewer bytes only at the end of the file", readsAtEnd);
  test("completes the operations on one path in their order", completesInOrder);
  test("completes many appends behind a sync", manyBehindSync);
  test("appends at the new end after a truncation", truncates);
  test("replaces the target of a rename", renames);
  test("appends to a renamed file under its new name", appendsAfterRename);
  test("lists files sorted with their sizes", lists);
  test("removes files, also missing ones", removes);
  test("creates folders with those above them, and again", createsFolders);
  test("tells a missing file apart", missingFile);
  test("takes an append of some megabytes whole", bigAppend);
  test("syncs files and folders", syncs);
}

async function readsAppended(r: Recorder): Promise<void> {
  await r.diskOk((t) => r.io.disk.append("a", bytesOf("hello "), t));
  await r.diskOk((t) => r.io.disk.append("a", bytesOf("world"), t));
  assertEquals(await readAll(r, "a"), "hello world");
  const part = await r.diskOk((t) => r.io.disk.read("a", 4, 3, t));
  assertEquals(textOf(part.bytes), "o w");
}

async function readsAtEnd(r: Recorder): Promise<void> {
  await r.diskOk((t) => r.io.disk.append("a", bytesOf("12345"), t));
  for (const [offset, length, expected] of [[3, 10, "45"], [5, 10, ""], [9, 1, ""], [0, 0, ""]] as const) {
    const event = await r.diskOk((t) => r.io.disk.read("a", offset, length, t));
    assertEquals(textOf(event.bytes), expected, `read(${offset}, ${length})`);
  }
}

async function completesInOrder(r: Recorder): Promise<void> {
  const disk = r.io.disk;
  const tokens: Token[] = [];
  const submit = (run: (token: Token) => void) => {
    const token = r.token();
    tokens.push(token);
    run(token);
  };
  for (let i = 0; i < 20; i++) {
    submit((t) => disk.append("log", bytesOf(`${i};`), t));
    if (i % 3 === 0) submit((t) => disk.sync("log", t));
    if (i % 5 === 0) submit((t) => disk.read("log", 0, 1_000, t));
    if (i === 10) submit((t) => disk.truncate("log", 4, t));
    if (i === 15) submit((t) => disk.remove("log", t));
  }
  await r.diskEvent(tokens.at(-1)!);
  const events = r.events.filter((event): event is DiskEvent => event.kind === "disk");
  assertEquals(events.map((event) => event.token), tokens);
  assert(events.every((event) => event.ok), "all succeed");
  assertEquals(await readAll(r, "log"), "16;17;18;19;");
  const reads = events.flatMap((event) => event.ok && event.bytes.length > 0 ? [textOf(event.bytes)] : []);
  const upTo = (n: number) => Array.from({ length: n + 1 }, (_, i) => `${i};`).join("");
  assertEquals(
    reads,
    [upTo(0), upTo(5), upTo(10), "0;1;11;12;13;14;15;"],
    "each read sees what came before it",
  );
}

async function manyBehindSync(r: Recorder): Promise<void> {
  const count = 20_000;
  await r.diskOk((t) => r.io.disk.append("log", bytesOf("x"), t));
  r.io.disk.sync("log", r.token());
  for (let i = 0; i < count; i++) r.io.disk.append("log", bytesOf("y"), r.token());
  await r.diskOk((t) => r.io.disk.sync("log", t));
  const [entry] = (await r.diskOk((t) => r.io.disk.list("", t))).entries;
  assertEquals(entry, { name: "log", sizeBytes: count + 1 });
}

async function truncates(r: Recorder): Promise<void> {
  await r.diskOk((t) => r.io.disk.append("a", bytesOf("0123456789"), t));
  await r.diskOk((t) => r.io.disk.truncate("a", 4, t));
  await r.diskOk((t) => r.io.disk.append("a", bytesOf("xy"), t));
  assertEquals(await readAll(r, "a"), "0123xy");
  await r.diskOk((t) => r.io.disk.truncate("a", 0, t));
  assertEquals(await readAll(r, "a"), "");
}

async function renames(r: Recorder): Promise<void> {
  await r.diskOk((t) => r.io.disk.append("new", bytesOf("new"), t));
  await r.diskOk((t) => r.io.disk.append("old", bytesOf("old content"), t));
  await r.diskOk((t) => r.io.disk.rename("new", "old", t));
  assertEquals(await readAll(r, "old"), "new");
  assertEquals(await codeOf(r, (t) => r.io.disk.read("new", 0, 1, t)), "NOT_FOUND");
  assertEquals(await names(r, ""), ["old"]);
}

async function appendsAfterRename(r: Recorder): Promise<void> {
  const disk = r.io.disk;
  disk.append("a", bytesOf("1"), r.token());
  disk.append("b", bytesOf("gone"), r.token());
  disk.rename("a", "b", r.token());
  disk.append("b", bytesOf("2"), r.token());
  await r.diskOk((t) => disk.append("a", bytesOf("another"), t));
  await r.diskOk((t) => disk.append("b", bytesOf("3"), t));
  assertEquals(await readAll(r, "b"), "123");
  assertEquals(await readAll(r, "a"), "another");
}

async function lists(r: Recorder): Promise<void> {
  const disk = r.io.disk;
  assertEquals((await r.diskOk((t) => disk.list("", t))).entries, []);
  assertEquals((await r.diskOk((t) => disk.list("nowhere", t))).entries, []);
  await r.diskOk((t) => disk.createFolder("wal", t));
  for (const name of ["b", "a", "B", "a0", "10", "9"]) {
    await r.diskOk((t) => disk.append(`wal/${name}`, new Uint8Array(name.charCodeAt(0)), t));
  }
  await r.diskOk((t) => disk.createFolder("wal/deeper", t));
  await r.diskOk((t) => disk.append("wal/deeper/c", new Uint8Array(1), t));
  assertEquals((await r.diskOk((t) => disk.list("wal", t))).entries, [
    { name: "10", sizeBytes: 49 },
    { name: "9", sizeBytes: 57 },
    { name: "B", sizeBytes: 66 },
    { name: "a", sizeBytes: 97 },
    { name: "a0", sizeBytes: 97 },
    { name: "b", sizeBytes: 98 },
  ]);
  assertEquals(await names(r, ""), [], "folders are not files");
}

async function removes(r: Recorder): Promise<void> {
  await r.diskOk((t) => r.io.disk.append("a", bytesOf("1"), t));
  await r.diskOk((t) => r.io.disk.remove("a", t));
  await r.diskOk((t) => r.io.disk.remove("a", t));
  await r.diskOk((t) => r.io.disk.remove("never", t));
  assertEquals(await names(r, ""), []);
  await r.diskOk((t) => r.io.disk.append("a", bytesOf("2"), t));
  assertEquals(await readAll(r, "a"), "2", "nothing is left of the removed file");
}

async function createsFolders(r: Recorder): Promise<void> {
  await r.diskOk((t) => r.io.disk.createFolder("x/y/z", t));
  await r.diskOk((t) => r.io.disk.createFolder("x/y/z", t));
  await r.diskOk((t) => r.io.disk.createFolder("x/y", t));
  await r.diskOk((t) => r.io.disk.append("x/y/z/file", bytesOf("deep"), t));
  assertEquals(await readAll(r, "x/y/z/file"), "deep");
  assertEquals(await names(r, "x/y/z"), ["file"]);
}

async function missingFile(r: Recorder): Promise<void> {
  const disk = r.io.disk;
  assertEquals(await codeOf(r, (t) => disk.read("none", 0, 1, t)), "NOT_FOUND");
  assertEquals(await codeOf(r, (t) => disk.truncate("none", 0, t)), "NOT_FOUND");
  assertEquals(await codeOf(r, (t) => disk.sync("none", t)), "NOT_FOUND");
  assertEquals(await codeOf(r, (t) => disk.rename("none", "other", t)), "NOT_FOUND");
  assertEquals(await codeOf(r, (t) => disk.append("no/folder", bytesOf("1"), t)), "NOT_FOUND");
  const event = await r.disk((t) => disk.read("none", 0, 1, t));
  assert(
    !event.ok && event.message.includes("none") && event.message.includes("read"),
    "the message names both",
  );
  assertEquals(await names(r, ""), [], "asking created nothing");
}

async function bigAppend(r: Recorder): Promise<void> {
  const pattern = (i: number) => (i * 31 + (i >>> 8)) & 0xff;
  await r.diskOk((t) =>
    r.io.disk.append("big", Uint8Array.from({ length: BIG_BYTES }, (_, i) => pattern(i)), t)
  );
  await r.diskOk((t) => r.io.disk.sync("big", t));
  const { bytes } = await r.diskOk((t) => r.io.disk.read("big", 0, BIG_BYTES + 5, t));
  assertEquals(bytes.length, BIG_BYTES);
  assertEquals(bytes.findIndex((byte, i) => byte !== pattern(i)), -1);
}

async function syncs(r: Recorder): Promise<void> {
  await r.diskOk((t) => r.io.disk.createFolder("d", t));
  await r.diskOk((t) => r.io.disk.append("d/a", bytesOf("1"), t));
  await r.diskOk((t) => r.io.disk.sync("d/a", t));
  await r.diskOk((t) => r.io.disk.syncFolder("d", t));
  await r.diskOk((t) => r.io.disk.syncFolder("", t));
}

async function readAll(r: Recorder, path: string): Promise<string> {
  return textOf((await r.diskOk((t) => r.io.disk.read(path, 0, 1 << 20, t))).bytes);
}

async function names(r: Recorder, path: string): Promise<string[]> {
  return (await r.diskOk((t) => r.io.disk.list(path, t))).entries.map((entry) => entry.name);
}

async function codeOf(r: Recorder, submit: (token: Token) => void): Promise<string> {
  const event = await r.disk(submit);
  return event.ok ? "OK" : event.code;
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
