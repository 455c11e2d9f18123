/**
 * What client code needs besides its node: time, waiting and chance. On a machine they are the machine's; in the simulator they
 * are the world's, so that the same client code runs in both.
 */

export interface Surroundings {
  /** Milliseconds since 1970, as the machine believes. */
  nowMs(): number;
  /** Calls `wake` once, after so many milliseconds, unless what it returns is called before. */
  after(delayMs: number, wake: () => void): () => void;
  /** At least 0, below 1. */
  random(): number;
  randomBytes(count: number): Uint8Array<ArrayBuffer>;
}

/** 2^-32. */
const WORD = 1 / 0x1_0000_0000;

/** Those of the machine. */
export const MACHINE: Surroundings = {
  nowMs: () => Date.now(),
  after: (delayMs, wake) => {
    const timer = setTimeout(wake, delayMs);
    return () => clearTimeout(timer);
  },
  random: () => crypto.getRandomValues(new Uint32Array(1))[0]! * WORD,
  randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
};
