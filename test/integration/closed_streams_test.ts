import { assert, assertMatch } from "@std/assert";
import { FIRST_FEATURE_LEVEL } from "../../src/node/mod.ts";
import type { Mesh, Subscription } from "../../src/mod.ts";
import { Meshes, refusal, until } from "./meshes.ts";

/** Segments that are full after a few messages. */
const SEGMENT_BYTES = 64 * 1024;
const MESSAGE = new Uint8Array(16 * 1024);

async function formStream(meshes: Meshes): Promise<Mesh[]> {
  meshes.settings = { walSegmentBytes: SEGMENT_BYTES };
  const nodes = await meshes.form("a", "b", "c");
  await nodes[0]!.openStream("s", { targets: ["b", "c"] });
  return nodes;
}

async function publish(node: Mesh, count: number): Promise<void> {
  const producer = await node.stream("s").producer("p");
  await Promise.all(Array.from({ length: count }, () => producer.publish(MESSAGE)));
}

/** Receives so many messages, acknowledges all of them, and ends. */
async function process(node: Mesh, count: number): Promise<void> {
  await using subscription: Subscription = await node.stream("s").subscribe();
  let left = count;
  for await (const { offset } of subscription) {
    if (--left > 0) continue;
    await subscription.ack(offset);
    return;
  }
}

async function hasDropped(node: Mesh, name = "s"): Promise<boolean> {
  const { streams, groups } = await node.status();
  return !streams.some((stream) => stream.name === name) && !groups.some((group) => group.name === name);
}

async function snapshots(meshes: Meshes, node: string, group: number): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(`${meshes.folder}/${node}/snapshots`)) {
    if (Number(name.split("-")[0]) === group) names.push(name);
  }
  return names;
}

Deno.test("a closed stream delivers what it holds, and then every member frees it and its name can be opened again", () =>
  Meshes.with(async (meshes) => {
    const nodes = await formStream(meshes);
    const [a, b, c] = nodes as [Mesh, Mesh, Mesh];
    await publish(a, 40);
    const before = (await a.status()).wal.bytes;
    assert(before > 40 * MESSAGE.length, `what was published is in the log: ${before} bytes`);
    const group = (await a.stream("s").status())!.group;
    await a.stream("s").close();
    const refused = await refusal("STREAM_CLOSED", () => publish(a, 1));
    assertMatch(refused.message, /Stream s is closed/);
    await refusal("STREAM_EXISTS", () => a.openStream("s", { targets: ["b"] }));
    await process(b, 40);
    assert(!await hasDropped(a), "c has not processed it yet");
    await process(c, 40);
    for (const node of nodes) {
      await until("the member drops it", () => hasDropped(node));
      // Segments are removed one at a time, as the log is written.
      await until("the log shrinks", async () => {
        await a.kv.put("k", new Uint8Array(1024));
        return (await node.status()).wal.bytes < before / 4;
      });
      await until("no snapshot of it is left", async () => {
        return (await snapshots(meshes, (await node.status()).name, group)).length === 0;
      });
    }
    await refusal("STREAM_CLOSED", () => publish(a, 1));
    await refusal("STREAM_CLOSED", () => a.stream("s").close());
    await a.openStream("s", { targets: ["b", "c"] });
    assert((await a.stream("s").status())!.group > group, "it is another group");
    await publish(a, 2);
    await process(b, 2);
  }));

Deno.test("a member that was away while a stream was closed is waited for, and drops it when it is back", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c] = await formStream(meshes) as [Mesh, Mesh, Mesh];
    await publish(a, 10);
    await process(b, 10);
    await process(c, 10);
    await meshes.stop(c);
    await a.stream("s").close();
    await until("b knows the end", async () => (await b.stream("s").status())?.state === "closed");
    assert(!await hasDropped(a) && !await hasDropped(b), "c may need them");
    const back = await meshes.restart("c");
    for (const node of [a, b, back]) await until("all members drop it", () => hasDropped(node));
  }));

Deno.test("a stream that is discarded goes at once, with what nobody processed, also from a member that was away", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c] = await formStream(meshes) as [Mesh, Mesh, Mesh];
    await publish(a, 10);
    await using subscription = await b.stream("s").subscribe({ name: "late" });
    await meshes.stop(c);
    await a.stream("s").close({ discard: true });
    for (const node of [a, b]) await until("who is there drops it", () => hasDropped(node));
    const ended = await refusal("STREAM_CLOSED", async () => {
      for await (const _ of subscription);
    });
    assertMatch(ended.message, /Stream s is closed, and what it held is dropped/);
    const back = await meshes.restart("c");
    await until("who was away drops it when it is back", () => hasDropped(back));
    // The log that it starts from says first that there is such a stream, and only later that it is gone.
    await meshes.stop(back);
    const again = await meshes.restart("c");
    await until("it has caught up", async () => (await again.kv.get("caught-up")) === null);
    assert(await hasDropped(again), "what was dropped stays away");
  }));

Deno.test("below the fourth feature level a closed stream stays, and nothing is written that an earlier build cannot read", () =>
  Meshes.with(async (meshes) => {
    meshes.settings = { foundingFeatureLevel: FIRST_FEATURE_LEVEL };
    const [a, b] = await meshes.form("a", "b") as [Mesh, Mesh];
    await a.openStream("s", { targets: ["b"] });
    await publish(a, 1);
    await process(b, 1);
    await refusal("VERSION_MISMATCH", () => a.stream("s").close({ discard: true }));
    await a.stream("s").close();
    await until("b knows", async () => (await b.stream("s").status())?.state === "closed");
    await refusal("STREAM_EXISTS", () => a.openStream("s", { targets: ["b"] }));
    await a.raiseFeatureLevel();
    for (const node of [a, b]) await until("what was closed before is dropped then", () => hasDropped(node));
  }));
