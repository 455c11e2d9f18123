/** Resident memory of a node process that has a mesh and a stream and nothing to do. */
import { type Benchmark, type Figure, pause } from "./figure.ts";
import { BenchMesh } from "./mesh.ts";

const SETTLING_MS = 10_000;

export const idleMemory: Benchmark = {
  name: "idle.rss",
  run: () => BenchMesh.with(measure),
};

async function measure(mesh: BenchMesh): Promise<Figure[]> {
  await pause(SETTLING_MS);
  const largest = Math.max(...await Promise.all((await mesh.processIds()).map(residentMegabytes)));
  const what = `the largest of three node processes, ${SETTLING_MS / 1000} s after the mesh was formed`;
  return [{ name: "idle.rss", value: largest, unit: "MB", better: "lower", goal: 150, what }];
}

/** As proc(5) says it; only Linux does. */
export async function residentMegabytes(processId: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${processId}/status`);
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`Process ${processId} does not say its resident memory`);
  return Number(kibibytes) * 1024 / 1e6;
}
