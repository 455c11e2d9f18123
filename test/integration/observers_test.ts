/** A mesh with more members than vote, on real sockets and files: who observes has everything, and votes where it is needed. */
import { assert, assertEquals } from "@std/assert";
import type { Mesh } from "../../src/mod.ts";
import { Meshes, until } from "./meshes.ts";

const NAMES = ["a", "b", "c", "d", "e", "f", "g"];

async function namesOf(mesh: Mesh, role: string): Promise<string[]> {
  return (await mesh.status()).members.filter((member) => member.role === role).map(({ name }) => name);
}

const controlOf = async (mesh: Mesh) => (await mesh.status()).groups.find(({ name }) => name === "control")!;

Deno.test("members beyond the voters observe, read and write, and take the place of a voter that dies", async () => {
  await Meshes.with(async (meshes) => {
    meshes.settings = { votersLimit: 3, voterReplaceMs: 1500 };
    const nodes: Mesh[] = [];
    for (const name of NAMES) nodes.push(await meshes.start(name));
    const [a, b] = nodes as [Mesh, Mesh];
    await a.seed({ meshName: "test" });
    for (const other of nodes.slice(1)) await other.join(await a.invite());
    await until("three vote and four observe", async () => {
      const [voters, observers] = [await namesOf(a, "voter"), await namesOf(a, "observer")];
      return voters.length === 3 && observers.length === 4;
    });
    const voters = await namesOf(a, "voter");
    const observers = NAMES.filter((name) => !voters.includes(name));
    const nodeOf = (name: string | undefined) => nodes[NAMES.indexOf(name!)]!;
    const [first, last] = [nodeOf(observers[0]), nodeOf(observers.at(-1))];

    // The leader tells only those who vote; an observer says whom it pulls from.
    const control = await controlOf(a);
    assertEquals(control.observers, observers);
    assertEquals(control.peers.map(({ member }) => member).sort(), voters.filter((each) => each !== "a"));
    await until("an observer has a source", async () => (await controlOf(last)).source !== "");

    // What one observer writes another reads, linearizably.
    await first.kv.put("key", new Uint8Array([7]));
    assertEquals((await last.kv.get("key"))?.value, new Uint8Array([7]));
    const shown = new Promise<number>((resolve) => {
      void (async () => {
        for await (const change of last.kv.watch("key")) return resolve(change.value![0]!);
      })();
    });
    await until("the watch sees a change", async () => {
      await a.kv.put("key", new Uint8Array([8]));
      return await Promise.race([shown, Promise.resolve(0)]) === 8;
    });

    // A voter that dies is replaced by an observer, which learns first.
    await meshes.stop(b);
    await until("an observer votes in its place", async () => {
      const now = await namesOf(a, "voter");
      return now.length === 3 && !now.includes("b");
    }, 60_000);
    await last.kv.put("key", new Uint8Array([9]));

    // It comes back as an observer, with all that it missed.
    const again = await meshes.restart("b");
    await until("b observes", async () => (await namesOf(again, "observer")).includes("b"));
    assertEquals((await again.kv.get("key"))?.value, new Uint8Array([9]));
    assert((await namesOf(a, "learner")).length === 0);
  });
});
