import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { crc32c } from "../../src/core/crc32c.ts";
import { SennitError } from "../../src/core/errors.ts";
import { FIRST_BATCH_AT } from "../../src/wal/batch.ts";
import { BATCH_HEADER_BYTES, readBatchHeader, segmentName } from "../../src/wal/format.ts";
import { at, content, entries, group, hardState, inTerm, LogDriver } from "./log_driver.ts";
import { LOSE_ALL, MemoryDisk } from "./memory_disk.ts";

const FIRST = `wal/${segmentName(1)}`;

/** A log of one segment with `count` batches of one entry each after the one that opens the group. */
function writeLog(count: number, length = 100, segmentBytes = 4096): MemoryDisk {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk, { segmentBytes });
  driver.wal.openGroup(group(1), 1);
  driver.settle();
  for (let i = 1; i <= count; i++) {
    driver.wal.appendEntries(group(1), 1, entries(i, 1, content(i, length)));
    driver.settle();
  }
  return disk;
}

interface Place {
  at: number;
  payloadAt: number;
  end: number;
}

function batches(disk: MemoryDisk, path = FIRST): Place[] {
  const bytes = disk.content(path);
  const places: Place[] = [];
  for (let start = FIRST_BATCH_AT; start < bytes.length;) {
    const header = readBatchHeader(bytes, start, path)!;
    const payloadAt = start + header.headerBytes;
    places.push({ at: start, payloadAt, end: payloadAt + header.payloadBytes });
    start = payloadAt + header.payloadBytes;
  }
  return places;
}

function flip(disk: MemoryDisk, offset: number, path = FIRST): void {
  const bytes = disk.content(path).slice();
  bytes[offset] = bytes[offset]! ^ 0x10;
  disk.plant(path, bytes);
}

function refusedAs(code: string, call: () => unknown): void {
  assertEquals(assertThrows(call, SennitError).code, code as never);
}

Deno.test("Wal cuts an invalid last batch as a torn tail, and the cut is durable", () => {
  for (const part of ["at", "payloadAt"] as const) {
    const disk = writeLog(3);
    const last = batches(disk).at(-1)!;
    flip(disk, last[part] + 20);
    const driver = LogDriver.open(disk);
    assertEquals(driver.recovery.damage, []);
    assertEquals(driver.recovery.tornBytes, last.end - last.at);
    assertEquals(driver.recovery.groups[0]!.entries.length, 2);
    disk.crash(LOSE_ALL);
    assertEquals(disk.content(FIRST).length, last.at);
    // What is written in its place is not mistaken for it.
    driver.wal.appendEntries(group(1), 1, entries(3, 2, content(77, 9)));
    driver.settle();
    disk.crash(LOSE_ALL);
    const again = LogDriver.open(disk);
    assertEquals(again.recovery.groups[0]!.entries[2]!.crc, crc32c(content(77, 9)));
  }
});

Deno.test("Wal never cuts at a damaged header that valid batches follow", () => {
  const disk = writeLog(6);
  const place = batches(disk)[3]!;
  flip(disk, place.at + 30);
  const before = disk.content(FIRST);
  const driver = LogDriver.open(disk);
  const { recovery, wal } = driver;
  assertEquals(recovery.failure?.code, "DATA_DAMAGED");
  assertEquals(recovery.groups, []);
  assertEquals(recovery.damage.length, 1);
  const [damage] = recovery.damage;
  assertEquals([damage!.file, damage!.offset, damage!.part, damage!.groups], [
    FIRST,
    place.at,
    "header",
    null,
  ]);
  assertEquals(disk.content(FIRST), before);
  assertEquals(wal.status().failure?.code, "DATA_DAMAGED");
  refusedAs("DATA_DAMAGED", () => wal.openGroup(group(5), 1));
  refusedAs("DATA_DAMAGED", () => wal.pendingLsn);
});

