/** `sennit start` and `sennit config show`. */
import { SennitError } from "../core/errors.ts";
import { expectReply, type NodeFace } from "../client/mod.ts";
import { localSettings, type NodeStatus } from "../node/mod.ts";
import type { ArgumentsOf } from "./arguments.ts";
import { json, line, table } from "./output.ts";
import { ensureSharedCertificates } from "../platform/mod.ts";
import { RoleHook } from "./role_hook.ts";
import { RECORD_BYTES_DEFAULT } from "../recording/mod.ts";
import { type RecordingOptions, RunningNode } from "./running_node.ts";
import { type Resolved, resolveSettings, SETTING_NAMES, type StartSettings } from "./start_settings.ts";

/** How often a node that runs is asked whether it still does. */
const WATCH_MS = 1000;

type SettingArguments = ArgumentsOf<"config-show">;

export async function configShow(args: SettingArguments): Promise<void> {
  const { settings, sources } = await resolved(args);
  if (args.json) {
    const entries = SETTING_NAMES.map((name) => [name, { value: settings[name], source: sources[name] }]);
    return line(json(Object.fromEntries(entries)));
  }
  const rows = SETTING_NAMES.map((name) => [name, String(settings[name]) || "-", sources[name]]);
  return line(table(["SETTING", "VALUE", "SOURCE"], rows));
}

/** Runs until `signal` tells it to stop; throws what keeps the node from running. */
export async function start(args: ArgumentsOf<"start">, signal: AbortSignal): Promise<void> {
  if (args.seed !== undefined && args.join !== undefined) {
    throw new SennitError("CONFIGURATION_INVALID", "Cannot both found and join a mesh: --seed or --join");
  }
  const { settings } = await resolved(args);
  const hook = args.onRoleChange === undefined ? null : new RoleHook(args.onRoleChange, settings.name);
  if (args.dev) console.error(DEV_BOX);
  const running = await RunningNode.start({
    folder: settings.data,
    node: {
      ...localSettings(settings.name),
      number: settings.number,
      borrowedBytesLimit: settings.lend,
      listenAddress: settings.listen,
      advertisedAddresses: settings.advertise,
      certificates: settings.certs === ""
        ? null
        : await ensureSharedCertificates(settings.certs, settings.name),
    },
    grpcAddress: settings.grpc,
    dev: args.dev,
    onRoleChange: (change) => hook?.changed(change),
    recording: recordingOf(args),
  });
  try {
    await enrol(running.face, args);
    const status = await statusOf(running.face);
    const { name, state, meshName } = status;
    const said = {
      name,
      state,
      meshName,
      data: settings.data,
      listen: settings.listen,
      grpc: running.grpcAddress,
    };
    const mesh = state === "member" ? ` of mesh "${meshName}"` : "";
    await line(
      args.json
        ? json(said)
        : `${name} is ${state}${mesh}; data ${settings.data}, nodes ${running.address}, gRPC ${running.grpcAddress}`,
    );
    await untilStopped(running, signal);
  } finally {
    await running.stop();
    await hook?.settled();
  }
}

function recordingOf(args: ArgumentsOf<"start">): RecordingOptions | null {
  const { record, recordBytes, recordKey } = args;
  if (record !== undefined) return { folder: record, limitBytes: recordBytes, keyPath: recordKey ?? null };
  if (recordKey === undefined && recordBytes === RECORD_BYTES_DEFAULT) return null;
  throw new SennitError("CONFIGURATION_INVALID", "--record-bytes and --record-key go with --record FOLDER");
}

const DEV_BOX = [
  "+--------------------------------------------------------------+",
  "|  --dev: gRPC without certificates. Everybody on this machine |",
  "|  may do everything. Not for production.                      |",
  "+--------------------------------------------------------------+",
].join("\n");

/** Founds or joins where the node is in no mesh yet; one that is goes on as it is. */
async function enrol(face: NodeFace, args: ArgumentsOf<"start">): Promise<void> {
  if ((await statusOf(face)).state !== "empty") return;
  const joinKey = args.joinKey ?? Deno.env.get("SENNIT_JOIN_KEY") ?? "";
  if (args.seed !== undefined) {
    await face.call({ kind: "seed", meshName: args.seed, policy: args.policy, joinKey });
  } else if (args.join !== undefined) await face.call({ kind: "join", token: args.join, joinKey });
}

async function statusOf(face: NodeFace): Promise<NodeStatus> {
  return expectReply(await face.call({ kind: "status" }), "status").status;
}

/** A node may end by itself: evicted, or its disk failed. Then the process does, with what it says. */
async function untilStopped(running: RunningNode, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (running.failure !== null) throw running.failure;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, WATCH_MS);
      signal.addEventListener("abort", done);
    });
  }
}

async function resolved(args: SettingArguments | ArgumentsOf<"start">): Promise<Resolved> {
  const env = Deno.env.toObject();
  const path = args.config ?? env["SENNIT_CONFIG"] ?? null;
  return resolveSettings({
    file: path === null ? null : { path, text: await readConfig(path) },
    env,
    flags: flagsOf(args),
    hostname: Deno.hostname(),
  });
}

function flagsOf(args: SettingArguments | ArgumentsOf<"start">) {
  const { advertise, data, name, number, listen, grpc, certs, lend } = args;
  const flags: Partial<Record<keyof StartSettings, unknown>> = {
    data,
    name,
    number,
    listen,
    grpc,
    certs,
    lend,
  };
  if (advertise.length > 0) flags.advertise = advertise;
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined)) as Partial<
    StartSettings
  >;
}

async function readConfig(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new SennitError("CONFIGURATION_INVALID", `Cannot read "${path}": ${(error as Error).message}`);
  }
}
