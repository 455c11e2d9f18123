/** `sennit start --lend`: a node that holds logs for streams of others, with real processes. */
import { assertEquals, assertMatch } from "@std/assert";
import { until } from "../integration/meshes.ts";
import { NodeProcess, sennit } from "./process.ts";

Deno.test("a node that is started with --lend holds the log of a stream that borrows", async () => {
  const folder = await Deno.makeTempDir();
  await using a = await NodeProcess.start(`${folder}/a`, "a", ["--seed", "m"]);
  const token = async () => (await sennit("invite", "--data", a.data)).stdout.trim();
  await using b = await NodeProcess.start(`${folder}/b`, "b", ["--join", await token()]);
  await using c = await NodeProcess.start(`${folder}/c`, "c", [
    "--join",
    await token(),
    "--lend",
    "1000000",
  ]);
  const open = (name: string, bytes: number) => {
    const among = ["--source", "a", "--target", "b", "--borrow", "1", "--data", a.data];
    return sennit("stream", "open", name, "--retention-bytes", String(bytes), ...among, "--json");
  };
  await until("c says what it lends", async () => (await open("orders", 900_000)).code === 0);
  const listed = JSON.parse((await sennit("stream", "ls", "--data", a.data, "--json")).stdout);
  assertEquals(listed.map((stream: { borrowed: string[] }) => stream.borrowed), [["c"]]);
  // What is left is too little for another one.
  const refused = await open("payments", 900_000);
  assertEquals(refused.code, 1);
  assertMatch(refused.stderr, /OVERLOADED.*c has 100000 left/);
  for (const node of [c, b, a]) assertEquals(await node.stop(), 0);
  await Deno.remove(folder, { recursive: true });
});
