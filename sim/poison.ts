/**
 * Lent and given buffers turn to poison once their term is over (DESIGN section 3): who keeps one reads bytes
 * that decode to nothing, in every run and not only where memory happens to be reused.
 */

/** Neither a format number, nor a small length, nor text. */
export const POISON = 0xdb;

export function poison(bytes: Uint8Array): void {
  bytes.fill(POISON);
}
