import { assert, assertEquals } from "@std/assert";
import { at, content, entries, group, inTerm, LogDriver } from "./log_driver.ts";
import { LOSE_ALL, MemoryDisk } from "./memory_disk.ts";

/** Appends to group 1 and compacts it behind itself, `count` times. */
function churn(driver: LogDriver, first: number, count: number, length = 500): void {
  for (let i = first; i < first + count; i++) {
    driver.wal.appendEntries(group(1), 1, entries(i, 1, content(i, length)));
    if (i > 2) driver.wal.setBase(group(1), 1, { index: at(i - 2), term: inTerm(1) });
    driver.settle();
  }
}

function loadAll(driver: LogDriver, id: number, first: number, last: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  while (found.length < last - first + 1) {
    driver.wal.load(group(id), at(first + found.length), at(last), 2000);
    driver.settle();
    const loaded = driver.wal.takeLoaded()[0]!;
    assertEquals(loaded.failed, null);
    for (const entry of loaded.entries) found.push(entry.bytes);
  }
  return found;
}

Deno.test("Wal opens a segment when the last has its size, and removes it when nothing in it is alive", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  driver.wal.openGroup(group(1), 1);
  churn(driver, 1, 200);
  const names = disk.paths;
  assert(names.length <= 4, `${names}`);
  assert(names[0]! > "wal/0000000000000010.wal", `${names}`);
  disk.crash(LOSE_ALL);
  const { recovery } = LogDriver.open(disk);
  assertEquals(recovery.groups[0]!.base, { index: 198, term: 1 } as never);
  assertEquals(recovery.groups[0]!.entries.length, 2);
});

Deno.test("Wal copies the entries of a lagging group, so that it never pins the disk", () => {
  const disk = new MemoryDisk();
  let driver = LogDriver.open(disk, { cacheBytes: 2000 });
  driver.wal.openGroup(group(1), 1);
  driver.wal.openGroup(group(2), 5);
  const lagging = [1, 2, 3, 4, 5].map((i) => content(1000 + i, 300));
  driver.wal.appendEntries(group(2), 5, entries(1, 3, ...lagging));
  driver.settle();
  let most = 0;
  for (let i = 0; i < 20; i++) {
    churn(driver, 1 + i * 30, 30);
    // Also the other order: the copies of 1 to 5 lie behind what follows them.
    driver.wal.appendEntries(group(2), 5, entries(6 + i, 3 + i, content(2000 + i, 50)));
    driver.settle();
    const { bytes, liveBytes } = driver.wal.status();
    most = Math.max(most, bytes - 2 * liveBytes);
  }
  assert(most < 8 * 4096, `${most} bytes beyond twice what is alive`);
  disk.crash(LOSE_ALL);
  driver = LogDriver.open(disk, { cacheBytes: 0 });
  const recovered = driver.recovery.groups[1]!;
  assertEquals(
    recovered.entries.map((entry) => entry.index as number),
    Array.from({ length: 25 }, (_, i) => i + 1),
  );
  assertEquals(loadAll(driver, 2, 1, 25), [
    ...lagging,
    ...Array.from({ length: 20 }, (_, i) => content(2000 + i, 50)),
  ]);
});

Deno.test("Wal does not let a copy truncate what follows it, nor bring back what was truncated", () => {
  const disk = new MemoryDisk();
  let driver = LogDriver.open(disk, { cacheBytes: 0 });
  driver.wal.openGroup(group(1), 1);
  driver.wal.openGroup(group(2), 1);
  const contents = Array.from({ length: 10 }, (_, i) => content(i, 100));
  driver.wal.appendEntries(group(2), 1, entries(1, 1, ...contents));
  churn(driver, 1, 60);
  driver.wal.appendEntries(group(2), 1, entries(7, 2, content(70, 100), content(80, 100)));
  churn(driver, 61, 60);
  driver.wal.appendEntries(group(2), 1, entries(8, 3, content(81, 100)));
  churn(driver, 121, 60);
  for (let round = 0; round < 2; round++) {
    const expected = [...contents.slice(0, 6), content(70, 100), content(81, 100)];
    assertEquals(loadAll(driver, 2, 1, 8), expected);
    assertEquals(driver.wal.range(group(2)), { first: 1, last: 8 } as never);
    disk.crash(LOSE_ALL);
    driver = LogDriver.open(disk, { cacheBytes: 0 });
  }
});

