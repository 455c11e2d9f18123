/** A running mesh is backed up, and goes on from the backup as another one: keys, streams, offsets, producers' sessions. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Mesh, restore, saveBackup, type Subscription, verifyBackup } from "../../src/mod.ts";
import { createAuthority, createKey, issueCertificate } from "../../src/platform/mod.ts";
import { sha256 } from "../../src/platform/deno_crypto.ts";
import { nodeNumberOf } from "../../src/security/mod.ts";
import { accountsApp, type Command, type Result } from "../../examples/accounts/app.ts";
import { Meshes, refusal, until } from "./meshes.ts";

const HASH = { sha256: (bytes: Uint8Array) => sha256(bytes) };
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const numbered = (first: number, next: number) =>
  Array.from({ length: next - first }, (_, at) => `m${first + at}`);

async function backUp(mesh: Mesh, path: string): Promise<void> {
  await saveBackup(path, mesh.backup());
}

async function take(subscription: Subscription, count: number, acknowledged = 0): Promise<string[]> {
  const taken: string[] = [];
  for await (const message of subscription) {
    taken.push(text(message.payload));
    if (taken.length === acknowledged) await subscription.ack(message.offset);
    if (taken.length === count) break;
  }
  return taken;
}

Deno.test("backup() of a running mesh is restored as another one: keys, messages, offsets and sessions go on", () =>
  Meshes.with(async (meshes) => {
    // Snapshots and cut logs as in a mesh that has run for long.
    meshes.settings = { snapshotEntries: 20 };
    const nodes = await meshes.form("a", "b", "c");
    const [a, b] = nodes;
    for (let at = 0; at < 30; at++) await a!.kv.put("color", `${at}`);
    await a!.openStream("orders", { source: "a", targets: ["b"] });
    await a!.openStream("elsewhere", { source: "b", targets: ["c"] });
    const producer = await a!.stream("orders").producer("importer");
    for (let at = 0; at < 120; at++) await producer.publish(`m${at}`);
    {
      await using subscription = await b!.stream("orders").subscribe();
      assertEquals(await take(subscription, 70, 65), numbered(0, 70));
    }
    await producer.publish("m120");
    const path = `${meshes.folder}/mesh.backup`;
    await until("the log was cut", async () => {
      const group = (await a!.status()).groups.find(({ name }) => name === "orders");
      return group!.first > 1;
    });
    await backUp(a!, path);
    // What comes later is not in it.
    await a!.kv.put("color", "late");
    await producer.publish("m121");

    const summary = await verifyBackup(path);
    assertEquals(summary.members, ["a", "b", "c"]);
    assertEquals(summary.missing, [{ name: "elsewhere", members: ["b", "c"] }]);
    assertEquals(summary.groups.map(({ name, type, nextOffset }) => [name, type, nextOffset]), [
      ["control", "control", 0],
      ["orders", "stream", 121],
    ]);
    assert(summary.groups[1]!.entries > 56, "the messages that nobody has processed are there");

    const { meshId } = await restore({ file: path, folder: `${meshes.folder}/x`, name: "x" });
    assert(meshId !== (await a!.status()).meshId);
    const x = await meshes.start("x");
    const status = await x.status();
    assertEquals([status.state, status.meshId, status.meshName], ["member", meshId, "test"]);
    assertEquals(status.members.map(({ name }) => name), ["x"]);
    assertEquals(text((await x.kv.get("color"))!.value), "29");
    await x.kv.put("color", "restored");
    assertEquals((await x.status()).streams.map(({ name, targets }) => [name, targets]), [["orders", ["x"]]]);

    // Who subscribes goes on behind what was acknowledged, who publishes after what was accepted.
    await using subscription = await x.stream("orders").subscribe();
    assertEquals(await take(subscription, 56), numbered(65, 121));
    const again = await x.stream("orders").producer("importer");
    assertEquals(again.nextSequence, 122);
    assertEquals((await again.publish("n")).offset, 121);

    // The old mesh goes on beside it and knows nothing of it; others join the new one as they join any.
    assertEquals(text((await a!.kv.get("color"))!.value), "late");
    const y = await meshes.start("y");
    await y.join(await x.invite());
    await until(
      "y votes",
      async () => (await x.status()).members.filter(({ role }) => role === "voter").length === 2,
    );
    assertEquals(text((await y.kv.get("color"))!.value), "restored");
    await y.openStream("new", { source: "x", targets: ["y"] });

    // And all of it is on the disk.
    await meshes.stop(x);
    const restarted = await meshes.restart("x");
    assertEquals(text((await restarted.kv.get("color"))!.value), "restored");
    assertEquals(
      await restarted.stream("orders").producer("importer").then((each) => each.nextSequence),
      123,
    );
  }));

Deno.test("restore() of a stream with several targets misses nothing for anybody, also where its log was never cut", () =>
  Meshes.with(async (meshes) => {
    const [a, b, c] = await meshes.form("a", "b", "c");
    await a!.openStream("empty", { source: "a", targets: ["b"] });
    await a!.openStream("orders", { source: "a", targets: ["b", "c"], subscriptions: ["default", "audit"] });
    const producer = await a!.stream("orders").producer("p");
    for (let at = 0; at < 10; at++) await producer.publish(`m${at}`);
    for (const [mesh, count] of [[b!, 7], [c!, 4]] as const) {
      await using subscription = await mesh.stream("orders").subscribe();
      await take(subscription, 10, count);
    }
    const path = `${meshes.folder}/mesh.backup`;
    await backUp(a!, path);
    // The name of an old member is as good as any.
    await restore({ file: path, folder: `${meshes.folder}/again`, name: "b" });
    const { address } = b!;
    await meshes.stop(b!);
    const again = await meshes.start("b", { data: `${meshes.folder}/again`, listen: address });
    const ordersOf = async () => (await again.status()).streams.find(({ name }) => name === "orders")!;
    await until("the stream is open", async () => (await ordersOf()).nextOffset === 10);
    const offsets = (await ordersOf()).subscriptions;
    assertEquals(offsets.map(({ member, subscription, offset }) => [member, subscription, offset]), [
      ["b", "default", 4],
      ["b", "audit", 0],
    ]);
    await using subscription = await again.stream("orders").subscribe();
    assertEquals(await take(subscription, 6), numbered(4, 10));
    assertEquals((await (await again.stream("empty").producer("p")).publish("first")).offset, 0);
    // Where the old b was, the others find a stranger, though it has b's name: nothing of the two meshes mixes.
    const { members } = await a!.status();
    assertEquals(members.map(({ name, reachable }) => [name, reachable]), [["a", true], ["b", false], [
      "c",
      true,
    ]]);
    assertEquals((await again.status()).members.map(({ name }) => name), ["b"]);
  }));

Deno.test("A backup is one moment of each group, and what it has still to read stays while the log is cut behind others", () =>
  Meshes.with(async (meshes) => {
    meshes.settings = { snapshotEntries: 10, entryCacheBytes: 64 * 1024, walSegmentBytes: 64 * 1024 };
    const [a, b] = await meshes.form("a", "b");
    await a!.openStream("orders", { source: "a", targets: ["b"] });
    const producer = await a!.stream("orders").producer("p");
    const payload = "x".repeat(20_000);
    // More than is on its way to a reader that does not read.
    await Promise.all(Array.from({ length: 400 }, () => producer.publish(payload)));
    const firstOf = async () => (await a!.status()).groups.find(({ name }) => name === "orders")!.first;
    assertEquals(await firstOf(), 1);
    const path = `${meshes.folder}/mesh.backup`;
    await using subscription = await b!.stream("orders").subscribe();
    const everythingChanges = async () => {
      await take(subscription, 400, 400);
      await a!.kv.put("k", "v");
      for (let at = 0; at < 40; at++) {
        await producer.publish(payload);
        await take(subscription, 1, 1);
      }
      assertEquals(await firstOf(), 1);
    };
    await saveBackup(path, halted(a!.backup(), 1024 * 1024, everythingChanges));
    const summary = await verifyBackup(path);
    assertEquals([summary.keys, summary.groups[1]!.firstOffset, summary.groups[1]!.nextOffset], [0, 0, 400]);
    for (let at = 0; at < 40; at++) await producer.publish(payload);
    await until("the log is cut again", async () => await firstOf() > 1);

    // One that is left before its end holds nothing any more.
    const before = await firstOf();
    for await (const _ of a!.backup()) break;
    await take(subscription, 40, 40);
    for (let at = 0; at < 40; at++) await producer.publish(payload);
    await until("the log is cut once more", async () => await firstOf() > before);

    await restore({ file: path, folder: `${meshes.folder}/x`, name: "x" });
    const x = await meshes.start("x");
    assertEquals((await x.stream("orders").producer("p")).nextSequence, 401);
    await using restored = await x.stream("orders").subscribe();
    assertEquals((await take(restored, 400)).length, 400);
  }));

/** Does something else once so many bytes have gone by. */
async function* halted(
  parts: AsyncIterable<Uint8Array>,
  afterBytes: number,
  action: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const part of parts) {
    yield part;
    const before = bytes;
    bytes += part.length;
    if (before < afterBytes && bytes >= afterBytes) await action();
  }
}

