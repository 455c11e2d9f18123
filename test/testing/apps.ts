/** Small applications and workloads for tests of `simulate`. */
import { type App, defineApp } from "../../src/app/mod.ts";
import type { Context, HandlerMessage, SimulateOptions, Simulation } from "../../sim/testing/mod.ts";

/** What handlers did, outside of every node. */
export class Notebook {
  readonly lines: string[] = [];
  note(line: string): Promise<number> {
    this.lines.push(line);
    return Promise.resolve(this.lines.length);
  }
}

export interface Outside {
  readonly notebook: Notebook;
}

export const outside = (): Outside => ({ notebook: new Notebook() });

/** A handler of the stream `work`. */
export function handling(
  handle: (ctx: Context<Outside>, message: HandlerMessage) => Promise<void> | void,
  more: { attempts?: number } = {},
): App<Outside> {
  return defineApp<Outside>({ handlers: { worker: { stream: "work", handle, ...more } } });
}

/** Publishes that many messages at n1 for a target n2, and then waits: faults strike until it ends. */
export function publishing(count: number, waitMs = 0): (sim: Simulation<Outside>) => Promise<void> {
  return async (sim) => {
    const work = await sim.openStream("work", { source: "n1", targets: ["n2"] });
    const producer = await sim.retry(() => work.producer("test"));
    for (let i = 0; i < count; i++) {
      await producer.publish(`message-${i}`);
      await sim.sleep(50);
    }
    await sim.sleep(waitMs);
  };
}

/** One run without faults of a handler that is given one message. */
export function once(
  handle: (ctx: Context<Outside>, message: HandlerMessage) => Promise<void> | void,
): SimulateOptions<Outside> {
  return {
    app: handling(handle),
    services: outside,
    workload: publishing(1),
    check() {},
    seeds: 1,
    faults: "none",
  };
}
