import { assert, assertEquals } from "@std/assert";
import { FIRST_BATCH_AT } from "../../src/wal/batch.ts";
import { readBatchHeader, segmentName } from "../../src/wal/format.ts";
import { at, content, entries, group, inTerm, LogDriver } from "./log_driver.ts";
import { KEEP_ALL, LOSE_ALL, MemoryDisk, type Tear } from "./memory_disk.ts";

const path = (id: number) => `wal/${segmentName(id)}`;

/** A log of one segment with three batches of one entry each, and a seal. */
function sealedLog(segmentBytes = 4096): { disk: MemoryDisk; driver: LogDriver } {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk, { segmentBytes });
  driver.wal.openGroup(group(1), 1);
  for (let i = 1; i <= 3; i++) {
    driver.wal.appendEntries(group(1), 1, entries(i, 1, content(i, 100)));
    driver.settle();
  }
  driver.wal.seal();
  driver.settle();
  return { disk, driver };
}

/** Where the batches of a segment start, and where each one's payload does. */
function batches(disk: MemoryDisk, id = 1): { at: number; payloadAt: number }[] {
  const bytes = disk.content(path(id));
  const places = [];
  for (let start = FIRST_BATCH_AT; start < bytes.length;) {
    const header = readBatchHeader(bytes, start, path(id))!;
    const payloadAt = start + header.headerBytes;
    places.push({ at: start, payloadAt });
    start = payloadAt + header.payloadBytes;
  }
  return places;
}

function flip(disk: MemoryDisk, offset: number, id = 1): void {
  const bytes = disk.content(path(id)).slice();
  bytes[offset] = bytes[offset]! ^ 0x10;
  disk.plant(path(id), bytes);
}

Deno.test("Wal treats a flipped bit in its last data batch as damage where the log is sealed", () => {
  const { disk } = sealedLog();
  flip(disk, batches(disk)[2]!.payloadAt + 20);
  const { recovery, wal } = LogDriver.open(disk);
  assertEquals([recovery.failure, recovery.tornBytes], [null, 0]);
  assertEquals(recovery.damage.map(({ part, groups }) => [part, groups]), [["payload", [1]]] as never);
  assertEquals(recovery.groups[0]!.entries.map((entry) => entry.damaged), [false, false, true]);
  assertEquals(wal.takeDamaged().map(({ index }) => index as number), [3]);
});

Deno.test("Wal refuses a sealed log whose last data batch has a damaged header", () => {
  const { disk } = sealedLog();
  flip(disk, batches(disk)[2]!.at + 30);
  assertEquals(LogDriver.open(disk).recovery.failure?.code, "DATA_DAMAGED");
});

Deno.test("Wal cuts a seal with a flipped bit, loses nothing by it and asks to be sealed again", () => {
  const { disk } = sealedLog();
  const seal = batches(disk)[3]!;
  const length = disk.content(path(1)).length;
  for (let offset = seal.at; offset < length; offset++) {
    const damaged = disk.clone();
    flip(damaged, offset);
    const { recovery, wal } = LogDriver.open(damaged);
    assertEquals([recovery.failure, recovery.damage, recovery.tornBytes], [null, [], length - seal.at]);
    assertEquals(recovery.groups[0]!.entries.length, 3);
    assert(wal.unsealed);
  }
});

Deno.test("Wal loses nothing by a torn seal", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  driver.wal.openGroup(group(1), 1);
  for (const id of [7, 8]) driver.wal.appendOutbox(id, group(1), 1, content(id, 30));
  driver.wal.appendEntries(group(1), 1, entries(1, 1, content(1, 100)));
  driver.settle();
  const before = disk.content(path(1)).length;
  for (const id of [7, 8]) driver.wal.releaseOutbox(id);
  driver.wal.flush(false);
  driver.wal.seal(); // Of more than one sector, by the releases.
  const tears: Tear[] = [LOSE_ALL, KEEP_ALL, (_path, sector) => sector < 1, (_path, sector) => sector !== 0];
  let torn = 0;
  for (let steps = 0; steps < 3; steps++) {
    for (const tear of tears) {
      const left = disk.clone();
      left.crash(tear);
      const { recovery, wal } = LogDriver.open(left);
      assertEquals([recovery.failure, recovery.damage], [null, []]);
      assertEquals(recovery.groups[0]!.entries.length, 1);
      assertEquals(recovery.outbox.length, wal.unsealed ? 2 : 0);
      assertEquals(wal.unsealed, left.content(path(1)).length === before);
      if (recovery.tornBytes > 0) torn++;
    }
    driver.step();
  }
  assert(torn > 0, "a seal was torn");
});

Deno.test("Wal is sealed once, until something else is written", () => {
  const { disk, driver } = sealedLog();
  const { wal } = driver;
  const length = () => disk.content(path(1)).length;
  const sealed = length();
  assertEquals(wal.unsealed, false);
  wal.seal();
  driver.settle();
  assertEquals(length(), sealed);
  wal.appendEntries(group(1), 1, entries(4, 1, content(4, 10)));
  assertEquals(wal.unsealed, false, "what waits to be written is the next batch");
  wal.flush();
  assertEquals(wal.unsealed, false, "it is on its way");
  driver.settle();
  assertEquals(wal.unsealed, true);
  assertEquals(LogDriver.open(disk.clone()).wal.unsealed, true, "a restart does not forget it");
  wal.seal();
  assertEquals(wal.unsealed, false);
  driver.settle();
  assertEquals(LogDriver.open(disk).wal.unsealed, false);
});

Deno.test("Wal takes waiting releases along as its seal", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  driver.wal.openGroup(group(1), 1);
  driver.wal.appendOutbox(7, group(1), 1, content(1, 100));
  driver.settle();
  driver.wal.releaseOutbox(7);
  driver.wal.flush(false);
  assertEquals(disk.queue.length, 0);
  driver.wal.seal();
  driver.settle();
  const { recovery, wal } = LogDriver.open(disk);
  assertEquals([recovery.outbox, wal.unsealed], [[], false]);
});

Deno.test("Wal seals a full segment with the head of the next one", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  driver.wal.openGroup(group(1), 1);
  driver.wal.appendEntries(group(1), 1, entries(1, 1, content(1, 5000)));
  driver.settle();
  driver.wal.seal();
  driver.settle();
  assertEquals(disk.paths.filter((name) => name.endsWith(".wal")), [path(1), path(2)]);
  for (const offset of [FIRST_BATCH_AT, FIRST_BATCH_AT + 70]) {
    const damaged = disk.clone();
    flip(damaged, offset, 2);
    const { recovery, wal } = LogDriver.open(damaged);
    assertEquals([recovery.failure, recovery.damage], [null, []]);
    assert(wal.unsealed);
  }
  const again = LogDriver.open(disk);
  assertEquals([again.recovery.failure, again.wal.unsealed], [null, false]);
  assertEquals(again.wal.entry(group(1), at(1))!.term, inTerm(1));
});
