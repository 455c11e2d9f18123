/** The command as its users run it: a process of its own, a real node, real sockets and files. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { command, sennit } from "./process.ts";

Deno.test("sennit founds a mesh, reads and writes its keys, and stops cleanly when told to", async () => {
  const folder = await Deno.makeTempDir();
  const data = `${folder}/data`;
  const start = ["start", "--data", data, "--name", "a", "--listen", "127.0.0.1:0", "--seed", "m", "--json"];
  const node = command(start).spawn();
  const lines = node.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const said = JSON.parse((await lines.read()).value!);
    assertEquals([said.name, said.state, said.meshName], ["a", "member", "m"]);
    assertEquals((await Deno.stat(`${data}/node.json`)).mode! & 0o777, 0o600);

    const status = await sennit("status", "--data", data, "--json");
    assertEquals([status.code, JSON.parse(status.stdout).state], [0, "member"]);
    assertEquals((await sennit("kv", "put", "color", "blue", "--data", data)).code, 0);
    assertEquals(await sennit("kv", "get", "color", "--data", data), {
      code: 0,
      stdout: "blue\n",
      stderr: "",
    });
    const listed = await sennit("kv", "list", "--data", data, "--json");
    assertMatch(listed.stdout, /^\{"key":"color","value":"blue","version":\d+\}\n$/);
    const absent = await sennit("kv", "get", "nothing", "--data", data, "--json");
    assertEquals([absent.code, absent.stdout, JSON.parse(absent.stderr).error.code], [1, "", "NOT_FOUND"]);
    const lost = await sennit("kv", "put", "color", "red", "--if-version", "0", "--data", data);
    assertEquals(lost.code, 1);
    assertMatch(lost.stderr, /^COMPARE_FAILED: /);

    const issued = await sennit("issue-client", "app", "--out", `${folder}/app`, "--data", data);
    assertEquals(issued.code, 0, issued.stderr);
    const client = ["--node", `a@${said.grpc}`, "--credentials", `${folder}/app`];
    assertEquals((await sennit("kv", "get", "color", ...client)).stdout, "blue\n");
    const refused = await sennit("leave", ...client);
    assertEquals(refused.code, 1);
    assertMatch(refused.stderr, /^PERMISSION_DENIED: /);

    const second = await sennit("start", "--data", data, "--listen", "127.0.0.1:0");
    assertEquals(second.code, 1);
    assertMatch(second.stderr, /^DATA_IN_USE: /);
  } finally {
    node.kill("SIGTERM");
    await lines.cancel();
    await node.stderr.cancel();
    const { code } = await node.status;
    assertEquals(code, 0);
  }
  const gone = await sennit("status", "--data", data);
  assertEquals(gone.code, 1);
  assertMatch(gone.stderr, /^UNREACHABLE: No node runs on /);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("sennit ends with 2 where it is used wrongly, and says what is wrong", async () => {
  const unknown = await sennit("start", "--bogus");
  assertEquals([unknown.code, unknown.stdout], [2, ""]);
  const both = await sennit("start", "--seed", "m", "--join", "t");
  assertEquals(both.code, 2);
  assertMatch(both.stderr, /--seed or --join/);
  const help = await sennit("--help");
  assertEquals([help.code, help.stderr], [0, ""]);
  assert(help.stdout.includes("subscribe"));
});
