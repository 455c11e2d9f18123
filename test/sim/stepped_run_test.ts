/** A run that is driven step by step is the run that is made in one go; who watches it changes nothing. */
import { assert, assertEquals } from "@std/assert";
import { runOne, SteppedRun } from "../../sim/run.ts";
import type { Watcher } from "../../sim/watcher.ts";

// Processes die in it, and what is under way to them is lost.
const NAME = "nodes=3,operations=150,faults=crash-process.8";

Deno.test("a run that is driven step by step and watched is the run in one go", () => {
  const whole = runOne(NAME);
  const seen = { stepped: 0, arrived: 0, lost: 0, noted: 0, early: 0 };
  const watcher: Watcher = {
    stepped: () => seen.stepped += 1,
    frame: (world, from, to, sentUs, bytes, fate) => {
      seen[fate] += 1;
      if (sentUs > world.nowUs || from === to || bytes.length === 0) seen.early += 1;
    },
    noted: () => seen.noted += 1,
  };
  const run = new SteppedRun(NAME, { watcher });
  for (let event = 1; event <= 40; event++) {
    assert(!run.runTo(event));
    assertEquals(run.world.trace.events, event);
  }
  assert(run.runTo(Infinity));
  const result = run.result!;
  assertEquals([result.trace, result.events, result.outcome], [whole.trace, whole.events, "ok"]);
  assertEquals([seen.stepped, seen.early], [whole.events, 0]);
  assert(seen.arrived > 100 && seen.lost > 0 && seen.noted > 0, JSON.stringify(seen));
});

Deno.test("a run that is abandoned gives the globals back", () => {
  const before = Date;
  const run = new SteppedRun(NAME);
  run.runTo(100);
  assert(Date !== before);
  run.abandon();
  assert(Date === before);
  assertEquals(run.result, null);
  assertEquals(runOne("operations=20.8").outcome, "ok");
});
