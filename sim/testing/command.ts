/**
 * `sennit sim run --app FILE`: the simulation of an application as a command. FILE is a module whose default export is what
 * `simulate` takes. All seeds are run; the first failing one is made smaller.
 */
import { numberFlag, UsageError } from "../arguments.ts";
import { EXIT_CODES } from "../run.ts";
import { junitXml } from "./junit.ts";
import { failureOf, reportOf, simulateAll } from "./simulate.ts";
import type { FaultSchedule } from "./fault_schedule.ts";
import type { AppRunResult, SimulateOptions, SimulateReport } from "./spec.ts";

export const APP_FLAGS = ["app", "junit", "faults"];
/** Of runs without an application. */
const OTHER_FLAGS = ["jobs", "minutes", "options"];
const SEEDS = 20;

type Flags = ReadonlyMap<string, string>;

export async function runAppCommand(file: string, flags: Flags): Promise<number> {
  for (const flag of OTHER_FLAGS) {
    if (flags.has(flag)) throw new UsageError(`--${flag} is not for --app: its runs have one process`);
  }
  const options = await load(file, flags);
  const json = flags.has("json");
  if (!json) console.log(`from ${options.from}, ${options.seeds} seeds of ${file}`);
  const results: AppRunResult[] = [];
  await simulateAll({
    ...options,
    onResult: (result) => {
      results.push(result);
      if (json) console.log(JSON.stringify(result));
      else printResult(result);
    },
  });
  const texts = await explain(options, file, results);
  if (!json) { for (const text of texts.values()) console.error(`\n${text}`); }
  const junit = flags.get("junit");
  if (junit !== undefined) await Deno.writeTextFile(junit, junitXml(file, results, texts));
  const report = reportOf(results);
  if (json) {
    console.log(JSON.stringify({ report: { ...report, failed: report.failed.map((one) => one.seed) } }));
  } else printReport(report);
  return exitCodeOf(report, options);
}

async function load(file: string, flags: Flags): Promise<SimulateOptions> {
  let module: { readonly default?: SimulateOptions };
  const url = new URL(file, `file://${Deno.cwd()}/`).href;
  try {
    module = await import(url);
  } catch (error) {
    throw new UsageError(`Cannot load --app ${file}: ${(error as Error).message}`);
  }
  if (typeof module.default !== "object" || module.default === null) {
    throw new UsageError(`--app ${file} has no default export: export what simulate() takes`);
  }
  const faults = flags.get("faults");
  return {
    ...module.default,
    seeds: numberFlag(flags, "seeds", SEEDS),
    from: flags.get("from") ?? String(crypto.getRandomValues(new Uint32Array(1))[0]!),
    ...(faults === undefined ? {} : { faults: parseFaults(faults) }),
  };
}

function parseFaults(text: string): FaultSchedule | "none" {
  if (text === "none") return text;
  try {
    const faults: unknown = JSON.parse(text);
    if (Array.isArray(faults)) return faults;
  } catch { /* Said below. */ }
  throw new UsageError(`--faults is "none" or a JSON array as a failing run prints it, not ${text}`);
}

/** What is to be said of the failed runs: of the first one what is left after shrinking. */
async function explain(
  options: SimulateOptions,
  file: string,
  results: readonly AppRunResult[],
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const [n, result] of results.entries()) {
    if (result.outcome === "ok") continue;
    const shrink = texts.size === 0 && options.shrink !== false;
    const failure = await failureOf({ ...options, shrink }, result, n + 1);
    const faults = shrink ? ` --faults '${JSON.stringify(failure.faults)}'` : "";
    const again = `deno task sim run --app ${file} --from ${result.seed} --seeds 1${faults}`;
    texts.set(result.seed, `${failure.message}\n\n  ${again}`);
  }
  return texts;
}

function printResult(result: AppRunResult): void {
  const { outcome, seed, events, virtualMs, checker, message, work } = result;
  const handled = `${work["handled"]} messages handled, ${work["processesCrashed"]} crashes`;
  console.log(
    `${outcome.padEnd(8)} ${seed}  ${events} events, ${(virtualMs / 1000).toFixed(1)} s virtual, ${handled}`,
  );
  if (outcome !== "ok") console.log(`         ${checker}: ${message}`);
}

function printReport({ runs, failed, events, virtualMs, faults, work }: SimulateReport): void {
  const seconds = (virtualMs / 1000).toFixed(0);
  console.log(`\n${runs} runs, ${failed.length} failed, ${events} events, ${seconds} s of virtual time`);
  const struck = Object.entries(faults).map(([name, each]) => `${name} ${each.tried}/${each.struck}`);
  console.log(`faults (tried/struck): ${struck.join(", ")}`);
  console.log(`work: ${Object.entries(work).map(([name, count]) => `${name} ${count}`).join(", ")}`);
}

function exitCodeOf({ failed, work }: SimulateReport, { app }: SimulateOptions): number {
  if (failed.length > 0) return Math.max(...failed.map((result) => EXIT_CODES[result.outcome]));
  const isVacuous = Object.keys(app.handlers ?? {}).length > 0 && work["handled"] === 0;
  if (isVacuous) console.error("No handler was given a message in any run: nothing was shown");
  return isVacuous ? 1 : 0;
}
