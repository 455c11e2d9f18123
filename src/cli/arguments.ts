/** The command line as data: every command, its options, its help. Parsing does nothing else. */
import { commandLine, lineBreak, type Message, message } from "@optique/core/message";
import { multiple, optional, withDefault } from "@optique/core/modifiers";
import { argument, command, constant, option } from "@optique/core/primitives";
import { object, or } from "@optique/core/constructs";
import { choice, integer, string } from "@optique/core/valueparser";
import type { InferValue } from "@optique/core/parser";
import { BATCH_MESSAGES_LIMIT } from "../core/limits.ts";
import { RECORD_BYTES_DEFAULT, RECORD_BYTES_MIN } from "../recording/mod.ts";

const text = (metavar: Uppercase<string>) => string({ metavar: metavar as "TEXT" });
const count = (metavar: Uppercase<string>, min: number, max = Number.MAX_SAFE_INTEGER) =>
  integer({ metavar: metavar as "N", min, max });
const json = option("--json", { description: message`Write JSON, one document or one line for each item` });

/** How a command finds the node that it talks to. */
const target = {
  data: optional(option("--data", text("FOLDER"), {
    description:
      message`Data folder of a node that runs on this machine; else SENNIT_DATA, else ./sennit-data`,
  })),
  node: multiple(option("--node", text("NODE"), {
    description: message`A data folder, or [NAME@]HOST:PORT of a gRPC port; several are tried in turn`,
  })),
  credentials: optional(option("--credentials", text("FOLDER"), {
    description: message`Certificates for --node HOST:PORT, as written by issue-client`,
  })),
  json,
};

const policy = choice(["OPEN", "KEY_REQUIRED", "CLOSED"], { metavar: "POLICY" });
const joinKey = optional(option("--join-key", text("KEY"), {
  description: message`Needed where the policy is KEY_REQUIRED; else SENNIT_JOIN_KEY`,
}));
const version = optional(option("--if-version", count("VERSION", 0), {
  description: message`Only where the key is at this version; 0: only where it is absent`,
}));

const settings = {
  config: optional(option("--config", text("FILE"), { description: message`JSON; else SENNIT_CONFIG` })),
  data: optional(option("--data", text("FOLDER"), { description: message`Data folder` })),
  name: optional(option("--name", text("NAME"), { description: message`The node's name` })),
  number: optional(
    option("--number", count("NUMBER", 0), { description: message`Else hashed from the name` }),
  ),
  listen: optional(option("--listen", text("ADDRESS"), { description: message`For other nodes` })),
  advertise: multiple(
    option("--advertise", text("ADDRESS"), { description: message`As others reach this node` }),
  ),
  grpc: optional(option("--grpc", text("ADDRESS"), { description: message`For programs and this command` })),
  certs: optional(option("--certs", text("FOLDER"), {
    description:
      message`Certificates shared by nodes of one machine, made where missing; join by address then`,
  })),
  lend: optional(option("--lend", count("BYTES", 0), {
    description: message`Hold so much of the logs of streams that borrow a replica; else nothing`,
  })),
  json,
};

/** Brief for the list of commands, examples for its own help. */
function described(brief: Message, ...examples: readonly string[]): { brief: Message; footer?: Message } {
  if (examples.length === 0) return { brief };
  const lines = examples.flatMap((
    example,
  ) => [lineBreak(), ...message`  `, commandLine(`sennit ${example}`)]);
  return { brief, footer: [...message`Examples:`, ...lines] };
}

