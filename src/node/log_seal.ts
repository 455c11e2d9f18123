/**
 * Seals the write-ahead log when it falls idle. The last batch of a log looks the same whether a bit of it has flipped or
 * its write was torn, and is cut, although it may have been acknowledged; with a batch behind it, it is known to have been
 * durable. So one more batch of nothing is written once the log has been still for a while, and none after that one.
 */
import type { Lsn } from "../core/ids.ts";

/** How long nothing was to be written: what comes sooner than that seals by itself, and no sync is spent between. */
export const SEAL_IDLE_MS = 500;

/** What is looked at of the write-ahead log. */
export interface SealedLog {
  /** True while it is at rest and its last batch has none behind it. */
  readonly unsealed: boolean;
  readonly durableLsn: Lsn;
  seal(): void;
}

export class LogSeal {
  #durable = -1;
  #idleSinceMs = Infinity;

  /** Looks at the log after everything that was gathered is under way; null where nothing is written to it any more. */
  work(log: SealedLog | null, now: number): void {
    if (log === null || !log.unsealed) {
      this.#idleSinceMs = Infinity;
      return;
    }
    if (log.durableLsn !== this.#durable || this.#idleSinceMs === Infinity) this.#idleSinceMs = now;
    this.#durable = log.durableLsn;
    if (now < this.deadline()) return;
    this.#idleSinceMs = Infinity;
    log.seal();
  }

  /** When the log will have been idle for long enough. */
  deadline(): number {
    return this.#idleSinceMs + SEAL_IDLE_MS;
  }
}
