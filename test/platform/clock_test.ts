import { assert, assertEquals, assertThrows } from "@std/assert";
import { DenoClock } from "../../src/platform/deno_clock.ts";
import { DenoRandom } from "../../src/platform/deno_random.ts";
import { Outlet } from "../../src/platform/outlet.ts";
import { driveReal } from "./bench.ts";

function makeClock(): { clock: DenoClock; turns: number[] } {
  const outlet = new Outlet();
  const turns: number[] = [];
  outlet.attach(1, { deliver: () => {}, turn: () => turns.push(performance.now()) });
  return { clock: new DenoClock(outlet), turns };
}

Deno.test("clock gives one turn for many requests, and not within the request", async () => {
  const { clock, turns } = makeClock();
  for (let i = 0; i < 100; i++) clock.requestTurn();
  assertEquals(turns.length, 0);
  await driveReal(() => turns.length > 0, "a turn");
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(turns.length, 1);
  clock.requestTurn();
  await driveReal(() => turns.length === 2, "a second turn");
  clock.close();
});

Deno.test("clock wakes once, not before its time", async () => {
  const { clock, turns } = makeClock();
  const at = clock.monotonicMs() + 20;
  clock.wakeAt(at);
  await driveReal(() => turns.length === 1, "the wake-up");
  assert(turns[0]! >= at, `woke ${at - turns[0]!} ms too early`);
  clock.wakeAt(0);
  await driveReal(() => turns.length === 2, "a wake-up that is due already");
  clock.close();
});

Deno.test("clock replaces the earlier wish by a later, an earlier or none", async () => {
  const { clock, turns } = makeClock();
  const start = clock.monotonicMs();
  clock.wakeAt(start + 10);
  clock.wakeAt(start + 40);
  await driveReal(() => turns.length === 1, "the later wake-up");
  assert(turns[0]! >= start + 40, "the first wish no longer counts");
  clock.wakeAt(clock.monotonicMs() + 60_000);
  clock.wakeAt(clock.monotonicMs() + 5);
  await driveReal(() => turns.length === 2, "the earlier wake-up");
  clock.wakeAt(clock.monotonicMs() + 5);
  clock.wakeAt(Infinity);
  const until = clock.monotonicMs() + 30;
  await driveReal(() => clock.monotonicMs() > until, "time to pass");
  assertEquals(turns.length, 2, "a wish that was taken back");
  assertThrows(() => clock.wakeAt(NaN), RangeError);
  clock.close();
});

Deno.test("clock arms one timer for a wish that is repeated, or moves later", () => {
  const { clock } = makeClock();
  const { setTimeout: real } = globalThis;
  let armed = 0;
  globalThis.setTimeout = ((...args: Parameters<typeof real>) => (armed++, real(...args))) as typeof real;
  try {
    const at = clock.monotonicMs() + 60_000.25; // Timers end at whole milliseconds, wishes do not.
    for (let i = 0; i < 100; i++) clock.wakeAt(at + i);
    for (let i = 0; i < 100; i++) clock.wakeAt(at);
    assertEquals(armed, 1);
    clock.wakeAt(at - 1);
    assertEquals(armed, 2, "an earlier wish");
  } finally {
    globalThis.setTimeout = real;
    clock.close();
  }
});

Deno.test("clock leaves no timer behind when closed", () => {
  const { clock } = makeClock();
  clock.wakeAt(clock.monotonicMs() + 1e12); // The sanitizer of timers tells.
  clock.requestTurn();
  clock.close();
  clock.wakeAt(0);
  clock.requestTurn();
});

Deno.test("random draws fresh 32-bit words beyond one block", () => {
  const random = new DenoRandom();
  const drawn = Array.from({ length: 5_000 }, (_, n) => random.draw("site", n));
  assert(drawn.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32));
  assert(new Set(drawn).size > 4_950, "5000 words of 32 bits hardly collide");
  const mean = drawn.reduce((sum, word) => sum + word, 0) / drawn.length;
  assert(Math.abs(mean / 2 ** 31 - 1) < 0.1, `mean ${mean}`);
});
