/** A mesh whose majority is gone for good goes on from what the survivors hold; who was left behind stays outside. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type Mesh, recover, type Subscription } from "../../src/mod.ts";
import { Meshes, refusal, until } from "./meshes.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function take(subscription: Subscription, count: number): Promise<string[]> {
  const taken: string[] = [];
  for await (const { payload } of subscription) {
    taken.push(text(payload));
    if (taken.length === count) break;
  }
  return taken;
}

/** Three nodes, a key, and a stream whose messages all of them hold; stopped. */
async function broken(meshes: Meshes): Promise<string[]> {
  const nodes = await meshes.form("a", "b", "c");
  await nodes[0]!.kv.put("color", "blue");
  await nodes[0]!.openStream("orders", { source: "a", targets: ["b", "c"] });
  const producer = await nodes[0]!.stream("orders").producer("p");
  for (let at = 0; at < 20; at++) await producer.publish(`m${at}`);
  await until("everybody has everything", async () => {
    const states = await Promise.all(nodes.map((node) => node.status()));
    const ends = states.map(({ groups }) =>
      groups.map((group) => `${group.name} ${group.durable} ${group.applied}`)
    );
    return ends.every((end) => end.length === 2 && end.join() === ends[0]!.join());
  });
  for (const node of nodes) await meshes.stop(node);
  return ["a", "b", "c"].map((name) => `${meshes.folder}/${name}`);
}

const warningsOf = async (mesh: Mesh) => (await mesh.status()).warnings.join("\n");

Deno.test("recover() lets the only survivor of three go on with all it holds, and keeps the old disks out", () =>
  Meshes.with(async (meshes) => {
    const [, , folder] = await broken(meshes);
    const alone = await meshes.restart("c");
    assertEquals((await alone.status()).groups[0]!.leader, "");
    await meshes.stop(alone);

    const told: string[] = [];
    const recovered = await recover({
      folders: [folder!],
      survivors: ["c"],
      dead: ["a", "b"],
      acceptLostEntries: true,
      planned: ({ groups }) =>
        void told.push(...groups.map(({ name, nextOffset }) => `${name} ${nextOffset}`)),
    });
    assertEquals(told, ["control 0", "orders 20"]);
    assertEquals(recovered.groups.map(({ forced, winner, complete }) => [forced, winner, complete]), [
      [true, "c", false],
      [true, "c", false],
    ]);

    const c = await meshes.restart("c");
    assertEquals(text((await c.kv.get("color"))!.value), "blue");
    await c.kv.put("color", "green");
    await until("the dead are evicted", async () => (await c.status()).members.length === 1);
    await using subscription = await c.stream("orders").subscribe({ name: "audit", fromOffset: 0 });
    assertEquals(await take(subscription, 20), Array.from({ length: 20 }, (_, at) => `m${at}`));
    // Producers' sessions are replicated state: the next message is the next one.
    const producer = await c.stream("orders").producer("p");
    assertEquals((await producer.publish("m20")).offset, 20);
    assertEquals((await c.status()).recoveryEpoch, recovered.recoveryEpoch);

    // The dead are not dead: two of three, a majority of what was. They are kept out, and everybody says so.
    const a = await meshes.restart("a");
    const b = await meshes.restart("b");
    await until("a is told", async () => /c says: remove this node's data folder/.test(await warningsOf(a)));
    await until("c is told", async () => /a is of the mesh before its recovery/.test(await warningsOf(c)));
    await a.kv.put("color", "red");
    assertEquals(text((await c.kv.get("color"))!.value), "green");
    assertEquals((await c.status()).members.map(({ name }) => name), ["c"]);
    await meshes.stop(a);
    await meshes.stop(b);

    // Who begins anew comes in, learns the epoch, and keeps it.
    await Deno.remove(`${meshes.folder}/a`, { recursive: true });
    const again = await meshes.restart("a");
    await again.join(await c.invite());
    await until(
      "a votes",
      async () => (await c.status()).members.filter(({ role }) => role === "voter").length === 2,
    );
    assertEquals(text((await again.kv.get("color"))!.value), "green");
    await meshes.stop(again);
    const restarted = await meshes.restart("a");
    assertEquals((await restarted.status()).recoveryEpoch, recovered.recoveryEpoch);
    await restarted.kv.put("color", "yellow");
    assertEquals(await warningsOf(restarted), "");
  }));

Deno.test("recover() of two halves apart keeps them apart, and each says so of the other", () =>
  Meshes.with(async (meshes) => {
    const [first, second] = await broken(meshes);
    const half = (folder: string, survivor: string) =>
      recover({
        folders: [folder],
        survivors: [survivor],
        dead: ["a", "b", "c"].filter((name) => name !== survivor),
        acceptLostEntries: true,
      });
    const ofA = await half(first!, "a");
    const ofB = await half(second!, "b");
    assert(ofA.recoveryEpoch !== ofB.recoveryEpoch);
    const a = await meshes.restart("a");
    const b = await meshes.restart("b");
    await a.kv.put("side", "a");
    await b.kv.put("side", "b");
    for (const [mesh, other] of [[a, "b"], [b, "a"]] as const) {
      await until(
        `the half of ${other} is seen`,
        async () => (await warningsOf(mesh)).includes(`${other} was recovered apart from this node`),
      );
    }
    assertEquals([text((await a.kv.get("side"))!.value), text((await b.kv.get("side"))!.value)], ["a", "b"]);
  }));

Deno.test("recover() with two survivors of four goes on from the one that is furthest, and loses nothing", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c, d] = await meshes.form("a", "b", "c", "d");
    await until("a leads", async () => (await a!.status()).groups[0]!.role === "leader");
    await a!.kv.put("k", "0");
    await meshes.stop(d!);
    await a!.kv.put("k", "1"); // d never hears of it.
    for (const node of [b!, c!, a!]) await meshes.stop(node);
    const recovered = await recover({
      folders: [`${meshes.folder}/d`, `${meshes.folder}/c`],
      survivors: ["c", "d"],
      dead: ["a", "b"],
      acceptLostEntries: true,
    });
    assertEquals(recovered.groups.map(({ winner, complete }) => [winner, complete]), [["c", true]]);
    const restarted = await Promise.all([meshes.restart("c"), meshes.restart("d")]);
    for (const node of restarted) assertEquals(text((await node.kv.get("k"))!.value), "1");
    await until("the dead are evicted", async () => (await restarted[0]!.status()).members.length === 2);
    assertEquals((await restarted[1]!.status()).recoveryEpoch, recovered.recoveryEpoch);
  }));

