/**
 * Notices a disk that hangs: something is being written and nothing becomes durable. A leader on such a disk can still send
 * heartbeats, and so would keep others from leading while it applies nothing and answers nobody; it has to step down.
 */
import type { Lsn } from "../core/ids.ts";

/** What is looked at of the write-ahead log. */
export interface WatchedLog {
  /** True while a batch is on its way to the disk. */
  readonly busy: boolean;
  readonly durableLsn: Lsn;
}

export class DiskWatch {
  readonly #limitMs: number;
  #durable = -1;
  #stillSinceMs = Infinity;

  /** `limitMs`: a batch that takes longer counts as hung. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Looks at the log; true while the disk hangs. */
  look(log: WatchedLog, now: number): boolean {
    if (!log.busy) this.#stillSinceMs = Infinity;
    else if (log.durableLsn !== this.#durable || this.#stillSinceMs === Infinity) this.#stillSinceMs = now;
    this.#durable = log.durableLsn;
    return now - this.#stillSinceMs >= this.#limitMs;
  }

  /** When a batch that is on its way will count as hung. */
  deadline(): number {
    return this.#stillSinceMs + this.#limitMs;
  }
}
