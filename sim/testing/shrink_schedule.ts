/**
 * Makes the schedule of a failing run smaller: takes faults away, half of them, then quarters and so on down to single ones, as
 * long as the same thing still breaks (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002).
 * A fault is a datum with draws of its own, so that what is left strikes where it struck before.
 */
import type { FaultSchedule } from "./fault_schedule.ts";
import type { AppRunResult } from "./spec.ts";

const RUNS_LIMIT = 200;

export interface Shrunk {
  /** A failing run with the faults that are left. */
  readonly result: AppRunResult;
  readonly runs: number;
}

export async function shrinkSchedule(
  failing: AppRunResult,
  run: (faults: FaultSchedule) => Promise<AppRunResult>,
): Promise<Shrunk> {
  let best = failing;
  let runs = 0;
  const breaks = async (faults: FaultSchedule): Promise<boolean> => {
    runs += 1;
    const result = await run(faults);
    if (result.outcome !== failing.outcome || result.checker !== failing.checker) return false;
    best = result;
    return true;
  };
  // What was to come after the end never struck.
  let left = failing.schedule.slice(0, failing.injected);
  if (!await breaks(left)) return { result: failing, runs };
  if (left.length > 0 && await breaks([])) return { result: best, runs };
  for (
    let size = Math.ceil(left.length / 2);
    size >= 1 && runs < RUNS_LIMIT;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at < left.length && runs < RUNS_LIMIT;) {
      const without = [...left.slice(0, at), ...left.slice(at + size)];
      if (without.length < left.length && without.length > 0 && await breaks(without)) left = without;
      else at += size;
    }
  }
  return { result: best, runs };
}
