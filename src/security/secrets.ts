/** Comparing and hashing of secrets in node code. Slow hashing of what humans choose is the Crypto port's. */
import { assert } from "../core/assert.ts";
import { concatBytes, encodeText } from "../core/bytes.ts";
import type { Crypto } from "../io/mod.ts";

/** A one-time secret has so many bytes: 128 bits, so that its plain SHA-256 may be stored. */
export const SECRET_BYTES = 16;

/** Compares without leaking by its duration where the first difference is. Lengths are no secret. */
export function equalSecrets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/**
 * What the mesh keeps of an invitation's secret: SHA-256 under a label, so that the hash of one purpose never
 * serves another. The secret is 128 random bits, so a slow salted hash would add nothing.
 */
export function hashInvitationSecret(
  secret: Uint8Array,
  crypto: Pick<Crypto, "sha256">,
): Uint8Array<ArrayBuffer> {
  assert(secret.length === SECRET_BYTES, "an invitation's secret has 16 bytes");
  return crypto.sha256(concatBytes([encodeText("sennit invitation secret\0"), secret]));
}

/** True where `secret` is the one that `hash` was made of. */
export function matchesInvitationSecret(
  secret: Uint8Array,
  hash: Uint8Array,
  crypto: Pick<Crypto, "sha256">,
): boolean {
  return secret.length === SECRET_BYTES && equalSecrets(hashInvitationSecret(secret, crypto), hash);
}
