/** What is kept of a failure: a tape that must pass from now on, and a test that plays it. */
import { describeVerdict, type Tape } from "./tape.ts";

/** The tape as it is kept: found to fail at `commit`, expected to pass. */
export function forCorpus(tape: Tape, id: string, commit: string, story: string): Tape {
  return {
    ...tape,
    name: id,
    found: { ...tape.expectation, commit },
    expectation: { outcome: "ok", checker: "" },
    story: story === "" ? tape.story : story,
  };
}

/** A test in TypeScript; `tapePath` is relative to where it will stand, `simulator` what it imports. */
export function regressionTest(tape: Tape, tapePath: string, simulator = "@sennit/sennit/sim"): string {
  const found = tape.found === null ? "" : ` It failed once: ${describeVerdict(tape.found)}.`;
  return `/** ${oneLine(tape.story)}${found} */
import { assertEquals } from "@std/assert";
import { parseTape, play } from ${JSON.stringify(simulator)};

Deno.test(${JSON.stringify(`the tape ${tape.name} passes`)}, () => {
  const text = Deno.readTextFileSync(new URL(${JSON.stringify(tapePath)}, import.meta.url));
  const { result, stale } = play(parseTape(text, ${JSON.stringify(tapePath)}));
  for (const decision of stale) console.log("nobody asks any more for", decision);
  assertEquals([result.outcome, result.message], ["ok", ""], result.story.join("\\n"));
});
`;
}

function oneLine(text: string): string {
  const line = text.replaceAll("*/", "* /").split("\n")[0]!.trim();
  return /[.!?]$/.test(line) ? line : `${line}.`;
}
