/**
 * A node far away, over gRPC: the same face that an application in the node's process has. Requests on the key-value and
 * batches to publish share one stream each, with many outstanding; what else there is goes by itself.
 *
 * A lost connection fails what was outstanding as UNKNOWN and ends what was open. Nothing is repeated here: who calls
 * knows what may be.
 */
import { ChannelCredentials, Client, type ServiceError } from "@grpc/grpc-js";
import {
  type KvRequest,
  type KvResponse,
  KvService,
  type KvWatchReply,
} from "../../proto/gen/sennit/mesh/v1/kv.ts";
import { type MeshEvent, MeshServiceService } from "../../proto/gen/sennit/mesh/v1/mesh.ts";
import { TokenSource } from "../core/flow.ts";
import { BATCH_BYTES_LIMIT } from "../core/limits.ts";
import type { Token } from "../core/ids.ts";
import { SennitError } from "../core/errors.ts";
import { type CallOf, errorOf, type Face, type OpenCall, type OpeningCall } from "../client/mod.ts";
import type { Call, MeshEvent as NodeMeshEvent, Push, Reply } from "../node/calls.ts";
import { RemoteBackup } from "./backup.ts";
import { DATA_METHODS, publishReply, publishRequest } from "./data_methods.ts";
import { failureFromService } from "./failure.ts";
import { isSessionCall, KV_METHODS, sessionReply, sessionRequest } from "./kv_methods.ts";
import { MESH_METHODS } from "./mesh_methods.ts";
import { Pipeline } from "./pipeline.ts";
import { DATA_SERVICE } from "./subscribing.ts";
import { RemoteSubscription } from "./remote_subscription.ts";
import { openWatch, type RemoteWatch } from "./remote_watch.ts";

const UNARY = new Map(
  [...MESH_METHODS, ...KV_METHODS, ...DATA_METHODS].map((method) => [method.kind, method]),
);
const MESSAGE_BYTES_LIMIT = BATCH_BYTES_LIMIT + 64 * 1024;
const CALL_TIMEOUT_MS = 60_000;

/** PEM texts; `serverName` is what the node's certificate must be for. */
export interface RemoteIdentity {
  readonly certificate: string;
  readonly privateKey: string;
  readonly trust: readonly string[];
  readonly serverName: string;
}

export class RemoteNode implements Face {
  readonly isRemote = true;
  readonly #client: Client;
  readonly #tokens = new TokenSource();
  readonly #open = new Map<Token, RemoteSubscription>();
  readonly #backups = new Map<Token, RemoteBackup>();
  readonly #kv: Pipeline<KvRequest, KvResponse>;
  readonly #publish: Pipeline<
    ReturnType<typeof publishRequest>,
    Parameters<typeof publishReply>[0]
  >;

