/** The example: a mistake that only a crash shows is found, made small and run again; what mends it passes. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import careless from "../../examples/payments/careless_simulation.ts";
import payments from "../../examples/payments/simulation.ts";
import { simulate, SimulationFailure } from "../../sim/testing/mod.ts";
import { freshSeed } from "../sim/fresh_seed.ts";

const FRESH = freshSeed();

Deno.test("the careless payments are found out within 200 runs, with few faults left, and run again alike", async () => {
  const failure = await assertRejects(
    () => simulate({ ...careless, seeds: 200, from: FRESH }),
    SimulationFailure,
  );
  assertEquals(failure.result.checker, "check", failure.message);
  assert(/^order-\d+ was paid [2-9] times$/.test(failure.result.message), failure.message);
  const [, left, drawn] = /shrunk to (\d+) of (\d+) faults/.exec(failure.message)!.map(Number);
  assert(left! <= Math.max(4, drawn! / 2), failure.message);
  const { seed, trace } = failure.result;
  const again = await assertRejects(
    () => simulate({ ...careless, seeds: 1, from: seed, faults: failure.faults, shrink: false }),
    SimulationFailure,
  );
  assertEquals([again.result.trace, again.result.message], [trace, failure.result.message]);
});

Deno.test("the payments pay each order once, whatever strikes", async () => {
  const { runs, work, faults } = await simulate({ ...payments, seeds: 40, from: FRESH });
  assertEquals(runs, 40);
  assert(work["processesCrashed"]! > 40 && work["answersLost"]! > 0, JSON.stringify(work));
  assert(faults["crash-power"]!.struck > 0);
});
