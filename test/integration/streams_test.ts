import { assert, assertEquals, assertMatch } from "@std/assert";
import { MESSAGE_BYTES_LIMIT } from "../../src/core/limits.ts";
import { type Mesh, SennitError, type Subscription } from "../../src/mod.ts";
import { Meshes, refusal, until } from "./meshes.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Reads so many messages and acknowledges them. */
async function take(subscription: Subscription, count: number): Promise<string[]> {
  const taken: string[] = [];
  for await (const { offset, payload } of subscription) {
    taken.push(text(payload));
    if (taken.length === count) {
      await subscription.ack(offset);
      return taken;
    }
  }
  return taken;
}

async function formStream(meshes: Meshes, options: { retentionBytes?: number } = {}): Promise<Mesh[]> {
  const nodes = await meshes.form("a", "b", "c");
  await nodes[0]!.openStream("s", { targets: ["b", "c"], ...options });
  return nodes;
}

Deno.test("a stream of two that borrows a replica goes on while its target is away, and one that does not says so", () =>
  Meshes.with(async (meshes) => {
    meshes.settings = { borrowedBytesLimit: 1024 * 1024 };
    const [a, b, c] = await meshes.form("a", "b", "c");
    await a!.openStream("alone", { targets: ["b"] });
    const open = () => a!.openStream("held", { targets: ["b"], retentionBytes: 512 * 1024, borrow: true });
    await until("c has said what it lends", async () => {
      try {
        return await open() !== undefined;
      } catch (error) {
        if (!(error instanceof SennitError) || error.code !== "OVERLOADED") throw error;
        return false;
      }
    });
    const refused = await refusal(
      "OVERLOADED",
      () => a!.openStream("large", { targets: ["b"], retentionBytes: 1024 * 1024, borrow: true }),
    );
    assertMatch(refused.message, /c has 524288 left/);
    const { streams } = await a!.status();
    const [alone, held] = ["alone", "held"].map((name) => streams.find((each) => each.name === name)!);
    assertEquals([alone!.borrowed, held!.borrowed], [[], ["c"]]);
    assertMatch(alone!.advice, /only a and b hold this stream: it stops committing/);
    assertEquals(held!.advice, "");
    await refusal("NOT_A_STREAM_MEMBER", () => c!.stream("held").subscribe());
    await meshes.stop(b!);
    const producer = await a!.stream("held").producer("p");
    await producer.publish(new Uint8Array([1]));
    await until("the replica has it", async () => {
      const replica = (await c!.status()).streams.find((each) => each.name === "held")!;
      return replica.nextOffset === 1;
    });
  }));

Deno.test("G71 G75 a stream delivers every message in order at every target", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c] = await formStream(meshes);
    const producer = await a!.stream("s").producer("p");
    const wanted = Array.from({ length: 500 }, (_, at) => `message ${at}`);
    const published = await Promise.all(wanted.map((message) => producer.publish(message)));
    assertEquals(published.map(({ offset }) => offset), wanted.map((_, at) => at));
    for (const node of [b!, c!]) {
      await using subscription = await node.stream("s").subscribe();
      assertEquals(await take(subscription, 500), wanted);
    }
  }));

Deno.test("G68 COMPLETED is said only when every target has processed", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c] = await formStream(meshes);
    const producer = await a!.stream("s").producer("p", { level: "COMPLETED" });
    let completed = false;
    const publishing = producer.publish("m").then(() => completed = true);
    await using first = await b!.stream("s").subscribe();
    await take(first, 1);
    await a!.kv.put("k", "1"); // A round of the mesh: enough for a wrong completion to show.
    assertEquals(completed, false);
    await using second = await c!.stream("s").subscribe();
    await take(second, 1);
    await publishing;
  }));

