import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { LogDriver } from "./log_driver.ts";
import { KEEP_ALL, LOSE_ALL, MemoryDisk, type Tear } from "./memory_disk.ts";
import { checkContents, checkCrash, Draws, LAGGING_GROUP, Workload } from "./model.ts";

const keepPrefix = (kept: number, name: boolean): Tear => (_path, sector) =>
  sector < 0 ? name : sector < kept;
const keepAllBut = (lost: number): Tear => (_path, sector) => sector !== lost;

/** Every prefix of what was under way, and every single sector lost out of it. */
function tears(disk: MemoryDisk): Tear[] {
  const under = disk.queue[0];
  const sectors = under?.kind === "append" ? Math.ceil(under.bytes.length / 64) : 4;
  const all: Tear[] = [LOSE_ALL, KEEP_ALL, keepPrefix(0, true)];
  for (let i = 0; i < sectors; i++) all.push(keepPrefix(i, true), keepAllBut(i));
  return all;
}

Deno.test("Wal loses nothing acknowledged at a crash in any operation with any torn prefix", () => {
  const disk = new MemoryDisk();
  const workload = new Workload(1, LogDriver.open(disk));
  const { draws } = workload;
  let crashes = 0;
  let copied = 0;
  while (disk.executed < 700) {
    for (let i = draws.below(4); i > 0; i--) workload.change();
    workload.driver.wal.flush();
    for (let i = draws.below(4); i > 0; i--) {
      if (disk.queue.some((operation) => operation.kind === "read")) copied++;
      for (const tear of tears(disk)) {
        checkCrash(workload, disk, tear, crashes % 7 === 0);
        crashes++;
      }
      workload.driver.step();
    }
  }
  assert(crashes > 4000, `${crashes} crashes`);
  assert(copied > 0, "the collector copied what lags behind");
  assert(disk.log.some((line) => line.startsWith("remove")), "segments were removed");
  assertEquals(workload.model.groups.get(LAGGING_GROUP)!.base, [0, 0]);
});

Deno.test("Wal means after any crashes what the batch at its end says", () => {
  fc.assert(
    fc.property(fc.nat(), fc.array(fc.tuple(fc.nat(40), fc.nat()), { maxLength: 12 }), (seed, crashes) => {
      const disk = new MemoryDisk();
      const workload = new Workload(seed, LogDriver.open(disk));
      for (const [turns, crashSeed] of crashes) {
        for (let turn = 0; turn < turns; turn++) {
          for (let i = workload.draws.below(5); i > 0; i--) workload.change();
          workload.driver.wal.flush();
          for (let i = workload.draws.below(6); i > 0; i--) workload.driver.step();
        }
        const tearing = new Draws(crashSeed);
        const kept = tearing.below(100);
        const tear: Tear = () => tearing.chance(kept);
        const acknowledged = workload.driver.wal.durableLsn;
        if (tearing.chance(30)) disk.kill();
        else disk.crash(tear);
        // Recovery may itself be cut short, by a power failure.
        for (let again = tearing.below(3); again > 0; again--) {
          const interrupted = new LogDriver(disk);
          interrupted.flows.start(interrupted.wal.recover(), () => {}, (error) => {
            throw error;
          });
          for (let i = tearing.below(12); i > 0; i--) interrupted.step();
          disk.crash(tear);
        }
        const before = workload.driver;
        workload.driver = {
          wal: { durableLsn: acknowledged, pendingLsn: before.wal.pendingLsn },
        } as LogDriver;
        checkCrash(workload, disk, LOSE_ALL, true);
        const driver = LogDriver.open(disk);
        workload.stateAt(driver.wal.durableLsn);
        workload.continueWith(driver);
      }
      checkContents(workload.driver, workload.model);
      workload.driver.settle();
      checkCrash(workload, disk, LOSE_ALL, true);
    }),
    { numRuns: 100 },
  );
});
