/**
 * Hashes of secrets that humans choose: scrypt (RFC 7914) with a salt, 32 MiB and some 100 ms a try. The parameters
 * stand in the text, so that they can grow; a text that asks for absurd ones is refused before it costs anything.
 *
 *     scrypt$<log2 N>$<r>$<p>$<salt, base64url>$<hash, base64url>
 */
import { Buffer } from "node:buffer";
import { scrypt, timingSafeEqual } from "node:crypto";

const LOG_N = 15;
const BLOCK_SIZE = 8;
const PARALLEL = 1;
const HASH_BYTES = 32;
const MIN_SALT_BYTES = 16;
const MAX_SALT_BYTES = 64;
const MAX_MEMORY_BYTES = 128 * 1024 * 1024;
/** A longer secret is not a human's. */
export const MAX_SECRET_LENGTH = 1_024;

const FORM = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([\w-]{16,100})\$([\w-]{43})$/;

export async function hashSecret(secret: string, salt: Uint8Array): Promise<string> {
  if (salt.length < MIN_SALT_BYTES || salt.length > MAX_SALT_BYTES) {
    throw new RangeError(`A salt has ${MIN_SALT_BYTES} to ${MAX_SALT_BYTES} bytes, not ${salt.length}`);
  }
  const hash = await derive(secret, salt, LOG_N, BLOCK_SIZE, PARALLEL);
  const saltText = Buffer.from(salt).toString("base64url");
  return `scrypt$${LOG_N}$${BLOCK_SIZE}$${PARALLEL}$${saltText}$${hash.toString("base64url")}`;
}

export async function verifySecret(secret: string, text: string): Promise<boolean> {
  const [, logN, blockSize, parallel, salt, hash] = FORM.exec(text) ?? [];
  if (hash === undefined) throw new RangeError("Not a hash of a secret");
  const expected = Buffer.from(hash, "base64url");
  const saltBytes = Buffer.from(salt!, "base64url");
  const actual = await derive(secret, saltBytes, Number(logN), Number(blockSize), Number(parallel));
  return timingSafeEqual(actual, expected);
}

function derive(
  secret: string,
  salt: Uint8Array,
  logN: number,
  r: number,
  p: number,
): Promise<Buffer> {
  if (secret.length > MAX_SECRET_LENGTH) throw new RangeError("The secret is too long");
  const memory = 128 * 2 ** logN * r;
  if (logN < 10 || r < 1 || p < 1 || p > 4 || memory > MAX_MEMORY_BYTES / 2) {
    throw new RangeError("The hash asks for parameters that are not allowed");
  }
  const options = { N: 2 ** logN, r, p, maxmem: MAX_MEMORY_BYTES };
  return new Promise((resolve, reject) => {
    scrypt(secret.normalize("NFKC"), salt, HASH_BYTES, options, (error, hash) => {
      if (error === null || error === undefined) resolve(hash);
      else reject(error);
    });
  });
}
