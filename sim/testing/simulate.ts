/** Many runs of a user's application, and what is said of the first one that fails. */
import { checkApp } from "../../src/app/mod.ts";
import { seedAt } from "../batch.ts";
import { addAll, addFaults } from "../sums.ts";
import { runApp } from "./app_run.ts";
import type { FaultSchedule } from "./fault_schedule.ts";
import { shrinkSchedule } from "./shrink_schedule.ts";
import type { AppRunResult, SimulateOptions, SimulateReport } from "./spec.ts";

export const DEFAULT_SEEDS = 20;

/** A run that failed: its seed, what noticed it, the faults that it needs, and how to run it again. */
export class SimulationFailure extends Error {
  override readonly name = "SimulationFailure";
  readonly result: AppRunResult;
  /** The faults that are left after shrinking; all of them where nothing was shrunk. */
  readonly faults: FaultSchedule;

  /** `isDrawn`: the faults are those that the seed draws. */
  constructor(result: AppRunResult, isDrawn: boolean, notes: readonly string[]) {
    super(describeFailure(result, isDrawn, notes));
    this.result = result;
    this.faults = result.schedule;
  }
}

/** Runs all seeds and says how each ended; throws nothing where one fails. */
export async function simulateAll<Services>(options: SimulateOptions<Services>): Promise<SimulateReport> {
  checkOptions(options);
  const results: AppRunResult[] = [];
  const { seeds = DEFAULT_SEEDS, from = "1" } = options;
  for (let n = 0; n < seeds; n++) {
    const result = await runApp(options, seedAt(from, n));
    results.push(result);
    options.onResult?.(result);
  }
  return reportOf(results);
}

/**
 * Runs an application's handlers and functions on unmodified nodes in a simulated world, once for each seed, and resolves
 * with what was done. Throws `SimulationFailure` at the first run that breaks something; `TypeError` or `RangeError` where the
 * options are wrong; `Error` where the application has handlers and none of them was given a message in any run.
 */
export async function simulate<Services>(options: SimulateOptions<Services>): Promise<SimulateReport> {
  checkOptions(options);
  const results: AppRunResult[] = [];
  const { seeds = DEFAULT_SEEDS, from = "1" } = options;
  for (let n = 0; n < seeds; n++) {
    const result = await runApp(options, seedAt(from, n));
    results.push(result);
    options.onResult?.(result);
    if (result.outcome === "ok") continue;
    throw await failureOf(options, result, n + 1);
  }
  const report = reportOf(results);
  if (seeds > 0 && Object.keys(options.app.handlers ?? {}).length > 0 && report.work["handled"] === 0) {
    throw new Error("No handler was given a message in any run: nothing was shown");
  }
  return report;
}

/** The failure of a run, with its schedule made smaller where the options want that. */
export async function failureOf<Services>(
  options: SimulateOptions<Services>,
  result: AppRunResult,
  runs: number,
): Promise<SimulationFailure> {
  const notes = [`run ${runs}, ${result.injected} faults injected`];
  if (options.shrink === false || result.schedule.length === 0) {
    return new SimulationFailure(result, (options.faults ?? "drawn") === "drawn", notes);
  }
  const shrunk = await shrinkSchedule(
    result,
    (faults) => runApp(options, result.seed, faults),
  );
  notes.push(
    `shrunk to ${shrunk.result.schedule.length} of ${result.schedule.length} faults in ${shrunk.runs} runs`,
  );
  return new SimulationFailure(shrunk.result, false, notes);
}

function checkOptions<Services>(options: SimulateOptions<Services>): void {
  checkApp(options.app);
  if (typeof options.workload !== "function") {
    throw new TypeError("simulate() needs a workload: async (sim) => {…}");
  }
  if (typeof options.check !== "function") {
    throw new TypeError("simulate() needs a check: (sim) => {…}, which throws where a promise is broken");
  }
  const { seeds = DEFAULT_SEEDS, nodes = 3 } = options;
  if (!(Number.isSafeInteger(seeds) && seeds >= 1)) {
    throw new RangeError(`simulate() runs 1 seed or more, not ${seeds}`);
  }
  if (!(Number.isSafeInteger(nodes) && nodes >= 1 && nodes <= 9)) {
    throw new RangeError(`A simulated mesh has 1 to 9 nodes, not ${nodes}`);
  }
}

export function reportOf(results: readonly AppRunResult[]): SimulateReport {
  const report = { events: 0, virtualMs: 0, wallMs: 0 };
  const faults: Record<string, { tried: number; struck: number }> = {};
  const work: Record<string, number> = {};
  for (const result of results) {
    report.events += result.events;
    report.virtualMs += result.virtualMs;
    report.wallMs += result.wallMs;
    addFaults(faults, result.faults);
    addAll(work, result.work);
  }
  const failed = results.filter((result) => result.outcome !== "ok");
  return { ...report, runs: results.length, faults, work, failed };
}

function describeFailure(result: AppRunResult, isDrawn: boolean, notes: readonly string[]): string {
  const { seed, checker, message, story, outcome, schedule } = result;
  const faults = isDrawn ? "" : `, faults: ${JSON.stringify(schedule)}`;
  return [
    `${outcome === "safety" ? "" : `${outcome}: `}${checker}: ${message}`,
    "",
    `  seed ${seed} (${notes.join(", ")}), trace ${result.trace}`,
    `  again: simulate({ …, from: "${seed}", seeds: 1${faults} })`,
    "",
    ...story,
  ].join("\n");
}
