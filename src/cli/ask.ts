/** Commands that ask a node one thing and print the answer, or watch and print what comes. */
import { SennitError } from "../core/errors.ts";
import { expectReply, type Face, type OpeningCall } from "../client/mod.ts";
import type { Call, CallFailure, Push, Reply } from "../node/mod.ts";
import { errorOf } from "../client/mod.ts";
import type { Arguments, ArgumentsOf } from "./arguments.ts";
import { describeStatus, describeStreams, json, line, table, textOrBase64 } from "./output.ts";

const LIST_PAGE = 1000;

/** Commands that are one call. */
const CALLS: { readonly [Command in Arguments["command"]]?: (args: ArgumentsOf<Command>) => Call } = {
  "seed": ({ meshName, policy, joinKey }) => ({ kind: "seed", meshName, policy, joinKey: keyOf(joinKey) }),
  "invite": ({ validSeconds }) => ({ kind: "invite", validMs: validSeconds * 1000 }),
  "join": ({ token, joinKey }) => ({ kind: "join", token, joinKey: keyOf(joinKey) }),
  "leave": () => ({ kind: "leave" }),
  "evict": ({ name }) => ({ kind: "evict", name }),
  "policy": ({ policy, joinKey }) => ({ kind: "set-policy", policy, joinKey: keyOf(joinKey) }),
  "raise-feature-level": ({ level }) => ({ kind: "raise-feature-level", level }),
  "status": () => ({ kind: "status" }),
  "kv-put": ({ key, value, version }) => ({
    kind: "kv-put",
    key,
    value: new TextEncoder().encode(value),
    expectedVersion: version ?? null,
  }),
  "kv-get": ({ key }) => ({ kind: "kv-get", key }),
  "kv-del": ({ key, version }) => ({ kind: "kv-delete", key, expectedVersion: version ?? null }),
  "stream-open": ({ name, source, targets, subscriptions, retentionBytes, borrow }) => ({
    kind: "stream-open",
    name,
    source,
    targets,
    subscriptions,
    retentionBytes,
    borrow,
  }),
  "stream-ls": () => ({ kind: "stream-list" }),
  "stream-close": ({ name, discard }) => ({ kind: "stream-close", name, discard }),
};

/** Null where the command is not one call. */
export function callOf(args: Arguments): Call | null {
  const make = CALLS[args.command] as ((args: Arguments) => Call) | undefined;
  return make === undefined ? null : make(args);
}

function keyOf(joinKey: string | undefined): string {
  return joinKey ?? Deno.env.get("SENNIT_JOIN_KEY") ?? "";
}

export async function ask(face: Face, call: Call, asJson: boolean): Promise<void> {
  const reply = await face.call(call);
  if (reply.kind === "value" && reply.value === null) {
    throw new SennitError("NOT_FOUND", call.kind === "kv-get" ? `No key "${call.key}"` : "No such key");
  }
  const text = asJson ? json(plain(reply)) : describe(reply);
  if (text !== "") await line(text);
}

/** A reply without the word that says its kind. */
function plain(reply: Reply): unknown {
  if (reply.kind === "status") return reply.status;
  if (reply.kind === "streams") return reply.streams;
  if (reply.kind === "stream") return reply.stream;
  const { kind: _, ...rest } = reply;
  return rest;
}

function describe(reply: Reply): string {
  switch (reply.kind) {
    case "status":
      return describeStatus(reply.status);
    case "stream":
      return describeStreams([reply.stream]);
    case "streams":
      return describeStreams(reply.streams);
    case "joined":
      return `Member ${reply.memberId} of mesh "${reply.meshName}" (${reply.meshId})`;
    case "text":
      return reply.text;
    case "version":
      return `version ${reply.version}`;
    case "value":
      return readable(reply.value!);
    default:
      return "";
  }
}

function readable(bytes: Uint8Array): string {
  const shown = textOrBase64(bytes);
  return typeof shown === "string" ? shown : shown.base64;
}

/** All keys, page by page: each page is read at its own moment. */
export async function kvList(face: Face, args: ArgumentsOf<"kv-list">): Promise<void> {
  const rows: string[][] = [];
  for (let afterKey = "", more = true; more;) {
    const call: Call = { kind: "kv-list", prefix: args.prefix, afterKey, limit: LIST_PAGE };
    const page = expectReply(await face.call(call), "entries");
    for (const { key, value, version } of page.entries) {
      if (args.json) await line(json({ key, value, version }));
      else rows.push([key, String(version), readable(value)]);
    }
    more = page.more && page.entries.length > 0;
    afterKey = page.entries.at(-1)?.key ?? "";
  }
  if (!args.json) await line(table(["KEY", "VERSION", "VALUE"], rows));
}

/** Prints what is pushed until `signal`; throws what ended it otherwise. */
export async function watch(
  face: Face,
  call: OpeningCall,
  asJson: boolean,
  signal: AbortSignal,
): Promise<void> {
  const ended = Promise.withResolvers<CallFailure | null>();
  const open = await face.open(call, (push) => {
    if (push.kind === "subscription-ended") ended.resolve(push.error);
    else line(asJson ? json(change(push)) : describePush(push)).catch(() => ended.resolve(null)); // Nobody reads.
  });
  signal.addEventListener("abort", () => ended.resolve(null));
  if (signal.aborted) ended.resolve(null);
  const failure = await ended.promise;
  if (failure !== null) throw errorOf(failure);
  await open.cancel();
}

function change(push: Push): unknown {
  if (push.kind === "mesh-event") return push.event;
  const { kind: _, ...rest } = push;
  return rest;
}

function describePush(push: Push): string {
  if (push.kind === "mesh-event") {
    const { type, subject, version, detail } = push.event;
    return [type, subject, version > 0 ? `at ${version}` : "seen here", detail].filter(Boolean).join("  ");
  }
  if (push.kind !== "kv-change") return "";
  return `${push.version}  ${push.key}  ${push.value === null ? "deleted" : `= ${readable(push.value)}`}`;
}

/** Writes a client's certificate, key and trust; the key for its owner alone. */
export async function issueClient(face: Face, args: ArgumentsOf<"issue-client">): Promise<void> {
  const role = args.admin ? "admin" : "client";
  const reply = expectReply(await face.call({ kind: "issue-client", name: args.name, role }), "credentials");
  await Deno.mkdir(args.out, { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(`${args.out}/client.key`, reply.privateKey, { mode: 0o600, createNew: true });
  await Deno.writeTextFile(`${args.out}/client.pem`, reply.certificate, { mode: 0o644 });
  await Deno.writeTextFile(`${args.out}/trust.pem`, reply.trust.join("\n"), { mode: 0o644 });
  await line(args.json ? json({ folder: args.out, role }) : `${role} "${args.name}": ${args.out}`);
}
