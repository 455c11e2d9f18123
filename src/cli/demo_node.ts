/** One node of the demonstration: a process of its own, that can be killed and started again on its folder and port. */
import type { RemoteNode } from "../api/mod.ts";
import { SennitError } from "../core/errors.ts";
import { connectTo } from "./connect.ts";

const READY_MS = 20_000;
const MAIN = new URL("../../main.ts", import.meta.url).href;
const PERMISSIONS = [
  "--allow-read",
  "--allow-write",
  "--allow-net",
  "--allow-env",
  "--allow-sys=hostname,osRelease,networkInterfaces,uid,gid,cpus",
];

export class DemoNode {
  readonly name: string;
  readonly folder: string;
  readonly #listen: string;
  #process: Deno.ChildProcess | null = null;

  constructor(name: string, folder: string, listen: string) {
    this.name = name;
    this.folder = folder;
    this.#listen = listen;
  }

  get running(): boolean {
    return this.#process !== null;
  }

  /** Starts the process and waits until it answers. */
  async start(...more: string[]): Promise<void> {
    const args = [
      "run",
      "--no-prompt",
      ...PERMISSIONS,
      MAIN,
      "start",
      "--data",
      this.folder,
      "--name",
      this.name,
    ];
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [...args, "--listen", this.#listen, "--grpc", "127.0.0.1:0", ...more],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
      clearEnv: true,
      env: environment(),
    }).spawn();
    const process = this.#process;
    void process.status.then(() => {
      if (this.#process === process) this.#process = null;
    });
    const deadline = performance.now() + READY_MS;
    for (;;) {
      try {
        (await this.connect()).close();
        return;
      } catch (error) {
        if (!(error instanceof SennitError) || performance.now() > deadline || !this.running) throw error;
        await pause(50);
      }
    }
  }

  connect(): Promise<RemoteNode> {
    return connectTo({ kind: "folder", folder: this.folder });
  }

  /** As a power cut would: nothing is written, nobody is told. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async #end(signal: Deno.Signal): Promise<void> {
    const process = this.#process;
    if (process === null) return;
    this.#process = null;
    process.kill(signal);
    await process.status;
  }
}

/** What the user set for a node of their own does not concern these. */
function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => !name.startsWith("SENNIT_")),
  );
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
