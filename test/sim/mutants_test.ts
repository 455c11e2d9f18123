/** The planted bugs stay up to date with the tree: each edit fits, once. That they are caught is shown by `deno task mutants`. */
import { assertEquals, assertThrows } from "@std/assert";
import { MUTANTS, NOT_PLANTED } from "../../sim/mutants/mod.ts";
import { UsageError } from "../../sim/arguments.ts";
import { parseOptions } from "../../tools/mutants.ts";
import { CI_MUTANTS } from "../../tools/mutants_ci.ts";
import { batchesOf, misfit } from "../../tools/mutants_plant.ts";
import { formatPage, parsePage } from "../../tools/mutants_table.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

for (const mutant of MUTANTS) {
  Deno.test(`the edits of ${mutant.id} fit the tree`, async () => {
    assertEquals(await misfit(mutant, (file) => Deno.readTextFile(`${ROOT}/${file}`)), null);
  });
}

Deno.test("a misfit says which text is not there, or there twice", async () => {
  const edit = { file: "a.ts", from: "x", to: "y" };
  const mutant = { id: "m", says: "", edits: [edit] };
  assertEquals(await misfit(mutant, () => Promise.resolve("axb")), null);
  assertEquals(await misfit(mutant, () => Promise.resolve("axbx")), 'a.ts holds "x" 2 times');
  // The second edit of a file sees what the first one made of it.
  const twice = { ...mutant, edits: [edit, { file: "a.ts", from: "y", to: "z" }] };
  assertEquals(await misfit(twice, () => Promise.resolve("axb")), null);
});

Deno.test("planted bugs have names of their own", () => {
  const ids = [...MUTANTS, ...NOT_PLANTED].map((each) => each.id);
  assertEquals(new Set(ids).size, ids.length);
});

Deno.test("the page is read back as it was written", () => {
  const [first, second] = MUTANTS;
  const rows = [
    { ...first!, fate: "caught", runs: 3, checker: "liveness", message: "", assertions: 2 },
    { ...second!, fate: "survived", runs: 9, checker: "", message: "", assertions: 0 },
  ].map(({ edits: _, ...row }) => row) as unknown as Parameters<typeof formatPage>[0];
  const page = formatPage(rows, rows.length, 3, ["liveness", "other"]);
  assertEquals(parsePage(page), [...rows]);
  assertEquals(page.includes("- other"), true);
  assertEquals(page.includes("- liveness"), false);
});

Deno.test("the bugs of every check are among those that can be planted", () => {
  const ids = new Set(MUTANTS.map(({ id }) => id));
  assertEquals(CI_MUTANTS.filter((id) => !ids.has(id)), []);
});

Deno.test("the arguments of the kill matrix name bugs that exist, in either way", () => {
  const chosen = (...args: string[]) => {
    const options = parseOptions(args);
    return typeof options === "string" ? options : options.mutants.map(({ id }) => id);
  };
  assertEquals(chosen("--help"), "help");
  assertEquals(chosen("fig8-commit", "--only", "match-on-send,vote-unpersisted"), [
    "vote-unpersisted",
    "fig8-commit",
    "match-on-send",
  ]);
  assertEquals(chosen().length, MUTANTS.length);
  const twice = ["--only", "fig8-commit", "--only", "match-on-send"];
  for (const wrong of [["--bad"], ["nobody"], ["--runs"], ["--runs", "0"], ["--ci", "fig8-commit"], twice]) {
    assertThrows(() => parseOptions(wrong), UsageError);
  }
});

Deno.test("bugs that are type-checked together edit different files, and none is left out", () => {
  const batches = batchesOf(MUTANTS);
  assertEquals(batches.flat().length, MUTANTS.length);
  for (const batch of batches) {
    const files = batch.flatMap(({ edits }) => [...new Set(edits.map(({ file }) => file))]);
    assertEquals(new Set(files).size, files.length);
  }
  assertEquals(batches.length < MUTANTS.length / 4, true);
});
