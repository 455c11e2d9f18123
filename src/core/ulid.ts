/**
 * ULIDs: 48 bits of wall time in milliseconds and 80 random bits, 26 characters of Crockford's base 32 that
 * sort by time. Time and randomness are given, never taken.
 */
import { assert } from "./assert.ts";
import { DecodeError } from "./errors.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
export const ULID_BYTES = 16;
export const ULID_CHARACTERS = 26;

/** 16 bytes of a ULID from wall time and 10 random bytes. */
export function ulidBytes(wallMs: number, random: Uint8Array): Uint8Array<ArrayBuffer> {
  assert(random.length === 10, "a ULID has 80 random bits");
  const bytes = new Uint8Array(ULID_BYTES);
  let time = Math.max(0, Math.floor(wallMs));
  for (let i = 5; i >= 0; i--) {
    bytes[i] = time % 256;
    time = Math.floor(time / 256);
  }
  bytes.set(random, 6);
  return bytes;
}

/** The 26 characters of a ULID's 16 bytes. */
export function ulidText(bytes: Uint8Array): string {
  assert(bytes.length === ULID_BYTES, "a ULID has 16 bytes");
  let text = "";
  // 130 bits in groups of five, the first two bits are zero.
  for (let character = 0; character < ULID_CHARACTERS; character++) {
    let value = 0;
    for (let bit = character * 5 - 2; bit < character * 5 + 3; bit++) {
      const set = bit >= 0 && (bytes[bit >> 3]! >> (7 - (bit & 7))) & 1;
      value = value * 2 + (set ? 1 : 0);
    }
    text += ALPHABET[value];
  }
  return text;
}

/** The 16 bytes of a ULID's text; throws `DecodeError`. */
export function parseUlid(text: string): Uint8Array<ArrayBuffer> {
  if (text.length !== ULID_CHARACTERS) throw new DecodeError("Not a ULID: 26 characters expected");
  const bytes = new Uint8Array(ULID_BYTES);
  for (let character = 0; character < ULID_CHARACTERS; character++) {
    const value = ALPHABET.indexOf(text[character]!);
    if (value < 0) throw new DecodeError(`Not a ULID: character ${text[character]}`);
    if (character === 0 && value > 7) throw new DecodeError("Not a ULID: out of range");
    for (let bit = 0; bit < 5; bit++) {
      const at = character * 5 - 2 + bit;
      if (at >= 0 && (value >> (4 - bit)) & 1) bytes[at >> 3]! |= 1 << (7 - (at & 7));
    }
  }
  return bytes;
}
