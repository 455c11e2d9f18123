/** Time and chance of one process of the world, for client code and for a user's: the host's clock, and draws of the seed. */
import type { Surroundings } from "../../src/client/mod.ts";
import { EventKind, type Target } from "../event_queue.ts";
import type { Host } from "../host.ts";
import type { Draws } from "../prf.ts";
import { WALL_START_MS } from "../clock.ts";
import type { World } from "../world.ts";
import type { UserCode } from "./user_code.ts";

const WORD = 1 / 0x1_0000_0000;
const PAUSED_RETRY_US = 1000;

export class SimSurroundings implements Surroundings, Target {
  readonly traceId = 249;
  readonly #world: World;
  readonly #code: UserCode;
  readonly #host: Host | null;
  readonly #incarnation: number;
  readonly #draws: Draws;
  readonly #byteDraws: Draws;

  /** `host` null: a process outside of the mesh that never crashes. */
  constructor(world: World, code: UserCode, host: Host | null) {
    this.#world = world;
    this.#code = code;
    this.#host = host;
    this.#incarnation = host?.incarnation ?? 0;
    const place = host === null ? "outside" : `${host.name}/${host.incarnation}`;
    this.#draws = world.prf.site(`app/${place}/random`);
    this.#byteDraws = world.prf.site(`app/${place}/bytes`);
  }

  /** False once the process it belongs to has crashed: nothing comes back any more. */
  get isAlive(): boolean {
    return this.#host === null || (this.#host.isUp && this.#host.incarnation === this.#incarnation);
  }

  // Functions that need no receiver: they are handed around.
  readonly nowMs = (): number => this.#host?.wallMs() ?? WALL_START_MS + Math.floor(this.#world.nowUs / 1000);
  readonly random = (): number => this.#draws.next() * WORD;
  readonly randomBytes = (count: number): Uint8Array<ArrayBuffer> => {
    const bytes = new Uint8Array(count);
    for (let i = 0; i < count; i++) bytes[i] = this.#byteDraws.next();
    return bytes;
  };
  readonly after = (delayMs: number, wake: () => void): () => void => {
    const sleeper = { wake };
    const atUs = this.#world.nowUs + Math.max(1, Math.round(1000 * delayMs));
    this.#world.schedule(atUs, this, EventKind.Client, this.#host?.id ?? 0, 0, sleeper);
    return () => sleeper.wake = () => {};
  };

  onEvent(kind: EventKind, a: number, b: number, payload: unknown): void {
    if (!this.isAlive) return;
    if (this.#host?.isPaused) {
      this.#world.schedule(this.#world.nowUs + PAUSED_RETRY_US, this, kind, a, b, payload);
      return;
    }
    this.#code.wake();
    (payload as { readonly wake: () => void }).wake();
  }
}
