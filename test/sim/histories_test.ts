/**
 * The misfortunes in which a well-liked message system lost acknowledged data or split (Jepsen, December 2025), and sequences
 * of elections that seldom come by themselves: again and again, and nothing that was acknowledged is lost, no replica
 * stays different, no stream is given up.
 */
import { assert, assertEquals } from "@std/assert";
import { runMany } from "../../sim/mod.ts";
import type { FaultKind } from "../../sim/faults/kinds.ts";

const RUNS = 10;

async function survives(kind: FaultKind, runs = RUNS, nodes = ""): Promise<void> {
  const options = `${nodes}faults=${kind}+crash-process`;
  const report = await runMany({ from: "1", seeds: runs, jobs: 1, options });
  const failed = report.failed.map(({ name, message }) => `deno task sim replay ${name}: ${message}`);
  assertEquals(failed, []);
  assert(report.faults[kind]!.struck > 0, "it did happen");
  assert(report.work["acknowledged"]! > 0, "there was something to lose");
}

Deno.test("a power failure of all machines loses nothing acknowledged", () => survives("power-everywhere"));

Deno.test("a flipped bit in a log loses nothing, and is repaired from others", () => survives("flipped-bit"));

Deno.test("a damaged snapshot gives no group up", () => survives("damaged-snapshot"));

Deno.test("one crash while the others hear each other late leaves no two replicas different", () =>
  survives("crash-with-late-peers"));

Deno.test("what is damaged when somebody wants it is not taken for what was written", () =>
  survives("flip-before-read", 4));

Deno.test("a leader that comes back to a log that begins within its own keeps nothing of that", () =>
  survives("stranded-leader", 4));

Deno.test("older entries of a leader that is elected again take the place of newer ones", () =>
  survives("figure-8", 4));

Deno.test("an election among members that hold a joint configuration is one of both halves", () =>
  survives("joint-election", 4, "nodes=4,"));

Deno.test("what was said in a term that is over counts for nothing", () => survives("late-words", 4));

Deno.test("who leads without a vote, as its removal is not committed yet, ends that when it is", () =>
  survives("elect-removed", 4, "nodes=4,"));

Deno.test("who is let in anew is not told by those who have not heard of it that it was removed", () =>
  survives("return-unheard", 4, "nodes=5,"));
