/** Puts a second over one bidirectional stream, each answered when it is committed. */
import { MeshClient } from "../src/client/mod.ts";
import type { Benchmark, Figure } from "./figure.ts";
import { pause } from "./figure.ts";
import { BenchMesh } from "./mesh.ts";

const OUTSTANDING = 64;
const VALUE_BYTES = 128;
const KEYS = 10_000;
const WARM_UP_MS = 2000;

export const keyValuePuts: Benchmark = {
  name: "kv.put64",
  run: (seconds) => BenchMesh.with((mesh) => measure(mesh, seconds)),
};

async function measure(mesh: BenchMesh, seconds: number): Promise<Figure[]> {
  const { kv } = new MeshClient(await mesh.connect(mesh.nodes[0]));
  const value = new Uint8Array(VALUE_BYTES).fill(0x61);
  const stop = new AbortController();
  let next = 0;
  let done = 0;
  const putting = Array.from({ length: OUTSTANDING }, async () => {
    while (!stop.signal.aborted) {
      await kv.put(`key/${next++ % KEYS}`, value);
      done++;
    }
  });
  await pause(WARM_UP_MS);
  const usedBefore = await mesh.processorMs();
  const [beganAt, began] = [performance.now(), done];
  await pause(seconds * 1000);
  const [endedAt, ended] = [performance.now(), done];
  const cost = ((await mesh.processorMs() - usedBefore) * 1000) / (ended - began);
  const rate = (ended - began) / ((endedAt - beganAt) / 1000);
  stop.abort();
  await Promise.all(putting);
  const what = `puts of ${VALUE_BYTES} bytes, ${OUTSTANDING} outstanding on one stream, at the leader's node`;
  const costing = "processor time a put, of the three nodes and the client together";
  return [
    { name: "kv.put64", value: rate, unit: "ops/s", better: "higher", goal: 3000, what },
    { name: "kv.put64.cpu", value: cost, unit: "us/op", better: "lower", what: costing },
  ];
}
