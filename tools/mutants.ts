/**
 * `deno task mutants`: plants each known bug (sim/mutants) into a copy of the tree, runs the simulator on it until a
 * checker notices, and prints the kill matrix. Node code's own assertions are counted in a column of their own and
 * do not stop a run. The unchanged tree goes through the same seeds: a catch means something only where it is clean.
 *
 * Exit code 1 where a bug survives, an edit does not apply or does not type-check, or the unchanged tree fails.
 */
import { numberFlag, parseArguments, UsageError } from "../sim/arguments.ts";
import { runMany } from "../sim/mod.ts";
import { type Mutant, MUTANTS } from "../sim/mutants/mod.ts";
import { CI_MUTANTS, CI_RUNS } from "./mutants_ci.ts";
import { removeCopies, type Row, score, typeErrors } from "./mutants_plant.ts";
import { formatPage, formatRow, parsePage } from "./mutants_table.ts";

const PAGE = new URL("../docs/kill-matrix.md", import.meta.url).pathname;
const RUNS = 2_000;

const USAGE =
  `Usage: deno task mutants [ID…] [--runs N] [--from SEED] [--jobs J] [--only ID[,ID…]] [--json] [--write] [--ci] [--list]

Plants known bugs, one at a time, into a copy of the tree and shows which checker of the simulator notices each first.

  ID, --only   these bugs; without any, all
  --runs       runs that a bug may take, of consecutive seeds (${RUNS})
  --from       the first seed (1)
  --jobs       bugs at a time (2)
  --json       one JSON object for each bug instead of a row of the table
  --write      brings docs/kill-matrix.md up to date, of what was run
  --ci         a handful of bugs that are caught at once, as a check that the simulator still notices anything
  --list       only says which bugs there are

Exit codes: 0 every bug was caught, 1 one was not, or an edit does not fit the tree, or the unchanged tree fails; 2 usage.

Examples:
  deno task mutants fig8-commit ack-without-fsync --runs 50
  deno task mutants --only fig8-commit --write
  deno task mutants --jobs 4 --write`;

interface Options {
  readonly runs: number;
  readonly from: number;
  readonly jobs: number;
  readonly mutants: readonly Mutant[];
  readonly json: boolean;
  readonly write: boolean;
}

/** Throws `UsageError` with what is wrong. */
export function parseOptions(args: readonly string[]): Options | "help" | "list" {
  const switches = ["json", "write", "ci", "list", "help"];
  const { words, flags } = parseArguments(args, switches, ["runs", "from", "jobs", "only"]);
  if (flags.has("help")) return "help";
  if (flags.has("list")) return "list";
  const count = (name: string, otherwise: number) => {
    const value = numberFlag(flags, name, otherwise);
    if (!Number.isSafeInteger(value) || value < 1) throw new UsageError(`--${name} is not a count: ${value}`);
    return value;
  };
  const isCi = flags.has("ci");
  const named = [...words, ...(flags.get("only") ?? "").split(",").filter((id) => id !== "")];
  if (isCi && named.length > 0) throw new UsageError("--ci has bugs of its own: name none");
  for (const id of named) {
    if (!MUTANTS.some((mutant) => mutant.id === id)) {
      throw new UsageError(`No bug is named ${id}: --list says which there are`);
    }
  }
  const chosen = isCi ? CI_MUTANTS : named;
  return {
    runs: count("runs", isCi ? CI_RUNS : RUNS),
    from: count("from", 1),
    jobs: count("jobs", 2),
    mutants: MUTANTS.filter(({ id }) => chosen.length === 0 || chosen.includes(id)),
    json: flags.has("json"),
    write: flags.has("write"),
  };
}

/** Scores in the order given, so many at once. */
async function scoreAll(options: Options): Promise<Row[]> {
  const rows: Row[] = [];
  const errors = await typeErrors(options.mutants);
  let next = 0;
  const worker = async () => {
    while (next < options.mutants.length) {
      const at = next++;
      const mutant = options.mutants[at]!;
      const row = rows[at] = await score(mutant, options, errors.get(mutant.id));
      if (options.json) console.log(JSON.stringify(row));
      else console.log(formatRow(row) + (row.fate === "broken" ? ` ${row.checker}` : ""));
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, worker)).finally(removeCopies);
  return rows;
}

/** The unchanged tree through as many seeds as any bug was caught within; resolves to what failed there. */
async function failuresOfUnchanged({ from, jobs }: Options, runs: number): Promise<string[]> {
  const { failed } = await runMany({ from: String(from), seeds: runs, jobs });
  return failed.map(({ name, message }) => `${name}: ${message}`);
}

async function writePage(rows: readonly Row[], unchangedRuns: number): Promise<void> {
  const { Checkers } = await import("../sim/checkers/mod.ts");
  const before = parsePage(await Deno.readTextFile(PAGE).catch(() => ""));
  const fresh = new Set(rows.map((row) => row.id));
  const all = [...before.filter((row) => !fresh.has(row.id)), ...rows];
  await Deno.writeTextFile(PAGE, formatPage(all, rows.length, unchangedRuns, Checkers.NAMES));
}

async function main(options: Options): Promise<number> {
  const rows = await scoreAll(options);
  const needed = Math.max(1, ...rows.map((row) => row.fate === "caught" ? row.runs : 0));
  const failures = await failuresOfUnchanged(options, needed);
  if (failures.length > 0) {
    console.error(
      `The unchanged tree fails within ${needed} runs, so nothing is shown: ${failures.join("; ")}`,
    );
  } else {
    console.error(`The unchanged tree passes the same ${needed} runs`);
    if (options.write) await writePage(rows, needed);
  }
  const missed = rows.filter((row) => row.fate !== "caught");
  console.error(`${rows.length - missed.length} of ${rows.length} caught`);
  for (const { id, fate, checker } of missed) console.error(`${id}: ${fate} ${checker}`);
  return failures.length === 0 && missed.length === 0 ? 0 : 1;
}

async function perform(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options === "help") console.log(USAGE);
    else if (options === "list") { for (const { id, says } of MUTANTS) console.log(`${id}: ${says}`); }
    else return await main(options);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    return 2;
  }
}

if (import.meta.main) Deno.exit(await perform(Deno.args));
