/** A mesh of which half is away, on real sockets and files: its quorum writes on, and its membership shrinks or waits. */
import { assertEquals, assertMatch } from "@std/assert";
import type { Mesh } from "../../src/mod.ts";
import { Meshes, refusal, until } from "./meshes.ts";

const NAMES = ["a", "b", "c", "d", "e", "f"];

Deno.test("G16 G17 G69 while half of the members are away evictions alone are admitted, and what is written is decided by the quorum", () =>
  Meshes.with(async (meshes) => {
    meshes.settings = { votersLimit: 3 };
    const nodes: Mesh[] = [];
    for (const name of NAMES) nodes.push(await meshes.start(name));
    const a = nodes[0]!;
    await a.seed({ meshName: "test" });
    for (const other of nodes.slice(1)) await other.join(await a.invite());
    await until("three vote", async () => {
      const { members, health } = await a.status();
      return health === "HEALTHY" && members.filter(({ role }) => role === "voter").length === 3;
    });
    const { members } = await a.status();
    const named = (role: string) => members.filter((each) => each.role === role).map(({ name }) => name);
    const [first, ...rest] = named("observer") as [string, ...string[]];
    const orders = await a.openStream("orders", { targets: named("voter") });
    const producer = await orders.producer("shop");

    for (const name of [first, ...rest]) await meshes.stop(nodes[NAMES.indexOf(name)]!);
    await until("a sees that half are away", async () => (await a.status()).health === "CRITICAL");
    await until("the membership waits", async () => {
      try {
        await a.setPolicy("OPEN");
        return false;
      } catch {
        return true;
      }
    }, 30_000);
    const refused = await refusal("MESH_CRITICAL", () => a.setPolicy("OPEN"));
    assertMatch(refused.message, new RegExp(`3 are away .*${first}.*evict`));
    await refusal("MESH_CRITICAL", () => a.invite());
    await refusal("MESH_CRITICAL", () => a.leave());
    await a.kv.put("key", "1");
    await producer.publish("one");

    await a.evict(first);
    await a.setPolicy("OPEN");
    assertEquals((await a.status()).health, "DEGRADED");
    for (const name of rest) await meshes.restart(name);
    await until("all are there", async () => (await a.status()).health === "HEALTHY");
  }));
