import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { crc32c } from "../../src/core/crc32c.ts";
import { SennitError } from "../../src/core/errors.ts";
import { readWholeFile, replaceFile, Snapshots } from "../../src/wal/mod.ts";
import { salvageFile } from "../../src/wal/salvage.ts";
import { decodeSnapshot, encodeSnapshot } from "../../src/wal/snapshots.ts";
import { at, content, group, inTerm, LogDriver } from "./log_driver.ts";
import { KEEP_ALL, LOSE_ALL, MemoryDisk } from "./memory_disk.ts";

const META = { index: at(12), term: inTerm(3), configurationBytes: content(4, 30) };
const PATH = "snapshots/0000000000000007-0000000000000002-0000000000000012.snapshot";

function opened(disk: MemoryDisk): { driver: LogDriver; snapshots: Snapshots } {
  const driver = new LogDriver(disk);
  const snapshots = new Snapshots(disk);
  driver.run(snapshots.open());
  return { driver, snapshots };
}

Deno.test("Snapshots gives back what it wrote, lists it, and forgets what is removed", () => {
  const disk = new MemoryDisk();
  let { driver, snapshots } = opened(disk);
  const state = content(1, 3_000_000);
  driver.run(snapshots.write(group(7), 2, META, state));
  driver.run(snapshots.write(group(7), 2, { ...META, index: at(9) }, new Uint8Array(0)));
  driver.run(snapshots.write(group(0), 1, { ...META, configurationBytes: new Uint8Array(0) }, content(2, 5)));
  disk.crash(LOSE_ALL);
  ({ driver, snapshots } = opened(disk));
  const names = driver.run(snapshots.list());
  assertEquals(names.map((name) => [name.group, name.generation, name.index]), [
    [0, 1, 12],
    [7, 2, 9],
    [7, 2, 12],
  ] as never);
  assertEquals(driver.run(snapshots.read(group(7), 2, at(12))), {
    group: group(7),
    generation: 2,
    ...META,
    state,
  });
  assertEquals(driver.run(snapshots.read(group(7), 2, at(9)))!.state.length, 0);
  assertEquals(driver.run(snapshots.read(group(7), 3, at(9))), null);
  driver.run(snapshots.remove(group(7), 2, at(12)));
  driver.run(snapshots.remove(group(7), 2, at(12)));
  disk.crash(LOSE_ALL);
  assertEquals(driver.run(snapshots.read(group(7), 2, at(12))), null);
});

Deno.test("Snapshots removes all of a group for good, what a write that failed has left too, and nothing of others", () => {
  const disk = new MemoryDisk();
  const { driver, snapshots } = opened(disk);
  for (const id of [7, 8]) driver.run(snapshots.write(group(id), 2, META, content(1, 20)));
  driver.run(snapshots.write(group(7), 3, META, content(1, 20)));
  disk.plant(`${PATH}.new`, content(1, 5));
  disk.plant("snapshots/notes", content(1, 5));
  driver.run(snapshots.removeAll((id, generation) => id === group(7) && generation <= 2));
  const left = () => disk.paths.filter((path) => path.startsWith("snapshots/")).sort();
  const expected = [PATH.replace("2-", "3-"), PATH.replace("7-", "8-"), "snapshots/notes"].sort();
  assertEquals(left(), expected);
  disk.crash(LOSE_ALL);
  assertEquals(left().filter((path) => path.endsWith("snapshot")), expected.slice(0, 2));
});

Deno.test("Snapshots leaves the whole new file or none at a crash in any operation", () => {
  for (const tear of [LOSE_ALL, KEEP_ALL]) {
    for (let operations = 0; operations < 6; operations++) {
      const disk = new MemoryDisk();
      let { driver, snapshots } = opened(disk);
      let written = false;
      const flow = snapshots.write(group(7), 2, META, content(1, 2000));
      driver.flows.start(flow, () => written = true, () => assert(false));
      for (let i = 0; i < operations; i++) driver.step();
      disk.crash(tear);
      ({ driver, snapshots } = opened(disk));
      const found = driver.run(snapshots.read(group(7), 2, at(12)));
      if (written) assert(found !== null);
      if (found !== null) assertEquals(found.state, content(1, 2000));
      assertEquals(disk.paths.filter((path) => path.endsWith(".new")), [], "nothing half-written stays");
    }
  }
});

