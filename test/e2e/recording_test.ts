import { assert, assertEquals, assertMatch } from "@std/assert";
import { NodeProcess, sennit } from "../cli/process.ts";
import { until } from "../integration/meshes.ts";

const SECRET = "what-nobody-else-may-read";

interface Replayed {
  readonly code: number;
  readonly stderr: string;
  readonly turns: number;
  readonly states: number;
  readonly state: string;
  readonly endState: string;
  readonly cutBytes: number;
  readonly difference: string | null;
  readonly groups: readonly { readonly name: string; readonly hash: string }[];
}

async function replay(...args: string[]): Promise<Replayed> {
  const { code, stdout, stderr } = await sennit("sim", "replay", ...args, "--json");
  return { ...(stdout === "" ? {} : JSON.parse(stdout)), code, stderr };
}

async function ran(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await sennit(...args);
  assertEquals(code, 0, stderr);
  return stdout.trim();
}

/** All that a folder holds. */
async function contentOf(folder: string): Promise<string> {
  let all = "";
  for await (const { name } of Deno.readDir(folder)) {
    all += new TextDecoder("latin1").decode(await Deno.readFile(`${folder}/${name}`));
  }
  return all;
}

Deno.test("a node that is killed is replayed from its recording to the state that it had, and nobody else can read it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sennit-recording-" });
  const data = (name: string) => `${folder}/${name}`;
  const recording = (name: string) => `${folder}/recording-${name}`;
  const nodes: NodeProcess[] = [];
  const start = async (name: string, ...args: string[]) => {
    nodes.push(await NodeProcess.start(data(name), name, ["--record", recording(name), ...args]));
  };
  try {
    await start("a", "--seed", "main");
    for (const name of ["b", "c"]) {
      await start(name, "--join", await ran("invite", "--data", data("a")));
    }
    await ran("kv", "put", "greeting", SECRET, "--data", data("b"));
    await ran("stream", "open", "orders", "--target", "b", "--target", "c", "--data", data("a"));
    const lines = Array.from({ length: 300 }, (_, n) => `${SECRET} ${n}\n`);
    await Deno.writeTextFile(`${folder}/lines`, lines.join(""));
    await ran(
      ...["publish", "--stream", "orders", "--producer", "p", "--data", data("a"), "--batch", "10"],
      ...["--file", `${folder}/lines`],
    );
    await ran("kv", "put", "last", "1", "--data", data("c"));
    const inUse = await sennit("start", "--data", data("d"), "--name", "d", "--record", recording("a"));
    assertMatch(inUse.stderr, /DATA_IN_USE: Another process records into .*--record/);
    // A state was taken behind all that, and the follower has heard what is committed.
    const hashes = ({ groups }: Replayed) => groups.map(({ name, hash }) => `${name} ${hash}`).sort();
    let alive: Replayed;
    await until("the nodes hold the same", async () => {
      alive = await replay("--recording", recording("a"));
      assertEquals([alive.code, alive.difference], [0, null]);
      const other = await replay("--recording", recording("b"));
      return alive.states > 2 && hashes(alive).length === 2 && hashes(alive).join() === hashes(other).join();
    }, 60_000);
    // A mesh at rest may take no turn for a while: a call is one.
    assertEquals(await ran("kv", "get", "last", "--data", data("a")), "1");
    await nodes[0]!.stop("SIGKILL");
    for (const node of nodes.slice(1)) await node.stop();

    const a = await replay("--recording", recording("a"));
    assertEquals([a.code, a.difference, a.stderr], [0, null, ""]);
    assert(a.turns > 300 && a.states > 2, `${a.turns} turns, ${a.states} states`);
    assertEquals(a.state, a.endState);
    assert(a.turns > alive!.turns);
    const b = await replay("--recording", recording("b"));
    assertEquals([b.code, b.difference, b.stderr], [0, null, ""]);
    // Another node's recording knows nothing of this one's, and holds the same.
    assertEquals(hashes(a).length, 2);
    assertEquals(hashes(a), hashes(b));

    // It goes on from its disk; that is a recording of its own, and the earlier one stays.
    await start("a");
    await until("its groups are open", async () => {
      return /orders/.test(await ran("raft", "ls", "--data", data("a")));
    });
    assertEquals(await nodes.at(-1)!.stop(), 0);
    const again = await replay("--recording", recording("a"));
    assertEquals([again.code, again.difference, again.stderr], [0, null, ""]);
    assertEquals(again.state, again.endState);
    assertEquals(again.groups.length, 2);
    const earlier = await replay("--recording", recording("a"), "--take", "1");
    assertEquals([earlier.code, earlier.state], [0, a.state]);

    const content = await contentOf(recording("a"));
    assert(!content.includes(SECRET) && !content.includes("PRIVATE KEY") && !content.includes("orders"));
    const other = `${folder}/other.key`;
    await Deno.writeTextFile(other, "0123456789abcdef".repeat(4));
    const wrong = await replay("--recording", recording("a"), "--record-key", other);
    assertMatch(wrong.stderr, /recorded under another key: name the right one with --record-key/);
    assertEquals(wrong.code, 1);

    await Deno.truncate(
      `${recording("a")}/take-000001-000001.rec`,
      (await Deno.stat(`${recording("a")}/take-000001-000001.rec`)).size - 7,
    );
    const torn = await replay("--recording", recording("a"), "--take", "1");
    assertEquals([torn.code, torn.difference], [0, null]);
    assert(torn.cutBytes > 0 && torn.turns <= a.turns);
  } finally {
    for (const node of nodes) await node.stop("SIGKILL");
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what cannot be recorded or replayed is refused with the way out", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sennit-recording-" });
  try {
    const empty = `${folder}/empty`;
    await Deno.mkdir(empty);
    const refusals: readonly (readonly [number, RegExp, readonly string[]])[] = [
      [2, /--record-bytes and --record-key go with --record FOLDER/, ["start", "--record-key", "k"]],
      [2, /262,144/, ["start", "--record", empty, "--record-bytes", "1000"]],
      [2, /not both/, ["sim", "replay", "--recording", empty, "nodes=3.1"]],
      [2, /--take goes with --recording/, ["sim", "replay", "nodes=3.1", "--take", "1"]],
      [2, /--kinds is for simulated runs/, ["sim", "replay", "--recording", empty, "--kinds", "role"]],
      [1, /name the key file with --record-key/, ["sim", "replay", "--recording", empty]],
      [1, /no recording key at/, ["sim", "replay", "--recording", empty, "--record-key", `${folder}/no`]],
    ];
    for (const [code, message, args] of refusals) {
      const refused = await sennit(...args);
      assertMatch(refused.stderr, message, args.join(" "));
      assertEquals(refused.code, code, args.join(" "));
    }
    await Deno.writeTextFile(`${folder}/key`, "0123456789abcdef".repeat(4));
    const missing = await sennit("sim", "replay", "--recording", empty, "--record-key", `${folder}/key`);
    assertMatch(missing.stderr, /^NOT_FOUND: .*empty holds no recording: make one with `start --record/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
