/** What a thousand groups with nothing to do cost a node: processor time and resident memory above those of the same node without them. */
import { MeshClient } from "../src/client/mod.ts";
import { residentMegabytes } from "./idle_memory.ts";
import { type Benchmark, type Figure, pause } from "./figure.ts";
import { BenchMesh } from "./mesh.ts";
import { processorMsOf } from "./processor_time.ts";

const GROUPS = 1000;
const OPENED_AT_ONCE = 16;
/** Until every group has a leader, has fallen silent, and the collector has had its turns. */
const SETTLING_MS = 45_000;
const NODES = 3;

/** Of one node. */
interface Cost {
  readonly processorPercent: number;
  readonly megabytes: number;
}

export const idleGroups: Benchmark = {
  name: "raft.idle1000",
  run: (seconds) => BenchMesh.with((mesh) => measure(mesh, seconds)),
};

async function measure(mesh: BenchMesh, seconds: number): Promise<Figure[]> {
  await pause(SETTLING_MS);
  const without = await costs(mesh, seconds);
  await openGroups(mesh);
  await pause(SETTLING_MS);
  const after = await costs(mesh, seconds);
  const most = (pick: (cost: Cost) => number) =>
    Math.max(...after.map((cost, node) => pick(cost) - pick(without[node]!)));
  const what =
    `above the same node without them, the worst of three nodes that all hold ${GROUPS} streams' groups`;
  return [
    {
      name: "raft.idle1000.cpu",
      value: most(({ processorPercent }) => processorPercent),
      unit: "% of a core",
      better: "lower",
      goal: 1,
      what,
    },
    {
      name: "raft.idle1000.rss",
      value: most(({ megabytes }) => megabytes),
      unit: "MB",
      better: "lower",
      goal: 64,
      what,
    },
  ];
}

async function costs(mesh: BenchMesh, seconds: number): Promise<Cost[]> {
  const ids = await mesh.processIds();
  const before = await Promise.all(ids.map(processorMsOf));
  const began = performance.now();
  await pause(seconds * 1000);
  const tookMs = performance.now() - began;
  return Promise.all(ids.map(async (id, node) => ({
    processorPercent: 100 * (await processorMsOf(id) - before[node]!) / tookMs,
    megabytes: await residentMegabytes(id),
  })));
}

/** Each node is the source of a third of them, and so leads that third. */
async function openGroups(mesh: BenchMesh): Promise<void> {
  const names = mesh.nodes.map(({ name }) => name);
  const client = new MeshClient(await mesh.connect(mesh.nodes[0]));
  let next = 0;
  const open = async () => {
    for (let number = next++; number < GROUPS; number = next++) {
      const source = names[number % NODES]!;
      await client.openStream(`idle-${number}`, { source, targets: names.filter((name) => name !== source) });
    }
  };
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, open));
}
