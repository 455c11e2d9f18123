/**
 * `deno task bugs`: docs/bugs-found.md, the runs that ever failed with what was wrong and what was done about it, out of
 * sim/corpus/runs.json. `--check` only says whether the page is what it would write.
 */
const RUNS = new URL("../sim/corpus/runs.json", import.meta.url);
const PAGE = new URL("../docs/bugs-found.md", import.meta.url);

interface FailedRun {
  readonly name: string;
  /** What was wrong; its last sentence says what is done about it. */
  readonly story: string;
  /** Set where nothing was wrong with Sennit. */
  readonly whose?: "simulator";
}

const HEAD = `# What the simulator found

Runs that failed once, oldest first: what was wrong with Sennit, and what is done about it. Nobody had planted these
([kill-matrix.md](kill-matrix.md) has those). All of the runs are in \`sim/corpus\` and are made again in every check:
\`deno task sim replay NAME\`. A name is short and pins the code that draws it, so that today's run of a name need not come
to the place any more that it came to then; what was fixed has a test or a checker of its own beside it.

Written by \`deno task bugs\` from \`sim/corpus/runs.json\`; not edited by hand.
`;

function page(runs: readonly FailedRun[]): string {
  const own = runs.filter(({ whose }) => whose === undefined);
  const others = runs.filter(({ whose }) => whose === "simulator");
  const lines = [HEAD, ...table(own), "", `${own.length} bugs.`, ""];
  lines.push(
    "## Mistakes of the simulator",
    "",
    "Checkers that blamed a sound node, and operators that asked for the impossible.",
    "",
  );
  return [...lines, ...table(others), ""].join("\n");
}

function table(runs: readonly FailedRun[]): string[] {
  const rows = runs.map(({ name, story }) => `| \`${name}\` | ${story.replaceAll("|", "\\|")} |`);
  return ["| run | cause, and what is done about it |", "|---|---|", ...rows];
}

const wanted = page(JSON.parse(await Deno.readTextFile(RUNS)));
if (!Deno.args.includes("--check")) await Deno.writeTextFile(PAGE, wanted);
else if (await Deno.readTextFile(PAGE).catch(() => "") !== wanted) {
  console.error("docs/bugs-found.md is not what sim/corpus/runs.json says: run `deno task bugs`");
  Deno.exit(1);
}
