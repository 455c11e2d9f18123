/**
 * `sennit demo`: three node processes on this machine, a real file line by line through a stream to two targets, a target
 * and the leader killed on the way. It ends well only if every line took effect once and in order at both targets.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { SennitError } from "../core/errors.ts";
import { expectReply, MeshClient } from "../client/mod.ts";
import type { NodeStatus } from "../node/mod.ts";
import type { ArgumentsOf } from "./arguments.ts";
import { connectTo } from "./connect.ts";
import { DemoConsumer } from "./demo_consumer.ts";
import { DemoNode, pause } from "./demo_node.ts";
import { Failover } from "./failover.ts";
import { batchesOf } from "./lines.ts";
import { json, line, table } from "./output.ts";
import { Publisher } from "./publisher.ts";
import { readSink, SinkFile } from "./sink_file.ts";

const STREAM = "lines";
const NAMES = ["a", "b", "c"] as const;
const TARGETS = ["b", "c"];
const BATCH_MESSAGES = 32;
/** Publishing is spread over this, so that the kills hit it midway. */
const PUBLISH_MS = 8000;
const DEADLINE_MS = 55_000;
const DOWN_MS = 1000;
const SOURCES = new URL("../../src/", import.meta.url);

interface Outcome {
  readonly lines: number;
  readonly seconds: number;
  readonly killed: readonly string[];
  readonly sourceSha256: string;
  readonly targets: readonly {
    readonly name: string;
    readonly deliveries: number;
    readonly redeliveries: number;
    readonly effects: number;
    readonly inOrder: boolean;
    readonly sha256: string;
  }[];
}

export async function demo(args: ArgumentsOf<"demo">, signal: AbortSignal): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "sennit-demo-" });
  const say = (text: string) => args.json ? Promise.resolve() : line(text);
  const nodes = NAMES.map((name) => new DemoNode(name, join(folder, name), `127.0.0.1:${freePort()}`));
  try {
    const file = args.file ?? await ownSources(folder);
    const outcome = await play(nodes, folder, file, say, signal);
    await line(args.json ? json({ ...outcome, held: held(outcome) }) : describe(outcome));
    if (!held(outcome)) {
      throw new SennitError("DATA_DAMAGED", "Not every promise held: see the figures above");
    }
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
    await Deno.remove(folder, { recursive: true });
  }
}

async function play(
  nodes: readonly DemoNode[],
  folder: string,
  file: string,
  say: (text: string) => Promise<void>,
  signal: AbortSignal,
): Promise<Outcome> {
  const began = performance.now();
  const deadline = began + DEADLINE_MS;
  const [a, b, c] = nodes as [DemoNode, DemoNode, DemoNode];
  await say(`Three nodes in ${folder}`);
  await Promise.all(nodes.map((node) => node.start()));
  await form(a, [b, c], say);
  const source = await measure(linesOf(file));
  await say(`Publishing ${source.lines} lines of ${file} to ${TARGETS.join(" and ")}`);

  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort());
  const sinks = await Promise.all(TARGETS.map((name) => SinkFile.open(join(folder, `${name}.sink`))));
  const consumers = [new DemoConsumer(b, STREAM, sinks[0]!), new DemoConsumer(c, STREAM, sinks[1]!)];
  const running = consumers.map((consumer) => consumer.run(stop.signal));
  const publishing = publish(nodes, file, source.lines);
  const until = async (what: string, done: () => boolean) => {
    while (!done()) {
      if (signal.aborted) throw new SennitError("SHUTTING_DOWN", "The demonstration was interrupted");
      if (performance.now() > deadline) {
        throw new SennitError("TIMEOUT", `The demonstration waits in vain for ${what}`);
      }
      await Promise.race([pause(20), publishing]);
      await pause(5);
    }
  };
  const effects = () => Math.min(...consumers.map((consumer) => consumer.effects));

  await until("the first third of the lines", () => effects() >= source.lines / 3);
  await killAndRestart(b, `target b after ${effects()} lines`, say);
  await until("two thirds of the lines", () => effects() >= (2 * source.lines) / 3);
  const leader = await leaderOf(nodes);
  await killAndRestart(leader, `${leader.name}, which leads the stream, after ${effects()} lines`, say);
  await publishing;
  await until("the last line at both targets", () => effects() >= source.lines);
  await pause(500); // Were a line to take effect twice, it would now.
  stop.abort();
  await Promise.all(running);
  for (const sink of sinks) sink.close();

  const targets = [];
  for (const [at, consumer] of consumers.entries()) {
    const { deliveries, redeliveries, effects, inOrder } = consumer;
    const { sha256 } = await measure(stored(join(folder, `${TARGETS[at]}.sink`)));
    targets.push({ name: TARGETS[at]!, deliveries, redeliveries, effects, inOrder, sha256 });
  }
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  return { lines: source.lines, seconds, killed: ["b", leader.name], sourceSha256: source.sha256, targets };
}