Deno.test("Wal with a damaged payload in its middle is writable, names the entry and takes its repair", () => {
  const disk = writeLog(6);
  const place = batches(disk)[3]!; // The third entry: the first batch opens the group.
  flip(disk, place.payloadAt + 50);
  let driver = LogDriver.open(disk, { cacheBytes: 0 });
  assertEquals(driver.recovery.failure, null);
  assertEquals(driver.recovery.damage.map((item) => [item.part, item.offset, item.groups]), [
    ["payload", place.payloadAt, [1]],
  ] as never);
  assertEquals(driver.recovery.groups[0]!.entries.map((entry) => entry.damaged), [
    false,
    false,
    true,
    false,
    false,
    false,
  ]);
  const load = (first: number) => {
    driver.wal.load(group(1), at(first), at(6), 10_000);
    driver.settle();
    return driver.wal.takeLoaded()[0]!;
  };
  assertEquals(load(1).entries.length, 2);
  assertEquals(load(3), { request: 2, entries: [], failed: "DATA_DAMAGED" });
  assertEquals(load(4).entries.length, 3);

  const wrong = () => driver.wal.repairEntry(group(1), 1, at(3), inTerm(1), content(9, 100));
  refusedAs("DATA_DAMAGED", wrong);
  driver.wal.repairEntry(group(1), 1, at(3), inTerm(1), content(3, 100));
  driver.settle();
  assertEquals(load(1).entries.length, 6);
  disk.crash(LOSE_ALL);
  driver = LogDriver.open(disk, { cacheBytes: 0 });
  assertEquals(driver.recovery.groups[0]!.entries.map((entry) => entry.damaged), Array(6).fill(false));
  assertEquals(load(1).entries.map((entry) => entry.bytes), [1, 2, 3, 4, 5, 6].map((i) => content(i, 100)));
});

/** The disk gives nothing back of these bytes of the first segment. */
function loseSector(disk: MemoryDisk, from: number, to: number): void {
  disk.refuse = (operation) => {
    if (operation.kind !== "read" || operation.path !== FIRST) return null;
    return operation.offset < to && from < operation.offset + operation.length ? "FAILED" : null;
  };
}

Deno.test("Wal loses to a sector that cannot be read what lies in it, and nothing else", () => {
  const disk = writeLog(4, 2000, 64 * 1024);
  const place = batches(disk)[2]!; // The second entry.
  const sector = Math.ceil(place.payloadAt / 512) * 512;
  loseSector(disk, sector, sector + 512);
  const driver = LogDriver.open(disk, { cacheBytes: 0 });
  assertEquals(driver.recovery.failure, null);
  assertEquals(driver.recovery.groups[0]!.entries.map((entry) => entry.damaged), [false, true, false, false]);
  driver.wal.repairEntry(group(1), 1, at(2), inTerm(1), content(2, 2000));
  driver.settle();
  driver.wal.load(group(1), at(1), at(4), 10_000);
  driver.settle();
  assertEquals(driver.wal.takeLoaded()[0]!.entries.length, 4);
});

Deno.test("Wal does not take an end that cannot be read for a torn write", () => {
  const disk = writeLog(3, 2000, 64 * 1024);
  const place = batches(disk).at(-1)!;
  loseSector(disk, Math.ceil(place.payloadAt / 512) * 512, place.end);
  const driver = LogDriver.open(disk);
  assertEquals(driver.recovery.failure?.code, "DATA_DAMAGED");
  assertEquals(disk.content(FIRST).length, place.end, "nothing was cut");
});

Deno.test("Wal gives a disk up that loses too much", () => {
  const disk = writeLog(3, 200_000, 1024 * 1024);
  loseSector(disk, 0, 512 * 300);
  refusedAs("DISK_FAILED", () => LogDriver.open(disk));
});

Deno.test("Wal names bit rot that it meets while reading", () => {
  const disk = writeLog(3);
  const driver = LogDriver.open(disk, { cacheBytes: 0 });
  flip(disk, batches(disk)[2]!.payloadAt + 1);
  driver.wal.load(group(1), at(1), at(3), 10_000);
  driver.settle();
  assertEquals(driver.wal.takeLoaded()[0]!.entries.map((entry) => entry.index as number), [1]);
  driver.wal.load(group(1), at(2), at(3), 10_000);
  driver.settle();
  assertEquals(driver.wal.takeLoaded()[0]!.failed, "DATA_DAMAGED");
});

Deno.test("Wal recovers from a crash anywhere in the opening of a segment", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  driver.wal.openGroup(group(1), 1);
  driver.wal.appendHardState(group(1), 1, hardState(4, 2, 0));
  driver.wal.appendEntries(group(1), 1, entries(1, 4, content(1, 5000)));
  driver.settle();
  driver.wal.appendEntries(group(1), 1, entries(2, 4, content(2, 100)));
  driver.settle();
  const second = `wal/${segmentName(2)}`;
  const whole = disk.content(second);
  for (let length = 0; length < whole.length; length++) {
    const left = disk.clone();
    left.plant(second, whole.slice(0, length));
    let again = LogDriver.open(left);
    assertEquals(again.recovery.failure, null);
    assertEquals([again.recovery.tornBytes, again.recovery.groups[0]!.entries.length], [length, 1]);
    again.wal.appendEntries(group(1), 1, entries(2, 4, content(3, 100)));
    again.settle();
    left.crash(LOSE_ALL);
    again = LogDriver.open(left);
    assertEquals(again.recovery.groups[0]!.entries.length, 2);
    assertEquals(again.recovery.groups[0]!.hardState, hardState(4, 2, 0));
  }
});

