/**
 * Where every decision of a run comes from: draw = PRF(seed, site, n), a pure function. A decision is named by
 * its site (what it decides) and a count, so that taking one away shifts no other.
 *
 * The function is Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11):
 * additions, rotations and exclusive ors of 32 bits, the same everywhere that JavaScript runs. The seed keys a
 * site's key, the site's key its draws.
 *
 * Instead of the function a tape may answer (tape.ts): what does not stand on it has its benign outcome, which is false, the
 * least, the first, the order as it was.
 */

const PARITY = 0x1bd11bda;

/** The result of the last `threefry`: two words without an object for each draw. */
export interface Words {
  low: number;
  high: number;
}

/** Threefry-2x32-20 of counter (c0, c1) under key (k0, k1). */
export function threefry(k0: number, k1: number, c0: number, c1: number, out: Words): void {
  const k2 = PARITY ^ k0 ^ k1;
  let a = (c0 + k0) | 0;
  let b = (c1 + k1) | 0;
  for (let group = 0; group < 5; group++) {
    if ((group & 1) === 0) {
      a = (a + b) | 0, b = ((b << 13) | (b >>> 19)) ^ a;
      a = (a + b) | 0, b = ((b << 15) | (b >>> 17)) ^ a;
      a = (a + b) | 0, b = ((b << 26) | (b >>> 6)) ^ a;
      a = (a + b) | 0, b = ((b << 6) | (b >>> 26)) ^ a;
    } else {
      a = (a + b) | 0, b = ((b << 17) | (b >>> 15)) ^ a;
      a = (a + b) | 0, b = ((b << 29) | (b >>> 3)) ^ a;
      a = (a + b) | 0, b = ((b << 16) | (b >>> 16)) ^ a;
      a = (a + b) | 0, b = ((b << 24) | (b >>> 8)) ^ a;
    }
    const turn = (group + 1) % 3;
    a = (a + (turn === 0 ? k0 : turn === 1 ? k1 : k2)) | 0;
    b = (b + (turn === 0 ? k1 : turn === 1 ? k2 : k0) + group + 1) | 0;
  }
  out.low = a >>> 0;
  out.high = b >>> 0;
}

/** A 64-bit hash of a text, for sites and for seeds that are words. */
function hashText(text: string, out: Words): void {
  let k0 = 0x243f6a88;
  let k1 = 0x85a308d3;
  for (let i = 0; i < text.length; i += 2) {
    const pair = text.charCodeAt(i) | ((i + 1 < text.length ? text.charCodeAt(i + 1) : 0) << 16);
    threefry(k0, k1, pair, text.length, out);
    k0 = out.low;
    k1 = out.high;
  }
  threefry(k0, k1, 0x9e3779b9, text.length, out);
}

const TWO_32 = 0x1_0000_0000;

/**
 * -1000 ln(u) for u at the middle of each 32nd of [1/2, 1); the halvings before it add 693 each. A table, since
 * `Math.log` may differ between machines.
 */
// deno-fmt-ignore
const LOG_TABLE = [
  678, 647, 618, 589, 562, 535, 508, 483, 458, 433, 409, 386, 363, 341, 319, 298,
  277, 257, 237, 217, 198, 179, 161, 143, 125, 107, 90, 73, 56, 40, 24, 8,
] as const;
const HALVING = 693;

/** What stands between a site of the world and the function: a recorder, or a tape that is played. */
export interface SiteTape {
  readonly isPlayed: boolean;
  /** The word of decision `n`; -1 where it is not on the tape. */
  word(n: number): number;
  /** Decision `n` came out otherwise than benign. */
  keep(n: number, word: number): void;
}

/** The tape's sites; null for those that it does not decide. */
export interface Decisions {
  site(name: string): SiteTape | null;
}

/** One site of a seed, whose draws are counted here. */
export class Draws {
  readonly #k0: number;
  readonly #k1: number;
  readonly #out: Words = { low: 0, high: 0 };
  readonly #tape: SiteTape | null;
  #count = 0;

