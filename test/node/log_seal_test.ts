import { assertEquals } from "@std/assert";
import type { Lsn } from "../../src/core/ids.ts";
import { LogSeal, SEAL_IDLE_MS, type SealedLog } from "../../src/node/log_seal.ts";

class FakeLog implements SealedLog {
  unsealed = false;
  durableLsn = 1 as Lsn;
  seals = 0;

  seal(): void {
    this.seals++;
    this.unsealed = false;
  }

  written(): void {
    this.unsealed = true;
    this.durableLsn = this.durableLsn + 1 as Lsn;
  }
}

Deno.test("LogSeal seals a log once it has been still for a while, and then leaves it alone", () => {
  const log = new FakeLog();
  const seal = new LogSeal();
  seal.work(log, 0);
  assertEquals(seal.deadline(), Infinity);
  log.written();
  seal.work(log, 10);
  assertEquals(seal.deadline(), 10 + SEAL_IDLE_MS);
  seal.work(log, 10 + SEAL_IDLE_MS - 1);
  assertEquals(log.seals, 0);
  seal.work(log, 10 + SEAL_IDLE_MS);
  assertEquals(log.seals, 1);
  for (let now = 1000; now < 100_000; now += 1000) {
    seal.work(log, now);
    assertEquals([log.seals, seal.deadline()], [1, Infinity]);
  }
});

Deno.test("LogSeal does not seal between two batches that follow each other closely", () => {
  const log = new FakeLog();
  const seal = new LogSeal();
  let now = 0;
  for (let i = 0; i < 50; i++) {
    log.written();
    seal.work(log, now);
    // The next batch is on its way.
    log.unsealed = false;
    seal.work(log, now += SEAL_IDLE_MS - 1);
  }
  // Two that became durable between two looks.
  for (let i = 0; i < 50; i++) {
    log.written();
    seal.work(log, now += SEAL_IDLE_MS - 1);
  }
  assertEquals(log.seals, 0);
});

Deno.test("LogSeal has no deadline for a log that is not written to any more", () => {
  const log = new FakeLog();
  const seal = new LogSeal();
  log.written();
  seal.work(log, 0);
  seal.work(null, SEAL_IDLE_MS);
  assertEquals([log.seals, seal.deadline()], [0, Infinity]);
});