const start = command(
  "start",
  object({
    command: constant("start"),
    ...settings,
    dev: option("--dev", { description: message`Plaintext gRPC without certificates, on loopback alone` }),
    seed: optional(
      option("--seed", text("MESH"), { description: message`Found a mesh where the node is in none` }),
    ),
    join: optional(
      option("--join", text("TOKEN"), { description: message`Join a mesh where the node is in none` }),
    ),
    policy: withDefault(
      option("--policy", policy, { description: message`Who may join, with --seed` }),
      "OPEN" as const,
    ),
    joinKey,
    onRoleChange: optional(option("--on-role-change", text("PROGRAM"), {
      description:
        message`Run as PROGRAM NODE GROUP leader|follower when this node begins or ends to lead a group`,
    })),
    record: optional(option("--record", text("FOLDER"), {
      description:
        message`Record all that the node learns, encrypted, for "sim replay --recording FOLDER"; the oldest goes first`,
    })),
    recordBytes: withDefault(
      option("--record-bytes", count("BYTES", RECORD_BYTES_MIN), {
        description: message`What the folder of recordings may hold; a replay needs the start of the node`,
      }),
      RECORD_BYTES_DEFAULT,
    ),
    recordKey: optional(option("--record-key", text("FILE"), {
      description:
        message`What recordings are encrypted with, made where missing; else recording.key in the data folder`,
    })),
  }),
  described(
    message`Run a node until it is told to stop`,
    "start --data ./a --name a --listen 10.0.0.1:7400 --seed main",
    "start --data ./b --name b --listen 10.0.0.2:7400 --join sennit1.…",
    "start --data ./a --name a --record ./recording --record-bytes 4000000000",
  ),
);

const demonstration = command(
  "demo",
  object({
    command: constant("demo"),
    file: optional(
      option("--file", text("FILE"), { description: message`Its lines; else the program's sources` }),
    ),
    json,
  }),
  described(
    message`Three nodes on this machine, a real file, two kills, and every line once`,
    "demo",
    "demo --file /etc/services",
  ),
);

const config = command(
  "config",
  command(
    "show",
    object({ command: constant("config-show"), ...settings }),
    described(
      message`Print the settings of a start and where each comes from`,
      "config show --config node.json",
    ),
  ),
  described(message`Settings`),
);

const mesh = or(
  command(
    "seed",
    object({
      command: constant("seed"),
      meshName: argument(text("MESH")),
      policy: withDefault(option("--policy", policy), "OPEN" as const),
      joinKey,
      ...target,
    }),
    described(message`Found a mesh with the local node as its first member`, "seed main"),
  ),
  command(
    "invite",
    object({
      command: constant("invite"),
      validSeconds: withDefault(option("--valid", count("SECONDS", 1)), 3600),
      ...target,
    }),
    described(message`Print a token with which one node may join`, "invite --valid 600"),
  ),
  command(
    "join",
    object({ command: constant("join"), token: argument(text("TOKEN")), joinKey, ...target }),
    described(message`Join a mesh with a token`),
  ),
  command(
    "leave",
    object({ command: constant("leave"), ...target }),
    described(message`Leave the mesh for good`),
  ),
  command(
    "evict",
    object({ command: constant("evict"), name: argument(text("NAME")), ...target }),
    described(message`Remove a member for good`),
  ),
  command(
    "policy",
    object({ command: constant("policy"), policy: argument(policy), joinKey, ...target }),
    described(message`Say who may join`, "policy KEY_REQUIRED --join-key secret"),
  ),
  command(
    "raise-feature-level",
    object({
      command: constant("raise-feature-level"),
      level: withDefault(option("--level", count("LEVEL", 1), { description: message`Else the highest` }), 0),
      ...target,
    }),
    described(
      message`Let the mesh use what every member's build supports; there is no way back to an older build`,
    ),
  ),
  command(
    "issue-client",
    object({
      command: constant("issue-client"),
      name: argument(text("NAME")),
      admin: option("--admin", { description: message`May change the mesh` }),
      out: option("--out", text("FOLDER"), {
        description: message`Where client.pem, client.key and trust.pem go`,
      }),
      ...target,
    }),
    described(message`Make a certificate for a program or a person`, "issue-client billing --out ./billing"),
  ),
  command(
    "status",
    object({ command: constant("status"), ...target }),
    described(message`Show members, groups and streams`),
  ),
  command(
    "events",
    object({ command: constant("events"), ...target }),
    described(message`Print what happens in the mesh, until interrupted`),
  ),
);