Deno.test("verifyBackup() and restore() refuse damaged, torn and later backups, and leave nothing behind", () =>
  Meshes.with(async (meshes) => {
    const [a] = await meshes.form("a");
    await a!.kv.put("k", "v");
    const path = `${meshes.folder}/mesh.backup`;
    await backUp(a!, path);
    const good = await Deno.readFile(path);
    const restored = () => restore({ file: `${path}.bad`, folder: `${meshes.folder}/x`, name: "x" });
    const bad: [string, Uint8Array][] = [["DATA_DAMAGED", good.subarray(0, good.length - 1)]];
    for (let at = 8; at < good.length; at += 97) {
      const bytes = good.slice();
      bytes[at]! ^= 1 << (at % 8);
      bad.push(["DATA_DAMAGED", bytes]);
    }
    const later = good.slice();
    later[5] = 2;
    bad.push(["VERSION_MISMATCH", later]);
    for (const [code, bytes] of bad) {
      await Deno.writeFile(`${path}.bad`, bytes);
      await refusal(code, () => verifyBackup(`${path}.bad`));
    }
    await refusal("VERSION_MISMATCH", restored);
    await Deno.writeFile(`${path}.bad`, bad[7]![1]);
    await refusal("DATA_DAMAGED", restored);
    await Deno.mkdir(`${meshes.folder}/x`);
    await Deno.writeTextFile(`${meshes.folder}/x/file`, "");
    await Deno.writeFile(`${path}.bad`, good);
    assertMatch(
      (await refusal("CONFIGURATION_INVALID", restored)).message,
      /"file" is in it: name a new folder/,
    );
    await Deno.remove(`${meshes.folder}/x/file`);
    await refusal(
      "INVALID_ARGUMENT",
      () => restore({ file: path, folder: `${meshes.folder}/x`, name: "X!" }),
    );
    assertEquals([...Deno.readDirSync(meshes.folder)].map(({ name }) => name).sort(), [
      "a",
      "mesh.backup",
      "mesh.backup.bad",
      "x",
    ]);
    // What a restore that was cut off has left is nobody's to be taken for whole.
    await Deno.mkdir(`${meshes.folder}/x.restoring/wal`, { recursive: true });
    assertMatch(
      (await refusal("CONFIGURATION_INVALID", restored)).message,
      /x\.restoring as it is not empty.*remove it/,
    );
    await Deno.remove(`${meshes.folder}/x.restoring`, { recursive: true });
    await restored();
    assertEquals(text((await (await meshes.start("x")).kv.get("k"))!.value), "v");
  }));