Deno.test("Snapshots names damage, whatever bit is flipped and wherever the file ends", () => {
  const bytes = encodeSnapshot({ group: group(7), generation: 2, ...META, state: content(1, 50) });
  const refused = (changed: Uint8Array): string =>
    assertThrows(() => decodeSnapshot(changed, PATH), SennitError).code;
  for (let i = 0; i < bytes.length; i++) {
    for (const bit of [1, 128]) {
      const changed = bytes.slice();
      changed[i] = changed[i]! ^ bit;
      assertEquals(refused(changed), "DATA_DAMAGED");
    }
    assertEquals(refused(bytes.slice(0, i)), "DATA_DAMAGED");
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
    assertEquals(refused(garbage), "DATA_DAMAGED");
  }));
  const newer = bytes.slice();
  newer[5] = 2;
  const view = new DataView(newer.buffer);
  view.setUint32(52, crc32c(newer, 56, newer.length, crc32c(newer, 0, 52)));
  assertEquals(refused(newer), "VERSION_MISMATCH");
});

Deno.test("Snapshots does not take one snapshot's file for another's", () => {
  const disk = new MemoryDisk();
  const { driver, snapshots } = opened(disk);
  disk.plant(PATH, encodeSnapshot({ group: group(7), generation: 1, ...META, state: content(1, 5) }));
  const error = assertThrows(() => driver.run(snapshots.read(group(7), 2, at(12))), SennitError);
  assertEquals([error.code, error.details["file"]], ["DATA_DAMAGED", PATH]);
});

Deno.test("replaceFile leaves the old or the new content at a crash in any operation", () => {
  for (const tear of [LOSE_ALL, KEEP_ALL]) {
    for (let operations = 0; operations <= 5; operations++) {
      const disk = new MemoryDisk();
      const driver = new LogDriver(disk);
      driver.run(replaceFile(disk, "identity", content(1, 500)));
      let done = false;
      driver.flows.start(
        replaceFile(disk, "identity", content(2, 300)),
        () => done = true,
        () => assert(false),
      );
      for (let i = 0; i < operations; i++) driver.step();
      assertEquals(done, operations === 5);
      disk.crash(tear);
      const found = driver.run(readWholeFile(disk, "identity", 1000));
      if (done) assertEquals(found, content(2, 300));
      else assert(found!.length === 500 || found!.length === 300);
      assertEquals(found, found!.length === 500 ? content(1, 500) : content(2, 300));
    }
  }
});

Deno.test("readWholeFile tells a missing file, an empty one and one over its limit apart", () => {
  const disk = new MemoryDisk();
  const driver = new LogDriver(disk);
  assertEquals(driver.run(readWholeFile(disk, "identity", 100)), null);
  disk.plant("identity", new Uint8Array(0));
  assertEquals(driver.run(readWholeFile(disk, "identity", 100)), new Uint8Array(0));
  disk.plant("identity", content(1, 100));
  assertEquals(driver.run(readWholeFile(disk, "identity", 100)), content(1, 100));
  const error = assertThrows(() => driver.run(readWholeFile(disk, "identity", 99)), SennitError);
  assertEquals(error.code, "TOO_LARGE");
  disk.plant("identity", content(1, 3_000_000));
  assertEquals(driver.run(readWholeFile(disk, "identity", 3_000_000)), content(1, 3_000_000));
});

Deno.test("salvageFile refuses a file that is over its limit before it makes room for it", () => {
  const disk = new MemoryDisk();
  const driver = new LogDriver(disk);
  driver.run(replaceFile(disk, "large", content(1, 2000)));
  assertEquals(driver.run(salvageFile(disk, "large", 2000, 2000)).bytes, content(1, 2000));
  const error = assertThrows(() => driver.run(salvageFile(disk, "large", 1999, 2 ** 40)), SennitError);
  assertEquals((error as SennitError).code, "TOO_LARGE");
});
