/**
 * The cryptography port. Hashes are synchronous; what is slow or asynchronous (keys, certificates, sealing,
 * password hashing) is submitted and completes as an event, and never decides inside `apply`. Keys and
 * certificates are opaque texts to node code: PEM in production.
 */
import type { Token } from "../core/ids.ts";

export interface CertificateSubject {
  readonly role: "node" | "client" | "admin";
  /** Common name: a DNS label. */
  readonly name: string;
  /** Of a node: `mesh://node/<number>`; others carry their name in the URI and 0 here. */
  readonly number: number;
  /** Further DNS names and IP addresses. */
  readonly hosts: readonly string[];
}

export type CryptoOperation =
  /** A mesh's certificate authority. Result: certificate, privateKey, keyHash of the authority. */
  | { readonly kind: "create-authority"; readonly meshId: string; readonly wallMs: number }
  /** A node's key with a self-signed certificate for enrolment. Result: certificate, privateKey, publicKey, keyHash. */
  | { readonly kind: "create-key"; readonly subject: CertificateSubject; readonly wallMs: number }
  /** Result: certificate. */
  | {
    readonly kind: "issue";
    readonly authorityCertificate: string;
    readonly authorityPrivateKey: string;
    readonly publicKey: string;
    readonly subject: CertificateSubject;
    readonly wallMs: number;
  }
  /** Encrypts to the holder of a key (of `create-key`). Result: bytes. */
  | { readonly kind: "seal"; readonly publicKey: string; readonly bytes: Uint8Array }
  /** Result: bytes, or failure where the key is another or the bytes were changed. */
  | { readonly kind: "unseal"; readonly privateKey: string; readonly bytes: Uint8Array }
  /** Slow salted hash of a human's secret. Result: text. */
  | { readonly kind: "hash-secret"; readonly secret: string; readonly salt: Uint8Array }
  /** Result: matches. */
  | { readonly kind: "verify-secret"; readonly secret: string; readonly hash: string };

export interface CryptoResult {
  readonly certificate: string;
  readonly privateKey: string;
  readonly publicKey: string;
  readonly keyHash: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly text: string;
  readonly matches: boolean;
}

export type CryptoEvent =
  /** Fields that the operation does not name are empty. */
  | { readonly kind: "crypto"; readonly token: Token; readonly ok: true; readonly result: CryptoResult }
  | { readonly kind: "crypto"; readonly token: Token; readonly ok: false; readonly message: string };

export interface Crypto {
  sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer>;
  /** The `keyHash` of a `publicKey` of `create-key`, as `PeerIdentity.keyHash` shows it; "" where it is no key. */
  publicKeyHash(publicKey: string): string;
  submit(operation: CryptoOperation, token: Token): void;
}