Deno.test("Wal takes an invalid end of a segment for damage where a later segment exists, however short", () => {
  const disk = writeLog(60);
  const last = batches(disk).at(-1)!;
  for (const name of disk.paths.slice(2)) disk.unplant(name);
  disk.plant(`wal/${segmentName(2)}`, new Uint8Array(0));
  flip(disk, last.at + 20);
  assertEquals(LogDriver.open(disk).recovery.failure?.code, "DATA_DAMAGED");
});

Deno.test("Wal does not take the damaged opening of its only segment for an empty log", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  driver.wal.openGroup(group(1), 1);
  for (let i = 1; i <= 20; i++) {
    driver.wal.appendEntries(group(1), 1, entries(i, 1, content(i, 1000)));
    driver.settle();
    driver.wal.setBase(group(1), 1, { index: at(i), term: inTerm(1) });
    driver.settle();
  }
  assertEquals(driver.wal.status().segments <= 2, true);
  const path = disk.paths.at(-1)!;
  for (const other of disk.paths) if (other !== path) disk.unplant(other);
  disk.plant(path, disk.content(path).slice(0, batches(disk, path)[0]!.end));
  assertEquals(LogDriver.open(disk.clone()).recovery.failure, null);
  flip(disk, FIRST_BATCH_AT + 20, path);
  assertEquals(LogDriver.open(disk).recovery.failure?.code, "DATA_DAMAGED");
});

Deno.test("Wal names a missing segment", () => {
  const disk = writeLog(120);
  disk.unplant(`wal/${segmentName(2)}`);
  const { recovery } = LogDriver.open(disk);
  assertEquals(recovery.failure?.code, "DATA_DAMAGED");
  assertEquals(recovery.damage[0]!.part, "missing");
});

Deno.test("Wal does not take a batch that was written to another place for the one that belongs there", () => {
  const disk = writeLog(120);
  const [first, second] = [FIRST, `wal/${segmentName(2)}`].map((path) => disk.content(path));
  const inFirst = batches(disk);
  const inSecond = batches(disk, `wal/${segmentName(2)}`);
  // Sound batches of the same size, checksums and all: one of the same file, one of another.
  const strays: [Uint8Array, Place][] = [[first!, inFirst[7]!], [second!, inSecond[5]!]];
  for (const [bytes, from] of strays) {
    const to = inFirst[3]!;
    assertEquals(from.end - from.at, to.end - to.at, "they differ in nothing but their place");
    const left = disk.clone();
    const patched = first!.slice();
    patched.set(bytes.subarray(from.at, from.end), to.at);
    left.plant(FIRST, patched);
    const { recovery } = LogDriver.open(left);
    assertEquals(recovery.failure?.code, "DATA_DAMAGED");
    assertEquals([recovery.damage[0]!.part, recovery.damage[0]!.offset], ["header", to.at]);
  }
});

Deno.test("Wal notices that writes to the end of a full segment were lost", () => {
  const disk = writeLog(120);
  disk.plant(FIRST, disk.content(FIRST).slice(0, batches(disk).at(-1)!.at));
  assertEquals(LogDriver.open(disk).recovery.failure?.code, "DATA_DAMAGED");
});

Deno.test("Wal does not take a segment's file for another's", () => {
  const disk = writeLog(120);
  disk.plant(FIRST, disk.content(`wal/${segmentName(2)}`));
  assertEquals(LogDriver.open(disk).recovery.failure?.code, "DATA_DAMAGED");
});

Deno.test("Wal notices a read that brings what lies elsewhere, and serves none of it", () => {
  const disk = writeLog(6);
  const driver = LogDriver.open(disk, { cacheBytes: 0 });
  const [there, elsewhere] = [batches(disk)[2]!, batches(disk)[4]!];
  const sound = disk.content(FIRST);
  const shifted = sound.slice();
  shifted.set(sound.subarray(elsewhere.payloadAt, elsewhere.end), there.payloadAt);
  disk.plant(FIRST, shifted);
  driver.wal.load(group(1), at(2), at(2), 10_000);
  driver.settle();
  assertEquals(driver.wal.takeLoaded()[0]!.failed, "DATA_DAMAGED");
  assertEquals(driver.wal.takeDamaged().map(({ index }) => index as number), [2]);
});

