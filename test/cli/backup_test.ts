/** Backup and restore as an operator does them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { NodeProcess, sennit } from "./process.ts";

Deno.test("sennit backup writes a verified file of a running node, and restore makes a node of it that starts", async () => {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/mesh.backup`;
  try {
    await using node = await NodeProcess.start(`${folder}/a`, "a", ["--seed", "m"]);
    assertEquals((await sennit("kv", "put", "color", "blue", "--data", node.data)).code, 0);
    const taken = await sennit("backup", "--out", file, "--data", node.data, "--json");
    assertEquals([taken.code, taken.stderr], [0, ""]);
    const { size, mode } = await Deno.stat(file);
    const said = JSON.parse(taken.stdout);
    assertEquals([said.file, said.bytes, said.node, said.keys, said.missing], [file, size, "a", 1, []]);
    assertEquals(mode! & 0o777, 0o600);

    const again = await sennit("backup", "--out", file, "--data", node.data);
    assertEquals(again.code, 1);
    assertMatch(again.stderr, /exists already: name a new file/);
    const verified = await sennit("backup", "verify", file);
    assertEquals(verified.code, 0, verified.stderr);
    assertMatch(verified.stdout, /^Mesh "m" \(.*\) as a held it at 20.*: members a; 1 keys\nWhole: /);

    // A client without the right to change the mesh may not read all of it.
    assertEquals(
      (await sennit("issue-client", "app", "--out", `${folder}/app`, "--data", node.data)).code,
      0,
    );
    const client = ["--node", `a@${node.grpc}`, "--credentials", `${folder}/app`];
    const refused = await sennit("backup", "--out", `${folder}/other`, ...client);
    assertMatch(refused.stderr, /^PERMISSION_DENIED: /);
    assertEquals([...Deno.readDirSync(folder)].filter(({ name }) => name.startsWith("other")), []);

    const occupied = await sennit("restore", file, "--data", node.data, "--name", "r");
    assertEquals(occupied.code, 2);
    assertMatch(occupied.stderr, /is not empty.*name a new folder/);
    const restored = await sennit("restore", file, "--data", `${folder}/r`, "--name", "r");
    assertEquals(restored.code, 0, restored.stderr);
    assertMatch(restored.stdout, /with r as its only member: sennit start --data .*\/r --name r\n$/);
    await using other = await NodeProcess.start(`${folder}/r`, "r", []);
    assertEquals((await sennit("kv", "get", "color", "--data", other.data)).stdout, "blue\n");
    const status = JSON.parse((await sennit("status", "--data", other.data, "--json")).stdout);
    assertEquals([status.meshName, status.members.length], ["m", 1]);
    assert(status.meshId !== said.meshId);

    const bytes = await Deno.readFile(file);
    bytes[bytes.length >> 1]! ^= 4;
    await Deno.writeFile(file, bytes);
    const damaged = await sennit("backup", "verify", file, "--json");
    assertEquals([damaged.code, JSON.parse(damaged.stderr).error.code], [1, "DATA_DAMAGED"]);
    const never = await sennit("restore", file, "--data", `${folder}/never`, "--name", "r");
    assertMatch(never.stderr, /^DATA_DAMAGED: .*use another copy/);
    assertEquals([...Deno.readDirSync(folder)].filter(({ name }) => name.startsWith("never")), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
