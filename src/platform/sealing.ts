/**
 * Encryption to the holder of a key: an ephemeral P-256 key agreement with the holder's public key, HKDF-SHA256 over the
 * shared secret, AES-256-GCM (the construction of ECIES, and in spirit of RFC 9180). Both public keys go into the
 * derivation, so that a sealed text cannot be moved to another holder. The key serves one message, so the nonce is
 * derived with it.
 *
 *     u8 version, 65 bytes ephemeral public key (uncompressed), ciphertext, 16 bytes tag
 */
import { Buffer } from "node:buffer";
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from "node:crypto";

const VERSION = 1;
const POINT_BYTES = 65;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
/** What is sealed are keys and secrets. */
export const MAX_SEALED_BYTES = 1024 * 1024;
const LABEL = Buffer.from("sennit seal v1");
/** SubjectPublicKeyInfo of an uncompressed P-256 point, up to the point (RFC 5480). */
const SPKI_PREFIX = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d030107034200", "hex");

export function seal(publicKeyPem: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (bytes.length > MAX_SEALED_BYTES) throw new RangeError("Too much to seal");
  const holder = createPublicKey(publicKeyPem);
  const ephemeral = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const point = pointOf(ephemeral.publicKey);
  const { key, nonce } = derive(ephemeral.privateKey, holder, point, pointOf(holder));
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  const parts = [Buffer.of(VERSION), point, cipher.update(bytes), cipher.final(), cipher.getAuthTag()];
  return new Uint8Array(Buffer.concat(parts));
}

/** Throws where the key is another or the bytes were changed. */
export function unseal(privateKeyPem: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (
    bytes.length < 1 + POINT_BYTES + TAG_BYTES || bytes.length > MAX_SEALED_BYTES + 256 ||
    bytes[0] !== VERSION
  ) {
    throw new RangeError("Not a sealed text of a known version");
  }
  const point = Buffer.from(bytes.subarray(1, 1 + POINT_BYTES));
  const holder = createPrivateKey(privateKeyPem);
  const { key, nonce } = derive(holder, keyOf(point), point, pointOf(createPublicKey(privateKeyPem)));
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(Buffer.from(bytes.subarray(bytes.length - TAG_BYTES)));
  const body = decipher.update(bytes.subarray(1 + POINT_BYTES, bytes.length - TAG_BYTES));
  return new Uint8Array(Buffer.concat([body, decipher.final()]));
}

function derive(
  privateKey: KeyObject,
  publicKey: KeyObject,
  ephemeralPoint: Buffer,
  holderPoint: Buffer,
): { key: Buffer; nonce: Buffer } {
  const secret = diffieHellman({ privateKey, publicKey });
  const info = Buffer.concat([LABEL, ephemeralPoint, holderPoint]);
  const derived = Buffer.from(hkdfSync("sha256", secret, Buffer.alloc(0), info, KEY_BYTES + NONCE_BYTES));
  return { key: derived.subarray(0, KEY_BYTES), nonce: derived.subarray(KEY_BYTES) };
}

function pointOf(key: KeyObject): Buffer {
  const spki = key.export({ type: "spki", format: "der" }) as Buffer;
  if (
    spki.length !== SPKI_PREFIX.length + POINT_BYTES ||
    !spki.subarray(0, SPKI_PREFIX.length).equals(SPKI_PREFIX)
  ) {
    throw new TypeError("Not a P-256 key");
  }
  return Buffer.from(spki.subarray(SPKI_PREFIX.length));
}

/** The import checks that the point is on the curve. */
function keyOf(point: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, point]), format: "der", type: "spki" });
}
