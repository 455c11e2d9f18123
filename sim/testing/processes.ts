/** The application's processes: one at each node, begun with it, gone when it goes. */
import { type App, RunningApp } from "../../src/app/mod.ts";
import { SennitError } from "../../src/core/errors.ts";
import type { Host } from "../host.ts";
import type { World } from "../world.ts";
import type { Calls } from "../workloads/clients.ts";
import type { Services } from "./services.ts";
import { SimFace } from "./sim_face.ts";
import { SimSurroundings } from "./surroundings.ts";
import type { UserCode } from "./user_code.ts";

export interface Process<Stubs> {
  readonly incarnation: number;
  readonly app: RunningApp<Stubs>;
  /** Who waits for a function here and must be told when the node goes. */
  readonly waiting: Set<(error: SennitError) => void>;
}

interface Parts<Stubs> {
  readonly world: World;
  readonly code: UserCode;
  readonly calls: Calls;
  readonly services: Services;
  readonly app: App<Stubs>;
  readonly stubs: Stubs;
}

export class Processes<Stubs> {
  readonly #parts: Parts<Stubs>;
  readonly #running = new Map<Host, Process<Stubs>>();
  /** Of processes that are gone. */
  readonly #gone = { handled: 0, failed: 0 };
  readonly counts = { started: 0, crashed: 0, functionCalls: 0 };

  constructor(parts: Parts<Stubs>) {
    this.#parts = parts;
  }

  get(host: Host): Process<Stubs> | null {
    return this.#running.get(host) ?? null;
  }

  /** A process is gone with its node, and begins with the next one. True where one is gone. */
  look(host: Host): boolean {
    const before = this.#running.get(host);
    const isGone = before !== undefined && !(host.isUp && host.incarnation === before.incarnation);
    if (isGone) this.#end(host, before);
    if (host.isUp && (isGone || before === undefined)) this.#begin(host);
    return isGone;
  }

  #begin(host: Host): void {
    const { world, code, calls, services, app, stubs } = this.#parts;
    const surroundings = new SimSurroundings(world, code, host);
    const face = new SimFace({ host, calls, code }, surroundings, "inside");
    const wrapped = typeof stubs === "object" && stubs !== null
      ? services.from(stubs, host, surroundings)
      : stubs;
    const running = new RunningApp({ app, face, node: host.name, services: wrapped });
    this.#running.set(host, { incarnation: host.incarnation, app: running, waiting: new Set() });
    this.counts.started += 1;
    void code.begin(() => running.start());
  }

  /** The node went down, and all of the application that ran there with it. */
  #end(host: Host, process: Process<Stubs>): void {
    this.#running.delete(host);
    this.counts.crashed += 1;
    for (const { handled, failed } of process.app.status()) {
      this.#gone.handled += handled;
      this.#gone.failed += failed;
    }
    const error = new SennitError("UNREACHABLE", `Node ${host.name} went down before it answered`, {
      outcome: "UNKNOWN",
    });
    this.#parts.code.wake();
    for (const lose of process.waiting) lose(error);
  }

  /** A function, called from outside. */
  call(host: Host, name: string, input: unknown): Promise<unknown> {
    const process = this.#running.get(host);
    if (process === undefined) {
      return Promise.reject(new SennitError("UNREACHABLE", `Node ${host.name} is down`));
    }
    this.counts.functionCalls += 1;
    return new Promise((resolve, reject) => {
      process.waiting.add(reject);
      process.app.call(name, structuredClone(input)).then(
        (result) => resolve(structuredClone(result)),
        reject,
      ).finally(() => process.waiting.delete(reject));
    });
  }

  /** What handlers have not done yet, by name. */
  unfinished(hosts: readonly Host[]): string[] {
    return hosts.flatMap((host) => {
      const process = this.#running.get(host);
      if (process === undefined) return [`no application runs at ${host.name}`];
      const streams = host.node?.inspect().streams ?? [];
      return process.app.status().flatMap((status) => {
        const where = `handler ${status.handler} at ${host.name}`;
        if (status.state === "halted") return [`${where} halted: ${status.reason}`];
        if (status.code === "NOT_A_STREAM_MEMBER" || status.code === "UNKNOWN_STREAM") return [];
        if (status.state !== "running") return [`${where} is ${status.state}: ${status.reason}`];
        const end = streams.find((stream) => stream.name === status.stream)?.nextOffset ?? 0;
        if (status.acknowledgedOffset >= end) return [];
        return [`${where} has handled ${status.acknowledgedOffset} of ${end} messages of ${status.stream}`];
      });
    });
  }

  /** The first handler that gave up. */
  halted(): string | null {
    for (const [host, { app }] of this.#running) {
      for (const { state, handler, reason } of app.status()) {
        if (state === "halted") return `handler ${handler} at ${host.name} halted: ${reason}`;
      }
    }
    return null;
  }

  work(): Record<string, number> {
    let { handled, failed } = this.#gone;
    for (const { app } of this.#running.values()) {
      for (const status of app.status()) {
        handled += status.handled;
        failed += status.failed;
      }
    }
    const { started, crashed, functionCalls } = this.counts;
    return { processes: started, processesCrashed: crashed, functionCalls, handled, handlerErrors: failed };
  }
}