  constructor(k0: number, k1: number, tape: SiteTape | null = null) {
    this.#k0 = k0;
    this.#k1 = k1;
    this.#tape = tape;
  }

  /** The draw `n` of the function, whatever was drawn before and whatever a tape says. */
  at(n: number): number {
    threefry(this.#k0, this.#k1, n >>> 0, Math.floor(n / TWO_32) >>> 0, this.#out);
    return this.#out.low;
  }
  /** An unsigned 32-bit number; benign: 0. */
  next(): number {
    const n = this.#count++;
    const word = this.#word(n);
    if (word > 0) this.#tape?.keep(n, word);
    return word < 0 ? 0 : word;
  }
  /** An integer of [0, limit); benign: 0. */
  below(limit: number): number {
    return this.#index(limit, 0);
  }
  /** An integer of [low, high]; benign: `low`. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }
  /** True so many times in a million; draws nothing where the answer is certain. Benign: false. */
  chance(perMillion: number): boolean {
    if (perMillion <= 0 || perMillion >= 1_000_000) return perMillion > 0;
    const n = this.#count++;
    const word = this.#word(n);
    if (word < 0 || Math.floor(word * 1_000_000 / TWO_32) >= perMillion) return false;
    this.#tape?.keep(n, word);
    return true;
  }
  /** Exponential-like with this mean, in integers; at most about 22 means. Benign: 0. */
  exponential(mean: number): number {
    const n = this.#count++;
    const word = this.#word(n);
    if (word < 0) return 0;
    const zeros = Math.min(31, Math.clz32(word));
    const next = zeros >= 26 ? 0 : (word >>> (26 - zeros)) & 31; // The five bits behind the first one.
    const value = Math.floor(mean * (zeros * HALVING + LOG_TABLE[next]!) / 1000);
    if (value > 0) this.#tape?.keep(n, word);
    return value;
  }
  /** Benign: the first. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }
  /** A shuffled copy (Fisher-Yates); benign: in the same order. */
  shuffled<Item>(items: readonly Item[]): Item[] {
    const copy = [...items];
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.#index(i + 1, i);
      [copy[i], copy[j]] = [copy[j]!, copy[i]!];
    }
    return copy;
  }

  #index(limit: number, benign: number): number {
    const n = this.#count++;
    const word = this.#word(n);
    if (word < 0) return benign;
    const value = Math.floor(word * limit / TWO_32);
    if (value !== benign) this.#tape?.keep(n, word);
    return value;
  }

  #word(n: number): number {
    const tape = this.#tape;
    return tape === null || !tape.isPlayed ? this.at(n) : tape.word(n);
  }
}

/** All draws of one seed. */
export class Prf {
  /** 16 hexadecimal digits: what names the run. */
  readonly seed: string;
  readonly #k0: number;
  readonly #k1: number;
  readonly #out: Words = { low: 0, high: 0 };
  readonly #decisions: Decisions | null;

  /** Decimal below 2^53 or 16 hexadecimal digits are taken as numbers, any other text (a commit, a word) is hashed. */
  constructor(seed: string, decisions: Decisions | null = null) {
    this.#decisions = decisions;
    if (/^[0-9a-f]{16}$/.test(seed)) {
      this.#k1 = parseInt(seed.slice(0, 8), 16);
      this.#k0 = parseInt(seed.slice(8), 16);
    } else if (/^\d{1,15}$/.test(seed)) {
      this.#k1 = Math.floor(Number(seed) / TWO_32);
      this.#k0 = Number(seed) >>> 0;
    } else {
      hashText(seed, this.#out);
      this.#k1 = this.#out.high;
      this.#k0 = this.#out.low;
    }
    this.seed = hex(this.#k1) + hex(this.#k0);
  }

  /** The draws of a site. Asking twice gives two that count alike. */
  site(name: string): Draws {
    hashText(name, this.#out);
    threefry(this.#k0, this.#k1, this.#out.low, this.#out.high, this.#out);
    return new Draws(this.#out.low, this.#out.high, this.#decisions?.site(name) ?? null);
  }
}

export function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
