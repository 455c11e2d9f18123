/**
 * The gRPC server: an adapter over a node's face that can do nothing the face cannot. One port carries MeshService,
 * Kv, MeshDataService, standard health and reflection, over TLS with certificates on both sides.
 *
 * Certificates change while it runs (a node that joins a mesh is given one): `useIdentity` binds the same port anew;
 * calls that are under way go on over their old connections.
 */
import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { KvService } from "../../proto/gen/sennit/mesh/v1/kv.ts";
import { MeshServiceService } from "../../proto/gen/sennit/mesh/v1/mesh.ts";
import { assert } from "../core/assert.ts";
import { SennitError } from "../core/errors.ts";
import { BATCH_BYTES_LIMIT } from "../core/limits.ts";
import type { NodeFace } from "../client/mod.ts";
import { backingUp } from "./backup.ts";
import { DATA_METHODS } from "./data_methods.ts";
import { serviceErrorOf } from "./failure.ts";
import { Gate } from "./gate.ts";
import { KV_METHODS } from "./kv_methods.ts";
import { kvSession } from "./kv_session.ts";
import { MESH_METHODS } from "./mesh_methods.ts";
import type { UnaryMethod } from "./method.ts";
import { publishing } from "./publishing.ts";
import { reflection } from "./reflection.ts";
import { DATA_SERVICE, subscribing } from "./subscribing.ts";
import { kvWatch, watchEvents } from "./watching.ts";

/** A request or response of gRPC: a batch and the little around it. */
const MESSAGE_BYTES_LIMIT = BATCH_BYTES_LIMIT + 64 * 1024;
const CONCURRENT_CALLS_LIMIT = 1000;
const DRAIN_MS = 2000;

/** PEM texts. */
export interface ServerIdentity {
  readonly certificate: string;
  readonly privateKey: string;
  /** Authorities whose clients, admins and nodes may come in. */
  readonly trust: readonly string[];
}

export interface ServerOptions {
  /** host:port; port 0 takes any. */
  readonly address: string;
  /** Null: plaintext, everybody is an administrator. For development, on loopback alone. */
  readonly identity: ServerIdentity | null;
  readonly face: NodeFace;
}

export class GrpcServer {
  readonly #server: Server;
  readonly #health: HealthImplementation;
  #address = "";

  private constructor(face: NodeFace, plaintext: boolean) {
    this.#server = new Server({
      "grpc.max_receive_message_length": MESSAGE_BYTES_LIMIT,
      "grpc.max_send_message_length": MESSAGE_BYTES_LIMIT,
      "grpc.max_concurrent_streams": CONCURRENT_CALLS_LIMIT,
    });
    const gate = new Gate(face, plaintext);
    this.#server.addService(MeshServiceService, {
      ...unaryHandlers(MESH_METHODS, gate, face),
      watchEvents: watchEvents(gate, face),
      backup: backingUp(gate, face),
    });
    this.#server.addService(KvService, {
      ...unaryHandlers(KV_METHODS, gate, face),
      watch: kvWatch(gate, face),
      session: kvSession(gate, face),
    });
    this.#server.addService(DATA_SERVICE, {
      ...unaryHandlers(DATA_METHODS, gate, face),
      publish: publishing(gate, face),
      subscribe: subscribing(gate, face),
    });
    this.#health = new HealthImplementation({ "": "SERVING" });
    this.#health.addToServer(this.#server);
    reflection()?.addToServer(this.#server);
  }

  /** Listens. ADDRESS_IN_USE, or CONFIGURATION_INVALID where plaintext is asked for beyond loopback. */
  static async start(options: ServerOptions): Promise<GrpcServer> {
    if (options.identity === null) assertLoopback(options.address);
    const server = new GrpcServer(options.face, options.identity === null);
    const port = await server.#bind(options.address, credentialsOf(options.identity));
    server.#address = `${options.address.slice(0, options.address.lastIndexOf(":"))}:${port}`;
    return server;
  }

  /** host:port as bound. */
  get address(): string {
    return this.#address;
  }

  /** What standard health answers for the whole server. */
  serving(serving: boolean): void {
    this.#health.setStatus("", serving ? "SERVING" : "NOT_SERVING");
  }

  /** Handshakes from now on use this. */
  async useIdentity(identity: ServerIdentity): Promise<void> {
    this.#server.unbind(this.#address);
    await this.#bind(this.#address, credentialsOf(identity));
  }

  /** Takes no more calls, lets those under way finish for a moment, ends the rest. */
  async stop(): Promise<void> {
    this.serving(false);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => this.#server.forceShutdown(), DRAIN_MS);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #bind(address: string, credentials: ServerCredentials): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, port) => {
        if (error === null) resolve(port);
        else reject(new SennitError("ADDRESS_IN_USE", `Cannot listen on ${address}: ${error.message}`));
      });
    });
  }
}

function unaryHandlers(methods: readonly UnaryMethod[], gate: Gate, face: NodeFace) {
  return Object.fromEntries(methods.map((method) => {
    const name = method.definition.path.slice(method.definition.path.lastIndexOf("/") + 1);
    return [name[0]!.toLowerCase() + name.slice(1), unaryHandler(method, gate, face)];
  }));
}

function unaryHandler(method: UnaryMethod, gate: Gate, face: NodeFace) {
  return async (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) => {
    try {
      await gate.admit(call, method.access);
      callback(null, method.toResponse(await face.call(method.toCall(call.request))));
    } catch (error) {
      callback(serviceErrorOf(error));
    }
  };
}

function credentialsOf(identity: ServerIdentity | null): ServerCredentials {
  if (identity === null) return ServerCredentials.createInsecure();
  assert(identity.trust.length > 0, "a server that trusts nobody lets nobody in");
  return ServerCredentials.createSsl(
    Buffer.from(identity.trust.join("\n")),
    [{ private_key: Buffer.from(identity.privateKey), cert_chain: Buffer.from(identity.certificate) }],
    true,
  );
}

function assertLoopback(address: string): void {
  const host = address.slice(0, address.lastIndexOf(":"));
  if (/^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(host)) return;
  throw new SennitError(
    "CONFIGURATION_INVALID",
    `Cannot serve plaintext beyond loopback: current address is "${address}"`,
  );
}
