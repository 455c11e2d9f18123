/** A producer against a face that answers what the test says, when the test says. */
import { assertEquals, assertRejects } from "@std/assert";
import { type Face, type OpenCall, Producer } from "../../src/client/mod.ts";
import { SennitError } from "../../src/core/errors.ts";
import type { Call, Reply } from "../../src/node/calls.ts";
import { readRecordBatchHeader } from "../../src/stream/mod.ts";
import { until } from "../integration/meshes.ts";

interface Outstanding {
  readonly sequence: number;
  readonly epoch: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

/** Answers `producer-open` at once, or when told; keeps publishes until the test answers them. */
class FakeFace implements Face {
  isRemote = false;
  epoch = 0;
  nextSequence = 1;
  /** Set: `producer-open` waits for it. */
  gate: Promise<void> | null = null;
  readonly publishes: Outstanding[] = [];

  async call(call: Call): Promise<Reply> {
    if (call.kind === "producer-open") {
      const epoch = ++this.epoch;
      await this.gate;
      return { kind: "producer", producerId: 7, epoch, nextSequence: this.nextSequence as never };
    }
    if (call.kind !== "publish") throw new TypeError(`Unexpected ${call.kind}`);
    const { baseSequence: sequence, epoch } = readRecordBatchHeader(call.batch);
    return await new Promise((resolve, reject) => this.publishes.push({ sequence, epoch, resolve, reject }));
  }
  open(): Promise<OpenCall> {
    throw new TypeError("Nothing is opened");
  }
  acknowledge(at: number, firstOffset: number): void {
    this.publishes[at]!.resolve({ kind: "published", firstOffset, duplicate: false });
  }
}

const full = () => new SennitError("OVERLOADED", "The outbox is full");
const turns = () => new Promise((resolve) => setTimeout(resolve, 0));

/** Publishes one message as a batch of its own. */
async function publish(producer: Producer, message: string) {
  const published = producer.publish(message);
  published.catch(() => {}); // Looked at later.
  await turns();
  return { published };
}

Deno.test("a producer ends with the node of its own process, and goes on with one elsewhere that is started again", async () => {
  const stopping = new SennitError("SHUTTING_DOWN", "The node is stopping");
  for (const isRemote of [false, true]) {
    const face = new FakeFace();
    face.isRemote = isRemote;
    const producer = await Producer.open(face, "s", "p");
    const { published } = await publish(producer, "one");
    face.publishes[0]!.reject(stopping);
    if (!isRemote) {
      await assertRejects(() => published, SennitError, "The node is stopping");
      continue;
    }
    while (face.publishes.length < 2) await turns();
    face.acknowledge(1, 5);
    assertEquals((await published).offset, 5);
  }
});

Deno.test("a batch refused while an earlier one is under way is sent again after that one is acknowledged", async () => {
  const face = new FakeFace();
  const producer = await Producer.open(face, "s", "p");
  const first = await publish(producer, "one");
  const second = await publish(producer, "two");
  face.publishes[1]!.reject(full());
  await turns();
  face.acknowledge(0, 0);
  assertEquals((await first.published).offset, 0);
  await until("the second batch is sent again", () => face.publishes.length === 3);
  assertEquals(face.publishes[2]!.sequence, 2);
  face.acknowledge(2, 1);
  assertEquals((await second.published).offset, 1);
  assertEquals(producer.pending, 0);
});

Deno.test("resume() takes no answer of the old session for the new one's, and sends all that is pending again", async () => {
  const old = new FakeFace();
  const producer = await Producer.open(old, "s", "p");
  const { published } = await publish(producer, "one");
  const fresh = new FakeFace();
  fresh.epoch = 1;
  const opened = Promise.withResolvers<void>();
  fresh.gate = opened.promise;
  const resumed = producer.resume(fresh);
  const { published: later } = await publish(producer, "two");
  // The old node hears of the new session before the producer does.
  old.publishes[0]!.reject(new SennitError("PRODUCER_FENCED", "A newer session exists"));
  await turns();
  assertEquals(fresh.publishes.length, 0, "nothing is sent before the new session is there");
  opened.resolve();
  await resumed;
  await until("all is sent again", () => fresh.publishes.length === 2);
  assertEquals(fresh.publishes.map(({ sequence, epoch }) => [sequence, epoch]), [[1, 2], [2, 2]]);
  fresh.acknowledge(0, 0);
  fresh.acknowledge(1, 1);
  assertEquals([(await published).offset, (await later).offset], [0, 1]);
});

Deno.test("resume() that fails leaves what is pending to the next one", async () => {
  const producer = await Producer.open(new FakeFace(), "s", "p");
  const { published } = await publish(producer, "one");
  const dead = new FakeFace();
  dead.gate = Promise.reject(new SennitError("UNREACHABLE", "Nobody is there"));
  await assertRejects(() => producer.resume(dead), SennitError, "Nobody");
  const alive = new FakeFace();
  alive.epoch = 2;
  await producer.resume(alive);
  await turns();
  alive.acknowledge(0, 5);
  assertEquals((await published).offset, 5);
});

Deno.test("resume() never takes another session's messages for its own", async () => {
  const producer = await Producer.open(new FakeFace(), "s", "p");
  const { published } = await publish(producer, "one");
  const face = new FakeFace();
  face.epoch = 2;
  face.nextSequence = 9; // Eight messages under this name; this session made one.
  const fenced = await assertRejects(() => producer.resume(face), SennitError);
  assertEquals([fenced.code, fenced.outcome], ["PRODUCER_FENCED", "UNKNOWN"]);
  assertEquals((await assertRejects(() => published, SennitError)).code, "PRODUCER_FENCED");
});

Deno.test("when a session ends, NOT_APPLIED is said only of messages that cannot have been applied", async () => {
  const face = new FakeFace();
  const producer = await Producer.open(face, "s", "p");
  const sent = [await publish(producer, "one"), await publish(producer, "two")];
  face.publishes[1]!.reject(new SennitError("STREAM_CLOSED", "Stream s is closed"));
  const outcomes = [];
  for (const { published } of sent) {
    outcomes.push((await assertRejects(() => published, SennitError)).outcome);
  }
  assertEquals(outcomes, ["UNKNOWN", "NOT_APPLIED"], "the first is under way still");
});

Deno.test("a batch that may have been applied once stays UNKNOWN, whatever refuses it later", async () => {
  const face = new FakeFace();
  const producer = await Producer.open(face, "s", "p");
  const { published } = await publish(producer, "one");
  face.publishes[0]!.reject(new SennitError("TIMEOUT", "No word", { outcome: "UNKNOWN" }));
  await until("it is sent again", () => face.publishes.length === 2);
  face.publishes[1]!.reject(new SennitError("PRODUCER_FENCED", "A newer session exists"));
  const error = await assertRejects(() => published, SennitError);
  assertEquals([error.code, error.outcome], ["PRODUCER_FENCED", "UNKNOWN"]);
});