Deno.test("G89 what is acknowledged is not delivered again, what is not is", () =>
  Meshes.with(async (meshes) => {
    const [a, b] = await formStream(meshes);
    const producer = await a!.stream("s").producer("p");
    for (let at = 0; at < 10; at++) await producer.publish(`m${at}`);
    const first = await b!.stream("s").subscribe();
    await take(first, 4);
    await first.close();
    await using second = await b!.stream("s").subscribe();
    assertEquals(await take(second, 6), ["m4", "m5", "m6", "m7", "m8", "m9"]);
    await using third = await b!.stream("s").subscribe({ name: "audit", fromOffset: 0 });
    assertEquals((await take(third, 10)).length, 10);
  }));

Deno.test("what a subscriber acknowledged right before it ended is not delivered again", () =>
  Meshes.with(async (meshes) => {
    const [a, b] = await formStream(meshes);
    const producer = await a!.stream("s").producer("p");
    for (let at = 0; at < 4; at++) await producer.publish(`m${at}`);
    const first = await b!.stream("s").subscribe();
    for await (const { offset } of first) if (offset === 2) break;
    const unanswered = refusal("SUBSCRIPTION_FENCED", () => first.ack(2));
    await first.close();
    assertEquals((await unanswered).outcome, "UNKNOWN");
    await using second = await b!.stream("s").subscribe();
    assertEquals(await take(second, 1), ["m3"]);
  }));

Deno.test("an exclusive subscription is taken over by a newer subscriber", () =>
  Meshes.with(async (meshes) => {
    const [, b] = await formStream(meshes);
    const old = await b!.stream("s").subscribe();
    const reading = refusal("SUBSCRIPTION_FENCED", () => take(old, 1));
    await using _newer = await b!.stream("s").subscribe();
    await reading;
  }));

Deno.test("a newer producer session of a name fences the older and goes on after it", () =>
  Meshes.with(async (meshes) => {
    const [a, b] = await formStream(meshes);
    const old = await a!.stream("s").producer("p");
    await old.publish("1");
    const newer = await b!.stream("s").producer("p");
    assertEquals(newer.nextSequence, 2);
    await newer.publish("2");
    await refusal("PRODUCER_FENCED", () => old.publish("late"));
  }));

Deno.test("G77 a target that restarts goes on after what it acknowledged", () =>
  Meshes.with(async (meshes) => {
    const [a, b] = await formStream(meshes);
    const producer = await a!.stream("s").producer("p");
    const publish = (from: number, to: number) =>
      Promise.all(Array.from({ length: to - from }, (_, at) => producer.publish(`m${from + at}`)));
    await publish(0, 100);
    const before = await b!.stream("s").subscribe();
    await take(before, 60);
    const { address } = b!;
    await meshes.stop(b!);
    await publish(100, 200);
    const again = await meshes.start("b", { listen: address });
    await using after = await again.stream("s").subscribe();
    assertEquals(await take(after, 140), Array.from({ length: 140 }, (_, at) => `m${60 + at}`));
  }));

Deno.test("G78 what the source had queued goes out after its restart", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c] = await formStream(meshes);
    const addresses = [a!.address, b!.address, c!.address];
    const producer = await a!.stream("s").producer("p", { level: "QUEUED" });
    await producer.publish("first");
    await meshes.stop(b!);
    await meshes.stop(c!);
    // No majority: nothing is committed, but what is queued is durable here.
    for (let at = 0; at < 20; at++) await producer.publish(`queued ${at}`);
    await meshes.stop(a!);
    const [, back] = await Promise.all(
      ["a", "b", "c"].map((name, at) => meshes.start(name, { listen: addresses[at]! })),
    );
    await using subscription = await back!.stream("s").subscribe();
    const wanted = ["first", ...Array.from({ length: 20 }, (_, at) => `queued ${at}`)];
    assertEquals(await take(subscription, 21), wanted);
  }));

