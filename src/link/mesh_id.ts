/** A mesh id as the 16 bytes that HELLO carries: from hexadecimal, from a ULID, or zeros while there is none. */
import { fromHex } from "../core/bytes.ts";
import { parseUlid, ULID_BYTES, ULID_CHARACTERS } from "../core/ulid.ts";

export const MESH_ID_BYTES = ULID_BYTES;

/** `RangeError` where the text is neither. */
export function meshIdBytes(text: string): Uint8Array<ArrayBuffer> {
  if (text === "") return new Uint8Array(MESH_ID_BYTES);
  try {
    if (text.length === 2 * MESH_ID_BYTES) return fromHex(text);
    if (text.length === ULID_CHARACTERS) return parseUlid(text.toUpperCase());
  } catch {
    // Of the right length, and still none.
  }
  throw new RangeError(`Cannot use as mesh id: current value is "${text}"`);
}
