/**
 * Work that outlives a node: places are tried in turn, with a growing pause, until one serves; after too long without
 * any progress the last error is what there is to say.
 */
import { SennitError } from "../core/errors.ts";
import type { Face } from "../client/mod.ts";

const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 3000;
export const GIVE_UP_MS = 120_000;

/** A connection to a node; it may be closed twice. */
export interface Connection extends Face {
  close(): void;
}

/** Connects to the place of that number, counted round and round. */
export type Dialler = (attempt: number) => Promise<Connection>;

export class Failover {
  readonly #dial: Dialler;
  readonly #giveUpMs: number;
  #attempt = 0;
  #pauseMs = PAUSE_MIN_MS;
  #progressAt = performance.now();

  constructor(dial: Dialler, giveUpMs = GIVE_UP_MS) {
    this.#dial = dial;
    this.#giveUpMs = giveUpMs;
  }

  /** Something went well: the patience starts anew. */
  progress(): void {
    this.#progressAt = performance.now();
    this.#pauseMs = PAUSE_MIN_MS;
  }

  /** Connects and does what makes a connection useful; goes on to the next place where that may help. */
  async connect<Session>(open: (connection: Connection) => Promise<Session>): Promise<Session> {
    while (true) {
      let connection: Connection | null = null;
      try {
        connection = await this.#dial(this.#attempt);
        return await open(connection);
      } catch (error) {
        connection?.close();
        await this.pauseAfter(error);
      }
    }
  }

  /** Waits before the next try; throws the error where none can help, or patience is at its end. */
  async pauseAfter(error: unknown): Promise<void> {
    if (!(error instanceof SennitError) || !error.retriable) throw error;
    if (performance.now() - this.#progressAt > this.#giveUpMs) throw error;
    this.#attempt++;
    await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
    this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MAX_MS);
  }
}