/** Founds the mesh, lets the others in, and opens the stream once all three vote. */
async function form(
  founder: DemoNode,
  others: readonly DemoNode[],
  say: (text: string) => Promise<void>,
): Promise<void> {
  const first = await founder.connect();
  await new MeshClient(first).seed({ meshName: "demo" });
  first.close();
  // The founder shows another certificate from now on.
  const remote = await founder.connect();
  const mesh = new MeshClient(remote);
  for (const other of others) {
    const joiner = await other.connect();
    await new MeshClient(joiner).join(await mesh.invite());
    joiner.close();
  }
  const voters = (status: NodeStatus) => status.members.filter((member) => member.role === "voter").length;
  while (voters(await mesh.status()) < NAMES.length) await pause(50);
  await mesh.openStream(STREAM, { source: founder.name, targets: TARGETS });
  remote.close();
  await say("Enrolled: a founded the mesh, b and c joined by invitation");
}

/** Publishes in order over whatever node answers, spread over a few seconds. */
async function publish(nodes: readonly DemoNode[], file: string, lines: number): Promise<void> {
  const failover = new Failover((attempt) =>
    connectTo({ kind: "folder", folder: nodes[attempt % nodes.length]!.folder })
  );
  const publisher = new Publisher(
    { stream: STREAM, producer: "demo", level: "COMMITTED", window: 16 },
    failover,
  );
  const began = performance.now();
  let sent = 0;
  await publisher.open();
  for await (const batch of linesOf(file)) {
    await publisher.send(batch);
    sent += batch.length;
    const ahead = began + (sent / lines) * PUBLISH_MS - performance.now();
    if (ahead > 10) await pause(ahead);
  }
  await publisher.finish();
  publisher.close();
}

async function killAndRestart(
  node: DemoNode,
  what: string,
  say: (text: string) => Promise<void>,
): Promise<void> {
  await node.kill();
  await say(`Killed ${what} (SIGKILL)`);
  await pause(DOWN_MS);
  await node.start();
  await say(`Started ${node.name} again`);
}

/** Whoever leads the stream's group, as any running node says. */
async function leaderOf(nodes: readonly DemoNode[]): Promise<DemoNode> {
  for (;;) {
    for (const node of nodes) {
      const remote = await node.connect();
      const { status } = expectReply(await remote.call({ kind: "status" }), "status");
      remote.close();
      const leader = status.groups.find((group) => group.name === STREAM)?.leader;
      const found = nodes.find((each) => each.name === leader);
      if (found !== undefined) return found;
    }
    await pause(50);
  }
}

async function* linesOf(file: string): AsyncGenerator<readonly Uint8Array[]> {
  const { readable } = await Deno.open(file, { read: true });
  yield* batchesOf(readable, { messages: BATCH_MESSAGES, eager: false });
}

async function* stored(sink: string): AsyncGenerator<readonly Uint8Array[]> {
  for await (const { messages } of readSink(sink)) yield messages;
}

async function measure(
  batches: AsyncIterable<readonly Uint8Array[]>,
): Promise<{ readonly lines: number; readonly sha256: string }> {
  const hash = createHash("sha256");
  let lines = 0;
  for await (const batch of batches) {
    for (const each of batch) {
      hash.update(each).update("\n");
      lines++;
    }
  }
  return { lines, sha256: hash.digest("hex") };
}

/** The program's own sources as one file: something real that is always at hand. */
async function ownSources(folder: string): Promise<string> {
  const path = join(folder, "sources.txt");
  const out = await Deno.open(path, { write: true, create: true });
  const visit = async (at: URL): Promise<void> => {
    const entries = [];
    for await (const entry of Deno.readDir(at)) entries.push(entry);
    entries.sort((x, y) => x.name < y.name ? -1 : 1);
    for (const entry of entries) {
      if (entry.isDirectory) await visit(new URL(`${entry.name}/`, at));
      else if (entry.name.endsWith(".ts")) await out.write(await Deno.readFile(new URL(entry.name, at)));
    }
  };
  await visit(SOURCES);
  out.close();
  return path;
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

function held(outcome: Outcome): boolean {
  return outcome.targets.every((target) =>
    target.effects === outcome.lines && target.inOrder && target.sha256 === outcome.sourceSha256
  ) && outcome.targets.some((target) => target.redeliveries > 0);
}

function describe(outcome: Outcome): string {
  const rows = outcome.targets.map((target) => [
    target.name,
    target.deliveries,
    target.redeliveries,
    target.effects,
    target.inOrder ? "kept" : "BROKEN",
    target.sha256.slice(0, 16),
  ]);
  return [
    "",
    table(["TARGET", "DELIVERIES", "REDELIVERIES", "EFFECTS", "ORDER", "SHA-256"], rows),
    table(["SOURCE", "LINES", "", "", "", "SHA-256"], [[
      "a",
      outcome.lines,
      "",
      "",
      "",
      outcome.sourceSha256.slice(0, 16),
    ]]),
    "",
    held(outcome)
      ? `Every line took effect once and in order at both targets, in ${outcome.seconds} s with two kills`
      : "NOT every line took effect once and in order",
  ].join("\n");
}
