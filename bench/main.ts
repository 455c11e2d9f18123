/**
 * `deno task bench`: every figure that the project states, measured on this machine.
 *
 *     --only NAME     one benchmark (may be repeated); a name without its last part means all of that beginning
 *     --seconds S     how long each rate is measured after its warm-up (10)
 *     --runs N        measures N times and takes the best of each figure: other work on the machine only ever slows (1)
 *     --json          one object a line: name, value, unit
 */
import { parseArgs } from "node:util";
import { commitLatency } from "./commit_latency.ts";
import { entryBytes } from "./entry_bytes.ts";
import { type Benchmark, best, type Figure } from "./figure.ts";
import { idleGroups } from "./idle_groups.ts";
import { idleMemory } from "./idle_memory.ts";
import { keyValuePuts } from "./key_value_puts.ts";
import { describeMachine, machine } from "./machine.ts";
import { restart } from "./restart.ts";
import { simulation, simulationIdle, simulationRuns } from "./simulation.ts";
import { streamThroughput } from "./stream_throughput.ts";
import { walRestart } from "./wal_restart.ts";

const BENCHMARKS: readonly Benchmark[] = [
  streamThroughput,
  commitLatency,
  keyValuePuts,
  restart,
  walRestart,
  entryBytes,
  idleMemory,
  idleGroups,
  simulation,
  simulationIdle,
  simulationRuns,
];

interface Options {
  readonly benchmarks: readonly Benchmark[];
  readonly seconds: number;
  readonly runs: number;
  readonly json: boolean;
}

function optionsOf(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: "string", multiple: true },
      seconds: { type: "string", default: "10" },
      runs: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
    },
  });
  const { only = [], json } = values;
  const known = BENCHMARKS.map(({ name }) => name);
  const matches = (name: string, wanted: string) => name === wanted || name.startsWith(`${wanted}.`);
  for (const wanted of only) {
    if (known.some((name) => matches(name, wanted))) continue;
    throw new TypeError(`Unknown benchmark "${wanted}": known are ${known.join(", ")}`);
  }
  const benchmarks = BENCHMARKS.filter(({ name }) =>
    only.length === 0 || only.some((wanted) => matches(name, wanted))
  );
  return {
    benchmarks,
    seconds: positive("--seconds", values.seconds),
    runs: Math.ceil(positive("--runs", values.runs)),
    json,
  };
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0) || value === Infinity) {
    throw new TypeError(`${flag} takes a number above 0: got "${text}"`);
  }
  return value;
}

async function measure(benchmark: Benchmark, { seconds, runs }: Options): Promise<Figure[]> {
  const figures = new Map<string, Figure>();
  for (let run = 0; run < runs; run++) {
    for (const figure of await benchmark.run(seconds)) {
      const known = figures.get(figure.name);
      figures.set(figure.name, known === undefined ? figure : best(known, figure));
    }
  }
  return [...figures.values()];
}

function describe({ name, value, unit, goal, better, what }: Figure): string {
  const shown = `${round(value).toLocaleString("en")} ${unit}`;
  const against = goal === undefined
    ? ""
    : `goal ${better === "higher" ? "at least" : "under"} ${goal.toLocaleString("en")}`;
  return `${name.padEnd(18)} ${shown.padStart(16)}  ${against.padEnd(20)}  ${what}`;
}

/** Three digits are more than the measurement is good for. */
function round(value: number): number {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  return Number(value.toFixed(digits));
}

const options = optionsOf(Deno.args);
const place = `${describeMachine(machine())}; ${
  options.runs === 1 ? "one run" : `best of ${options.runs} runs`
}`;
if (options.json) console.error(place);
else console.log(place);
for (const benchmark of options.benchmarks) {
  for (const figure of await measure(benchmark, options)) {
    const { name, value, unit } = figure;
    console.log(options.json ? JSON.stringify({ name, value: round(value), unit }) : describe(figure));
  }
}