Deno.test("Wal writes the bytes of an entry from the outbox once, and keeps them as long as either needs them", () => {
  const disk = new MemoryDisk();
  let driver = LogDriver.open(disk, { cacheBytes: 0 });
  driver.wal.openGroup(group(1), 1);
  driver.wal.openGroup(group(2), 1);
  const payload = content(5, 3000);
  const before = disk.usedBytes;
  driver.wal.appendOutbox(40, group(2), 1, payload);
  driver.wal.appendFromOutbox(group(2), 1, at(1), inTerm(1), 40);
  driver.settle();
  assert(disk.usedBytes - before < 3000 + 600, "one copy on disk");
  const check = (outbox: boolean) => {
    assertEquals(loadAll(driver, 2, 1, 1), [payload]);
    driver.wal.loadOutbox(40);
    driver.settle();
    const loaded = driver.wal.takeLoadedOutbox()[0]!;
    assertEquals([loaded.bytes, loaded.failed], outbox ? [payload, null] : [null, "NOT_FOUND"] as never);
  };
  const restart = () => {
    disk.crash(LOSE_ALL);
    driver = LogDriver.open(disk, { cacheBytes: 0 });
    assertEquals(driver.recovery.failure, null);
  };
  check(true);
  churn(driver, 1, 60); // Both are copied along.
  check(true);
  restart();
  check(true);
  // The entry is truncated, and proposed again from the outbox.
  driver.wal.appendFromOutbox(group(2), 1, at(1), inTerm(2), 40);
  driver.settle();
  churn(driver, 61, 60);
  check(true);
  driver.wal.releaseOutbox(40);
  driver.settle();
  check(false);
  restart();
  check(false);
  churn(driver, 121, 60); // The entry becomes one of its own.
  check(false);
  restart();
  check(false);
  driver.wal.setBase(group(2), 1, { index: at(1), term: inTerm(2) });
  churn(driver, 181, 60);
  assert(driver.wal.status().liveBytes < 2000, "nothing holds the payload any more");
});

Deno.test("Wal copies a damaged entry as damaged, and it may still be repaired", () => {
  const disk = new MemoryDisk();
  let driver = LogDriver.open(disk, { cacheBytes: 0 });
  driver.wal.openGroup(group(1), 1);
  driver.wal.openGroup(group(2), 1);
  driver.settle();
  const start = disk.content(disk.paths[0]!).length;
  driver.wal.appendEntries(group(2), 1, entries(1, 1, content(1, 300), content(2, 300)));
  driver.settle();
  const bytes = disk.content(disk.paths[0]!).slice();
  bytes.fill(0, start + 200, start + 260);
  disk.plant(disk.paths[0]!, bytes);
  churn(driver, 1, 60);
  assert(disk.paths[0]! > "wal/0000000000000002.wal", "the damaged segment is gone");
  const [found] = driver.wal.takeDamaged();
  assertEquals([found?.group, found?.index] as number[], [2, 1], "nobody has read it but who copied it");
  for (let round = 0; round < 2; round++) {
    assertEquals(loadAll(driver, 2, 2, 2), [content(2, 300)]);
    driver.wal.load(group(2), at(1), at(1), 1000);
    driver.settle();
    assertEquals(driver.wal.takeLoaded()[0]!.failed, "DATA_DAMAGED");
    disk.crash(LOSE_ALL);
    driver = LogDriver.open(disk, { cacheBytes: 0 });
    assertEquals(driver.recovery.groups[1]!.entries.map((entry) => entry.damaged), [true, false]);
  }
  driver.wal.repairEntry(group(2), 1, at(1), inTerm(1), content(1, 300));
  driver.settle();
  assertEquals(loadAll(driver, 2, 1, 2), [content(1, 300), content(2, 300)]);
});

