/** What workloads, invariants and checks of users hold a run by. */
import { MeshClient } from "../../src/client/mod.ts";
import { SennitError } from "../../src/core/errors.ts";
import type { Host } from "../host.ts";
import type { World } from "../world.ts";
import type { Calls } from "../workloads/clients.ts";
import type { Processes } from "./processes.ts";
import { SimFace } from "./sim_face.ts";
import type { Simulation } from "./spec.ts";
import { SimSurroundings } from "./surroundings.ts";
import type { UserCode } from "./user_code.ts";

const RETRY_MS = 100;

interface Parts<Stubs> {
  readonly world: World;
  readonly code: UserCode;
  readonly calls: Calls;
  readonly processes: Processes<Stubs>;
  readonly stubs: Stubs;
}

export function makeSimulation<Stubs>(
  { world, code, calls, processes, stubs }: Parts<Stubs>,
): Simulation<Stubs> {
  const outside = new SimSurroundings(world, code, null);
  const hostOf = (name: string): Host => {
    const host = world.hostByName(name);
    if (host !== undefined) return host;
    throw new RangeError(`There is no node ${name}: known are ${world.hosts.map((each) => each.name)}`);
  };
  const sleep = (delayMs: number) => new Promise<void>((resolve) => outside.after(delayMs, resolve));
  const mesh = (node: string) => {
    return new MeshClient(new SimFace({ host: hostOf(node), calls, code }, outside, "outside"));
  };
  const retry = async <Result>(body: () => Promise<Result>): Promise<Result> => {
    for (;;) {
      try {
        return await body();
      } catch (error) {
        if (!(error instanceof SennitError) || !(error.retriable || error.outcome === "UNKNOWN")) throw error;
        await sleep(RETRY_MS);
      }
    }
  };
  return {
    seed: world.prf.seed,
    nodes: world.hosts.map((host) => host.name),
    services: stubs,
    mesh,
    async openStream(name, options) {
      let tries = 0;
      return await retry(async () => {
        tries += 1;
        try {
          return await mesh(options.source).openStream(name, options);
        } catch (error) {
          const isOwn = tries > 1 && error instanceof SennitError && error.code === "STREAM_EXISTS";
          if (isOwn) return mesh(options.source).stream(name); // An earlier try did it.
          throw error;
        }
      });
    },
    retry,
    call: (node, name, input) => processes.call(hostOf(node), name, input),
    now: outside.nowMs,
    random: outside.random,
    sleep,
    handlers: (node) => processes.get(hostOf(node))?.app.status() ?? [],
    note: (text) => world.note(null, text),
  };
}
