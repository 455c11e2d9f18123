/**
 * The simulated operator of the mesh: works through one task at a time, as a script of calls to nodes and of waits, and
 * repeats what did not succeed, through crashes and partitions, as a person or a program would that runs a mesh.
 */
import type { Token } from "../../src/core/ids.ts";
import type { Call, Reply } from "../../src/node/calls.ts";
import { EventKind, type Target } from "../event_queue.ts";
import type { Host } from "../host.ts";
import type { World } from "../world.ts";
import type { Caller, Calls } from "../workloads/clients.ts";

/** What a script wants next: an answer of a node, or to be woken. */
export type Step =
  | { readonly kind: "ask"; readonly host: Host; readonly call: Call }
  | { readonly kind: "wait"; readonly ms: number };

/** Is given the answer to what it asked, null where none came; ends once its task is done. */
export type Script = Generator<Step, void, Reply | null>;

const PATIENCE_MS = 10_000;

export class Operator implements Target, Caller {
  readonly traceId = 249;
  readonly #world: World;
  readonly #calls: Calls;
  #script: Script | null = null;
  #task = "";
  #waiting: Token | null = null;
  /** What a node said last where it refused. */
  lastFailure = "";

  constructor(world: World, calls: Calls) {
    this.#world = world;
    this.#calls = calls;
  }

  get isBusy(): boolean {
    return this.#script !== null;
  }
  /** What is being done, and what keeps it; "" where nothing is. */
  get task(): string {
    return this.#script === null ? "" : `${this.#task} (${this.lastFailure || "no refusal"})`;
  }

  begin(task: string, script: Script): void {
    if (this.#script !== null) throw new Error(`The operator is busy with ${this.#task}`);
    this.#task = task;
    this.lastFailure = "";
    this.#script = script;
    this.#world.note(null, `operator: ${task}`);
    this.#later(0);
  }

  onEvent(): void {
    if (this.#waiting === null) this.#go(null);
  }
  onReply(token: Token, reply: Reply): void {
    if (token !== this.#waiting) return;
    this.#waiting = null;
    if (reply.kind === "failed") this.lastFailure = `${reply.error.code} ${reply.error.message}`;
    this.#go(reply);
  }
  onPush(): void {}
  onLost(token: Token): void {
    if (token !== this.#waiting) return;
    this.#waiting = null;
    this.lastFailure = "no answer";
    this.#later(1);
  }

  #go(answer: Reply | null): void {
    const script = this.#script;
    if (script === null) return;
    const { done, value } = script.next(answer);
    if (done) {
      this.#world.note(null, `operator: done: ${this.#task}`);
      this.#script = null;
    } else if (value.kind === "wait") this.#later(value.ms);
    else this.#ask(value.host, value.call);
  }

  #ask(host: Host, call: Call): void {
    this.#waiting = this.#calls.make(host, call, this, PATIENCE_MS);
    if (this.#waiting !== null) return;
    this.lastFailure = `${host.name} is down`;
    this.#later(1);
  }

  #later(ms: number): void {
    this.#world.schedule(this.#world.nowUs + 1000 * ms + 1, this, EventKind.Client, 300, 0, null);
  }
}
