/** Every subcommand that changes a mesh, as its users run it: real processes, and what was changed is looked at afterwards. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { until } from "../integration/meshes.ts";
import { NodeProcess, sennit } from "./process.ts";

Deno.test("streams are closed, keys deleted, the policy changed and members removed from the command line", async () => {
  const folder = await Deno.makeTempDir();
  await using a = await NodeProcess.start(`${folder}/a`, "a", ["--seed", "m"]);
  const join = async (name: string) => {
    const token = (await sennit("invite", "--data", a.data)).stdout.trim();
    return await NodeProcess.start(`${folder}/${name}`, name, ["--join", token]);
  };
  await using b = await join("b");
  await using c = await join("c");
  const run = (...args: string[]) => sennit(...args, "--data", a.data);
  const well = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args);
    assertEquals([code, stderr], [0, ""], args.join(" "));
    return stdout;
  };
  const streams = async () => JSON.parse(await well("stream", "ls", "--json"));

  await well("stream", "open", "orders", "--source", "a", "--target", "b");
  await well("stream", "close", "orders");
  await until("the closed stream is dropped", async () => (await streams()).length === 0);
  const again = await run("stream", "close", "orders");
  assertEquals(again.code, 1);
  assertMatch(again.stderr, /^STREAM_CLOSED: /);
  await well("stream", "open", "orders", "--source", "a", "--target", "b");
  assertEquals(JSON.parse(await well("stream", "close", "orders", "--discard", "--json")), {});
  await until("its successor is dropped", async () => (await streams()).length === 0);

  await well("kv", "put", "colour", "blue");
  assertMatch(await well("kv", "get", "colour"), /^blue/);
  await well("kv", "del", "colour");
  assertEquals((await run("kv", "get", "colour")).code, 1);

  await well("policy", "CLOSED");
  await assertRejects(() => join("d"), Error, "The mesh is closed");
  const highest = await run("raise-feature-level", "--level", "99");
  assertEquals(highest.code, 1);

  const members = async () =>
    JSON.parse(await well("status", "--json")).members.map((member: { name: string }) => member.name);
  // While two of three are there to agree to it.
  await c.stop("SIGKILL");
  await well("evict", "c");
  await until("c is removed", async () => (await members()).join() === "a,b");
  assertEquals((await sennit("leave", "--data", b.data)).code, 0);
  await until("b has left", async () => (await members()).join() === "a");
});
