/**
 * Names of nodes, clients and administrators: DNS labels (RFC 1035 section 2.3.1, with a leading digit allowed as in
 * RFC 1123 section 2.1), so that one text serves as common name, as DNS name of a certificate and as file name.
 */
import { SennitError } from "../core/errors.ts";
import type { NodeNumber } from "../core/ids.ts";
import { encodeText } from "../core/bytes.ts";
import type { Crypto } from "../io/mod.ts";

/** RFC 1035: at most 63 octets a label. */
export const MAX_NAME_LENGTH = 63;

const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

export function isNodeName(name: string): boolean {
  return name.length <= MAX_NAME_LENGTH && LABEL.test(name);
}

/** Throws `INVALID_ARGUMENT` with what is wrong and what is allowed. */
export function checkNodeName(name: string): void {
  if (isNodeName(name)) return;
  const wrong = name === ""
    ? "it is empty"
    : name.length > MAX_NAME_LENGTH
    ? `it has ${name.length} characters, ${MAX_NAME_LENGTH} are allowed`
    : "use lower-case letters, digits and hyphens, with a letter or digit at both ends";
  throw new SennitError(
    "INVALID_ARGUMENT",
    `Not a node name: ${JSON.stringify(name.slice(0, 80))}: ${wrong}`,
    {
      details: { name: name.slice(0, 80) },
    },
  );
}

/** The number that frames carry for a node of this name: the first 53 bits of its SHA-256, never 0 (broadcast). */
export function nodeNumberOf(name: string, crypto: Pick<Crypto, "sha256">): NodeNumber {
  const digest = crypto.sha256(encodeText(name));
  const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
  const high = view.getUint32(0) >>> 11; // The upper 21 of 53 bits; the lower 32 follow across the next words.
  const low = ((view.getUint32(0) << 21) | (view.getUint32(4) >>> 11)) >>> 0;
  const number = high * 0x1_0000_0000 + low;
  return (number === 0 ? 1 : number) as NodeNumber;
}
