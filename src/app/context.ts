/**
 * What a user's code is given to work with instead of the globals: in production the machine's, in the simulator the
 * world's. Whatever it awaits here after its node has crashed never comes.
 */
import {
  type Face,
  KeyValueClient,
  MACHINE,
  MachineClient,
  Producer,
  type Published,
  type Surroundings,
} from "../client/mod.ts";
import { SennitError } from "../core/errors.ts";
import type { App } from "./app.ts";

export interface Context<Services = unknown> {
  /** Name of the node that it runs at. */
  readonly node: string;
  /** What the application reaches outside of the mesh, as handed to `Mesh.start` or `simulate`. */
  readonly services: Services;
  /** The replicated key-value. */
  readonly kv: KeyValueClient;
  /** Milliseconds since 1970 as this node believes. */
  now(): number;
  /** At least 0, below 1. Not for secrets. */
  random(): number;
  sleep(delayMs: number): Promise<void>;
  /** Publishes to a stream that this node is a member of; resolves once committed. A handler that is run again publishes again. */
  publish(stream: string, message: Uint8Array | string): Promise<Published>;
  /** A replicated state machine that this node is a member of. */
  machine<Command, Result = unknown, Question = unknown, Answer = unknown>(
    name: string,
  ): MachineClient<Command, Result, Question, Answer>;
  /** Runs a function of this application at this node. NOT_FOUND where there is none of that name. */
  call(name: string, input?: unknown): Promise<unknown>;
  /** A relational transaction together with the offset: refused with UNSUPPORTED, as there is no Ledger yet. */
  tx(body: (transaction: never) => Promise<void>): Promise<never>;
}

export interface ContextParts<Services> {
  readonly app: App<Services>;
  readonly face: Face;
  readonly node: string;
  readonly services: Services;
}

/** One for each handler and one for functions: `owner` names its producers. */
export class AppContext<Services> implements Context<Services> {
  readonly node: string;
  readonly services: Services;
  readonly kv: KeyValueClient;
  readonly #parts: ContextParts<Services>;
  readonly #owner: string;
  readonly #sleeps = new Set<() => void>();
  readonly #producers = new Map<string, Promise<Producer>>();

  constructor(parts: ContextParts<Services>, owner: string) {
    this.#parts = parts;
    this.#owner = owner;
    this.node = parts.node;
    this.services = parts.services;
    this.kv = new KeyValueClient(parts.face);
  }

  get #surroundings(): Surroundings {
    return this.#parts.face.surroundings ?? MACHINE;
  }

  now(): number {
    return this.#surroundings.nowMs();
  }

  random(): number {
    return this.#surroundings.random();
  }

  sleep(delayMs: number): Promise<void> {
    if (!(delayMs >= 0 && delayMs < Infinity)) throw new RangeError(`Cannot sleep for ${delayMs} ms`);
    return new Promise((resolve) => {
      const cancel = this.#surroundings.after(delayMs, () => {
        this.#sleeps.delete(cancel);
        resolve();
      });
      this.#sleeps.add(cancel);
    });
  }

  /** The node stops: what sleeps here does not wake any more. */
  close(): void {
    for (const cancel of this.#sleeps) cancel();
    this.#sleeps.clear();
  }

  async publish(stream: string, message: Uint8Array | string): Promise<Published> {
    let opening = this.#producers.get(stream);
    if (opening === undefined) {
      opening = Producer.open(this.#parts.face, stream, `${this.#owner}@${this.node}`);
      this.#producers.set(stream, opening);
    }
    try {
      return await (await opening).publish(message);
    } catch (error) {
      // A session that failed once is of no use any more: the next one goes on after it.
      if (this.#producers.get(stream) === opening) this.#producers.delete(stream);
      throw error;
    }
  }

  machine<Command, Result = unknown, Question = unknown, Answer = unknown>(
    name: string,
  ): MachineClient<Command, Result, Question, Answer> {
    return new MachineClient(this.#parts.face, name);
  }

  async call(name: string, input?: unknown): Promise<unknown> {
    const { functions = {} } = this.#parts.app;
    const found = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (found === undefined) {
      const known = Object.keys(functions).join(", ") || "none";
      throw new SennitError("NOT_FOUND", `The app has no function ${name}: known are ${known}`);
    }
    return await found(this, input as never);
  }

  tx(): Promise<never> {
    const text =
      "ctx.tx needs a Ledger, which this version does not have: keep the offset with your data and say " +
      "where to start (startAt), or make the effect idempotent by message.stream and message.offset";
    return Promise.reject(new SennitError("UNSUPPORTED", text));
  }
}
