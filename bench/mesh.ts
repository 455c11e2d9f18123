/** Three node processes on this machine, enrolled and with a stream from `a` to `b` and `c`: what most benchmarks run on. */
import { join } from "node:path";
import type { RemoteNode } from "../src/api/mod.ts";
import { DemoNode } from "../src/cli/demo_node.ts";
import { readRecord } from "../src/cli/local_record.ts";
import { MeshClient } from "../src/client/mod.ts";
import { pause } from "./figure.ts";
import { processorMs } from "./processor_time.ts";

export const STREAM = "bench";
const FORMING_MS = 60_000;

export class BenchMesh {
  readonly nodes: readonly [DemoNode, DemoNode, DemoNode];
  readonly #folder: string;
  readonly #remotes: RemoteNode[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
    this.nodes = [node("a", folder), node("b", folder), node("c", folder)];
  }

  /** Runs `use` on a fresh mesh and leaves nothing behind. */
  static async with<Result>(use: (mesh: BenchMesh) => Promise<Result>): Promise<Result> {
    const mesh = new BenchMesh(await Deno.makeTempDir({ prefix: "sennit-bench-" }));
    try {
      await mesh.#form();
      return await use(mesh);
    } finally {
      await mesh.#end();
    }
  }

  /** A connection of its own to a node, closed with the mesh. */
  async connect(node: DemoNode): Promise<RemoteNode> {
    const remote = await node.connect();
    this.#remotes.push(remote);
    return remote;
  }

  processIds(): Promise<number[]> {
    return Promise.all(this.nodes.map(async (node) => (await readRecord(node.folder)).pid));
  }

  /** Milliseconds of processor that the nodes and this process, their client, have used. */
  async processorMs(): Promise<number> {
    return processorMs(await this.processIds());
  }

  async #form(): Promise<void> {
    const deadline = performance.now() + FORMING_MS;
    const [a, ...others] = this.nodes;
    await Promise.all(this.nodes.map((each) => each.start()));
    const founder = await a.connect();
    await new MeshClient(founder).seed({ meshName: "bench" });
    founder.close();
    const mesh = new MeshClient(await this.connect(a));
    for (const other of others) {
      const joiner = await other.connect();
      await new MeshClient(joiner).join(await mesh.invite());
      joiner.close();
    }
    const until = async (
      what: string,
      done: (status: Awaited<ReturnType<typeof mesh.status>>) => boolean,
    ) => {
      while (!done(await mesh.status())) {
        if (performance.now() > deadline) throw new Error(`Waited in vain for ${what}`);
        await pause(50);
      }
    };
    await until("three voters", ({ members }) => members.every((each) => each.role === "voter"));
    await mesh.openStream(STREAM, { source: "a", targets: ["b", "c"] });
    await until(
      "the source to lead its stream",
      ({ groups }) => groups.some((group) => group.name === STREAM && group.leader === "a"),
    );
  }

  async #end(): Promise<void> {
    for (const remote of this.#remotes) remote.close();
    await Promise.all(this.nodes.map((each) => each.stop()));
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function node(name: string, folder: string): DemoNode {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return new DemoNode(name, join(folder, name), `127.0.0.1:${port}`);
}
