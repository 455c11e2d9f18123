/** Simulated runs of the real node: a fixed set, and fresh ones, which are others for every change of the code. */
import { assertEquals } from "@std/assert";
import { runMany } from "../../sim/mod.ts";
import { freshSeed } from "./fresh_seed.ts";

const FIXED = 24;
const FRESH = 12;

async function pass(from: string, seeds: number): Promise<void> {
  const report = await runMany({ from, seeds, jobs: 1 });
  const failed = report.failed.map(({ name, outcome, story }) =>
    `${outcome}: deno task sim replay ${name}\n${story.slice(-20).join("\n")}`
  );
  assertEquals(failed, []);
}

Deno.test("the fixed runs pass", () => pass("1", FIXED));

Deno.test("fresh runs pass", () => pass(freshSeed(), FRESH));
