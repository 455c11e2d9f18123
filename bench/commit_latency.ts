/** How long one publish takes, one at a time, at the node that leads the stream: client, log, majority and back. */
import { MeshClient } from "../src/client/mod.ts";
import { type Benchmark, type Figure, percentile } from "./figure.ts";
import { BenchMesh, STREAM } from "./mesh.ts";

const MESSAGE_BYTES = 128;
const WARM_UP_PUBLISHES = 500;

export const commitLatency: Benchmark = {
  name: "stream.commit",
  run: (seconds) => BenchMesh.with((mesh) => measure(mesh, seconds)),
};

async function measure(mesh: BenchMesh, seconds: number): Promise<Figure[]> {
  const stream = new MeshClient(await mesh.connect(mesh.nodes[0])).stream(STREAM);
  const producer = await stream.producer("bench", { level: "COMMITTED" });
  const message = new Uint8Array(MESSAGE_BYTES).fill(0x61);
  for (let i = 0; i < WARM_UP_PUBLISHES; i++) await producer.publish(message);
  const samples: number[] = [];
  const usedBefore = await mesh.processorMs();
  const deadline = performance.now() + seconds * 1000;
  for (let now = performance.now(); now < deadline;) {
    const began = now;
    await producer.publish(message);
    now = performance.now();
    samples.push(now - began);
  }
  const cost = (await mesh.processorMs() - usedBefore) / samples.length;
  const costing = "processor time a publish, of the three nodes and the client together";
  const what =
    `one ${MESSAGE_BYTES}-byte publish at a time, COMMITTED, at the leader's node; ${samples.length} of them`;
  return [
    {
      name: "stream.commit.p50",
      value: percentile(samples, 0.5),
      unit: "ms",
      better: "lower",
      goal: 2,
      what,
    },
    { name: "stream.commit.p99", value: percentile(samples, 0.99), unit: "ms", better: "lower", what },
    { name: "stream.commit.cpu", value: cost, unit: "ms", better: "lower", what: costing },
  ];
}
