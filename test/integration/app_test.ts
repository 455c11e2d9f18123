/** An application on real nodes: the same object that the simulator takes. */
import { assertEquals } from "@std/assert";
import { paymentsApp } from "../../examples/payments/app.ts";
import { BankInMemory } from "../../examples/payments/bank.ts";
import { defineApp, Mesh } from "../../src/mod.ts";
import { Meshes, refusal, until } from "./meshes.ts";

Deno.test("an app's handler goes on where its own store says, over a restart of its node", async () => {
  await Meshes.with(async (meshes) => {
    const bank = new BankInMemory();
    const [a] = await meshes.form("a", "c");
    const options = { name: "b", data: `${meshes.folder}/b`, app: paymentsApp, services: { bank } };
    const first = await Mesh.start(options);
    await first.join(await a!.invite());
    const orders = await a!.openStream("orders", { targets: ["b"] });
    const shop = await orders.producer("shop");
    await Promise.all(["one 1", "two 2"].map((order) => shop.publish(order)));
    await until("two are paid", () => bank.charges.length === 2);
    await first.stop();
    const second = await Mesh.start(options);
    try {
      await shop.publish("three 3");
      await until("three are paid", () => bank.charges.length === 3);
      await until("that is acknowledged", () => second.handlers()[0]!.acknowledgedOffset === 3);
    } finally {
      await second.stop();
    }
    assertEquals(bank.charges.map(({ order }) => order), ["one", "two", "three"]);
  });
});

Deno.test("an app's functions answer by name, and ctx is the machine's", async () => {
  await Meshes.with(async (meshes) => {
    const app = defineApp({
      functions: {
        async later(ctx, input: number) {
          const before = ctx.now();
          await ctx.sleep(20);
          return [ctx.node, input + 1, ctx.now() - before >= 19, ctx.random() < 1];
        },
        twice: async (ctx, input: number) => [await ctx.call("later", input), await ctx.call("later", input)],
      },
    });
    const mesh = await meshes.start("a", { app });
    assertEquals(await mesh.callFunction("twice", 1), [["a", 2, true, true], ["a", 2, true, true]]);
    await refusal("NOT_FOUND", () => mesh.callFunction("never"));
    const other = await meshes.start("b");
    await refusal("NOT_FOUND", () => other.callFunction("twice"));
  });
});
