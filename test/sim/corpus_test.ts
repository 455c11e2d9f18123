/** Every run that ever failed, once more: those that a seed names, and those that are kept as tapes. */
import { assertEquals } from "@std/assert";
import corpus from "../../sim/corpus/runs.json" with { type: "json" };
import { parseTape, play, runOne } from "../../sim/mod.ts";

const CORPUS = new URL("../../sim/corpus/", import.meta.url);

for (const { name, story } of corpus) {
  Deno.test(`run ${name} passes: ${story.split(/[.:]/)[0]}`, () => {
    const result = runOne(name);
    assertEquals(result.outcome, "ok", result.story.join("\n"));
  });
}

const files = [...Deno.readDirSync(CORPUS)].map(({ name }) => name)
  .filter((name) => name.endsWith(".json") && name !== "runs.json").sort();

for (const file of files) {
  const tape = parseTape(Deno.readTextFileSync(new URL(file, CORPUS)), file);
  Deno.test(`tape ${tape.name} comes to what is expected of it: ${tape.story}`, () => {
    assertEquals(file, `${tape.name}.json`);
    const { result, stale } = play(tape);
    const { outcome, checker } = tape.expectation;
    assertEquals([result.outcome, result.checker], [outcome, checker], result.story.join("\n"));
    if (stale.length > 0) console.log(`${file}: nobody asks any more for ${stale.join(" ")}`);
  });
}
