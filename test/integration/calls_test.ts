/** Calls at their edges: numbers that are none, a node that ends under its callers. Each is answered, and the node lives. */
import { assert, assertEquals } from "@std/assert";
import { SennitError } from "../../src/mod.ts";
import { Meshes, refusal, until } from "./meshes.ts";

Deno.test("numbers that are none are refused by name, and the node goes on", () =>
  Meshes.with(async (meshes) => {
    const [a] = await meshes.form("a", "b");
    for (const expectedVersion of [-1, 1.5, NaN, Infinity, 2 ** 53]) {
      await refusal("INVALID_ARGUMENT", () => a!.kv.put("k", "v", { expectedVersion }));
      await refusal("INVALID_ARGUMENT", () => a!.kv.delete("k", { expectedVersion }));
    }
    for (const validMs of [-1, 0.5, NaN, Number.MAX_SAFE_INTEGER]) {
      await refusal("INVALID_ARGUMENT", () => a!.invite({ validMs }));
    }
    for (const retentionBytes of [-1, 0.5, NaN, 2 ** 53]) {
      await refusal("INVALID_ARGUMENT", () => a!.openStream("s", { targets: ["a", "b"], retentionBytes }));
    }
    const stream = await a!.openStream("s", { targets: ["a", "b"] });
    await (await stream.producer("p")).publish("one");
    for (const fromOffset of [-1, 0.5, NaN, 2 ** 53]) {
      await refusal("INVALID_ARGUMENT", () => stream.subscribe({ fromOffset }));
    }
    for (const creditBytes of [-1, 0.5, NaN]) {
      await refusal("INVALID_ARGUMENT", () => stream.subscribe({ creditBytes }));
    }
    await refusal("OFFSET_NOT_RETAINED", () => stream.subscribe({ fromOffset: 2 }));
    await using subscription = await stream.subscribe({ creditBytes: 0 });
    for await (const { payload } of subscription) {
      assertEquals(new TextDecoder().decode(payload), "one", "one delivery is always allowed");
      break;
    }
    await refusal("INVALID_ARGUMENT", () => subscription.ack(0.5));
    await subscription.ack(0);
  }));

Deno.test("a key that UTF-8 cannot carry is refused instead of becoming another key", () =>
  Meshes.with(async (meshes) => {
    const [a] = await meshes.form("a");
    await refusal("INVALID_ARGUMENT", () => a!.kv.put("half \ud800", "v"));
    await a!.kv.put("whole \u{1f980}", "v");
    assert(await a!.kv.get("whole \u{1f980}") !== null);
  }));

Deno.test("what waits at a node that is evicted is answered, and its watches end", () =>
  Meshes.with(async (meshes) => {
    const [a, , c] = await meshes.form("a", "b", "c");
    const ended: string[] = [];
    const watch = async (changes: AsyncIterable<unknown>) => {
      try {
        for await (const _ of changes);
      } catch (error) {
        ended.push((error as SennitError).code);
      }
    };
    const watches = [watch(c!.kv.watch()), watch(c!.events())];
    // Always some reads under way: what is asked last at a member that is not served any more is never confirmed.
    const reads: Promise<string>[] = [];
    const code = (error: unknown) => error instanceof SennitError ? error.code : "another error";
    while (c!.failure === null) {
      reads.push(c!.kv.get("k").then(() => "read", code));
      if (reads.length === 20) void a!.evict("c");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    let settled = false;
    const all = Promise.all([...reads, ...watches]).then(() => settled = true);
    await until("every read is answered and every watch has ended", () => settled, 5000);
    await all;
    assertEquals(ended, ["EVICTED", "EVICTED"]);
    assertEquals(c!.face.size, 0);
    assert((await Promise.all(reads)).every((outcome) => ["read", "EVICTED", "NO_LEADER"].includes(outcome)));
  }));

Deno.test("an eviction that its caller's node does not see the end of is UNKNOWN, not NOT_APPLIED", () =>
  Meshes.with(async (meshes) => {
    const [a, b] = await meshes.form("a", "b", "c");
    await until("a leads", async () => (await a!.status()).groups[0]!.role === "leader");
    // Both removals are begun together; whoever is removed first cannot see the other's end.
    const outcomes = await Promise.all(
      [a!.evict("b"), b!.evict("c")].map((evicting) =>
        evicting.then(() => "done", (error: SennitError) => `${error.code} ${error.outcome}`)
      ),
    );
    assertEquals(outcomes[0], "done");
    assert(outcomes[1] !== "EVICTED NOT_APPLIED", outcomes[1]);
  }));
