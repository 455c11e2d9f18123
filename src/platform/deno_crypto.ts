/**
 * The cryptography of a real node. Submitted operations run one after the other and complete in order: none of them is
 * on a hot path, and one at a time bounds the memory and the processor time that strangers can make a node spend.
 */
import { createHash } from "node:crypto";
import { EMPTY_BYTES } from "../core/bytes.ts";
import type { Token } from "../core/ids.ts";
import type { Crypto, CryptoOperation, CryptoResult } from "../io/mod.ts";
import { fromPem } from "./pem.ts";
import { createAuthority, createKey, issueCertificate } from "./certificates.ts";
import { errorText } from "./disk_errors.ts";
import type { Outlet } from "./outlet.ts";
import { seal, unseal } from "./sealing.ts";
import { hashSecret, verifySecret } from "./secret_hash.ts";

/** More operations than this waiting fail at once. */
export const MAX_WAITING_OPERATIONS = 256;

const NOTHING: CryptoResult = {
  certificate: "",
  privateKey: "",
  publicKey: "",
  keyHash: "",
  bytes: EMPTY_BYTES,
  text: "",
  matches: false,
};

interface Waiting {
  readonly operation: CryptoOperation;
  readonly token: Token;
  readonly incarnation: number;
}

export class DenoCrypto implements Crypto {
  readonly #outlet: Outlet;
  readonly #waiting: Waiting[] = [];
  #running = false;
  #closed = false;

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
  }

  sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    return sha256(bytes);
  }

  publicKeyHash(publicKey: string): string {
    try {
      return createHash("sha256").update(fromPem("PUBLIC KEY", publicKey)).digest("hex");
    } catch {
      return "";
    }
  }

  submit(operation: CryptoOperation, token: Token): void {
    const waiting = { operation, token, incarnation: this.#outlet.incarnation };
    if (this.#closed || this.#waiting.length >= MAX_WAITING_OPERATIONS) {
      this.#fail(waiting, this.#closed ? "the node stopped" : "too many operations are waiting");
      return;
    }
    this.#waiting.push(waiting);
    if (!this.#running) void this.#run();
  }

  /** What waits is dropped; what runs ends unheard. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      let result: CryptoResult;
      try {
        result = { ...NOTHING, ...await perform(next.operation) };
      } catch (error) {
        this.#fail(next, errorText(error));
        continue;
      }
      this.#outlet.deliver(next.incarnation, { kind: "crypto", token: next.token, ok: true, result });
    }
    this.#running = false;
  }

  #fail(waiting: Waiting, why: string): void {
    this.#outlet.deliver(waiting.incarnation, {
      kind: "crypto",
      token: waiting.token,
      ok: false,
      message: `Cannot ${waiting.operation.kind}: ${why}`,
    });
  }
}

export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

async function perform(operation: CryptoOperation): Promise<Partial<CryptoResult>> {
  switch (operation.kind) {
    case "create-authority":
      return await createAuthority(operation.meshId, operation.wallMs);
    case "create-key":
      return await createKey(operation.subject, operation.wallMs);
    case "issue": {
      const authority = {
        certificate: operation.authorityCertificate,
        privateKey: operation.authorityPrivateKey,
      };
      return {
        certificate: await issueCertificate(
          authority,
          operation.publicKey,
          operation.subject,
          operation.wallMs,
        ),
      };
    }
    case "seal":
      return { bytes: seal(operation.publicKey, operation.bytes) };
    case "unseal":
      return { bytes: unseal(operation.privateKey, operation.bytes) };
    case "hash-secret":
      return { text: await hashSecret(operation.secret, operation.salt) };
    case "verify-secret":
      return { matches: await verifySecret(operation.secret, operation.hash) };
  }
}
