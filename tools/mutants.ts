/**
 * `deno task mutants`: plants each known bug (sim/mutants) into a copy of the tree, runs the simulator on it until a
 * checker notices, and prints the kill matrix. Node code's own assertions are counted in a column of their own and
 * do not stop a run. The unchanged tree goes through the same seeds: a catch means something only where it is clean.
 *
 *     deno task mutants [--runs N] [--from SEED] [--jobs J] [--only ID[,ID…]] [--json] [--write] [--ci]
 *
 * --write  brings docs/kill-matrix.md up to date, of what was run
 * --ci     a handful of bugs that are caught at once, as a check that the simulator still notices anything
 *
 * Exit code 1 where a bug survives, an edit does not apply or does not type-check, or the unchanged tree fails.
 */
import { type Mutant, MUTANTS } from "../sim/mutants/mod.ts";
import { type Row, score } from "./mutants_plant.ts";
import { formatPage, formatRow, parsePage } from "./mutants_table.ts";

const PAGE = new URL("../docs/kill-matrix.md", import.meta.url).pathname;
const UNCHANGED: Mutant = { id: "(unchanged)", says: "the tree as it is", edits: [] };
/** The unchanged tree need not repeat more than this. */
const UNCHANGED_RUNS_LIMIT = 300;
/** One of each room; all are caught within a few runs. */
const CI_MUTANTS = [
  "fig8-commit",
  "match-on-send",
  "ack-without-fsync",
  "dedupe-lost-at-restart",
  "read-before-applied",
];
const CI_RUNS = 20;

interface Options {
  readonly runs: number;
  readonly from: number;
  readonly jobs: number;
  readonly only: readonly string[];
  readonly json: boolean;
  readonly write: boolean;
}

class UsageError extends Error {}

function parseOptions(args: readonly string[]): Options {
  const flags = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const name = args[i]!.replace(/^--/, "");
    if (["json", "write", "ci"].includes(name)) flags.set(name, "");
    else if (["runs", "from", "jobs", "only"].includes(name) && args[i + 1] !== undefined) {
      flags.set(name, args[++i]!);
    } else throw new UsageError(`Unknown or incomplete flag ${args[i]}`);
  }
  const count = (name: string, otherwise: number) => {
    const value = Number(flags.get(name) ?? otherwise);
    if (!Number.isSafeInteger(value) || value < 1) throw new UsageError(`--${name} is not a count`);
    return value;
  };
  const isCi = flags.has("ci");
  const only = isCi ? CI_MUTANTS : (flags.get("only") ?? "").split(",").filter((id) => id !== "");
  for (const id of only) {
    if (!MUTANTS.some((mutant) => mutant.id === id)) throw new UsageError(`No bug is named ${id}`);
  }
  return {
    runs: count("runs", isCi ? CI_RUNS : 2_000),
    from: count("from", 1),
    jobs: count("jobs", 2),
    only,
    json: flags.has("json"),
    write: flags.has("write"),
  };
}

/** Scores in the order given, so many at once. */
async function scoreAll(mutants: readonly Mutant[], options: Options): Promise<Row[]> {
  const rows: Row[] = [];
  let next = 0;
  const worker = async () => {
    while (next < mutants.length) {
      const at = next++;
      const row = rows[at] = await score(mutants[at]!, options);
      if (options.json) console.log(JSON.stringify(row));
      else console.log(formatRow(row) + (row.fate === "broken" ? ` ${row.checker}` : ""));
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, worker));
  return rows;
}

async function writePage(rows: readonly Row[]): Promise<void> {
  const { Checkers } = await import("../sim/checkers/mod.ts");
  const before = parsePage(await Deno.readTextFile(PAGE).catch(() => ""));
  const fresh = new Set(rows.map((row) => row.id));
  const all = [...before.filter((row) => !fresh.has(row.id)), ...rows];
  await Deno.writeTextFile(PAGE, formatPage(all, Checkers.NAMES));
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  const mutants = MUTANTS.filter(({ id }) => options.only.length === 0 || options.only.includes(id));
  const rows = await scoreAll(mutants, options);
  // As many seeds as any bug was caught within.
  const needed = Math.max(1, ...rows.map((row) => row.fate === "caught" ? row.runs : 0));
  const runs = Math.min(needed, UNCHANGED_RUNS_LIMIT);
  const [unchanged] = await scoreAll([UNCHANGED], { ...options, runs, jobs: 1 });
  const isClean = unchanged!.fate === "survived";
  if (!isClean) console.error(`The unchanged tree fails, so nothing is shown: ${unchanged!.message}`);
  else if (options.write) await writePage(rows);
  const missed = rows.filter((row) => row.fate !== "caught");
  console.error(`${rows.length - missed.length} of ${rows.length} caught`);
  for (const { id, fate, checker } of missed) console.error(`${id}: ${fate} ${checker}`);
  return isClean && missed.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}
