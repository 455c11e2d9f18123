/** A node of this process with its gRPC port and its record: what `start` keeps until it is told to stop. */
import { GrpcServer } from "../api/mod.ts";
import type { SennitError } from "../core/errors.ts";
import { NodeFace, type RoleChange, watchRoles } from "../client/mod.ts";
import type { Io, NetworkIdentity } from "../io/mod.ts";
import { Node, type NodeSettings } from "../node/mod.ts";
import { DenoPlatform } from "../platform/mod.ts";
import { type Driven, Recorder, RecordingKey, TakeWriter } from "../recording/mod.ts";
import { IdentityTap } from "./identity_tap.ts";
import { createLocalCredentials, LOCAL_SERVER_NAME, type LocalCredentials } from "./local_authority.ts";
import { type LocalRecord, removeRecord, writeRecord } from "./local_record.ts";
import { VERSION } from "./parse.ts";

/** A name that every node's certificate is for, besides its own. */
const ANY_NODE = "localhost";
/** Of recordings, in the data folder. */
const KEY_FILE = "recording.key";
/** What a stop leaves to peers to hear of it. */
const GOODBYE_MS = 200;

export interface RunningOptions {
  readonly folder: string;
  readonly node: NodeSettings;
  readonly grpcAddress: string;
  /** Plaintext, on loopback alone. */
  readonly dev: boolean;
  /** Must not throw; called in the node's turn. */
  readonly onRoleChange?: (change: RoleChange) => void;
  /** Where all that the node learns is written down; keyPath null: `recording.key` in the data folder. */
  readonly recording?: RecordingOptions | null;
}

export interface RecordingOptions {
  readonly folder: string;
  readonly limitBytes: number;
  readonly keyPath: string | null;
}

export class RunningNode {
  readonly face: NodeFace;
  readonly #platform: DenoPlatform;
  readonly #node: Node;
  /** The node, or the recorder before it. */
  readonly #driven: Driven;
  readonly #take: TakeWriter | null;
  readonly #server: GrpcServer;
  readonly #credentials: LocalCredentials | null;
  #shown: NetworkIdentity | null = null;
  #stopping = false;
  /** Changes of identity are served one after the other. */
  #identities: Promise<void> = Promise.resolve();

  private constructor(
    platform: DenoPlatform,
    node: Node,
    driven: Driven,
    take: TakeWriter | null,
    face: NodeFace,
    server: GrpcServer,
    credentials: LocalCredentials | null,
  ) {
    this.#platform = platform;
    this.#node = node;
    this.#driven = driven;
    this.#take = take;
    this.face = face;
    this.#server = server;
    this.#credentials = credentials;
  }

  static async start(options: RunningOptions): Promise<RunningNode> {
    const platform = await DenoPlatform.open({ folder: options.folder });
    const face = new NodeFace();
    let take: TakeWriter | null = null;
    try {
      take = beginTake(options, platform.folder);
      const credentials = options.dev ? null : await createLocalCredentials(Date.now());
      const identity = credentials && { ...credentials.port, trust: [credentials.authority] };
      const server = await GrpcServer.start({ address: options.grpcAddress, identity, face });
      // The node shows an identity only after its start, when it is here.
      const network = new IdentityTap(platform.io.network, (shown) => running.#show(shown));
      const io = { ...platform.io, network };
      const { node, driven } = makeNode(io, options.node, face, take);
      const running = new RunningNode(platform, node, driven, take, face, server, credentials);
      await running.#record(credentials && [credentials.authority], LOCAL_SERVER_NAME);
      platform.attach(1, driven);
      face.attach(driven);
      if (options.onRoleChange !== undefined) watchRoles(face, options.onRoleChange);
      await running.#begin();
      return running;
    } catch (error) {
      await platform.close();
      take?.close();
      throw error;
    }
  }

  /** Waits until the node answers; where something keeps it from that, ends everything and throws it. */
  async #begin(): Promise<void> {
    const begun = new Promise<void>((resolve, reject) => {
      this.#node.onBegun((failure) => failure === null ? resolve() : reject(failure));
    });
    this.#driven.start(1);
    try {
      await begun;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** host:port for other nodes. */
  get address(): string {
    return this.#node.address;
  }

  /** What ended the node's taking part, or null. */
  get failure(): SennitError | null {
    return this.#node.failure;
  }

  /** host:port of the gRPC port. */
  get grpcAddress(): string {
    return this.#server.address;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#identities;
    await removeRecord(this.#platform.folder);
    this.#driven.stop();
    this.face.end();
    await Promise.all([this.#server.stop(), new Promise((resolve) => setTimeout(resolve, GOODBYE_MS))]);
    await this.#platform.close();
    this.#take?.close();
  }

  /** The gRPC port shows what the node shows, so that clients of the mesh believe it, and lets them in. */
  #show(identity: NetworkIdentity): void {
    const credentials = this.#credentials;
    if (credentials === null || identity.trust.length === 0 || isSame(identity, this.#shown)) return;
    this.#shown = identity;
    this.#identities = this.#identities.then(async () => {
      if (this.#stopping) return;
      const { certificate, privateKey } = identity;
      await this.#server.useIdentity({
        certificate,
        privateKey,
        trust: [credentials.authority, ...identity.trust],
      });
      await this.#record(identity.trust, ANY_NODE);
    }).catch((error) => console.error("The gRPC port keeps its former certificate:", error));
  }

  #record(trust: readonly string[] | null, serverName: string): Promise<void> {
    const admin = this.#credentials?.admin ?? null;
    const identity: LocalRecord["identity"] = admin && trust && { ...admin, trust: [...trust], serverName };
    return writeRecord(this.#platform.folder, { pid: Deno.pid, grpc: this.#server.address, identity });
  }
}

function beginTake({ recording = null }: RunningOptions, dataFolder: string): TakeWriter | null {
  if (recording === null) return null;
  const keyPath = recording.keyPath ?? `${dataFolder}/${KEY_FILE}`;
  return TakeWriter.open({
    folder: recording.folder,
    limitBytes: recording.limitBytes,
    keyPath,
    key: RecordingKey.open(keyPath),
    onTrouble: (error) => console.error(error.message),
  });
}

function makeNode(
  io: Io,
  settings: NodeSettings,
  face: NodeFace,
  take: TakeWriter | null,
): { node: Node; driven: Driven } {
  if (take === null) {
    const node = new Node(io, settings, face, null);
    return { node, driven: node };
  }
  const recorder = new Recorder(take.sink, VERSION, settings);
  const node = new Node(recorder.io(io), settings, recorder.callers(face), null);
  return { node, driven: recorder.driven(node, io) };
}

function isSame(a: NetworkIdentity, b: NetworkIdentity | null): boolean {
  return b !== null && a.certificate === b.certificate && a.trust.join() === b.trust.join();
}
