/** Real nodes of one process for tests: made on temporary folders, stopped and removed at the end whatever happens. */
import { Mesh, type MeshOptions, SennitError } from "../../src/mod.ts";

export class Meshes {
  readonly folder: string;
  /** Of nodes that are started from now on, where they differ from a local mesh's. */
  settings: MeshOptions["settings"] = {};
  readonly #addresses = new Map<string, string>();
  readonly #running = new Set<Mesh>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Runs `body` and leaves nothing behind. */
  static async with(body: (meshes: Meshes) => Promise<void>): Promise<void> {
    const meshes = new Meshes(await Deno.makeTempDir({ prefix: "sennit-test-" }));
    try {
      await body(meshes);
    } finally {
      await Promise.all([...meshes.#running].map((mesh) => mesh.stop()));
      await Deno.remove(meshes.folder, { recursive: true });
    }
  }

  async start(name: string, options: Partial<MeshOptions> = {}): Promise<Mesh> {
    const mesh = await Mesh.start({
      name,
      data: `${this.folder}/${name}`,
      settings: this.settings ?? {},
      ...options,
    });
    this.#addresses.set(name, mesh.address);
    this.#running.add(mesh);
    return mesh;
  }

  /** Starts a node that ran before, and that listens where it did. */
  restart(name: string): Promise<Mesh> {
    return this.start(name, { listen: this.#addresses.get(name)! });
  }

  async stop(mesh: Mesh): Promise<void> {
    this.#running.delete(mesh);
    await mesh.stop();
  }

  /** A mesh of these names, all of them voters; the first founded it. */
  async form(...names: string[]): Promise<Mesh[]> {
    const [founder, ...others] = await Promise.all(names.map((name) => this.start(name)));
    await founder!.seed({ meshName: "test" });
    for (const other of others) await other.join(await founder!.invite());
    await until("all vote", async () => {
      const { members } = await founder!.status();
      return members.filter((member) => member.role === "voter").length === names.length;
    });
    return [founder!, ...others];
  }
}

/** Waits for what only the system under test can bring about; fails after a generous deadline. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  deadlineMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!await holds()) {
    if (performance.now() > deadline) throw new Error(`Waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The error that `action` fails with, which must be a `SennitError` of that code. */
export async function refusal(code: string, action: () => Promise<unknown>): Promise<SennitError> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof SennitError)) throw error;
    if (error.code !== code) throw new Error(`Expected ${code}, got ${error.code}: ${error.message}`);
    return error;
  }
  throw new Error(`Expected ${code}, but it succeeded`);
}
