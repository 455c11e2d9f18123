/**
 * The outside of an application: stand-ins that a user hands to `simulate`, for what real services do. They live outside of
 * every node and outlast its crashes. A call travels there and its answer back, each taking time; so a crash may fall
 * between an effect and the knowledge of it. Now and then a call fails, before or after it had its effect.
 */
import { encodeText } from "../../src/core/bytes.ts";
import { EventKind, type Target } from "../event_queue.ts";
import type { Host } from "../host.ts";
import type { Draws } from "../prf.ts";
import type { World } from "../world.ts";
import type { SimSurroundings } from "./surroundings.ts";
import type { UserCode } from "./user_code.ts";

/** What a handler meets where a service cannot be reached; whether the call had its effect is not known. */
export class ServiceUnavailable extends Error {
  override readonly name = "ServiceUnavailable";
}

const NOTE_LENGTH = 60;

function brief(args: readonly unknown[]): string {
  const text = args.map((arg) => JSON.stringify(arg)).join(", ");
  return text.length <= NOTE_LENGTH ? text : `${text.slice(0, NOTE_LENGTH)}…`;
}

type Method = (...args: unknown[]) => unknown;

export class Services implements Target {
  readonly traceId = 248;
  readonly #world: World;
  readonly #code: UserCode;
  readonly #draws: Draws;
  readonly #latencyMeanUs: number;
  readonly #failurePerMillion: number;
  failing = false;
  readonly counts = { serviceCalls: 0, serviceFailures: 0, answersLost: 0 };

  constructor(world: World, code: UserCode) {
    this.#world = world;
    this.#code = code;
    this.#draws = world.prf.site("app/services");
    const regime = world.prf.site("app/services/regime");
    this.#latencyMeanUs = regime.pick([200, 2_000, 20_000]);
    this.#failurePerMillion = regime.pick([0, 0, 2_000, 20_000]);
  }

  /** The services as one process sees them. */
  from<Stubs extends object>(stubs: Stubs, host: Host, process: SimSurroundings): Stubs {
    return this.#wrapped(stubs, "services", host, process) as Stubs;
  }

  onEvent(_kind: EventKind, _a: number, _b: number, payload: unknown): void {
    this.#code.wake();
    (payload as () => void)();
  }

  #wrapped(target: object, path: string, host: Host, process: SimSurroundings): object {
    return new Proxy(target, {
      get: (object, key) => {
        const value: unknown = Reflect.get(object, key);
        const name = `${path}.${String(key)}`;
        if (typeof value === "function") {
          return (...args: unknown[]) => this.#call(object, value as Method, name, args, host, process);
        }
        if (typeof value !== "object" || value === null) return value;
        return this.#wrapped(value, name, host, process);
      },
      set: (_object, key) => {
        throw new TypeError(
          `${path}.${String(key)} lies outside of this process: call a method that sets it`,
        );
      },
    });
  }

  #call(
    target: object,
    method: Method,
    name: string,
    args: unknown[],
    host: Host,
    process: SimSurroundings,
  ): Promise<unknown> {
    this.counts.serviceCalls += 1;
    const sent = this.#travel(name, args);
    const fails = this.failing && this.#draws.chance(this.#failurePerMillion);
    const isLate = fails && this.#draws.chance(500_000);
    if (fails) this.counts.serviceFailures += 1;
    return new Promise((resolve, reject) => {
      const answer = (settle: () => void) =>
        this.#later(host, () => {
          if (process.isAlive) return settle();
          this.counts.answersLost += 1;
          this.#world.note(host, `${name}: its answer finds nobody`);
        });
      const refuse = () => answer(() => reject(new ServiceUnavailable(`${name} could not be reached`)));
      this.#later(host, () => {
        if (fails && !isLate) return refuse();
        this.#world.note(host, `${name}(${brief(sent)})`);
        void this.#code.begin(() => method.apply(target, sent)).then(
          (result) => {
            if (isLate) return refuse();
            const back = this.#travel(name, result);
            answer(() => resolve(back));
          },
          (error) => answer(() => reject(error)),
        );
      });
    });
  }

  #later(host: Host, then: () => void): void {
    const waitUs = 1 + this.#draws.exponential(this.#latencyMeanUs);
    this.#world.schedule(this.#world.nowUs + waitUs, this, EventKind.Client, host.id, 0, then);
  }

  /** What leaves a process is a copy, and part of the trace. */
  #travel<Value>(name: string, value: Value): Value {
    try {
      const copy = structuredClone(value);
      this.#world.hashBytes(encodeText(`${name} ${JSON.stringify(copy)}`));
      return copy;
    } catch (error) {
      throw new TypeError(`${name} is handed what cannot travel: ${(error as Error).message}`);
    }
  }
}
