/** The command `sennit`: an adapter that can do nothing the library cannot. */
import { SennitError } from "../core/errors.ts";
import type { RemoteNode } from "../api/mod.ts";
import type { Arguments, Target } from "./arguments.ts";
import { ask, callOf, issueClient, kvList, watch } from "./ask.ts";
import { backup, backupVerify, restoreMesh } from "./backup.ts";
import { connect, connectTo, placesOf } from "./connect.ts";
import { Failover } from "./failover.ts";
import { describeError } from "./output.ts";
import { EXIT, parse } from "./parse.ts";
import { raftList, raftShow, raftTransfer } from "./raft.ts";
import { publish } from "./publish.ts";
import { demo } from "./demo.ts";
import { recoverMesh } from "./recover.ts";
import { configShow, start } from "./start.ts";
import { printSink, subscribe } from "./subscribe.ts";
import { walCheck, walDump } from "./wal.ts";

/** Runs a command line to its end; resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const parsed = parse(args, width());
  if (parsed.kind === "print") {
    Deno.stdout.writeSync(new TextEncoder().encode(parsed.stdout));
    Deno.stderr.writeSync(new TextEncoder().encode(parsed.stderr));
    return parsed.exitCode;
  }
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, interrupt);
  try {
    await run(parsed.args, interrupted.signal);
    return EXIT.done;
  } catch (error) {
    // Who reads has enough, as with `| head`: nothing to say, and nobody to say it to.
    if (error instanceof Deno.errors.BrokenPipe) return EXIT.failed;
    const failure = operational(error);
    if (failure === null) throw error;
    console.error(describeError(failure, parsed.args.json));
    return failure.code === "CONFIGURATION_INVALID" ? EXIT.usage : EXIT.failed;
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, interrupt);
  }
}

async function run(args: Arguments, signal: AbortSignal): Promise<void> {
  switch (args.command) {
    case "start":
      return await start(args, signal);
    case "demo":
      return await demo(args, signal);
    case "config-show":
      return await configShow(args);
    case "sink":
      return await printSink(args);
    case "publish":
      return await publish(args, failover(args), signal);
    case "subscribe":
      return await subscribe(args, failover(args), signal);
    case "issue-client":
      return await withNode(args, (node) => issueClient(node, args));
    case "backup":
      return await withNode(args, (node) => backup(node, args, signal));
    case "backup-verify":
      return await backupVerify(args);
    case "restore":
      return await restoreMesh(args);
    case "recover":
      return await recoverMesh(args);
    case "raft-ls":
      return await withNode(args, (node) => raftList(node, args));
    case "raft-show":
      return await withNode(args, (node) => raftShow(node, args));
    case "raft-transfer":
      return await withNode(args, (node) => raftTransfer(node, args));
    case "wal-check":
      return await walCheck(args);
    case "wal-dump":
      return await walDump(args);
    case "kv-list":
      return await withNode(args, (node) => kvList(node, args));
    case "kv-watch":
      return await withNode(
        args,
        (node) => watch(node, { kind: "kv-watch", prefix: args.prefix }, args.json, signal),
      );
    case "events":
      return await withNode(args, (node) => watch(node, { kind: "watch-events" }, args.json, signal));
    default:
      return await withNode(args, (node) => ask(node, callOf(args)!, args.json));
  }
}

async function withNode(target: Target, body: (node: RemoteNode) => Promise<void>): Promise<void> {
  const node = await connect(placesOf(target, Deno.env));
  try {
    await body(node);
  } finally {
    node.close();
  }
}

function failover(target: Target): Failover {
  const places = placesOf(target, Deno.env);
  return new Failover((attempt) => connectTo(places[attempt % places.length]!));
}

/** The error that an operator can do something about; null for a bug. */
function operational(error: unknown): SennitError | null {
  if (error instanceof SennitError) return error;
  for (const [kind, code] of FILE_ERRORS) {
    if (error instanceof kind) return new SennitError(code, error.message);
  }
  return null;
}

const FILE_ERRORS = [
  [Deno.errors.NotFound, "NOT_FOUND"],
  [Deno.errors.AlreadyExists, "INVALID_ARGUMENT"],
  [Deno.errors.PermissionDenied, "PERMISSION_DENIED"],
  [Deno.errors.NotCapable, "PERMISSION_DENIED"],
] as const;

function width(): number {
  return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : 100;
}
