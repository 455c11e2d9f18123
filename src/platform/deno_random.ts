/** Randomness of a real node: the system's entropy, fetched in blocks because each fetch costs more than a draw. */
import type { Random } from "../io/mod.ts";

const BLOCK_WORDS = 1024;

export class DenoRandom implements Random {
  readonly #block = new Uint32Array(BLOCK_WORDS);
  #next = BLOCK_WORDS;

  draw(_site: string, _n: number): number {
    if (this.#next === BLOCK_WORDS) {
      crypto.getRandomValues(this.#block);
      this.#next = 0;
    }
    const word = this.#block[this.#next]!;
    this.#block[this.#next] = 0; // A drawn secret does not stay in memory longer than its user keeps it.
    this.#next += 1;
    return word;
  }
}
