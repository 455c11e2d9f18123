import { assert, assertEquals, assertMatch } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const MAIN = new URL("main.ts", ROOT).pathname;
const CONFIG = new URL("deno.json", ROOT).pathname;

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function sennit(...args: string[]): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--config", CONFIG, MAIN, ...args],
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** A node as a process of its own on a temporary folder. */
async function withNode(
  body: (folder: string, ports: { nodes: number; grpc: number }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "sennit-bad-" });
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--config",
      CONFIG,
      MAIN,
      "start",
      "--data",
      `${folder}/a`,
      "--name",
      "a",
      "--listen",
      "127.0.0.1:0",
    ]
      .concat("--seed", "test", "--json"),
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const { value } = await reader.read();
    if (value === undefined) throw new Error("The node did not say that it is there");
    const grpc = Number(JSON.parse(value).grpc.split(":")[1]);
    const status = JSON.parse((await sennit("status", "--data", `${folder}/a`, "--json")).stdout);
    const nodes = Number(status.members[0].addresses[0].split(":")[1]);
    await body(folder, { nodes, grpc });
  } finally {
    await reader.cancel();
    process.kill("SIGTERM");
    await process.status;
    await Deno.remove(folder, { recursive: true });
  }
}

/** Sends bytes to a port and waits until the other end is done with them. */
async function poke(port: number, bytes: Uint8Array): Promise<void> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    await connection.write(bytes);
    await connection.closeWrite();
    await connection.read(new Uint8Array(1024));
  } catch {
    // Refused in the middle: as good an end as any.
  } finally {
    connection.close();
  }
}

Deno.test("garbage on either port leaves a running node as it was", () =>
  withNode(async (folder, { nodes, grpc }) => {
    const text = (value: string) => new TextEncoder().encode(value);
    const noise = new Uint8Array(4096).map((_, at) => (at * 197 + 13) % 256);
    for (const port of [nodes, grpc]) {
      for (
        const bytes of [
          text("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
          noise,
          new Uint8Array(0),
          text("PRI * HTTP/2.0\r\n\r\n"),
        ]
      ) {
        await poke(port, bytes);
      }
    }
    const put = await sennit("kv", "put", "k", "v", "--data", `${folder}/a`);
    assertEquals(put.code, 0, put.stderr);
    assertEquals((await sennit("kv", "get", "k", "--data", `${folder}/a`)).stdout, "v\n");
  }));

Deno.test("the command names what is wrong and what to do, with exit code 1 or 2", () =>
  withNode(async (folder) => {
    const data = ["--data", `${folder}/a`];
    const cases: readonly (readonly [number, RegExp, string[]])[] = [
      [1, /UNKNOWN_STREAM: Stream nowhere does not exist: open it with `sennit stream open`/, [
        "subscribe",
        "--stream",
        "nowhere",
        ...data,
      ]],
      [1, /UNKNOWN_MEMBER: Node z is not a member/, ["evict", "z", ...data]],
      [1, /LAST_VOTER/, ["leave", ...data]],
      [1, /ALREADY_MEMBER/, ["seed", "again", ...data]],
      [1, /UNREACHABLE: No node runs on/, ["status", "--data", `${folder}/nobody`]],
      [1, /INVALID_ARGUMENT/, ["stream", "open", "s", "--target", "a", ...data]],
      [1, /COMPARE_FAILED.*version/, ["kv", "put", "k", "v", "--if-version", "7", ...data]],
      [1, /NOT_FOUND/, ["kv", "del", "missing", ...data]],
      [1, /DATA_IN_USE.*a/, ["start", "--data", `${folder}/a`, "--name", "a", "--listen", "127.0.0.1:0"]],
      [2, /.+/, ["kv", "put", "only-a-key", ...data]],
      [2, /.+/, ["no-such-command"]],
    ];
    for (const [code, message, args] of cases) {
      const result = await sennit(...args);
      assertEquals(result.code, code, `${args.join(" ")}: ${result.stdout}${result.stderr}`);
      assertMatch(result.stderr, message, args.join(" "));
    }
    await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ name: "b", colour: "red" }));
    const unknown = await sennit("start", "--config", `${folder}/config.json`, "--data", `${folder}/b`);
    assertEquals(unknown.code, 2);
    assertMatch(unknown.stderr, /"colour": unknown key/);
  }));

/** Writes until the disk has no space left, and tells what came of it; a limit on the size of files stands for the disk. */
const FILL = `
import { Mesh, SennitError } from "${new URL("src/mod.ts", ROOT).href}";
const mesh = await Mesh.start({ name: "a", data: Deno.args[0], settings: { callTimeoutMs: 3000 } });
if ((await mesh.status()).state === "empty") await mesh.seed({ meshName: "full" });
let written = 0;
let failure = null;
while (failure === null && written < 200) {
  try {
    await mesh.kv.put("k" + written, new Uint8Array(64 * 1024));
    written++;
  } catch (error) {
    if (!(error instanceof SennitError)) throw error;
    failure = error.code;
  }
}
let second = null;
try {
  await mesh.kv.put("again", "x");
} catch (error) {
  second = error.code + ": " + error.message;
}
const first = (await mesh.kv.get("k0"))?.value.length;
console.log(JSON.stringify({ written, failure, second, first, state: (await mesh.status()).state }));
await mesh.stop();
Deno.exit(0);
`;

Deno.test("a full disk refuses by name, keeps what it has, and goes on when there is space", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sennit-full-" });
  try {
    await Deno.writeTextFile(`${folder}/fill.ts`, FILL);
    const run = async (limit: string) => {
      const { stdout, stderr } = await new Deno.Command("bash", {
        args: [
          "-c",
          `${limit} exec "$0" "$@"`,
          Deno.execPath(),
          "run",
          "-A",
          "--config",
          CONFIG,
          `${folder}/fill.ts`,
          `${folder}/a`,
        ],
      }).output();
      const said = new TextDecoder().decode(stdout).trim();
      assert(said !== "", new TextDecoder().decode(stderr));
      return JSON.parse(said.split("\n").at(-1)!);
    };
    // In blocks of 1024 bytes; the signal that would end the process is ignored, as a full disk sends none.
    const full = await run("trap '' XFSZ; ulimit -f 2048;");
    assert(full.written > 5 && full.written < 200, JSON.stringify(full));
    assertMatch(full.second, /^DISK_FULL: .*node a is full.*free some space/);
    assertEquals([full.first, full.state], [64 * 1024, "member"]);
    const after = await run("");
    assertEquals([after.written, after.failure, after.first, after.second], [200, null, 64 * 1024, null]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