Deno.test("A mesh with certificates from outside is restored as one", () =>
  Meshes.with(async (meshes) => {
    const authority = await createAuthority("outside", Date.now());
    const of = async (name: string) => {
      const subject = { role: "node" as const, name, number: nodeNumberOf(name, HASH), hosts: ["127.0.0.1"] };
      const { privateKey, publicKey } = await createKey(subject, Date.now());
      const certificate = await issueCertificate(authority, publicKey, subject, Date.now());
      return { certificate, privateKey, trust: [authority.certificate] };
    };
    const a = await meshes.start("a", { certificates: await of("a") });
    await a.seed({ meshName: "test" });
    await a.kv.put("k", "v");
    const path = `${meshes.folder}/mesh.backup`;
    await backUp(a, path);
    await restore({ file: path, folder: `${meshes.folder}/x`, name: "x" });
    const x = await meshes.start("x", { certificates: await of("x") });
    assertEquals(text((await x.kv.get("k"))!.value), "v");
    await refusal("UNSUPPORTED", () => x.invite());
    const y = await meshes.start("y", { certificates: await of("y") });
    await y.join(x.address);
    await until("y is there", async () => (await x.status()).members.length === 2);
    assertEquals(text((await y.kv.get("k"))!.value), "v");
  }));

Deno.test("A user's state machine is in a backup, and goes on where it was", () =>
  Meshes.with(async (meshes) => {
    const a = await meshes.start("a", { app: accountsApp });
    await a.seed({ meshName: "bank" });
    await a.openMachine("accounts", { members: ["a"] });
    const at = (mesh: Mesh) => mesh.machine<Command, Result, string, number>("accounts");
    await until("it is open", () => at(a).query("ann").then(() => true, () => false));
    const deposit = (id: string): Command => ({ kind: "deposit", id, to: "ann", cents: 5 });
    for (const id of ["1", "2", "3"]) await at(a).propose(deposit(id));
    const path = `${meshes.folder}/mesh.backup`;
    await backUp(a, path);
    await at(a).propose(deposit("4"));
    await restore({ file: path, folder: `${meshes.folder}/x`, name: "x" });
    const x = await meshes.start("x", { app: accountsApp });
    await until("it is open", () => at(x).query("ann").then(() => true, () => false));
    assertEquals(await at(x).query("ann"), 15);
    assertEquals(await at(x).propose(deposit("3")), { done: true, again: true });
    assertEquals(await at(x).propose(deposit("4")), { done: true, again: false });
    assertEquals([await at(x).query("ann"), await at(a).query("ann")], [20, 20]);
  }));
