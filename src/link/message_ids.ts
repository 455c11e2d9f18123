/**
 * Message ids count up from a random start: a restarted node must not continue, in its peers' eyes, a chunked message that the
 * one before it left unfinished.
 */
import type { Random } from "../io/mod.ts";

/** Leaves the largest start below 2^52, and so room for as many messages as a node will ever send. */
const IDS_PER_DRAW = 0x10_0000;

export class MessageIds {
  readonly #random: Random;
  /** The last id; 0 before the first. */
  #last = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The time is part of the first draw because a simulated draw depends on site and count alone. */
  next(now: number): number {
    if (this.#last === 0) {
      this.#last = this.#random.draw("link: first message id", Math.floor(now)) * IDS_PER_DRAW;
    }
    this.#last++;
    return this.#last;
  }
}