const kv = command(
  "kv",
  or(
    command(
      "put",
      object({
        command: constant("kv-put"),
        key: argument(text("KEY")),
        value: argument(text("VALUE")),
        version,
        ...target,
      }),
      described(message`Write a key`, "kv put color blue", "kv put color green --if-version 12"),
    ),
    command(
      "get",
      object({ command: constant("kv-get"), key: argument(text("KEY")), ...target }),
      described(message`Print a key's value; exit code 1 where it is absent`),
    ),
    command(
      "del",
      object({ command: constant("kv-del"), key: argument(text("KEY")), version, ...target }),
      described(message`Delete a key`),
    ),
    command(
      "list",
      object({ command: constant("kv-list"), prefix: withDefault(argument(text("PREFIX")), ""), ...target }),
      described(message`Print keys and values, sorted`),
    ),
    command(
      "watch",
      object({ command: constant("kv-watch"), prefix: withDefault(argument(text("PREFIX")), ""), ...target }),
      described(message`Print changes until interrupted`),
    ),
  ),
  described(message`The replicated key-value`),
);

const group = argument(text("GROUP"), {
  description: message`"control", a stream's name, or a group's number`,
});
const raft = command(
  "raft",
  or(
    command(
      "ls",
      object({ command: constant("raft-ls"), ...target }),
      described(message`Show the consensus groups of a node`),
    ),
    command(
      "show",
      object({ command: constant("raft-show"), group, ...target }),
      described(message`Show one group of a node in detail`, "raft show control", "raft show orders --json"),
    ),
    command(
      "transfer",
      object({ command: constant("raft-transfer"), group, to: argument(text("NAME")), ...target }),
      described(
        message`Hand the leadership of a group to a member, and wait until it leads`,
        "raft transfer control b",
        "raft transfer orders c",
      ),
    ),
  ),
  described(message`Consensus groups`),
);

const stream = command(
  "stream",
  or(
    command(
      "open",
      object({
        command: constant("stream-open"),
        name: argument(text("STREAM")),
        source: withDefault(option("--source", text("NAME")), ""),
        targets: multiple(option("--target", text("NAME")), { min: 1 }),
        subscriptions: multiple(option("--subscription", text("NAME"), {
          description: message`What completion and retention wait for; else "default"`,
        })),
        retentionBytes: withDefault(option("--retention-bytes", count("BYTES", 1)), 1024 * 1024 * 1024),
        borrow: withDefault(
          option("--borrow", count("COUNT", 0), {
            description: message`Members that are neither source nor target and hold the log too`,
          }),
          0,
        ),
        ...target,
      }),
      described(message`Open a stream from a node to others`, "stream open orders --target b --target c"),
    ),
    command(
      "ls",
      object({ command: constant("stream-ls"), ...target }),
      described(message`Show streams`),
    ),
    command(
      "close",
      object({
        command: constant("stream-close"),
        name: argument(text("STREAM")),
        discard: option("--discard", {
          description:
            message`Drop it at once: what was not processed is lost, and nobody who is away is waited for`,
        }),
        ...target,
      }),
      described(
        message`Close a stream for good; it is dropped once everything in it is processed`,
        "stream close orders",
      ),
    ),
  ),
  described(message`Streams`),
);

const data = or(
  command(
    "publish",
    object({
      command: constant("publish"),
      stream: option("--stream", text("STREAM")),
      producer: option("--producer", text("NAME"), {
        description: message`A run with the same name goes on where the last one was; one run at a time`,
      }),
      file: optional(option("--file", text("FILE"), {
        description: message`Lines of a file, which a repeated run goes on in; else of the standard input`,
      })),
      level: withDefault(
        option("--level", choice(["QUEUED", "COMMITTED", "COMPLETED"], { metavar: "LEVEL" })),
        "COMMITTED" as const,
      ),
      batch: withDefault(option("--batch", count("MESSAGES", 1, BATCH_MESSAGES_LIMIT)), 256),
      window: withDefault(option("--window", count("BATCHES", 1, 1024)), 16),
      ...target,
    }),
    described(
      message`Publish lines, each exactly once`,
      "publish --stream orders --producer importer --file orders.jsonl",
      "publish --stream orders --producer importer --node ./a --node ./b",
    ),
  ),
  command(
    "subscribe",
    object({
      command: constant("subscribe"),
      stream: option("--stream", text("STREAM")),
      subscription: withDefault(option("--subscription", text("NAME")), "default"),
      from: optional(option("--from", count("OFFSET", 0), {
        description: message`Start there; else behind what was acknowledged`,
      })),
      sink: optional(option("--sink", text("FILE"), {
        description: message`Store each message exactly once, with its offset, and go on behind it`,
      })),
      count: optional(option("--count", count("MESSAGES", 1), { description: message`End after so many` })),
      ...target,
    }),
    described(
      message`Receive the messages of a stream`,
      "subscribe --stream orders",
      "subscribe --stream orders --sink orders.sink",
    ),
  ),
  command(
    "sink",
    object({ command: constant("sink"), file: argument(text("FILE")), json }),
    described(message`Print what a sink holds`, "sink orders.sink --json"),
  ),
);

