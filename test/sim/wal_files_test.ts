import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { liveBytesOf, readWalFiles, WalReading } from "../../sim/checkers/wal_files.ts";
import { at, content, entries, group, hardState, inTerm, LogDriver } from "../wal/log_driver.ts";
import { MemoryDisk } from "../wal/memory_disk.ts";

const step = fc.record({
  kind: fc.constantFrom("append", "overwrite", "reference", "release", "base", "state"),
  count: fc.integer({ min: 1, max: 5 }),
  back: fc.integer({ min: 0, max: 4 }),
});

Deno.test("readWalFiles() reads of any history what the log holds, overwritten ends and moved bases included", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const disk = new MemoryDisk();
    const driver = LogDriver.open(disk);
    const { wal } = driver;
    const one = group(3);
    wal.openGroup(one, 1);
    let term = 1;
    let outboxId = 0;
    const kept: number[] = [];
    const reading = new WalReading();
    const inodes = new Map<string, object>();
    const inodeOf = (name: string) => inodes.get(name) ?? inodes.set(name, {}).get(name)!;
    let [rewrites, reads] = [0, true];
    for (const { kind, count, back } of steps) {
      const { first, last } = wal.range(one)!;
      const contents = Array.from({ length: count }, (_, i) => content(i, 40 * count));
      if (kind === "append") wal.appendEntries(one, 1, entries(last + 1, term, ...contents));
      if (kind === "overwrite") {
        wal.appendEntries(one, 1, entries(Math.max(first, last - back), ++term, ...contents));
      }
      if (kind === "reference") {
        wal.appendOutbox(++outboxId, one, 1, content(outboxId, 30));
        kept.push(outboxId);
        wal.appendFromOutbox(one, 1, at(Math.max(first, last + 1 - back)), inTerm(++term), outboxId);
      }
      if (kind === "release" && kept.length > 0) wal.releaseOutbox(kept.splice(back % kept.length, 1)[0]!);
      if (kind === "base" && last - back >= first) {
        const index = at(last - back);
        wal.setBase(one, 1, { index, term: wal.entry(one, index)!.term });
      }
      if (kind === "state") wal.appendHardState(one, 1, hardState(++term, count, 0));
      driver.settle();
      // Read again and again, and now and then after a change of what was there, it says the same as read at once.
      const segments = disk.paths.map((path) => disk.content(path));
      if (count === 5) rewrites += 1;
      if (reads) {
        const files = disk.paths.map((name, i) => ({
          name,
          bytes: segments[i]!,
          inode: inodeOf(name),
          rewrites,
        }));
        assertEquals(reading.read(files), readWalFiles(segments));
      }
      reads = count !== 1;
    }
    driver.settle();
    const filed = readWalFiles(disk.paths.map((path) => disk.content(path)))!.groups.get(3)!;
    const { first, last } = wal.range(one)!;
    const expected = Array.from(
      { length: last + 1 - first },
      (_, i) => [first + i, wal.entry(one, at(first + i))!.term],
    );
    assertEquals([...filed.entries].sort(([a], [b]) => a - b), expected as never);
    assertEquals(filed.base, first - 1);
    const files = readWalFiles(disk.paths.map((path) => disk.content(path)))!;
    assertEquals(liveBytesOf(files), wal.status().liveBytes);
  }));
});