Deno.test("retention holds: publishing is refused and names who holds, until that target has processed", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c] = await formStream(meshes, { retentionBytes: 50_000 });
    const producer = await a!.stream("s").producer("p", { retryMs: 0 });
    let error: unknown = null;
    let accepted = 0;
    while (error === null) {
      try {
        await producer.publish("x".repeat(1000));
        accepted++;
      } catch (thrown) {
        error = thrown;
      }
    }
    assertMatch((error as Error).message, /held by subscription default at [bc]/);
    assert(accepted >= 30, `${accepted}`);
    for (const node of [b!, c!]) {
      await using subscription = await node.stream("s").subscribe();
      await take(subscription, accepted);
    }
    const again = await a!.stream("s").producer("p");
    await again.publish("goes on");
  }));

Deno.test("streams refuse what does not exist, is closed, too large or elsewhere, each by name", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c] = await meshes.form("a", "b", "c");
    await refusal("UNKNOWN_STREAM", () => a!.stream("nowhere").producer("p"));
    await refusal("UNKNOWN_STREAM", () => b!.stream("nowhere").subscribe());
    await refusal("UNKNOWN_MEMBER", () => a!.openStream("s", { targets: ["z"] }));
    await refusal("INVALID_ARGUMENT", () => a!.openStream("s", { targets: [] }));
    await a!.openStream("s", { targets: ["b"] });
    await refusal("STREAM_EXISTS", () => b!.openStream("s", { source: "a", targets: ["b"] }));
    const elsewhere = await refusal("NOT_A_STREAM_MEMBER", () => c!.stream("s").producer("p"));
    assertMatch(elsewhere.message, /ask one of a, b/);
    await refusal("NOT_A_STREAM_MEMBER", () => a!.stream("s").subscribe());
    const producer = await a!.stream("s").producer("p");
    await refusal("TOO_LARGE", () => producer.publish(new Uint8Array(MESSAGE_BYTES_LIMIT + 1)));
    await producer.publish(new Uint8Array(MESSAGE_BYTES_LIMIT));
    await refusal("OFFSET_NOT_RETAINED", () => b!.stream("s").subscribe({ fromOffset: 99 }));
    const bad = { kind: "publish", stream: "s", level: "COMMITTED" } as const;
    await refusal("INVALID_ARGUMENT", () => a!.face.call({ ...bad, batch: new Uint8Array(80) }));
    await a!.stream("s").close();
    await refusal("STREAM_CLOSED", () => producer.publish("late"));
    // What is in it can still be received.
    await using subscription = await b!.stream("s").subscribe();
    assertEquals((await take(subscription, 1))[0]!.length, MESSAGE_BYTES_LIMIT);
  }));

Deno.test("G66 G95 a log is compacted once all targets have processed, and a member that was away catches up", () =>
  Meshes.with(async (meshes) => {
    const settings = { snapshotEntries: 20, walSegmentBytes: 64 * 1024 };
    const nodes = await Promise.all(["a", "b", "c"].map((name) => meshes.start(name, { settings })));
    const [a, b, c] = nodes as [Mesh, Mesh, Mesh];
    await a.seed({ meshName: "test" });
    for (const other of [b, c]) await other.join(await a.invite());
    await a.openStream("s", { targets: ["b", "c"] });
    const producer = await a.stream("s").producer("p");
    const consume = async (node: Mesh, count: number) => {
      await using subscription = await node.stream("s").subscribe();
      return await take(subscription, count);
    };
    const { address } = c;
    await meshes.stop(c);
    for (let at = 0; at < 200; at++) await producer.publish(`${at} ${"x".repeat(500)}`);
    await consume(b, 200);
    const again = await meshes.start("c", { settings, listen: address });
    const received = await consume(again, 200);
    assertEquals(received.map((message) => parseInt(message)), Array.from({ length: 200 }, (_, at) => at));
    for (let at = 200; at < 300; at++) await producer.publish(`${at} ${"x".repeat(500)}`);
    await Promise.all([consume(b, 100), consume(again, 100)]);
    for (let at = 300; at < 330; at++) await producer.publish(`${at}`);
    await until("the log's begin moved", async () => (await a.stream("s").status())!.firstOffset > 100);
  }));
