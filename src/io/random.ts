/**
 * The randomness port. A draw is named by its site (what it decides) and a count that the caller keeps, so
 * that in a simulated run it is a pure function of (seed, site, n): removing one decision shifts no other.
 */
export interface Random {
  /** An unsigned 32-bit number. In production drawn from the system's entropy, whatever site and n say. */
  draw(site: string, n: number): number;
}

/** `length` bytes of `site`, from the draws `n`, `n + 1`, … of which `ceil(length / 4)` are used. */
export function drawBytes(random: Random, site: string, n: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i += 4) {
    const word = random.draw(site, n + i / 4);
    for (let j = i; j < Math.min(i + 4, length); j++) bytes[j] = word >>> (8 * (j - i));
  }
  return bytes;
}
