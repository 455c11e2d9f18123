/**
 * Files of format version 1, written once and never again: today's code must open them, and must still write the same
 * bytes for the same calls. Where a change of format is meant, add a version and a new fixture beside these.
 */
import { assertEquals } from "@std/assert";
import { fromHex, toHex } from "../../src/core/bytes.ts";
import { Snapshots } from "../../src/wal/mod.ts";
import { at, content, entries, group, hardState, inTerm, LogDriver } from "../wal/log_driver.ts";
import { LOSE_ALL, MemoryDisk } from "../wal/memory_disk.ts";

const SEGMENT = "wal/0000000000000001.wal";
const SNAPSHOT = "snapshots/0000000000000007-0000000000000002-0000000000000012.snapshot";

function fixture(name: string): Uint8Array<ArrayBuffer> {
  const text = Deno.readTextFileSync(new URL(`./fixtures/${name}.hex`, import.meta.url));
  return fromHex(text.replaceAll(/\s/g, ""));
}

function writeSegment(): MemoryDisk {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  const { wal } = driver;
  wal.openGroup(group(0), 1);
  wal.openGroup(group(7), 2);
  wal.appendHardState(group(7), 2, hardState(3, 5, 1));
  wal.appendEntries(group(7), 2, [
    { index: at(1), term: inTerm(2), kind: 2, bytes: content(1, 12) },
    { index: at(2), term: inTerm(3), kind: 1, bytes: new Uint8Array(0) },
    ...entries(3, 3, content(2, 20)),
  ]);
  driver.settle();
  wal.appendOutbox(40, group(7), 2, content(3, 16));
  wal.appendFromOutbox(group(7), 2, at(4), inTerm(3), 40);
  wal.setBase(group(7), 2, { index: at(1), term: inTerm(2) });
  driver.settle();
  wal.releaseOutbox(40);
  wal.appendOutbox(41, group(7), 2, content(4, 8));
  wal.closeGroup(group(0), 1);
  wal.repairEntry(group(7), 2, at(3), inTerm(3), content(2, 20));
  driver.settle();
  return disk;
}

Deno.test("Wal opens a segment of format version 1", () => {
  const disk = new MemoryDisk();
  disk.plant(SEGMENT, fixture("wal_segment_v1"));
  const driver = LogDriver.open(disk);
  const { recovery } = driver;
  assertEquals([recovery.damage, recovery.tornBytes, recovery.failure], [[], 0, null] as never);
  assertEquals(recovery.closedGroups, [{ group: group(0), generation: 1 }]);
  assertEquals(recovery.outbox.map((item) => [item.id, item.lengthBytes]), [[41, 8]]);
  assertEquals(recovery.groups.length, 1);
  const found = recovery.groups[0]!;
  assertEquals([found.group, found.generation], [7, 2] as never);
  assertEquals(found.hardState, hardState(3, 5, 1));
  assertEquals(found.base, { index: 1, term: 2 } as never);
  assertEquals(found.entries.map((entry) => [entry.index, entry.term, entry.kind, entry.lengthBytes]), [
    [2, 3, 1, 0],
    [3, 3, 0, 20],
    [4, 3, 0, 16],
  ] as never);
  driver.wal.load(group(7), at(2), at(4), 1000);
  driver.settle();
  assertEquals(driver.wal.takeLoaded()[0]!.entries.map((entry) => entry.bytes), [
    new Uint8Array(0),
    content(2, 20),
    content(3, 16),
  ]);
  driver.wal.openGroup(group(9), 1);
  driver.settle();
  disk.crash(LOSE_ALL);
  assertEquals(LogDriver.open(disk).recovery.groups.length, 2);
});

Deno.test("Wal writes format version 1 byte for byte", () => {
  assertEquals(toHex(writeSegment().content(SEGMENT)), toHex(fixture("wal_segment_v1")));
});

Deno.test("Snapshots reads and writes format version 1 byte for byte", () => {
  const disk = new MemoryDisk();
  const driver = new LogDriver(disk);
  const snapshots = new Snapshots(disk);
  const meta = { index: at(12), term: inTerm(3), configurationBytes: content(5, 10) };
  driver.run(snapshots.write(group(7), 2, meta, content(6, 24)));
  const stored = fixture("snapshot_v1");
  assertEquals(toHex(disk.content(SNAPSHOT)), toHex(stored));
  disk.plant(SNAPSHOT, stored);
  assertEquals(driver.run(snapshots.read(group(7), 2, at(12))), {
    group: group(7),
    generation: 2,
    ...meta,
    state: content(6, 24),
  });
});
