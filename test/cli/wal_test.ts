/** `sennit wal` over the folder of a real node that has stopped. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Meshes } from "../integration/meshes.ts";
import { sennit } from "./process.ts";

/** All files of a folder with their contents. */
async function contents(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const part of ["wal", "snapshots"]) {
    for await (const { name } of Deno.readDir(`${folder}/${part}`)) {
      found.set(`${part}/${name}`, (await Deno.readFile(`${folder}/${part}/${name}`)).join());
    }
  }
  return found;
}

async function change(path: string, text: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  const wanted = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at++) {
    if (!wanted.every((byte, i) => bytes[at + i] === byte)) continue;
    bytes[at]! ^= 1;
    await Deno.writeFile(path, bytes);
    return;
  }
  throw new Error(`"${text}" is not in ${path}`);
}

Deno.test("sennit wal checks and dumps the log of a stopped node, names what is damaged and changes nothing", () =>
  Meshes.with(async (meshes) => {
    meshes.settings = { snapshotEntries: 25 };
    const folder = `${meshes.folder}/a`;
    const a = await meshes.start("a");
    await a.seed({ meshName: "test" });
    for (let at = 0; at < 30; at++) await a.kv.put(`k${at}`, `value-${at}-`);
    const used = await sennit("wal", "check", folder);
    assertEquals(used.code, 1);
    assertMatch(used.stderr, /^DATA_IN_USE: /);
    await meshes.stop(a);
    const before = await contents(folder);

    const sound = await sennit("wal", "check", folder);
    assertEquals([sound.code, sound.stderr], [0, ""]);
    assertMatch(sound.stdout, /^1 segment, \d+ bytes[^]*\n0 +0 +\(0, \d+\] +2 [^]*no damage\n$/);
    const dumped = await sennit("wal", "dump", folder, "--from", "3", "--limit", "2", "--json");
    const entries = dumped.stdout.trim().split("\n").map((text) => JSON.parse(text));
    assertEquals(entries.map(({ group, index, term }) => [group, index, term]), [[0, 3, 2], [0, 4, 2]]);
    assertEquals((await sennit("wal", "dump", folder, "--group", "7")).stdout, "");

    await change(`${folder}/wal/0000000000000001.wal`, "value-9-");
    const [snapshot] = [...before.keys()].filter((name) => name.endsWith(".snapshot"));
    await change(`${folder}/${snapshot}`, "value-9-");
    await Deno.writeFile(`${folder}/wal/0000000000000001.wal`, new Uint8Array(50).fill(7), { append: true });
    const changed = await contents(folder);
    const damaged = await sennit("wal", "check", folder, "--json");
    assertEquals(damaged.code, 1);
    assertMatch(damaged.stderr, /DATA_DAMAGED.*2 places/);
    const report = JSON.parse(damaged.stdout);
    assertEquals(report.tornBytes, 50);
    assertEquals(report.damage.length, 1);
    assertEquals([report.damage[0].part, report.damage[0].groups], ["payload", [0]]);
    const [lost] = report.groups[0].lost;
    assertMatch(report.snapshots[0].damage, /its checksum does not hold/);
    const line = await sennit("wal", "dump", folder, "--from", String(lost), "--limit", "1");
    assertMatch(line.stdout, new RegExp(`^0 ${lost} term 2 command \\d+ bytes LOST\\n$`));
    const told = await sennit("wal", "check", folder);
    assertMatch(told.stdout, /byte \d+: Contents of a batch are damaged \(payload; groups 0\)/);
    assertEquals(await contents(folder), changed);
    assert(before.size > 1);
  }));

Deno.test("sennit wal ends with 2 where it is given no data folder, and makes none", async () => {
  const folder = await Deno.makeTempDir();
  const refused = await sennit("wal", "check", folder);
  assertEquals(refused.code, 2);
  assertMatch(refused.stderr, /is no data folder of a node/);
  assertEquals([...Deno.readDirSync(folder)], []);
  assertEquals((await sennit("wal", "dump")).code, 2);
  await Deno.remove(folder, { recursive: true });
});
