import { assert, assertEquals, assertThrows } from "@std/assert";
import { LOSE_ALL, MemoryDisk } from "./memory_disk.ts";
import { at, content, entries, group, hardState, inTerm, LogDriver } from "./log_driver.ts";

Deno.test("Wal gives back after a restart what it acknowledged", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  const { wal } = driver;
  assertEquals(driver.recovery.groups, []);
  wal.openGroup(group(0), 1);
  wal.openGroup(group(7), 2);
  wal.appendHardState(group(7), 2, hardState(3, 5, 0));
  const configuration = content(9, 40);
  wal.appendEntries(group(7), 2, [
    { index: at(1), term: inTerm(2), kind: 2, bytes: configuration },
    ...entries(2, 3, content(1, 10), new Uint8Array(0), content(2, 300)),
  ]);
  const lsn = wal.pendingLsn;
  assertEquals(wal.durableLsn, 0);
  driver.settle();
  assertEquals(wal.durableLsn, lsn);
  disk.crash(LOSE_ALL);

  const again = LogDriver.open(disk);
  assertEquals(again.recovery.damage, []);
  assertEquals(again.recovery.groups.map((item) => item.group as number), [0, 7]);
  const recovered = again.recovery.groups[1]!;
  assertEquals(recovered.generation, 2);
  assertEquals(recovered.hardState, hardState(3, 5, 0));
  assertEquals(recovered.entries.map((item) => [item.index, item.term, item.kind, item.lengthBytes]), [
    [1, 2, 2, 40],
    [2, 3, 0, 10],
    [3, 3, 0, 0],
    [4, 3, 0, 300],
  ] as never);
  assertEquals(recovered.entries[0]!.configurationBytes, configuration);
  const request = again.wal.load(group(7), at(1), at(4), 10_000);
  again.settle();
  const loaded = again.wal.takeLoaded();
  assertEquals(loaded.length, 1);
  assertEquals(loaded[0]!.request, request);
  assertEquals(loaded[0]!.entries.map((item) => item.bytes.length), [40, 10, 0, 300]);
  assertEquals(loaded[0]!.entries[3]!.bytes, content(2, 300));
  assertEquals(again.wal.takeLoaded(), []);
});

Deno.test("Wal refuses calls that are the caller's mistake", () => {
  const { wal } = LogDriver.open(new MemoryDisk());
  wal.openGroup(group(1), 1);
  assertThrows(() => wal.openGroup(group(1), 1), RangeError);
  assertThrows(
    () => wal.appendEntries(group(1), 2, entries(1, 1, content(1, 1))),
    RangeError,
    "generation 2",
  );
  assertThrows(() => wal.appendEntries(group(1), 1, entries(2, 1, content(1, 1))), RangeError, "entry 2");
  assertThrows(() => wal.appendFromOutbox(group(1), 1, at(1), inTerm(1), 4), RangeError, "outbox record 4");
  assertThrows(() => wal.releaseOutbox(4), RangeError, "outbox record 4");
  wal.closeGroup(group(1), 1);
  assertThrows(() => wal.openGroup(group(1), 1), RangeError, "closed");
  assert(wal.openGroup(group(1), 2) > 0);
});

Deno.test("Wal lets go of a closed group's outbox with its log, and what others took of it stays theirs", () => {
  const disk = new MemoryDisk();
  const first = LogDriver.open(disk);
  first.wal.openGroup(group(1), 1);
  first.wal.openGroup(group(2), 1);
  first.wal.appendOutbox(1, group(1), 1, content(1, 100));
  first.wal.appendOutbox(2, group(1), 1, content(2, 100));
  first.wal.appendOutbox(3, group(2), 1, content(3, 100));
  first.wal.appendFromOutbox(group(2), 1, at(1), inTerm(1), 2);
  assert(!first.wal.isClosed(group(1), 1));
  first.wal.closeGroup(group(1), 1);
  assert(first.wal.isClosed(group(1), 1) && !first.wal.isClosed(group(1), 2));
  assertEquals([1, 2, 3].map((id) => first.wal.outboxRecord(id) === null), [true, true, false]);
  first.settle();
  const again = LogDriver.open(disk);
  assertEquals(again.recovery.outbox.map(({ id }) => id), [3]);
  assertEquals(again.recovery.groups.map((each) => [each.group, each.entries.length]), [[2, 1]] as never);
  assertEquals(again.recovery.closedGroups, [{ group: group(1), generation: 1 }]);
  assertEquals(first.wal.entry(group(2), at(1))!.bytes, content(2, 100));
});

Deno.test("Wal writes releases with the next batch that somebody waits for, or when everything is to go", () => {
  const disk = new MemoryDisk();
  const driver = LogDriver.open(disk);
  const { wal } = driver;
  wal.openGroup(group(1), 1);
  wal.appendOutbox(1, group(1), 1, content(1, 100));
  wal.appendOutbox(2, group(1), 1, content(2, 100));
  driver.settle();
  const before = wal.durableLsn;
  wal.releaseOutbox(1);
  wal.flush(false);
  assertEquals(driver.step(), false, "a release alone is worth no sync");
  wal.appendHardState(group(1), 1, hardState(1, 0, 0));
  wal.flush(false);
  while (driver.step());
  assertEquals(wal.durableLsn, before + 1);
  assertEquals(outboxAfterCrash(disk), [2], "it went along");
  wal.releaseOutbox(2);
  wal.flush(false);
  assertEquals(outboxAfterCrash(disk), [2], "one that a crash undoes is there again");
  wal.flush();
  while (driver.step());
  assertEquals(outboxAfterCrash(disk), []);
});

function outboxAfterCrash(disk: MemoryDisk): number[] {
  const left = disk.clone();
  left.crash(LOSE_ALL);
  return LogDriver.open(left).recovery.outbox.map((record) => record.id);
}
