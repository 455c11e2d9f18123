import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Token } from "../../src/core/ids.ts";
import { Recorder } from "../conformance/recorder.ts";
import { driveReal, openPlatform } from "./bench.ts";

const BYTES = () => new Uint8Array([1, 2, 3]);

Deno.test("disk names a full device", async () => {
  const test = await openPlatform();
  const r = new Recorder(test.platform, driveReal);
  await Deno.symlink("/dev/full", `${test.folder}/log`);
  const event = await r.disk((t) => r.io.disk.append("log", BYTES(), t));
  assert(
    !event.ok && event.code === "FULL" && event.message.startsWith("Cannot append log: "),
    JSON.stringify(event),
  );
  await test.dispose();
});

Deno.test("disk takes back the half of an append that a full device took", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sennit-" });
  const child = new URL("./full_disk_child.ts", import.meta.url).pathname;
  // A file-size limit of 8 blocks stands for the end of the device: the write that crosses it is cut there.
  const script = `trap '' XFSZ; ulimit -f 8; exec "$0" run -A --no-lock "$1" "$2"`;
  const output = await new Deno.Command("sh", {
    args: ["-c", script, Deno.execPath(), child, folder],
  }).output();
  const text = new TextDecoder().decode(output.stdout) + new TextDecoder().decode(output.stderr);
  assertEquals(text.trim().split("\n").at(-1), "ok FULL 3000 3100", text);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("disk reports a failed sync once and never claims success for that file again", async () => {
  const test = await openPlatform();
  const r = new Recorder(test.platform, driveReal);
  await Deno.symlink("/dev/null", `${test.folder}/log`); // A device that takes bytes and cannot sync them.
  await r.diskOk((t) => r.io.disk.append("log", BYTES(), t));
  const failed = await r.disk((t) => r.io.disk.sync("log", t));
  assert(!failed.ok && failed.code === "FAILED", JSON.stringify(failed));
  for (const submit of [r.io.disk.sync, r.io.disk.append, r.io.disk.truncate] as const) {
    const run = submit as (...args: unknown[]) => void;
    const args = submit === r.io.disk.append ? [BYTES()] : submit === r.io.disk.truncate ? [0] : [];
    const event = await r.disk((t) => run.call(r.io.disk, "log", ...args, t));
    assert(
      !event.ok && event.code === "FAILED" && /earlier sync failed/.test(event.message),
      "still refused",
    );
  }
  await r.diskOk((t) => r.io.disk.rename("log", "moved", t));
  const moved = await r.disk((t) => r.io.disk.append("moved", BYTES(), t));
  assert(!moved.ok, "the damage moves with the file");
  await r.diskOk((t) => r.io.disk.append("log", BYTES(), t));
  await r.diskOk((t) => r.io.disk.sync("log", t));
  await r.diskOk((t) => r.io.disk.remove("moved", t));
  await r.diskOk((t) => r.io.disk.append("moved", BYTES(), t));
  await test.dispose();
});

Deno.test("disk refuses paths that lead out of its folder", async () => {
  const test = await openPlatform();
  const disk = test.platform.io.disk;
  const token = 1 as Token;
  const bad = [
    "..",
    "../x",
    "a/../b",
    "/etc/passwd",
    "a//b",
    "a/",
    ".",
    "./a",
    "a\0b",
    "a\\b",
    "sennit.lock",
    "",
    "x".repeat(600),
  ];
  for (const path of bad) {
    assertThrows(() => disk.append(path, BYTES(), token), TypeError, "Not a path", JSON.stringify(path));
    assertThrows(() => disk.rename("a", path, token), TypeError);
    if (path !== "") assertThrows(() => disk.list(path, token), TypeError);
  }
  assertThrows(() => disk.read("a", -1, 1, token), RangeError);
  assertThrows(() => disk.truncate("a", 0.5, token), RangeError);
  await test.dispose();
});

/** Handles of this process on files of that folder; other tests may run in the same process. */
function handlesBelow(folder: string): number {
  let count = 0;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      if (Deno.readLinkSync(`/proc/self/fd/${name}`).startsWith(folder)) count++;
    } catch {
      // Closed since it was listed.
    }
  }
  return count;
}

Deno.test("disk serves more files than it keeps open", async () => {
  const test = await openPlatform();
  const r = new Recorder(test.platform, driveReal);
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 150; i++) r.io.disk.append(`f${i}`, new Uint8Array([round, i]), r.token());
  }
  for (let i = 0; i < 150; i++) {
    const { bytes } = await r.diskOk((t) => r.io.disk.read(`f${i}`, 0, 10, t));
    assertEquals([...bytes], [0, i, 1, i]);
  }
  const open = handlesBelow(test.folder);
  assert(open < 100, `${open} handles are open`);
  await test.dispose();
});

Deno.test("disk completes what was submitted before it closes and refuses what comes later", async () => {
  const test = await openPlatform();
  const r = new Recorder(test.platform, driveReal);
  r.io.disk.append("log", BYTES(), r.token());
  r.io.disk.sync("log", r.token());
  r.io.disk.append("log", BYTES(), r.token());
  const count = r.events.length;
  await test.platform.close();
  assertEquals(Deno.statSync(`${test.folder}/log`).size, 6);
  r.io.disk.append("log", BYTES(), r.token());
  assertEquals(r.events.length, count, "nothing is delivered after close");
  assertEquals(Deno.statSync(`${test.folder}/log`).size, 6);
  await test.dispose();
});

Deno.test("disk drops the completions of an incarnation that has ended", async () => {
  const test = await openPlatform();
  const before = new Recorder(test.platform, driveReal, 1);
  before.io.disk.append("log", BYTES(), before.token());
  before.io.disk.sync("log", before.token());
  const after = new Recorder(test.platform, driveReal, 2);
  await after.diskOk((t) => after.io.disk.append("log", BYTES(), t));
  assertEquals(before.events.length, 1, "the sync ended unheard");
  assertEquals(after.events.length, 1);
  await test.dispose();
});