Deno.test("Wal tells of entries whose content turned out to be damaged as that of an outbox record", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk, { cacheBytes: 0 });
  driver.wal.openGroup(group(1), 1);
  driver.settle();
  const start = disk.content(disk.paths[0]!).length;
  driver.wal.appendOutbox(7, group(1), 1, content(1, 300));
  driver.settle();
  driver.wal.appendFromOutbox(group(1), 1, at(1), inTerm(1), 7);
  driver.settle();
  const bytes = disk.content(disk.paths[0]!).slice();
  bytes.fill(0, start + 200, start + 260);
  disk.plant(disk.paths[0]!, bytes);
  driver.wal.loadOutbox(7);
  driver.settle();
  assertEquals(driver.wal.takeLoadedOutbox()[0]!.failed, "DATA_DAMAGED");
  assertEquals(driver.wal.takeDamaged().map(({ index }) => index as number), [1]);
});

Deno.test("Wal finishes a load although its entries are truncated and their file is removed meanwhile", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk, { cacheBytes: 0 });
  driver.wal.openGroup(group(1), 1);
  driver.wal.openGroup(group(2), 1);
  driver.wal.appendEntries(group(2), 1, entries(1, 1, content(1, 4000), content(2, 100)));
  driver.settle();
  disk.heldPath = disk.paths[0]!;
  const request = driver.wal.load(group(2), at(1), at(2), 10_000);
  driver.wal.closeGroup(group(2), 1);
  driver.settle();
  assertEquals(disk.queue.map((operation) => operation.kind), ["read", "remove"]);
  assertEquals(driver.wal.entry(group(2), at(1)), null);
  assertEquals(driver.wal.takeLoaded(), []);
  disk.heldPath = null;
  driver.settle();
  const [loaded] = driver.wal.takeLoaded();
  assertEquals(loaded!.request, request);
  assertEquals(loaded!.entries.map((entry) => entry.bytes), [content(1, 4000), content(2, 100)]);
});

Deno.test("Wal keeps its cache within its bound and reads neighbours with one operation", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk, { cacheBytes: 1000, segmentBytes: 1024 * 1024 });
  driver.wal.openGroup(group(1), 1);
  for (let i = 1; i <= 50; i++) {
    driver.wal.appendEntries(group(1), 1, entries(i, 1, content(i, 100)));
    assert(driver.wal.entry(group(1), at(i))!.bytes !== null, "in memory until it is synced");
    driver.settle();
    assert(driver.wal.status().cachedBytes <= 1000);
  }
  assert(driver.wal.entry(group(1), at(50))!.bytes !== null);
  assertEquals(driver.wal.entry(group(1), at(1))!.bytes, null);
  assertEquals(driver.wal.entry(group(1), at(51)), null);
  const reads = () => disk.log.filter((line) => line.startsWith("read")).length;
  const before = reads();
  driver.wal.load(group(1), at(1), at(20), 100_000);
  driver.settle();
  assertEquals(driver.wal.takeLoaded()[0]!.entries.length, 20);
  assertEquals(reads(), before + 1);
  assert(driver.wal.status().cachedBytes <= 1000);
  driver.wal.load(group(1), at(20), at(20), 100);
  assertEquals(driver.wal.takeLoaded()[0]!.entries.length, 1, "what was read is in memory now");
  driver.wal.load(group(1), at(51), at(60), 100);
  assertEquals(driver.wal.takeLoaded()[0]!.failed, "NOT_FOUND");
});

Deno.test("Wal removes one segment at a time, each removal durable before the next", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  driver.wal.openGroup(group(1), 1);
  for (let i = 1; i <= 4; i++) {
    driver.wal.appendEntries(group(1), 1, entries(i, 1, content(i, 5000)));
    driver.settle();
  }
  driver.wal.closeGroup(group(1), 1);
  driver.wal.flush();
  while (!disk.log.some((line) => line.startsWith("remove"))) {
    assert(driver.step(), "the first segment is removed");
    driver.wal.flush();
    if (disk.queue.some((operation) => operation.kind === "remove")) disk.heldPath = "wal";
  }
  driver.settle();
  assertEquals(disk.queue.map((operation) => operation.kind), ["syncFolder"]);
  assertEquals(disk.log.filter((line) => line.startsWith("remove")).length, 1);
  disk.heldPath = null;
  driver.settle();
  assert(disk.log.filter((line) => line.startsWith("remove")).length >= 4);
});
