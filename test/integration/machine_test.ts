/** A user's state machine on real nodes: commands at any member, the state over a restart. */
import { assertEquals } from "@std/assert";
import { accountsApp, type Command, type Result } from "../../examples/accounts/app.ts";
import { Meshes, refusal, until } from "./meshes.ts";

Deno.test("a replicated machine answers at every member, and is there after all of them were away", async () => {
  await Meshes.with(async (meshes) => {
    const settings = { snapshotEntries: 8 };
    const options = { app: accountsApp, settings };
    const a = await meshes.start("a", options);
    const b = await meshes.start("b", options);
    await a.seed({ meshName: "bank" });
    await b.join(await a.invite());
    await until(
      "both vote",
      async () => (await a.status()).members.filter(({ role }) => role === "voter").length === 2,
    );
    const at = (mesh: typeof a) => mesh.machine<Command, Result, string, number>("accounts");
    await refusal("NOT_FOUND", () => at(b).query("ann"));
    await a.openMachine("accounts", { members: ["a", "b"] });
    await until("it is open at b", () => at(b).query("ann").then(() => true, () => false));
    for (let i = 1; i <= 20; i++) {
      const result = await at(i % 2 === 0 ? a : b).propose({
        kind: "deposit",
        id: `${i}`,
        to: "ann",
        cents: i,
      });
      assertEquals(result, { done: true, again: false });
    }
    const again: Command = { kind: "deposit", id: "20", to: "ann", cents: 20 };
    assertEquals(await at(b).propose(again), { done: true, again: true });
    const refused = await refusal("INVALID_ARGUMENT", () => at(a).propose({ ...again, id: "0", cents: 0 }));
    assertEquals(refused.outcome, "APPLIED");
    assertEquals([await at(a).query("ann"), await at(b).query("ann")], [210, 210]);

    const addresses = { a: a.address, b: b.address };
    await meshes.stop(a);
    await meshes.stop(b);
    const again1 = await meshes.start("a", { ...options, listen: addresses.a });
    const again2 = await meshes.start("b", { ...options, listen: addresses.b });
    await until("it answers again", () => at(again2).query("ann").then((sum) => sum === 210, () => false));
    assertEquals(await at(again1).query("ann"), 210);
  });
});

Deno.test("a node whose application lacks the machine says so, and votes on", async () => {
  await Meshes.with(async (meshes) => {
    const a = await meshes.start("a", { app: accountsApp });
    await a.seed({ meshName: "bank" });
    const b = await meshes.start("b");
    await b.join(await a.invite());
    await a.openMachine("accounts", { members: ["b"] });
    const error = await refusal("UNSUPPORTED", () => b.machine("accounts").query("ann"));
    assertEquals(
      error.message,
      "This node's application has no machine accounts: start it with an app that has it",
    );
    await b.kv.put("k", "v");
  });
});
