/**
 * A client that writes to a key which nobody reads, at one node, and waits hardly at all for an answer: so that logs grow where no
 * majority commits, as the careful clients' never do, and an old leader comes back with much to take back.
 */
import { encodeText } from "../../src/core/bytes.ts";
import { EventKind, type Target } from "../event_queue.ts";
import type { Host } from "../host.ts";
import type { Draws } from "../prf.ts";
import type { World } from "../world.ts";
import type { Caller, Calls } from "./clients.ts";

/** Not one of the clients' keys. */
export const NOISE_KEY = "noise";
const PATIENCE_MS = 30;

export interface NoiseRegime {
  /** Of one client. */
  readonly writes: number;
  readonly thinkMeanMs: number;
}

export class NoiseClient implements Target, Caller {
  readonly traceId = 253;
  readonly isRemote = true;
  readonly #world: World;
  readonly #calls: Calls;
  readonly #host: Host;
  readonly #regime: NoiseRegime;
  readonly #draws: Draws;
  #written = 0;
  isOver = false;

  constructor(world: World, calls: Calls, host: Host, regime: NoiseRegime) {
    this.#world = world;
    this.#calls = calls;
    this.#host = host;
    this.#regime = regime;
    this.#draws = world.prf.site(`noise/${host.name}`);
  }

  /** Writes asked for. */
  get written(): number {
    return this.#written;
  }

  begin(): void {
    this.#later();
  }

  onEvent(): void {
    if (this.isOver || this.#written >= this.#regime.writes) return;
    const value = encodeText(`${this.#host.name}/${this.#written}`);
    const call = { kind: "kv-put", key: NOISE_KEY, value, expectedVersion: null } as const;
    if (this.#calls.make(this.#host, call, this, PATIENCE_MS) !== null) this.#written += 1;
    this.#later();
  }

  onReply(): void {}
  onPush(): void {}
  onLost(): void {}

  #later(): void {
    const waitUs = 1000 * this.#draws.exponential(this.#regime.thinkMeanMs) + 1000;
    this.#world.schedule(this.#world.nowUs + waitUs, this, EventKind.Client, 400, 0, null);
  }
}
