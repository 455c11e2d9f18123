/**
 * A mesh of the previous build is upgraded node by node while messages go through it, and rolled back, and upgraded again:
 * real processes of both builds, their own disks and sockets. Every message arrives once and in order.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connectTo } from "../../src/cli/connect.ts";
import { expectReply } from "../../src/client/mod.ts";
import { FEATURE_LEVEL, type NodeStatus } from "../../src/node/mod.ts";
import { until } from "../integration/meshes.ts";
import { command, NodeProcess, sennit } from "../cli/process.ts";
import { materialise, PREVIOUS_BUILD } from "./builds.ts";

const NAMES = ["a", "b", "c"] as const;
type Name = (typeof NAMES)[number];

/** Three nodes, each of one build or the other, one of which may be away for a moment. */
class Fleet {
  readonly folder: string;
  readonly previous: string;
  readonly #running = new Map<Name, NodeProcess>();
  readonly #listen = new Map<Name, string>();

  constructor(folder: string, previous: string) {
    this.folder = folder;
    this.previous = previous;
    for (const name of NAMES) this.#listen.set(name, freeAddress());
  }

  data(name: Name): string {
    return `${this.folder}/${name}`;
  }

  async start(name: Name, build: "previous" | "this", args: readonly string[] = []): Promise<void> {
    const program = build === "previous" ? { main: this.previous } : {};
    const listen = this.#listen.get(name)!;
    this.#running.set(name, await NodeProcess.start(this.data(name), name, args, { listen, ...program }));
  }

  /** Stops a node in good order and goes on with the other build on the same disk. */
  async replace(name: Name, build: "previous" | "this"): Promise<void> {
    assertEquals(await this.#running.get(name)!.stop(), 0);
    await this.start(name, build);
    await this.whole();
  }

  /** Stops a node, goes on with a build that cannot, and waits for its end. */
  async endOf(name: Name, build: "previous" | "this"): Promise<{ code: number; stderr: string }> {
    assertEquals(await this.#running.get(name)!.stop(), 0);
    this.#running.delete(name);
    const main = build === "previous" ? this.previous : undefined;
    const args = ["start", "--data", this.data(name), "--name", name, "--listen", this.#listen.get(name)!];
    const { code, stderr } = await command(args, [], main).output();
    return { code, stderr: new TextDecoder().decode(stderr) };
  }

  /** All members vote, and every node reaches every other and knows who leads. */
  async whole(): Promise<void> {
    for (const name of NAMES) {
      await until(`${name} is whole`, async () => {
        const { members, groups } = await this.#status(name);
        return members.length === NAMES.length && groups.every(({ leader }) => leader !== "") &&
          members.every(({ reachable, role }) => reachable && role === "voter");
      }, 60_000);
    }
  }

  async #status(name: Name): Promise<NodeStatus> {
    const node = await connectTo({ kind: "folder", folder: this.data(name) });
    try {
      return expectReply(await node.call({ kind: "status" }), "status").status;
    } finally {
      node.close();
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((node) => node.stop()));
  }
}

function freeAddress(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return `127.0.0.1:${port}`;
}

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await sennit(...args);
  assertEquals(code, 0, stderr);
  return stdout.trim();
}

/** Publishes lines until it is told to stop: one run of the command, which goes from node to node. */
class Load {
  count = 0;
  readonly #child: Deno.ChildProcess;
  readonly #done: Promise<void>;
  #stopped = false;

  constructor(fleet: Fleet) {
    const nodes = NAMES.flatMap((name) => ["--node", fleet.data(name)]);
    const publish = ["publish", "--stream", "orders", "--producer", "load", ...nodes];
    this.#child = command(publish, [], undefined, "piped").spawn();
    this.#done = this.#write();
  }

  async #write(): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    while (!this.#stopped) {
      await writer.write(new TextEncoder().encode(`line ${this.count++}\n`));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await writer.close();
  }

  async finish(): Promise<void> {
    this.#stopped = true;
    await this.#done;
    const { code, stderr } = await this.#child.output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
  }
}

Deno.test("a mesh is upgraded node by node, rolled back and upgraded again under load, and loses and repeats nothing", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sennit-upgrade-" });
  const fleet = new Fleet(folder, await materialise(PREVIOUS_BUILD, `${folder}/previous`));
  let load: Load | null = null;
  try {
    await fleet.start("a", "previous", ["--seed", "m"]);
    for (const name of ["b", "c"] as const) {
      await fleet.start(name, "previous", ["--join", await run("invite", "--data", fleet.data("a"))]);
    }
    await fleet.whole();
    await run("kv", "put", "color", "blue", "--data", fleet.data("a"));
    await run(
      "stream",
      "open",
      "orders",
      "--source",
      "a",
      "--target",
      "b",
      "--target",
      "c",
      "--data",
      fleet.data("a"),
    );
    load = new Load(fleet);

    for (const name of ["c", "a", "b"] as const) await fleet.replace(name, "this");
    await run("kv", "put", "color", "green", "--data", fleet.data("b"));
    for (const name of ["a", "c"] as const) await fleet.replace(name, "previous");
    await run("kv", "put", "color", "red", "--data", fleet.data("c"));
    for (const name of ["c", "a"] as const) await fleet.replace(name, "this");

    await load.finish();
    const wanted = Array.from({ length: load.count }, (_, at) => `line ${at}`);
    load = null;
    assert(wanted.length > 100, "the load was there all the time");
    assertEquals(await run("kv", "get", "color", "--data", fleet.data("a")), "red");
    for (const name of ["b", "c"] as const) {
      const sink = `${folder}/${name}.sink`;
      const subscribe = [
        "--subscription",
        "audit",
        "--from",
        "0",
        "--count",
        String(wanted.length),
        "--sink",
        sink,
      ];
      await run("subscribe", "--stream", "orders", "--node", fleet.data(name), ...subscribe);
      assertEquals((await run("sink", sink)).split("\n"), wanted);
    }

    // Only now may the mesh use what the previous build does not know; from then on that build does not run on its disks.
    await fleet.replace("b", "previous");
    const early = await sennit("raise-feature-level", "--data", fleet.data("a"));
    assertEquals(early.code, 1);
    assertMatch(early.stderr, /^VERSION_MISMATCH: .*b supports 1/);
    await fleet.replace("b", "this");
    assertEquals(JSON.parse(await run("status", "--data", fleet.data("a"), "--json")).featureLevel, 1);
    await run("raise-feature-level", "--data", fleet.data("a"));
    const raised = JSON.parse(await run("status", "--data", fleet.data("a"), "--json")).featureLevel;
    assertEquals(raised, FEATURE_LEVEL);
    const ended = await fleet.endOf("c", "previous");
    assert(ended.code !== 0);
    // Whichever of what it does not know it meets first.
    assertMatch(ended.stderr, /(Feature level|Control command) \d+ is unknown to this version/);
  } finally {
    await load?.finish().catch(() => {}); // What went wrong first is what is to be said.
    await fleet.stop();
    await Deno.remove(folder, { recursive: true });
  }
});
