/** The publisher against a stream that loses connections at every point: each message is in it once and in order. */
import { assertEquals, assertRejects } from "@std/assert";
import { type Connection, Failover } from "../../src/cli/failover.ts";
import { Publisher, type PublisherOptions } from "../../src/cli/publisher.ts";
import { SennitError } from "../../src/core/errors.ts";
import type { Sequence } from "../../src/core/ids.ts";
import type { OpenCall } from "../../src/client/mod.ts";
import type { Call, Reply } from "../../src/node/calls.ts";
import { recordBatchMessages, verifyRecordBatch } from "../../src/stream/mod.ts";

const OPTIONS: PublisherOptions = { stream: "s", producer: "p", level: "COMMITTED", window: 4 };

/** One stream with one producer, as the contract of sessions says: accepts last + 1, knows duplicates, fences. */
class FakeStream {
  messages: string[] = [];
  epoch = 0;
  /** What becomes of the nth publish: it is lost before or after it is applied, or goes well. */
  fate: (publish: number) => "well" | "lost-before" | "lost-after" = () => "well";
  #publishes = 0;

  connect(): Connection {
    const lost = { yes: false };
    return {
      call: (call: Call) => Promise.resolve().then(() => this.#answer(call, lost)),
      open: (): Promise<OpenCall> => Promise.reject(new TypeError("not opened here")),
      close: () => lost.yes = true,
    };
  }

  #answer(call: Call, lost: { yes: boolean }): Reply {
    if (lost.yes) throw new SennitError("UNREACHABLE", "lost", { outcome: "UNKNOWN" });
    if (call.kind === "producer-open") {
      const nextSequence = this.messages.length + 1 as Sequence;
      return { kind: "producer", producerId: 1, epoch: ++this.epoch, nextSequence };
    }
    if (call.kind !== "publish") throw new TypeError(call.kind);
    const fate = this.fate(this.#publishes++);
    if (fate === "lost-before") lost.yes = true;
    const reply = lost.yes ? null : this.#apply(call.batch);
    if (fate === "lost-after") lost.yes = true;
    if (lost.yes || reply === null) throw new SennitError("UNREACHABLE", "lost", { outcome: "UNKNOWN" });
    return reply;
  }

  #apply(batch: Uint8Array): Reply {
    const { epoch, baseSequence, count } = verifyRecordBatch(batch);
    if (epoch !== this.epoch) throw new SennitError("PRODUCER_FENCED", "fenced");
    const next = this.messages.length + 1;
    if (baseSequence > next) throw new SennitError("SEQUENCE_GAP", `expected ${next}`);
    if (baseSequence + count <= next) {
      return { kind: "published", firstOffset: baseSequence - 1, duplicate: true };
    }
    this.messages.push(...recordBatchMessages(batch).map((message) => new TextDecoder().decode(message)));
    return { kind: "published", firstOffset: baseSequence - 1, duplicate: false };
  }
}

async function publishAll(stream: FakeStream, texts: readonly string[]) {
  const publisher = new Publisher(OPTIONS, new Failover(() => Promise.resolve(stream.connect())));
  await publisher.open();
  for (const text of texts) {
    await publisher.send([text, `${text}'`].map((part) => new TextEncoder().encode(part)));
  }
  const published = await publisher.finish();
  publisher.close();
  return published;
}

const TEXTS = ["a", "b", "c", "d", "e", "f"];
const WANTED = TEXTS.flatMap((text) => [text, `${text}'`]);

for (const loss of ["lost-before", "lost-after"] as const) {
  Deno.test(`Publisher publishes each message once and in order where a connection is ${loss.replace("-", " ")} any one batch is applied`, async () => {
    for (let at = 0; at < TEXTS.length; at++) {
      const stream = new FakeStream();
      stream.fate = (publish) => publish === at ? loss : "well";
      const published = await publishAll(stream, TEXTS);
      assertEquals(stream.messages, WANTED, `lost at ${at}`);
      assertEquals([published.messages, published.lastOffset], [12, 11]);
      assertEquals(published.duplicates > 0, loss === "lost-after", `lost at ${at}`);
      assertEquals(stream.epoch, 2);
    }
  });
}

Deno.test("Publisher goes on behind what an earlier run published", async () => {
  const stream = new FakeStream();
  await publishAll(stream, ["a"]);
  await publishAll(stream, ["b"]);
  assertEquals(stream.messages, ["a", "a'", "b", "b'"]);
});

Deno.test("Publisher ends with PRODUCER_FENCED where another run takes its name", async () => {
  const stream = new FakeStream();
  const publisher = new Publisher(OPTIONS, new Failover(() => Promise.resolve(stream.connect())));
  await publisher.open();
  stream.epoch++;
  await publisher.send([new Uint8Array(1)]);
  const error = await assertRejects(() => publisher.finish(), SennitError) as SennitError;
  assertEquals(error.code, "PRODUCER_FENCED");
  assertEquals(stream.messages, []);
});

Deno.test("Publisher says what is missing where acknowledged messages are not in the stream any more", async () => {
  const stream = new FakeStream();
  const publisher = new Publisher(
    { ...OPTIONS, level: "QUEUED" },
    new Failover(() => Promise.resolve(stream.connect())),
  );
  await publisher.open();
  await publisher.send([new Uint8Array(1)]);
  await publisher.finish();
  stream.messages = []; // Queued at a node that is gone.
  stream.fate = () => "lost-before";
  await publisher.send([new Uint8Array(1)]);
  const error = await assertRejects(() => publisher.finish(), SennitError) as SennitError;
  assertEquals([error.code, error.outcome, error.details["expected"]], ["SEQUENCE_GAP", "UNKNOWN", 1]);
});

Deno.test("Failover tries places in turn and gives up with the last error where patience ends", async () => {
  const tried: number[] = [];
  const failover = new Failover((attempt) => {
    tried.push(attempt);
    return Promise.reject(new SennitError("UNREACHABLE", `place ${attempt}`));
  }, 50);
  const error = await assertRejects(
    () => failover.connect(() => Promise.resolve()),
    SennitError,
  ) as SennitError;
  assertEquals(error.message, `place ${tried.at(-1)}`);
  assertEquals(tried.slice(0, 2), [0, 1]);
});
