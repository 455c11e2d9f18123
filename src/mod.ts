/**
 * Sennit as a library: a node of the mesh inside this process. gRPC and the command are adapters over the same calls.
 *
 *     await using mesh = await Mesh.start({ name: "a", data: "./a" });
 */
import { type App, type HandlerStatus, RunningApp } from "./app/mod.ts";
import { MeshClient, NodeFace, type RoleChange, watchRoles } from "./client/mod.ts";
import { SennitError } from "./core/errors.ts";
import { checkSettings, localSettings, Node, type NodeSettings, type Observer } from "./node/mod.ts";
import { DenoPlatform } from "./platform/mod.ts";

export {
  type App,
  type Context,
  defineApp,
  type Handler,
  type HandlerMessage,
  replicate,
} from "./app/mod.ts";
export type { HandlerStatus, ReplicatedMachine, StateMachine } from "./app/mod.ts";
export * from "./client/mod.ts";
export { SennitError } from "./core/errors.ts";
export type { ErrorCode, Outcome } from "./core/errors.ts";
export type * from "./node/calls.ts";
export { localSettings } from "./node/mod.ts";
export type { NodeSettings } from "./node/mod.ts";
export {
  recover,
  type Recovered,
  type RecoverOptions,
  restore,
  type Restored,
  type RestoreOptions,
  saveBackup,
  verifyBackup,
} from "./platform/mod.ts";
export type { BackupSummary } from "./node/mod.ts";

/** How long a stopping node may take to tell its peers. */
const STOP_MS = 250;

export interface MeshOptions<Services = unknown> {
  /** The node's name: a DNS label, unique in its mesh. */
  readonly name: string;
  /** The node's own folder; made where it is missing. */
  readonly data: string;
  /** host:port for other nodes; port 0 takes any. @default "127.0.0.1:0" */
  readonly listen?: string;
  /** host:port as others reach this node. @default as bound */
  readonly advertise?: readonly string[];
  /** Certificates from outside instead of the mesh's own enrolment. */
  readonly certificates?: NonNullable<NodeSettings["certificates"]>;
  /** Anything else of a node's settings. */
  readonly settings?: Partial<NodeSettings>;
  /** Told of protocol events; must not call back. */
  readonly observer?: Observer;
  /** Told when this node begins and when it ends to lead a group, from the start on; must not throw. */
  readonly onRoleChange?: (change: RoleChange) => void;
  /** Handlers and functions that run with this node; the same object runs in `simulate` of `./testing`. */
  readonly app?: App<Services>;
  /** What the application's code has as `ctx.services`. */
  readonly services?: Services;
}

export class Mesh extends MeshClient {
  readonly face: NodeFace;
  readonly #node: Node;
  readonly #platform: DenoPlatform;
  readonly #app: Pick<RunningApp<unknown>, "call" | "status" | "stop"> | null;
  #stopping: Promise<void> | null = null;

  private constructor(
    node: Node,
    face: NodeFace,
    platform: DenoPlatform,
    app: Pick<RunningApp<unknown>, "call" | "status" | "stop"> | null,
  ) {
    super(face);
    this.#app = app;
    this.#node = node;
    this.face = face;
    this.#platform = platform;
  }

  /**
   * Starts a node on its folder and waits until it is ready to be asked: a member resumes, a new one waits for `seed` or
   * `join`. Throws `SennitError`: DATA_IN_USE, DISK_FULL, ADDRESS_IN_USE, CONFIGURATION_INVALID, DATA_DAMAGED;
   * `TypeError` where the application's shape is wrong.
   */
  static async start<Services>(options: MeshOptions<Services>): Promise<Mesh> {
    const face = new NodeFace();
    const app = options.app === undefined ? null : new RunningApp({
      app: options.app,
      face,
      node: options.name,
      services: options.services as Services,
    });
    const settings: NodeSettings = {
      ...localSettings(options.name),
      ...options.settings,
      listenAddress: options.listen ?? "127.0.0.1:0",
      advertisedAddresses: options.advertise ?? [],
      certificates: options.certificates ?? null,
      ...(options.app?.machines === undefined ? {} : { machines: options.app.machines }),
    };
    checkSettings(settings);
    const platform = await DenoPlatform.open({ folder: options.data });
    const node = new Node(platform.io, settings, face, options.observer ?? null);
    face.attach(node);
    platform.attach(1, node);
    if (options.onRoleChange !== undefined) watchRoles(face, options.onRoleChange);
    const mesh = new Mesh(node, face, platform, app);
    const begun = new Promise<void>((resolve, reject) => {
      node.onBegun((failure) => failure === null ? resolve() : reject(failure));
    });
    node.start(1);
    try {
      await begun;
    } catch (error) {
      await platform.close();
      throw error;
    }
    app?.start();
    return mesh;
  }

  /** Runs a function of this node's application. NOT_FOUND where there is none of that name; what it throws is thrown. */
  callFunction(name: string, input?: unknown): Promise<unknown> {
    if (this.#app !== null) return this.#app.call(name, input);
    return Promise.reject(new SennitError("NOT_FOUND", "This node was started without an app"));
  }

  /** How the handlers of this node's application stand: one that gave up says here which message it is about. */
  handlers(): HandlerStatus[] {
    return this.#app?.status() ?? [];
  }

  /** host:port that other nodes reach this one under. */
  get address(): string {
    return this.#node.address;
  }

  /** The failure that ended this node's taking part, if one did. */
  get failure(): SennitError | null {
    return this.#node.failure;
  }

  /** Ends the node in good order; afterwards its folder and port are free. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    await this.#app?.stop();
    this.#node.stop();
    await new Promise((resolve) => setTimeout(resolve, STOP_MS));
    await this.#platform.close();
    this.face.end();
  }
}
