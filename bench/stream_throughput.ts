/**
 * Messages a second from a producer at the source through the replicated log to both targets' subscribers. A message
 * counts when both have processed it, that is, when the acknowledgement of its offset is committed; all is synced at a
 * majority before it is acknowledged to anybody.
 */
import { MeshClient, type Producer, type Subscription } from "../src/client/mod.ts";
import { type Benchmark, type Figure, pause, percentile } from "./figure.ts";
import { BenchMesh, STREAM } from "./mesh.ts";

const MESSAGE_BYTES = 128;
const BATCH_MESSAGES = 256;
/** Batches not acknowledged at a time. */
const WINDOW = 16;
const WARM_UP_MS = 2000;
/** One message in so many is timed from its publishing to its acknowledgement by the slower target. */
const TIMED_EVERY = BATCH_MESSAGES;

export const streamThroughput: Benchmark = {
  name: "stream.e2e",
  run: (seconds) => BenchMesh.with((mesh) => measure(mesh, seconds)),
};

class Target {
  readonly #subscription: Subscription;
  /** Everything below is processed. */
  processed = 0;
  onProcessed: () => void = () => {};

  constructor(subscription: Subscription) {
    this.#subscription = subscription;
  }

  async run(): Promise<void> {
    for await (const { firstOffset, messages } of this.#subscription.batches()) {
      for (const message of messages) {
        if (message.length !== MESSAGE_BYTES) throw new Error("A message came back with another length");
      }
      const last = firstOffset + messages.length - 1;
      void this.#subscription.ack(last).then(() => {
        if (last < this.processed) return;
        this.processed = last + 1;
        this.onProcessed();
      });
    }
  }

  close(): Promise<void> {
    return this.#subscription.close();
  }
}

async function measure(mesh: BenchMesh, seconds: number): Promise<Figure[]> {
  const [a, b, c] = mesh.nodes;
  const targets: Target[] = [];
  for (const node of [b, c]) {
    const stream = new MeshClient(await mesh.connect(node)).stream(STREAM);
    targets.push(new Target(await stream.subscribe()));
  }
  const running = targets.map((target) => target.run());
  const source = new MeshClient(await mesh.connect(a)).stream(STREAM);
  const producer = await source.producer("bench", { level: "COMMITTED", window: WINDOW });

  const published: number[] = [];
  const latencies: number[] = [];
  const processed = () => Math.min(...targets.map((target) => target.processed));
  let timed = 0;
  for (const target of targets) {
    target.onProcessed = () => {
      const now = performance.now();
      for (const end = processed(); timed * TIMED_EVERY < end; timed++) {
        latencies.push(now - published[timed]!);
      }
    };
  }
  const stop = new AbortController();
  const publishing = Array.from({ length: WINDOW }, () => publish(producer, published, stop.signal));
  await pause(WARM_UP_MS);
  const usedBefore = await mesh.processorMs();
  const [beganAt, began] = [performance.now(), processed()];
  latencies.length = 0;
  await pause(seconds * 1000);
  const [endedAt, ended] = [performance.now(), processed()];
  const usedMs = await mesh.processorMs() - usedBefore;
  const measured = latencies.slice();
  stop.abort();
  await Promise.all(publishing);
  while (processed() < published.length * BATCH_MESSAGES) await pause(20);
  await Promise.all(targets.map((target) => target.close()));
  await Promise.all(running);

  const rate = (ended - began) / ((endedAt - beganAt) / 1000);
  const load = `${BATCH_MESSAGES} messages a batch, ${WINDOW} batches outstanding`;
  const what = `${MESSAGE_BYTES}-byte messages, published COMMITTED and processed by both targets; ${load}`;
  const under = `publish until processed by both targets, under that load`;
  const cost = (usedMs * 1000) / (ended - began);
  const costing = "processor time a message, of the three nodes and the client together";
  return [
    { name: "stream.e2e", value: rate, unit: "msg/s", better: "higher", goal: 10_000, what },
    { name: "stream.e2e.cpu", value: cost, unit: "us/msg", better: "lower", what: costing },
    { name: "stream.e2e.p50", value: percentile(measured, 0.5), unit: "ms", better: "lower", what: under },
    { name: "stream.e2e.p99", value: percentile(measured, 0.99), unit: "ms", better: "lower", what: under },
  ];
}

/** One batch after the other; several of these share the producer and so its order. */
async function publish(producer: Producer, published: number[], signal: AbortSignal): Promise<void> {
  const message = new Uint8Array(MESSAGE_BYTES).fill(0x61);
  while (!signal.aborted) {
    published.push(performance.now());
    const acknowledged = [];
    for (let i = 0; i < BATCH_MESSAGES; i++) acknowledged.push(producer.publish(message));
    await Promise.all(acknowledged);
  }
}
