import { assert, assertEquals, assertThrows } from "@std/assert";
import { SennitError } from "../../src/core/errors.ts";
import type { DiskErrorCode } from "../../src/io/mod.ts";
import { at, content, entries, group, inTerm, LogDriver } from "./log_driver.ts";
import { LOSE_ALL, MemoryDisk, type Operation } from "./memory_disk.ts";

function opened(disk: MemoryDisk): LogDriver {
  const driver = LogDriver.open(disk);
  driver.wal.openGroup(group(1), 1);
  driver.settle();
  return driver;
}

function refuseOnce(disk: MemoryDisk, kind: Operation["kind"], code: DiskErrorCode): void {
  disk.refuse = (operation) => {
    if (operation.kind !== kind) return null;
    disk.refuse = () => null;
    return code;
  };
}

for (
  const [kind, code] of [
    ["sync", "FAILED"],
    ["sync", "FULL"],
    ["append", "FAILED"],
    ["append", "READ_ONLY"],
  ] as const
) {
  Deno.test(`Wal acknowledges nothing after ${kind} was refused as ${code}`, () => {
    const disk = new MemoryDisk();
    const driver = opened(disk);
    const { wal } = driver;
    const durable = wal.durableLsn;
    refuseOnce(disk, kind, code);
    wal.appendEntries(group(1), 1, entries(1, 1, content(1, 100)));
    wal.flush();
    wal.appendEntries(group(1), 1, entries(2, 1, content(2, 100)));
    driver.settle();
    assertEquals(wal.status().failure?.code, "DISK_FAILED");
    assertEquals(wal.durableLsn, durable);
    const executed = disk.executed;
    wal.retryFull();
    wal.flush();
    driver.settle();
    assertEquals([wal.durableLsn, disk.executed], [durable, executed] as never, "nothing is tried again");
    assertThrows(() => wal.appendEntries(group(1), 1, entries(3, 1, content(1, 1))), SennitError);
    disk.crash(LOSE_ALL);
    assertEquals(LogDriver.open(disk).recovery.failure, null);
  });
}

Deno.test("Wal acknowledges nothing of a new segment whose name cannot be synced", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  refuseOnce(disk, "syncFolder", "FAILED");
  driver.wal.openGroup(group(1), 1);
  driver.settle();
  assertEquals([driver.wal.durableLsn, driver.wal.status().failure?.code], [0, "DISK_FAILED"] as never);
});

Deno.test("Wal on a full disk loses and acknowledges nothing, and goes on when there is room", () => {
  for (const opensSegment of [false, true]) {
    const disk = new MemoryDisk();
    const driver = opened(disk);
    const { wal } = driver;
    if (opensSegment) {
      wal.appendEntries(group(1), 1, entries(1, 1, content(1, 5000)));
      driver.settle();
    }
    const first = opensSegment ? 2 : 1;
    const before = disk.usedBytes;
    disk.capacityBytes = before + 70; // Part of the batch is written before the refusal.
    const lsn = wal.appendEntries(group(1), 1, entries(first, 1, content(7, 300)));
    driver.settle();
    wal.appendEntries(group(1), 1, entries(first + 1, 1, content(8, 300)));
    driver.settle();
    assertEquals([wal.status().full, wal.durableLsn, wal.status().failure], [true, lsn - 1, null] as never);
    assertEquals(disk.usedBytes, before, "what was written in part is cut off");
    wal.retryFull();
    driver.settle();
    assertEquals([wal.status().full, wal.durableLsn], [true, lsn - 1] as never);
    assertEquals(wal.entry(group(1), at(first))!.bytes, content(7, 300));
    const meanwhile = disk.clone();
    meanwhile.crash(LOSE_ALL);
    assertEquals(LogDriver.open(meanwhile).recovery.groups[0]!.entries.length, first - 1);

    disk.capacityBytes = Infinity;
    wal.retryFull();
    driver.settle();
    assertEquals([wal.status().full, wal.durableLsn], [false, lsn + 1] as never);
    disk.crash(LOSE_ALL);
    const again = LogDriver.open(disk);
    assertEquals(again.recovery.groups[0]!.entries.length, first + 1);
    assertEquals(again.recovery.damage, []);
  }
});

Deno.test("Wal writes no batch before the one before it is synced", () => {
  const disk = new MemoryDisk();
  const driver = opened(disk);
  const { wal } = driver;
  for (let i = 1; i <= 5; i++) {
    wal.appendEntries(group(1), 1, entries(i, 1, content(i, 10)));
    wal.flush();
    assertEquals(disk.queue.filter((operation) => operation.kind === "append").length, 1);
  }
  assertEquals(disk.queue.map((operation) => operation.kind), ["append", "sync"]);
  const durable = wal.durableLsn;
  driver.step();
  wal.flush();
  assertEquals([wal.durableLsn, disk.queue.length], [durable, 1] as never);
  driver.step();
  assertEquals(wal.durableLsn, durable + 1);
  driver.settle();
  assertEquals(wal.durableLsn, durable + 2, "all that waited went as one batch");
});

Deno.test("Wal reads again what the disk has refused once, and takes it for damaged the second time", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk, { cacheBytes: 0 });
  driver.wal.openGroup(group(1), 1);
  driver.wal.appendEntries(group(1), 1, entries(1, 1, content(1, 10)));
  driver.settle();
  const load = () => {
    driver.wal.load(group(1), at(1), at(1), 100);
    driver.settle();
    return driver.wal.takeLoaded()[0]!.failed;
  };
  refuseOnce(disk, "read", "FAILED");
  assertEquals(load(), null);
  disk.refuse = ({ kind }) => kind === "read" ? "FAILED" : null;
  assertEquals(load(), "DATA_DAMAGED");
  disk.refuse = () => null;
  driver.wal.repairEntry(group(1), 1, at(1), inTerm(1), content(1, 10));
  driver.settle();
  assertEquals(load(), null);
  assertEquals(driver.wal.status().failure, null);
});

Deno.test("Wal removes no segment before the batch that killed its contents is durable", () => {
  const disk = new MemoryDisk();
  const driver = opened(disk);
  driver.wal.appendEntries(group(1), 1, entries(1, 1, content(1, 5000)));
  driver.settle();
  driver.wal.appendEntries(group(1), 1, entries(2, 1, content(2, 10)));
  driver.settle();
  driver.wal.setBase(group(1), 1, { index: at(1), term: inTerm(1) });
  driver.wal.flush();
  driver.step();
  driver.wal.flush();
  assertEquals(disk.queue.map((operation) => operation.kind), ["sync"]);
  driver.settle();
  assert(disk.log.some((line) => line.startsWith("remove")));
});
