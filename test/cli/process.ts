/** The command as its users run it: processes of their own, real sockets and files. */
const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const ALLOW = [
  "--allow-read",
  "--allow-write",
  "--allow-net",
  "--allow-env",
  "--allow-sys=hostname,osRelease,networkInterfaces,uid,gid,cpus",
];

export function command(
  args: readonly string[],
  more: readonly string[] = [],
  main = MAIN,
  stdin: "null" | "piped" = "null",
): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...ALLOW, ...more, main, ...args],
    stdin,
    stdout: "piped",
    stderr: "piped",
    env: { SENNIT_DATA: "/nonexistent/sennit" },
  });
}

/** Runs a command to its end. */
export async function sennit(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await command(args).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** `sennit start` that runs until it is stopped. */
export class NodeProcess {
  readonly data: string;
  /** host:port of its gRPC port. */
  readonly grpc: string;
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #stopped: Promise<number> | null = null;

  private constructor(
    data: string,
    grpc: string,
    child: Deno.ChildProcess,
    lines: ReadableStreamDefaultReader<string>,
  ) {
    this.data = data;
    this.grpc = grpc;
    this.#child = child;
    this.#lines = lines;
  }

  /** Starts it and waits until it says what it is. */
  static async start(
    data: string,
    name: string,
    args: readonly string[],
    options: {
      /** Further permissions. */
      readonly allow?: readonly string[];
      /** The program of another build. */
      readonly main?: string;
      /** host:port for other nodes. */
      readonly listen?: string;
    } = {},
  ): Promise<NodeProcess> {
    const { allow = [], main = MAIN, listen = "127.0.0.1:0" } = options;
    const start = ["start", "--data", data, "--name", name, "--listen", listen, "--json", ...args];
    const child = command(start, allow, main).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await lines.read();
    if (value === undefined) {
      const { code } = await child.status;
      throw new Error(`Node ${name} ended with ${code}: ${await new Response(child.stderr).text()}`);
    }
    return new NodeProcess(data, JSON.parse(value).grpc, child, lines);
  }

  /** Its exit code. */
  stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    this.#stopped ??= this.#stop(signal);
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(signal: Deno.Signal): Promise<number> {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended by itself.
    }
    await this.#lines.cancel();
    await this.#child.stderr.cancel();
    return (await this.#child.status).code;
  }
}
