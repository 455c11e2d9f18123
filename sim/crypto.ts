/** The simulated cryptography port: the operations of the real one, slow by virtual time, over simulated keys. */
import { EMPTY_BYTES, encodeText, equalBytes, toHex } from "../src/core/bytes.ts";
import type { Token } from "../src/core/ids.ts";
import type { Crypto, CryptoEvent, CryptoOperation, CryptoResult } from "../src/io/mod.ts";
import { keyHashOf, type KeyRegistry, readCertificate, validity } from "./certificates.ts";
import { EventKind } from "./event_queue.ts";
import type { Host } from "./host.ts";
import type { Draws } from "./prf.ts";
import { sha256 } from "./sha256.ts";

const MEAN_US = 2_000;
const SECRET_US = 80_000;

const NOTHING: CryptoResult = {
  certificate: "",
  privateKey: "",
  publicKey: "",
  keyHash: "",
  bytes: EMPTY_BYTES,
  text: "",
  matches: false,
};

export class SimCrypto implements Crypto {
  readonly #host: Host;
  readonly #keys: KeyRegistry;
  readonly #draws: Draws;
  /** Operations run one after the other, as on a real node. */
  #freeAtUs = 0;

  constructor(host: Host, keys: KeyRegistry) {
    this.#host = host;
    this.#keys = keys;
    this.#draws = host.world.prf.site(`crypto/${host.name}`);
  }

  sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    return sha256(bytes);
  }

  publicKeyHash(publicKey: string): string {
    return this.#keys.has(publicKey) ? keyHashOf(publicKey) : "";
  }

  submit(operation: CryptoOperation, token: Token): void {
    const host = this.#host;
    const mean = operation.kind.endsWith("-secret") ? SECRET_US : MEAN_US;
    this.#freeAtUs = Math.max(this.#freeAtUs, host.effectAtUs()) + mean / 4 + this.#draws.exponential(mean);
    let event: CryptoEvent;
    try {
      event = { kind: "crypto", token, ok: true, result: { ...NOTHING, ...this.#perform(operation) } };
    } catch (error) {
      event = {
        kind: "crypto",
        token,
        ok: false,
        message: `Cannot ${operation.kind}: ${(error as Error).message}`,
      };
    }
    host.world.schedule(this.#freeAtUs, host, EventKind.CryptoDone, host.incarnation, token, event);
  }

  #perform(operation: CryptoOperation): Partial<CryptoResult> {
    const keys = this.#keys;
    switch (operation.kind) {
      case "create-authority": {
        const key = keys.create();
        const subject = {
          role: "admin" as const,
          name: `authority of ${operation.meshId}`,
          number: 0,
          hosts: [],
        };
        return {
          ...key,
          keyHash: keyHashOf(key.publicKey),
          certificate: this.#selfSign(key, subject, operation.wallMs, true),
        };
      }
      case "create-key": {
        const key = keys.create();
        const certificate = this.#selfSign(key, operation.subject, operation.wallMs, false);
        return { ...key, keyHash: keyHashOf(key.publicKey), certificate };
      }
      case "issue":
        return { certificate: this.#issue(operation) };
      case "seal":
        return { bytes: seal(keys, operation.publicKey, operation.bytes) };
      case "unseal":
        return { bytes: unseal(keys, operation.privateKey, operation.bytes) };
      case "hash-secret":
        return { text: hashSecret(operation.secret, toHex(operation.salt)) };
      case "verify-secret":
        return {
          matches: operation.hash === hashSecret(operation.secret, operation.hash.split("$")[1] ?? ""),
        };
    }
  }

  #selfSign(
    key: { readonly privateKey: string; readonly publicKey: string },
    subject: Parameters<KeyRegistry["sign"]>[0]["subject"],
    wallMs: number,
    isAuthority: boolean,
  ): string {
    const body = {
      isAuthority,
      subject,
      publicKey: key.publicKey,
      issuer: key.publicKey,
      ...validity(wallMs),
    };
    return this.#keys.sign(body, key.privateKey);
  }

  #issue(operation: CryptoOperation & { kind: "issue" }): string {
    const authority = readAuthority(operation.authorityCertificate);
    if (!this.#keys.matches(authority, operation.authorityPrivateKey)) {
      throw new Error("the private key is not the authority's");
    }
    if (!this.#keys.has(operation.publicKey)) throw new Error("not a public key");
    const { subject, publicKey, wallMs } = operation;
    const body = { isAuthority: false, subject, publicKey, issuer: authority, ...validity(wallMs) };
    return this.#keys.sign(body, operation.authorityPrivateKey);
  }
}

function readAuthority(certificate: string): string {
  const body = readCertificate(certificate);
  if (body === null || !body.isAuthority) throw new Error("the certificate is not an authority's");
  return body.publicKey;
}

const TAG_BYTES = 32;

/** Holder's key name, tag, then the bytes under a key stream: changed bytes and other keys are told apart. */
function seal(keys: KeyRegistry, publicKey: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (!keys.has(publicKey)) throw new Error("not a public key");
  const sealed = new Uint8Array(TAG_BYTES + bytes.length);
  sealed.set(bytes, TAG_BYTES);
  whiten(sealed, publicKey);
  sealed.set(tagOf(publicKey, bytes));
  return sealed;
}

function unseal(keys: KeyRegistry, privateKey: string, sealed: Uint8Array): Uint8Array<ArrayBuffer> {
  const publicKey = keys.publicOf(privateKey);
  if (publicKey === null || sealed.length < TAG_BYTES) throw new Error("not sealed for this key");
  const copy = new Uint8Array(sealed);
  whiten(copy, publicKey);
  const bytes = copy.slice(TAG_BYTES);
  if (!equalBytes(tagOf(publicKey, bytes), sealed.subarray(0, TAG_BYTES))) {
    throw new Error("not sealed for this key, or changed since");
  }
  return bytes;
}

function whiten(sealed: Uint8Array, publicKey: string): void {
  const pad = sha256(encodeText(`pad ${publicKey}`));
  for (let i = TAG_BYTES; i < sealed.length; i++) sealed[i]! ^= pad[i % pad.length]!;
}

function tagOf(publicKey: string, bytes: Uint8Array): Uint8Array {
  const key = encodeText(`tag ${publicKey}`);
  const all = new Uint8Array(key.length + bytes.length);
  all.set(key);
  all.set(bytes, key.length);
  return sha256(all);
}

function hashSecret(secret: string, saltHex: string): string {
  return `sim$${saltHex}$${toHex(sha256(encodeText(`${saltHex}\n${secret}`)))}`;
}
