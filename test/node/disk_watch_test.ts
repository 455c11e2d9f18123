import { assertEquals } from "@std/assert";
import type { Lsn } from "../../src/core/ids.ts";
import { DiskWatch } from "../../src/node/disk_watch.ts";

const log = (busy: boolean, durable: number) => ({ busy, durableLsn: durable as Lsn });

Deno.test("DiskWatch says that a disk hangs once a batch has been on its way for too long", () => {
  const watch = new DiskWatch(100);
  assertEquals(watch.look(log(true, 1), 0), false);
  assertEquals(watch.deadline(), 100);
  assertEquals(watch.look(log(true, 1), 99), false);
  assertEquals(watch.look(log(true, 1), 100), true);
  assertEquals(watch.look(log(true, 2), 110), false, "progress");
  assertEquals(watch.look(log(true, 2), 209), false);
  assertEquals(watch.look(log(true, 2), 210), true);
  assertEquals(watch.look(log(false, 3), 211), false);
  assertEquals(watch.deadline(), Infinity);
});

Deno.test("DiskWatch does not take an idle disk for one that hangs", () => {
  const watch = new DiskWatch(100);
  assertEquals(watch.look(log(false, 1), 0), false);
  assertEquals(watch.look(log(false, 1), 5000), false);
  assertEquals(watch.look(log(true, 1), 5001), false);
});
