/** A mesh as an application sees it through one node, in the same process or far away. */
import type { AckLevel, JoinPolicy, MeshEvent, NodeStatus } from "../node/calls.ts";
import { backedUp } from "./backup.ts";
import { expectReply, type Face } from "./face.ts";
import { KeyValueClient } from "./key_value_client.ts";
import { MachineClient, type OpenMachineOptions } from "./machine_client.ts";
import { StreamClient } from "./stream_client.ts";
import { watched } from "./watching.ts";

export type { AckLevel };

/** What a stream keeps for targets that are behind, unless told otherwise. */
export const DEFAULT_RETENTION_BYTES = 1024 * 1024 * 1024;

export interface OpenStreamOptions {
  /** Where messages enter: a node's name. @default this node */
  readonly source?: string;
  /** Names of the nodes that receive every message. */
  readonly targets: readonly string[];
  /** What completion and retention wait for at every target. @default ["default"] */
  readonly subscriptions?: readonly string[];
  /** @default 1 GiB */
  readonly retentionBytes?: number;
  /**
   * Members that are neither source nor target and hold the log all the same, so that the stream goes on while one of two is
   * away: they store and vote, and deliver nothing. Taken of those that lend space (`borrowedBytesLimit`); refused as
   * OVERLOADED where there are too few. true is 1. @default 0
   */
  readonly borrow?: boolean | number;
}

export class MeshClient {
  readonly #face: Face;
  readonly kv: KeyValueClient;

  constructor(face: Face) {
    this.#face = face;
    this.kv = new KeyValueClient(face);
  }

  /** Founds a mesh with this node as its first member. */
  async seed(
    options: { meshName: string; policy?: JoinPolicy; joinKey?: string },
  ): Promise<{ meshId: string }> {
    const { meshName, policy = "OPEN", joinKey = "" } = options;
    const reply = await this.#face.call({ kind: "seed", meshName, policy, joinKey });
    return { meshId: expectReply(reply, "joined").meshId };
  }

  /** A token for one joiner; `validMs` 0 makes one that can be used again and again. */
  async invite(options: { validMs?: number } = {}): Promise<string> {
    const reply = await this.#face.call({ kind: "invite", validMs: options.validMs ?? 3_600_000 });
    return expectReply(reply, "text").text;
  }

  /** Enters a mesh with a token. */
  async join(token: string, options: { joinKey?: string } = {}): Promise<{ meshId: string }> {
    const reply = await this.#face.call({ kind: "join", token, joinKey: options.joinKey ?? "" });
    return { meshId: expectReply(reply, "joined").meshId };
  }

  /** Leaves the mesh for good. */
  async leave(): Promise<void> {
    await this.#face.call({ kind: "leave" });
  }

  /** Removes a member for good. */
  async evict(name: string): Promise<void> {
    await this.#face.call({ kind: "evict", name });
  }

  async setPolicy(policy: JoinPolicy, joinKey = ""): Promise<void> {
    await this.#face.call({ kind: "set-policy", policy, joinKey });
  }

  /**
   * Lets the mesh use what every member's build supports: `level`, or the highest possible. It never goes back, and a
   * member may no longer go back to an older build.
   */
  async raiseFeatureLevel(level = 0): Promise<void> {
    await this.#face.call({ kind: "raise-feature-level", level });
  }

  async status(): Promise<NodeStatus> {
    return expectReply(await this.#face.call({ kind: "status" }), "status").status;
  }

  /** What happens in the mesh from the first `next` on, until the loop is left; throws where the watch ends by itself. */
  events(): AsyncGenerator<MeshEvent> {
    return watched(
      this.#face,
      { kind: "watch-events" },
      (push) => push.kind === "mesh-event" ? push.event : null,
    );
  }

  /**
   * Everything that this node holds of the mesh, as the bytes of one file, in order: a backup that `verifyBackup` checks and
   * `restore` makes a mesh of. Taken at the pace at which it is read; throws where it breaks off: what was read so far is
   * of no use then.
   */
  backup(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    return backedUp(this.#face);
  }

  async openStream(name: string, options: OpenStreamOptions): Promise<StreamClient> {
    await this.#face.call({
      kind: "stream-open",
      name,
      source: options.source ?? "",
      targets: options.targets,
      subscriptions: options.subscriptions ?? [],
      retentionBytes: options.retentionBytes ?? DEFAULT_RETENTION_BYTES,
      borrow: Number(options.borrow ?? 0),
    });
    return this.stream(name);
  }

  /** Gives a state machine of the application a group of its own; again with the same members is the same as once. */
  async openMachine<Command, Result = unknown, Question = unknown, Answer = unknown>(
    name: string,
    options: OpenMachineOptions,
  ): Promise<MachineClient<Command, Result, Question, Answer>> {
    await this.#face.call({ kind: "machine-open", machine: name, members: options.members });
    return new MachineClient(this.#face, name);
  }

  machine<Command, Result = unknown, Question = unknown, Answer = unknown>(
    name: string,
  ): MachineClient<Command, Result, Question, Answer> {
    return new MachineClient(this.#face, name);
  }

  stream(name: string): StreamClient {
    return new StreamClient(this.#face, name);
  }
}