Deno.test("Wal takes the repair of an outbox record, and with it of the entry that it is the content of", () => {
  const disk = new MemoryDisk();
  let driver = LogDriver.open(disk, { cacheBytes: 0 });
  driver.wal.openGroup(group(1), 1);
  driver.settle();
  const payload = content(5, 300);
  driver.wal.appendOutbox(7, group(1), 1, payload);
  driver.wal.appendFromOutbox(group(1), 1, at(1), inTerm(1), 7);
  driver.settle();
  driver.wal.appendHardState(group(1), 1, hardState(2, 0, 0));
  driver.settle();
  flip(disk, batches(disk)[1]!.payloadAt + 5);
  const reopen = () => driver = LogDriver.open(disk, { cacheBytes: 0 });
  const state = () => [driver.wal.outboxRecord(7)?.damaged, driver.wal.entry(group(1), at(1))!.damaged];
  reopen();
  assertEquals(state(), [true, true]);
  refusedAs("DATA_DAMAGED", () => driver.wal.repairOutbox(7, content(6, 300)));
  driver.wal.repairEntry(group(1), 1, at(1), inTerm(1), payload);
  driver.settle();
  assertEquals(state(), [false, false]);
  disk.crash(LOSE_ALL);
  reopen();
  assertEquals(state(), [false, false]);
  driver.wal.releaseOutbox(7);
  driver.settle();
  driver.wal.load(group(1), at(1), at(1), 1000);
  driver.settle();
  assertEquals(driver.wal.takeLoaded()[0]!.entries.map((entry) => entry.bytes), [payload]);
});

Deno.test("Wal refuses files of a newer format version by name and leaves them alone", () => {
  const disk = writeLog(2);
  const bytes = disk.content(FIRST).slice();
  const view = new DataView(bytes.buffer);
  view.setUint16(4, 2);
  view.setUint32(16, crc32c(bytes, 0, 16));
  disk.plant(FIRST, bytes);
  refusedAs("VERSION_MISMATCH", () => LogDriver.open(disk));
  assertEquals(disk.content(FIRST), bytes);
});

Deno.test("Wal is not misled by contents that look like batches", () => {
  const inner = writeLog(3).content(FIRST);
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  driver.wal.openGroup(group(1), 1);
  driver.settle();
  const start = disk.content(FIRST).length;
  driver.wal.appendEntries(group(1), 1, entries(1, 1, inner));
  driver.settle();
  // A torn batch: its header is gone, its payload with the look-alikes is there.
  flip(disk, start + 4);
  const { recovery } = LogDriver.open(disk);
  assertEquals(recovery.failure, null);
  assertEquals(recovery.groups[0]!.entries.length, 0);
});

Deno.test("Wal answers garbage in its files with named errors or an empty log, never by crashing", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(6000), fc.uint8Array({ minLength: 1, maxLength: 40 })), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.boolean(),
      (patches, second) => {
        const disk = writeLog(60);
        const path = second ? disk.paths[1]! : FIRST;
        const bytes = disk.content(path).slice();
        for (const [start, patch] of patches) {
          bytes.set(patch.slice(0, Math.max(0, bytes.length - start)), Math.min(start, bytes.length));
        }
        disk.plant(path, bytes);
        try {
          const { recovery, wal } = LogDriver.open(disk);
          if (recovery.failure !== null) assertEquals(recovery.failure.code, "DATA_DAMAGED");
          else assert(wal.pendingLsn > 0);
        } catch (error) {
          assert(error instanceof SennitError, String(error));
        }
      },
    ),
    { numRuns: 300 },
  );
  const disk = new MemoryDisk();
  disk.plant(FIRST, content(3, 3000));
  disk.plant("wal/notes.txt", content(3, 30));
  assertEquals(LogDriver.open(disk).recovery.groups, []);
});

Deno.test("Wal keeps what a dead process had written and only then relies on it", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  driver.wal.openGroup(group(1), 1);
  driver.wal.flush();
  driver.step(); // Written, never synced; then the process dies and the machine lives on.
  disk.kill();
  assertEquals(LogDriver.open(disk).recovery.groups.length, 1);
  disk.crash(LOSE_ALL);
  assertEquals(LogDriver.open(disk).recovery.groups.length, 1);
});

Deno.test("readBatchHeader finds no header in short or foreign bytes", () => {
  assertEquals(readBatchHeader(content(1, BATCH_HEADER_BYTES - 1), 0, ""), null);
  assertEquals(readBatchHeader(content(1, 500), 0, ""), null);
});
