/**
 * Keepalive of one connection: when to send the next PING, the round-trip time from the PONGs, and when silence has lasted too
 * long. A PING's correlation id is its count, so a PONG proves that the peer saw that very PING.
 */

/** PINGs remembered; an answer to an older one is ignored. */
const OUTSTANDING = 8;
/** Weight of a new sample in the smoothed round-trip time, as in RFC 6298. */
const SAMPLE_WEIGHT = 1 / 8;

export class Keepalive {
  readonly #intervalMs: number;
  readonly #idleTimeoutMs: number;
  readonly #sentAtMs = new Float64Array(OUTSTANDING);
  #count = 0;
  #answered = 0;
  #nextPingAtMs: number;
  #lastHeardAtMs: number;
  #smoothedMs = 0;

  constructor(now: number, intervalMs: number, idleTimeoutMs: number) {
    this.#intervalMs = intervalMs;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#nextPingAtMs = Infinity;
    this.#lastHeardAtMs = now;
  }

  /** Smoothed round-trip time, 0 before the first PONG. */
  get rttMs(): number {
    return this.#smoothedMs;
  }
  get lastHeardAtMs(): number {
    return this.#lastHeardAtMs;
  }

  heard(now: number): void {
    this.#lastHeardAtMs = now;
  }

  /** Counts a PING sent now and returns its id; the next is due an interval later. */
  ping(now: number): number {
    this.#count++;
    this.#sentAtMs[this.#count % OUTSTANDING] = now;
    this.#nextPingAtMs = now + this.#intervalMs;
    return this.#count;
  }

  /** Takes the answer to PING `id`; false where there was no such PING, it is too old or was answered. */
  pong(id: number, now: number): boolean {
    if (id <= this.#answered || id > this.#count || id <= this.#count - OUTSTANDING) return false;
    this.#answered = id;
    const sample = now - this.#sentAtMs[id % OUTSTANDING]!;
    this.#smoothedMs = this.#smoothedMs === 0
      ? sample
      : this.#smoothedMs + (sample - this.#smoothedMs) * SAMPLE_WEIGHT;
    return true;
  }

  pingDue(now: number): boolean {
    return now >= this.#nextPingAtMs;
  }
  idle(now: number): boolean {
    return now >= this.idleAtMs;
  }
  /** When the next PING is due, where any is to be sent. */
  get nextPingAtMs(): number {
    return this.#nextPingAtMs;
  }
  /** When silence has lasted too long. */
  get idleAtMs(): number {
    return this.#lastHeardAtMs + this.#idleTimeoutMs;
  }
}