const folder = argument(text("FOLDER"), { description: message`Data folder of a node that does not run` });
const wal = command(
  "wal",
  or(
    command(
      "check",
      object({ command: constant("wal-check"), folder, json }),
      described(
        message`Verify the log and the snapshots of a stopped node; exit code 1 where something is damaged`,
        "wal check ./sennit-data",
        "wal check /var/lib/sennit --json",
      ),
    ),
    command(
      "dump",
      object({
        command: constant("wal-dump"),
        folder,
        group: optional(option("--group", count("NUMBER", 0), { description: message`Of one group alone` })),
        from: withDefault(option("--from", count("INDEX", 0), { description: message`Begin there` }), 0),
        limit: withDefault(
          option("--limit", count("ENTRIES", 1), { description: message`Print at most so many` }),
          1000,
        ),
        json,
      }),
      described(
        message`Print the entries in the log of a stopped node`,
        "wal dump ./sennit-data --group 0 --limit 20",
        "wal dump ./sennit-data --from 5000 --json",
      ),
    ),
  ),
  described(message`The write-ahead log on the disk`),
);

const recovery = command(
  "recover",
  object({
    command: constant("recover"),
    folders: multiple(option("--data", text("FOLDER"), { description: message`Of each survivor, stopped` }), {
      min: 1,
    }),
    survivors: multiple(option("--survivor", text("NAME"), { description: message`Goes on` }), { min: 1 }),
    dead: multiple(option("--dead", text("NAME"), { description: message`Never comes back` })),
    acceptRisk: optional(option("--accept-risk", choice(["lost-entries"], { metavar: "RISK" }), {
      description: message`lost-entries: what the dead alone held is lost; without it nothing is changed`,
    })),
    json,
  }),
  described(
    message`Go on after a majority was lost for good, from the folders of all that is left`,
    "recover --data ./c --survivor c --dead a --dead b",
    "recover --data ./c --survivor c --dead a --dead b --accept-risk lost-entries",
  ),
);

const backupFile = argument(text("FILE"), { description: message`As written by backup` });
const backups = or(
  command(
    "backup",
    or(
      command(
        "verify",
        object({ command: constant("backup-verify"), file: backupFile, json }),
        described(
          message`Check all of a backup; exit code 1 where it cannot be restored from`,
          "backup verify mesh.backup",
        ),
      ),
      object({
        command: constant("backup"),
        out: option("--out", text("FILE"), { description: message`A new file` }),
        ...target,
      }),
    ),
    described(
      message`Write all that a node holds of the mesh to one file, and verify it`,
      "backup --out mesh.backup",
      "backup verify mesh.backup",
    ),
  ),
  command(
    "restore",
    object({
      command: constant("restore"),
      file: backupFile,
      data: option("--data", text("FOLDER"), { description: message`Of the new node, empty` }),
      name: option("--name", text("NAME"), { description: message`Of the new node` }),
      json,
    }),
    described(
      message`Make a new mesh with one node of what a backup holds`,
      "restore mesh.backup --data ./r --name r",
    ),
  ),
);

export const PARSER = or(start, demonstration, config, mesh, kv, stream, raft, wal, data, recovery, backups);

export type Arguments = InferValue<typeof PARSER>;
export type ArgumentsOf<Command extends Arguments["command"]> = Extract<Arguments, { command: Command }>;
/** What every command that talks to a node is told. */
export type Target = Pick<ArgumentsOf<"status">, "data" | "node" | "credentials" | "json">;