  /** `identity` null: plaintext. Connects when first called. */
  constructor(address: string, identity: RemoteIdentity | null) {
    this.#client = new Client(address, credentialsOf(identity), {
      "grpc.max_receive_message_length": MESSAGE_BYTES_LIMIT,
      "grpc.max_send_message_length": MESSAGE_BYTES_LIMIT,
      // The runtime refuses an address as a server's name, and the name is what is to be checked anyway.
      ...(identity === null ? {} : { "grpc.ssl_target_name_override": identity.serverName }),
    });
    this.#kv = new Pipeline(this.#client, KvService.session, sessionReply);
    this.#publish = new Pipeline(this.#client, DATA_SERVICE.publish, publishReply);
  }

  /** Waits for a connection; UNREACHABLE where there is none in time. */
  ready(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(Date.now() + timeoutMs, (error) => {
        if (error === undefined || error === null) resolve();
        else reject(new SennitError("UNREACHABLE", `No connection within ${timeoutMs} ms: ${error.message}`));
      });
    });
  }

  async call(call: Call): Promise<Reply> {
    const reply = await this.#answer(call);
    if (reply.kind === "failed") throw errorOf(reply.error);
    return reply;
  }

  async open(call: OpeningCall, onPush: (push: Push) => void): Promise<OpenCall> {
    const token = this.#tokens.next();
    if (call.kind === "subscribe") {
      const subscription = new RemoteSubscription(this.#client, call, onPush, () => this.#open.delete(token));
      const reply = await subscription.opened;
      this.#open.set(token, subscription);
      return { reply, token, cancel: () => this.#cancel(token) };
    }
    if (call.kind === "backup") {
      const backup = new RemoteBackup(this.#client, call.creditBytes, onPush);
      this.#backups.set(token, backup);
      return { reply: { kind: "done" }, token, cancel: () => this.#cancel(token) };
    }
    const watch = call.kind === "watch-events"
      ? await this.#watchEvents(onPush)
      : await this.#watchKeys(call, onPush);
    return { reply: watch.reply, token, cancel: watch.cancel };
  }

  #watchEvents(onPush: (push: Push) => void): Promise<RemoteWatch> {
    const read = (event: MeshEvent): Push => ({ kind: "mesh-event", event: event as NodeMeshEvent });
    return openWatch(this.#client, MeshServiceService.watchEvents, {}, "headers", read, onPush);
  }

  #watchKeys({ prefix }: CallOf<"kv-watch">, onPush: (push: Push) => void): Promise<RemoteWatch> {
    return openWatch(this.#client, KvService.watch, { prefix }, "message", kvWatched, onPush);
  }

  close(): void {
    this.#kv.close();
    this.#publish.close();
    for (const subscription of [...this.#open.values()]) subscription.cancel();
    for (const backup of this.#backups.values()) backup.cancel();
    this.#client.close();
  }

  #answer(call: Call): Promise<Reply> {
    if (isSessionCall(call)) return this.#kv.send((id) => sessionRequest(id, call));
    switch (call.kind) {
      case "publish":
        return this.#publish.send((id) => publishRequest(id, call));
      case "ack":
        return this.#subscription(call.subscriber).acknowledge(call.first, call.next);
      case "credit":
        (this.#backups.get(call.subscriber) ?? this.#subscription(call.subscriber)).credit(call.bytes);
        return Promise.resolve({ kind: "done" });
      case "cancel":
        return this.#cancel(call.target).then(() => ({ kind: "done" }));
      default:
        return this.#unary(call);
    }
  }

  #subscription(token: Token): RemoteSubscription {
    const subscription = this.#open.get(token);
    if (subscription === undefined) throw new SennitError("NOT_FOUND", "The subscription has ended");
    return subscription;
  }

  #cancel(token: Token): Promise<void> {
    this.#open.get(token)?.cancel();
    this.#backups.get(token)?.cancel();
    this.#backups.delete(token);
    return Promise.resolve();
  }

  #unary(call: Call): Promise<Reply> {
    const method = UNARY.get(call.kind);
    if (method === undefined) throw new TypeError(`Cannot call "${call.kind}": it opens a stream`);
    const { path, requestSerialize, responseDeserialize } = method.definition;
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        method.toRequest(call),
        { deadline: Date.now() + CALL_TIMEOUT_MS },
        (error: ServiceError | null, response?: unknown) => {
          if (error !== null) resolve({ kind: "failed", error: failureFromService(error) });
          else resolve(method.toReply(response));
        },
      );
    });
  }
}

function kvWatched({ reply }: KvWatchReply): Push | Reply | null {
  if (reply?.$case === "started") return { kind: "version", version: reply.value.version };
  if (reply?.$case !== "change") return null;
  const { key, value, version } = reply.value;
  return { kind: "kv-change", key, value: value ?? null, version };
}

function credentialsOf(identity: RemoteIdentity | null): ChannelCredentials {
  if (identity === null) return ChannelCredentials.createInsecure();
  return ChannelCredentials.createSsl(
    Buffer.from(identity.trust.join("\n")),
    Buffer.from(identity.privateKey),
    Buffer.from(identity.certificate),
  );
}
