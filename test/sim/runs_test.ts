/** Simulated runs of the real node: a fixed set, and fresh ones, which are others for every change of the code. */
import { assertEquals } from "@std/assert";
import { crc32c } from "../../src/core/crc32c.ts";
import { encodeText } from "../../src/core/bytes.ts";
import { runMany } from "../../sim/mod.ts";
import { sourceFiles } from "../../tools/source_files.ts";

const FIXED = 24;
const FRESH = 12;
/** No other set of seeds reaches up to here. */
const FRESH_FROM = 10_000_000_000;

async function pass(from: string, seeds: number): Promise<void> {
  const report = await runMany({ from, seeds, jobs: 1 });
  const failed = report.failed.map(({ name, outcome, story }) =>
    `${outcome}: deno task sim replay ${name}\n${story.slice(-20).join("\n")}`
  );
  assertEquals(failed, []);
}

/** Nobody has looked at these runs before, and yet who tests the same code has the same ones: no failure goes away by itself. */
function freshSeed(): string {
  const code = sourceFiles().filter(({ path }) => path.startsWith("src/") || path.startsWith("sim/"));
  return String(FRESH_FROM + crc32c(encodeText(code.map(({ path, text }) => `${path}\n${text}`).join("\n"))));
}

Deno.test("the fixed runs pass", () => pass("1", FIXED));

Deno.test("fresh runs pass", () => pass(freshSeed(), FRESH));
