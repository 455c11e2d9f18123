/**
 * `deno task shrink-mutants`: finds a failing run of each planted bug, shrinks it, and prints how small it got.
 *
 *     deno task shrink-mutants [--only ID[,ID…]] [--runs N] [--from SEED] [--events N] [--jobs J] [--keep FOLDER]
 *
 * --events  that all tries of one bug together may take
 * --keep    writes the tapes to this folder, as the corpus has them: expected to pass on a tree without the bug
 *
 * Exit code 1 where the median is more than a quarter of the events before, or a run could not be shrunk.
 */
import { currentCommit } from "../sim/commit.ts";
import { type Mutant, MUTANTS } from "../sim/mutants/mod.ts";
import { forCorpus } from "../sim/regression.ts";
import type { Size } from "../sim/shrink.ts";
import { formatTape, parseTape } from "../sim/tape.ts";
import { inCopy, removeCopies, runsOf } from "./mutants_plant.ts";

/** What the goal is measured by: the events after, of those before. */
const GOAL = 0.25;

/** Some of every kind: elections, logs, storage, reads, streams. */
const CHOSEN = [
  "fig8-commit",
  "stale-log-vote",
  "match-on-send",
  "self-counted-before-sync",
  "read-from-deposed-leader",
  "single-server-2015",
  "snapshot-stale-membership",
  "snapshot-forgets-sessions",
  "ack-without-fsync",
  "torn-tail-accepted",
  "ack-before-handler",
  "offset-moved-past-gap",
  "read-before-applied",
  "applied-before-commit",
];

interface Row {
  readonly id: string;
  readonly run: string;
  readonly checker: string;
  readonly before: Size;
  readonly after: Size;
  readonly tries: number;
  readonly seconds: number;
  /** Why there is nothing to show; "" where there is. */
  readonly why: string;
}

interface Options {
  readonly only: readonly string[];
  readonly runs: number;
  readonly from: number;
  readonly events: number;
  readonly jobs: number;
  readonly keep: string | undefined;
}

function parseOptions(args: readonly string[]): Options {
  const flags = new Map<string, string>();
  for (let i = 0; i < args.length; i += 2) {
    const name = args[i]!.replace(/^--/, "");
    const known = ["only", "runs", "from", "events", "jobs", "keep"].includes(name);
    if (!known || args[i + 1] === undefined) throw new TypeError(`Unknown or incomplete flag ${args[i]}`);
    flags.set(name, args[i + 1]!);
  }
  const count = (name: string, otherwise: number) => {
    const value = Number(flags.get(name) ?? otherwise);
    if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`--${name} is not a count`);
    return value;
  };
  return {
    only: flags.get("only")?.split(",") ?? CHOSEN,
    runs: count("runs", 300),
    from: count("from", 1),
    events: count("events", 3_000_000),
    jobs: count("jobs", 2),
    keep: flags.get("keep"),
  };
}

const NOTHING: Size = { events: 0, decisions: 0 };

async function measure(mutant: Mutant, options: Options): Promise<Row> {
  const { id } = mutant;
  const failed = (why: string): Row => ({
    id,
    run: "",
    checker: "",
    before: NOTHING,
    after: NOTHING,
    tries: 0,
    seconds: 0,
    why,
  });
  return await inCopy(mutant, failed, async (folder) => {
    for await (const result of runsOf(folder, options)) {
      if (result === "stuck") return failed("a run never ended");
      if (result.outcome === "ok") continue;
      return await shrinkIn(folder, mutant, result.name, options) ??
        failed(`${result.name} could not be shrunk`);
    }
    return failed(`none of ${options.runs} runs failed`);
  });
}

async function shrinkIn(folder: string, mutant: Mutant, run: string, options: Options): Promise<Row | null> {
  const startedMs = performance.now();
  const out = `${folder}/tape.json`;
  const args = ["run", "-A", "--no-check", "sim/main.ts", "shrink", run, "--json", "--out", out];
  args.push("--events", String(options.events));
  const command = new Deno.Command(Deno.execPath(), { args, cwd: folder, stderr: "null" });
  const { success, stdout } = await command.output();
  if (!success) return null;
  const { checker, before, after, tries } = JSON.parse(new TextDecoder().decode(stdout));
  if (options.keep !== undefined) {
    const { options: { assertions: _, ...rest }, ...tape } = parseTape(await Deno.readTextFile(out), out);
    const kept = forCorpus(
      { ...tape, options: rest },
      mutant.id,
      currentCommit(),
      `A planted bug: ${mutant.says}`,
    );
    await Deno.writeTextFile(`${options.keep}/${mutant.id}.json`, formatTape(kept));
  }
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  return { id: mutant.id, run, checker, before, after, tries, seconds, why: "" };
}

function format({ id, run, checker, before, after, tries, seconds, why }: Row): string {
  if (why !== "") return `| ${id} | ${why} | | | | | |`;
  const part = `${(100 * after.events / before.events).toFixed(1)} %`;
  return `| ${id} | ${run} | ${checker} | ${before.events} → ${after.events} | ${part} ` +
    `| ${before.decisions} → ${after.decisions} | ${tries} in ${seconds} s |`;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  const mutants = options.only.map((id) => {
    const mutant = MUTANTS.find((one) => one.id === id);
    if (mutant === undefined) throw new TypeError(`No bug is named ${id}`);
    return mutant;
  });
  const rows: Row[] = [];
  let next = 0;
  const worker = async () => {
    while (next < mutants.length) {
      const at = next++;
      rows[at] = await measure(mutants[at]!, options);
      console.error(format(rows[at]!));
    }
  };
  await Promise.all(Array.from({ length: options.jobs }, worker)).finally(removeCopies);
  console.log(
    "| bug | run | checker | events | of before | decisions | tries |\n|---|---|---|---:|---:|---:|---:|",
  );
  for (const row of rows) console.log(format(row));
  const parts = rows.filter((row) => row.why === "").map(({ before, after }) => after.events / before.events);
  console.log(`\nmedian of ${parts.length}: ${(100 * median(parts)).toFixed(1)} % of the events before`);
  return parts.length === rows.length && median(parts) <= GOAL ? 0 : 1;
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}
