/** What is said of a batch that is published again: whole or not at all, and COMPLETED only where it is. */
import { assertEquals } from "@std/assert";
import type { AckLevel, Mesh } from "../../src/mod.ts";
import type { Sequence } from "../../src/core/ids.ts";
import { PRODUCER_RANGES_LIMIT } from "../../src/core/limits.ts";
import { encodeRecordBatch } from "../../src/stream/mod.ts";
import { Meshes, refusal, until } from "./meshes.ts";

/** A producer by plain calls: it says which sequence it publishes. */
class Raw {
  readonly #mesh: Mesh;
  #session = { producerId: 0, epoch: 0 };

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  async open(producer: string): Promise<this> {
    const reply = await this.#mesh.face.call({ kind: "producer-open", stream: "s", producer });
    if (reply.kind === "producer") this.#session = reply;
    return this;
  }

  async publish(sequence: number, count: number, level: AckLevel) {
    const messages = Array.from({ length: count }, () => new Uint8Array([sequence]));
    const { producerId, epoch } = this.#session;
    const ulid = new Uint8Array(16);
    const batch = encodeRecordBatch(
      { producerId, epoch, baseSequence: sequence as Sequence, ulid },
      messages,
    );
    const reply = await this.#mesh.face.call({ kind: "publish", stream: "s", batch, level });
    if (reply.kind !== "published") throw new Error(reply.kind);
    return { offset: reply.firstOffset, duplicate: reply.duplicate };
  }
}

Deno.test("a batch so old that its offset is forgotten is COMPLETED only when all before it has been processed", () =>
  Meshes.with(async (meshes) => {
    const [a, b] = await meshes.form("a", "b");
    await a!.openStream("s", { targets: ["b"] });
    const [one, two] = [await new Raw(a!).open("one"), await new Raw(a!).open("two")];
    const rounds = PRODUCER_RANGES_LIMIT + 1;
    for (let sequence = 1; sequence <= rounds; sequence++) {
      for (const producer of [one, two]) await producer.publish(sequence, 1, "COMMITTED");
    }
    assertEquals(await one.publish(1, 1, "COMMITTED"), { offset: -1, duplicate: true });
    let completed = false;
    const completing = one.publish(1, 1, "COMPLETED").then(() => completed = true);
    await a!.stream("s").status(); // A round of the group: an answer at once would have come.
    assertEquals(completed, false);
    await using subscription = await b!.stream("s").subscribe();
    for await (const { offset } of subscription) if (offset === 2 * rounds - 1) break;
    await subscription.ack(2 * rounds - 1);
    await completing;
  }));

Deno.test("another batch under a sequence that waits in the outbox is refused, not taken for the one that waits", () =>
  Meshes.with(async (meshes) => {
    const [a, b] = await meshes.form("a", "b");
    await a!.openStream("s", { targets: ["a", "b"] });
    const producer = await new Raw(a!).open("p");
    await producer.publish(1, 1, "COMMITTED");
    await meshes.stop(b!); // Nothing commits: what is published waits.
    await producer.publish(2, 1, "QUEUED");
    await refusal("SEQUENCE_GAP", () => producer.publish(2, 3, "QUEUED"));
    assertEquals((await producer.publish(2, 1, "QUEUED")).duplicate, false);
  }));

Deno.test("a producer-open behind messages that cannot be committed is answered in time", () =>
  Meshes.with(async (meshes) => {
    const settings = { callTimeoutMs: 3000 };
    const [a, b] = await Promise.all(["a", "b"].map((name) => meshes.start(name, { settings })));
    await a!.seed({ meshName: "test" });
    await b!.join(await a!.invite());
    await a!.openStream("s", { targets: ["a", "b"] });
    const producer = await new Raw(a!).open("p");
    await producer.publish(1, 1, "COMMITTED");
    await meshes.stop(b!);
    await producer.publish(2, 1, "QUEUED");
    const error = await refusal("TIMEOUT", () => producer.open("p"));
    assertEquals(error.outcome, "NOT_APPLIED");
  }));

Deno.test("without a majority a publish and an acknowledgement end in time as UNKNOWN, and count once when it is back", () =>
  Meshes.with(async (meshes) => {
    const settings = { callTimeoutMs: 5000 };
    const [a, b] = await Promise.all(["a", "b"].map((name) => meshes.start(name, { settings })));
    await a!.seed({ meshName: "test" });
    await b!.join(await a!.invite());
    await a!.openStream("s", { targets: ["a", "b"] });
    const producer = await new Raw(a!).open("p");
    await producer.publish(1, 1, "COMMITTED");
    await using subscription = await a!.stream("s").subscribe();
    for await (const { offset } of subscription) if (offset === 0) break;
    await meshes.stop(b!);
    const published = refusal("TIMEOUT", () => producer.publish(2, 1, "COMMITTED"));
    const acknowledged = refusal("TIMEOUT", () => subscription.ack(0));
    assertEquals((await published).outcome, "UNKNOWN");
    assertEquals((await acknowledged).outcome, "UNKNOWN");
    await meshes.start("b", { settings });
    await until(
      "the batch is committed",
      () => producer.publish(2, 1, "COMMITTED").then(({ offset }) => offset === 1, () => false),
    );
    await subscription.ack(0);
  }));
