/**
 * `deno task nightly`: a long batch of fresh runs, seeded by the day, and a check of determinism. Of every kind of failure the
 * shortest run is shrunk, and kept with its story and a test.
 *
 *     deno task nightly [--minutes M] [--jobs J] [--day YYYY-MM-DD] [--options K=V,…] [--out FOLDER]
 *
 * The folder holds report.json, report.xml (JUnit), and for each kind of failure a tape, its story and a test. Exit codes
 * are those of `sennit sim run`.
 */
import { numberFlag, parseArguments, UsageError } from "../sim/arguments.ts";
import { currentCommit } from "../sim/commit.ts";
import { compare, describeDifference } from "../sim/determinism.ts";
import { DISTURBED, PLAIN } from "../sim/determinism_commands.ts";
import {
  type BatchReport,
  EXIT_CODES,
  formatRunName,
  formatTape,
  parseRunName,
  play,
  record,
  runMany,
  type RunResult,
  type RunSettings,
  shrink,
} from "../sim/mod.ts";
import { printReport } from "../sim/printing.ts";
import { forCorpus, regressionTest } from "../sim/regression.ts";
import { signatureOf } from "../sim/shrink.ts";
import { junitXml } from "../sim/testing/junit.ts";

const MINUTES = 120;
/** Kinds of failures that are shrunk: one bug that fails in a hundred ways takes no more than this. */
const KEPT_LIMIT = 10;
const DETERMINISM_RUNS = 10;
/** Seeds of a day begin here, so that no two days share any. */
const SEEDS_OF_A_DAY = 1_000_000;

/** The first seed of a day: 2026-11-21 begins at 20261121000000. */
export function seedOf(day: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) throw new UsageError(`--day is YYYY-MM-DD, not ${day}`);
  return String(Number(day.replaceAll("-", "")) * SEEDS_OF_A_DAY);
}

/** The shortest run of every kind of failure, the shortest first. */
export function kindsOf(failed: readonly RunResult[]): RunResult[] {
  const kinds = new Map<string, RunResult>();
  for (const result of [...failed].sort((a, b) => a.events - b.events)) {
    if (!kinds.has(signatureOf(result))) kinds.set(signatureOf(result), result);
  }
  return [...kinds.values()];
}

export interface Kept {
  readonly run: string;
  readonly tape: string;
  readonly before: number;
  readonly after: number;
}

/** Shrinks a failing run and writes what is kept of it; null where it does not fail here. */
export function keepFailure(
  result: RunResult,
  out: string,
  commit: string,
  settings: RunSettings = {},
): Kept | null {
  const { tape, result: again } = record(result.name, settings);
  if (again.outcome === "ok") return null;
  const shrunk = shrink(tape, settings);
  const id = `${result.checker || result.outcome}-${result.seed}`.toLowerCase();
  const kept = forCorpus(shrunk.tape, id, commit, "");
  const story = play(shrunk.tape, { ...settings, storyLines: 400 }).result;
  Deno.writeTextFileSync(`${out}/${id}.json`, formatTape(kept));
  Deno.writeTextFileSync(`${out}/${id}_test.ts`, regressionTest(kept, `./${id}.json`));
  Deno.writeTextFileSync(`${out}/${id}.txt`, `${story.message}\n\n${story.story.join("\n")}\n`);
  return {
    run: result.name,
    tape: `${out}/${id}.json`,
    before: shrunk.before.events,
    after: shrunk.after.events,
  };
}

function exitCodeOf(report: BatchReport, differing: number): number {
  const worst = report.failed.map(({ outcome }) => EXIT_CODES[outcome]);
  if (worst.length > 0) return Math.max(...worst);
  return differing > 0 || report.vacuous.length > 0 ? 1 : 0;
}

async function main(args: readonly string[]): Promise<number> {
  const { words, flags } = parseArguments(args, [], ["minutes", "jobs", "day", "options", "out"]);
  if (words.length > 0) throw new UsageError(`nightly takes flags only, not ${words.join(" ")}`);
  const day = flags.get("day") ?? new Date().toISOString().slice(0, 10);
  const from = seedOf(day);
  const out = flags.get("out") ?? `nightly-${day}`;
  const options = flags.get("options");
  Deno.mkdirSync(out, { recursive: true });
  const commit = currentCommit();
  const nameOf = ({ name }: RunResult) => formatRunName({ ...parseRunName(name), commit });
  const results: RunResult[] = [];
  const report = await runMany({
    from,
    seeds: SEEDS_OF_A_DAY,
    minutes: numberFlag(flags, "minutes", MINUTES),
    jobs: numberFlag(flags, "jobs", Math.max(1, navigator.hardwareConcurrency - 1)),
    ...(options === undefined ? {} : { options }),
    onResult: (result) => results.push(result),
  });
  printReport(report, nameOf);
  let differing = 0;
  for (let n = 0; n < Math.min(DETERMINISM_RUNS, report.runs); n++) {
    const difference = await compare(results[n]!.name, PLAIN, DISTURBED);
    if (difference === null) continue;
    differing += 1;
    console.error(describeDifference(difference));
  }
  const kept = kindsOf(report.failed).slice(0, KEPT_LIMIT).flatMap((result) => {
    console.error(`shrinking ${nameOf(result)}`);
    return keepFailure(result, out, commit) ?? [];
  });
  for (const { run, tape, before, after } of kept) {
    console.log(`${run}: ${before} -> ${after} events, ${tape}`);
  }
  const texts = new Map(report.failed.map(({ seed, story }) => [seed, story.join("\n")]));
  Deno.writeTextFileSync(`${out}/report.xml`, junitXml("sennit sim", results, texts));
  const failed = report.failed.map(nameOf);
  Deno.writeTextFileSync(
    `${out}/report.json`,
    `${JSON.stringify({ ...report, commit, failed, differing, kept }, null, 1)}\n`,
  );
  return exitCodeOf(report, differing);
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