Deno.test("recover() changes nothing unless everything is named and the risk is accepted", () =>
  Meshes.with(async (meshes) => {
    const [, b, c] = await broken(meshes);
    const before = await Deno.readTextFile(`${c}/identity.json`);
    const all = { folders: [c!], survivors: ["c"], dead: ["a", "b"], acceptLostEntries: true };
    const cases: [Partial<typeof all>, RegExp][] = [
      [{ acceptLostEntries: false }, /--accept-risk lost-entries/],
      [{ dead: ["a"] }, /missing are b/],
      [{ dead: ["a", "b", "x"] }, /x is no member of the mesh/],
      [{ dead: ["a", "b", "c"] }, /c is named as a survivor and as dead/],
      [{ survivors: ["b", "c"], dead: ["a"] }, /folder of survivor b is not given/],
      [{ folders: [b!, c!] }, /folder of b is given/],
      // A majority is no case for it.
      [{ folders: [b!, c!], survivors: ["b", "c"], dead: ["a"] }, /No group has lost its quorum/],
    ];
    for (const [change, says] of cases) {
      const error = await refusal("CONFIGURATION_INVALID", () => recover({ ...all, ...change }));
      assertMatch(error.message, says);
    }
    const running = await meshes.restart("c");
    await refusal("DATA_IN_USE", () => recover(all));
    await meshes.stop(running);
    await assertRejects(
      () => recover({ ...all, folders: [`${meshes.folder}/nothing`] }),
      Deno.errors.NotFound,
    );
    assertEquals(await Deno.readTextFile(`${c}/identity.json`), before);
  }));

Deno.test("recover() refuses a survivor whose snapshot is damaged: it cannot vouch for what it held", () =>
  Meshes.with(async (meshes) => {
    meshes.settings = { snapshotEntries: 5 };
    const [a, , c] = await meshes.form("a", "b", "c");
    for (let at = 0; at < 30; at++) await a!.kv.put("k", `${at}`);
    const folder = `${meshes.folder}/c`;
    const snapshots = () =>
      [...Deno.readDirSync(`${folder}/snapshots`)].map(({ name }) => `${folder}/snapshots/${name}`);
    await until("c's log begins at a snapshot", async () => (await c!.status()).groups[0]!.first > 1);
    for (const node of [...await Promise.all([a!, c!])]) await meshes.stop(node);
    for (const path of snapshots()) {
      const bytes = await Deno.readFile(path);
      bytes[bytes.length - 1]! ^= 1;
      await Deno.writeFile(path, bytes);
    }
    const error = await refusal(
      "DATA_DAMAGED",
      () => recover({ folders: [folder], survivors: ["c"], dead: ["a", "b"], acceptLostEntries: true }),
    );
    assertMatch(error.message, /disk of c is damaged/);
  }));
