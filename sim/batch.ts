/** Many runs: seeds dealt out to worker processes, their results gathered into one report. */
import { MARKS } from "../src/node/marks.ts";
import type { RunResult } from "./run.ts";
import { addAll, addFaults } from "./sums.ts";

export interface BatchOptions {
  /** The first seed: a number, or a word that is numbered. */
  readonly from: string;
  readonly seeds: number;
  /** Worker processes; 0: in this one. */
  readonly jobs: number;
  /** Stops beginning new runs after so long. */
  readonly minutes?: number;
  /** Options of every run, as in its name. */
  readonly options?: string;
  readonly onResult?: (result: RunResult) => void;
}

export interface BatchReport {
  readonly runs: number;
  readonly failed: readonly RunResult[];
  readonly events: number;
  readonly virtualMs: number;
  readonly wallMs: number;
  readonly faults: Readonly<Record<string, { tried: number; struck: number }>>;
  readonly checks: Readonly<Record<string, number>>;
  readonly work: Readonly<Record<string, number>>;
  readonly marks: Readonly<Record<string, number>>;
  /** Checkers that were given nothing and faults that never came to anything: what shows nothing. */
  readonly vacuous: readonly string[];
}

/** A fault that was tried so often and never struck is no fault. */
const TRIES_UNTIL_VACUOUS = 20;
/** Fewer runs than this need not have seen everything. */
const RUNS_UNTIL_VACUOUS = 20;
/** So many runs without options pass every mark of node code that is not rare. */
const RUNS_UNTIL_UNMARKED = 100;

/** The n-th seed of a batch. */
export function seedAt(from: string, n: number): string {
  if (/^\d{1,15}$/.test(from)) return String(Number(from) + n);
  return n === 0 ? from : `${from}-${n}`;
}

export function runName(options: string | undefined, seed: string): string {
  return options === undefined || options === "" ? seed : `${options}.${seed}`;
}

export function report(results: readonly RunResult[], wallMs: number): BatchReport {
  const faults: Record<string, { tried: number; struck: number }> = {};
  const checks: Record<string, number> = {};
  const work: Record<string, number> = {};
  const marks: Record<string, number> = {};
  let events = 0;
  let virtualMs = 0;
  for (const result of results) {
    events += result.events;
    virtualMs += result.virtualMs;
    addFaults(faults, result.faults);
    addAll(checks, result.checks);
    addAll(work, result.work);
    addAll(marks, result.marks);
  }
  const failed = results.filter((result) => result.outcome !== "ok").sort((a, b) => a.events - b.events);
  return {
    runs: results.length,
    failed,
    events,
    virtualMs,
    wallMs,
    faults: sorted(faults),
    checks: sorted(checks),
    work: sorted(work),
    marks: sorted(marks),
    vacuous: [
      ...results.length < RUNS_UNTIL_VACUOUS ? [] : vacuous(faults, checks),
      ...unmarked(results, marks),
    ],
  };
}

/** Places that enough runs with everything in them did not pass. */
function unmarked(results: readonly RunResult[], marks: Readonly<Record<string, number>>): string[] {
  const usual = results.filter(({ name }) => !name.includes("=")).length;
  if (usual < RUNS_UNTIL_UNMARKED) return [];
  return MARKS.filter((mark) => marks[mark] === undefined).map((mark) => `no run came to where ${mark}`);
}

function vacuous(
  faults: Readonly<Record<string, { tried: number; struck: number }>>,
  checks: Readonly<Record<string, number>>,
): string[] {
  return [
    ...Object.entries(checks).filter(([, inputs]) => inputs === 0).map(([name]) =>
      `checker ${name} was given nothing`
    ),
    ...Object.entries(faults).filter(([, { tried, struck }]) => tried >= TRIES_UNTIL_VACUOUS && struck === 0)
      .map(([name, { tried }]) => `fault ${name} was tried ${tried} times and never struck`),
  ];
}

function sorted<Value>(record: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => a < b ? -1 : 1));
}
