/** Simulated runs of the real node: a fixed set, the same every time, and fresh ones, different every time. */
import { assertEquals } from "@std/assert";
import { runMany } from "../../sim/mod.ts";

const FIXED = 24;
const FRESH = 8;

async function pass(from: string, seeds: number): Promise<void> {
  const report = await runMany({ from, seeds, jobs: 1 });
  const failed = report.failed.map(({ name, outcome, story }) =>
    `${outcome}: deno task sim replay ${name}\n${story.slice(-20).join("\n")}`
  );
  assertEquals(failed, []);
}

Deno.test("the fixed runs pass", () => pass("1", FIXED));

Deno.test("fresh runs pass", () => pass(String(Date.now()), FRESH));
