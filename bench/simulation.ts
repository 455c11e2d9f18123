/**
 * How fast the simulator is: virtual time against wall time and events a second over whole runs with their checks, what
 * five nodes cost that have nothing to do, and how many fresh default runs a machine gets through.
 */
import { Node } from "../src/node/mod.ts";
import { localSettings } from "../src/node/settings.ts";
import { formMesh } from "../sim/formation.ts";
import { runMany, runOne } from "../sim/mod.ts";
import { drawRegime } from "../sim/regime.ts";
import { finish } from "../sim/steps.ts";
import { Workload } from "../sim/workload.ts";
import { World } from "../sim/world.ts";
import type { Benchmark, Figure } from "./figure.ts";
import { processorMsOf } from "./processor_time.ts";

const NODES = 3;
/** Runs of these seeds, one after the other in this process, until the time is over. */
const FIRST_SEED = 1;
/** A batch runs for minutes, most of them in code that the compiler knows well: it needs so many runs to get there. */
const WARM_UP_RUNS = 20;

export const simulation: Benchmark = {
  name: "sim",
  run: measure,
};

export const simulationIdle: Benchmark = {
  name: "sim.idle5",
  run: (seconds) => Promise.resolve([idle(seconds)]),
};

export const simulationRuns: Benchmark = {
  name: "sim.runs_per_minute",
  run: runs,
};

const IDLE_NODES = 5;

/** A mesh that stands, its streams open, and no client: virtual time against wall time. */
function idle(seconds: number): Figure {
  const world = new World({
    seed: "1",
    factory: (io, own, callers, observer) => new Node(io, own, callers, observer),
  });
  for (let i = 0; i < IDLE_NODES; i++) {
    const name = `n${i + 1}`;
    const address = `${name}:7000`;
    const settings = { ...localSettings(name), listenAddress: address, advertisedAddresses: [address] };
    world.addHost(name).boot(settings);
  }
  const workload = new Workload(world, drawRegime(world.prf, { nodes: String(IDLE_NODES) }));
  finish(formMesh(world, world.hosts, workload, localSettings("n1").votersLimit));
  const [startedUs, startedMs] = [world.nowUs, performance.now()];
  while (performance.now() - startedMs < seconds * 1000) world.runUntil(world.nowUs + 1_000_000);
  return {
    name: "sim.idle5",
    value: (world.nowUs - startedUs) / 1000 / (performance.now() - startedMs),
    unit: "x",
    better: "higher",
    goal: 500,
    what: `${IDLE_NODES} nodes with default settings and two streams, nothing to do, one process`,
  };
}

/** Fresh default runs in two worker processes, their start included. */
async function runs(seconds: number): Promise<Figure[]> {
  const from = String(Date.now());
  const report = await runMany({ from, seeds: Infinity, jobs: 2, minutes: Math.max(seconds, 20) / 60 });
  const verdicts = report.failed.length === 0 ? "all well" : `${report.failed.length} failed`;
  return [{
    name: "sim.runs_per_minute",
    value: report.runs / (report.wallMs / 60_000),
    unit: "runs/min",
    better: "higher",
    goal: 100,
    what: `default runs of fresh seeds from ${from}, two processes; ${report.runs} runs, ${verdicts}`,
  }];
}

async function measure(seconds: number): Promise<Figure[]> {
  for (let i = 0; i < WARM_UP_RUNS; i++) runOne(`nodes=${NODES}.${1_000_000 + i}`);
  const usedBefore = await processorMsOf(Deno.pid);
  let [runs, failed, events, virtualMs, wallMs] = [0, 0, 0, 0, 0];
  while (wallMs < seconds * 1000) {
    const result = runOne(`nodes=${NODES}.${FIRST_SEED + runs}`);
    runs++;
    if (result.outcome !== "ok") failed++;
    events += result.events;
    virtualMs += result.virtualMs;
    wallMs += result.wallMs;
  }
  const usedMs = await processorMsOf(Deno.pid) - usedBefore;
  const verdicts = failed === 0 ? "all well" : `${failed} failed`;
  const what = `${NODES} nodes, default faults, one process; ${runs} runs, ${verdicts}`;
  return [
    { name: "sim.realtime", value: virtualMs / wallMs, unit: "x", better: "higher", what },
    { name: "sim.events", value: events / (wallMs / 1000), unit: "events/s", better: "higher", what },
    {
      name: "sim.events.cpu",
      value: events / (usedMs / 1000),
      unit: "events/s",
      better: "higher",
      what: "the same by the second of processor time, the collector's and compiler's threads included",
    },
  ];
}
