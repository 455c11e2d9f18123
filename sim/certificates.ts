/**
 * Simulated certificates: opaque texts to node code, but not toys. A certificate is believed only where its signature was
 * made with the private key of the authority that it names, and a handshake succeeds only with the private key that
 * belongs to the certificate shown; the registry stands in for the mathematics that binds the two halves of a key.
 */
import { encodeText, toHex } from "../src/core/bytes.ts";
import type { CertificateSubject, NetworkIdentity, PeerIdentity } from "../src/io/mod.ts";
import type { Prf } from "./prf.ts";
import { sha256 } from "./sha256.ts";
import { KEY_SITES } from "./sites.ts";

const MARK = "SIMULATED-CERTIFICATE\n";
const VALID_MS = 10 * 365 * 24 * 3600 * 1000;

export interface CertificateBody {
  readonly isAuthority: boolean;
  readonly subject: CertificateSubject;
  readonly publicKey: string;
  /** The public key of who signed it: its own where it is self-signed. */
  readonly issuer: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** The keys of one world. Node code cannot reach it: it learns a private key only where one is handed to it. */
export class KeyRegistry {
  readonly #prf: Prf;
  readonly #privateOf = new Map<string, string>();

  constructor(prf: Prf) {
    this.#prf = prf;
  }

  create(): KeyPair {
    const draws = this.#prf.site(`${KEY_SITES}${this.#privateOf.size}`);
    let secret = "";
    for (let i = 0; i < 4; i++) secret += draws.next().toString(16).padStart(8, "0");
    const privateKey = `sim-private-${secret}`;
    const publicKey = publicKeyOf(privateKey);
    this.#privateOf.set(publicKey, privateKey);
    return { privateKey, publicKey };
  }

  /** True where the two belong together. */
  matches(publicKey: string, privateKey: string): boolean {
    return this.#privateOf.get(publicKey) === privateKey;
  }
  /** Null where nobody has that key. */
  publicOf(privateKey: string): string | null {
    const publicKey = publicKeyOf(privateKey);
    return this.matches(publicKey, privateKey) ? publicKey : null;
  }
  /** What a handshake proves: that who shows a certificate holds its key. */
  holdsKey(identity: NetworkIdentity): boolean {
    return this.matches(readCertificate(identity.certificate)?.publicKey ?? "", identity.privateKey);
  }
  has(publicKey: string): boolean {
    return this.#privateOf.has(publicKey);
  }

  sign(body: CertificateBody, privateKey: string): string {
    const text = JSON.stringify(body);
    return MARK + JSON.stringify({ body: text, signature: hash(`${privateKey}\n${text}`) }) + "\n";
  }

  /** True where the holder of `issuer` signed the certificate. */
  signedBy(certificate: string, issuer: string): boolean {
    const privateKey = this.#privateOf.get(issuer);
    const parsed = parse(certificate);
    return privateKey !== undefined && parsed !== null && parsed.body.issuer === issuer &&
      parsed.signature === hash(`${privateKey}\n${parsed.text}`);
  }

  /** Who a node is to one that believes `trust`. */
  identify(certificate: string, trust: readonly string[], wallMs: number): PeerIdentity {
    const body = readCertificate(certificate);
    if (body === null) return { trusted: false, role: "none", name: "", number: 0, keyHash: "" };
    const trusted = trust.some((authority) => this.issued(authority, certificate, wallMs));
    const { role, name, number } = body.subject;
    return {
      trusted,
      role: body.isAuthority ? "none" : role,
      name,
      number: role === "node" && !body.isAuthority ? number : 0,
      keyHash: keyHashOf(body.publicKey),
    };
  }

  /** True where `authority` is one, issued `certificate` directly, and both are valid. */
  issued(authority: string, certificate: string, wallMs: number): boolean {
    const above = readCertificate(authority);
    const body = readCertificate(certificate);
    return above !== null && body !== null && above.isAuthority && isValid(above, wallMs) &&
      isValid(body, wallMs) && this.signedBy(certificate, above.publicKey);
  }

  /** True where the peer shows an authority of this key that issued its certificate: what a pinned dial wants. */
  chainHolds(identity: NetworkIdentity, authorityHash: string, wallMs: number): boolean {
    return identity.trust.some((authority) =>
      keyHashOf(readCertificate(authority)?.publicKey ?? "") === authorityHash &&
      this.issued(authority, identity.certificate, wallMs)
    );
  }
}

export function validity(wallMs: number): Pick<CertificateBody, "notBeforeMs" | "notAfterMs"> {
  return { notBeforeMs: wallMs - 24 * 3600 * 1000, notAfterMs: wallMs + VALID_MS };
}

export function readCertificate(certificate: string): CertificateBody | null {
  return parse(certificate)?.body ?? null;
}

/** Of a public key, as identities and pins carry it: lower-case hexadecimal. */
export function keyHashOf(publicKey: string): string {
  return hash(`spki ${publicKey}`);
}

function publicKeyOf(privateKey: string): string {
  return `sim-public-${hash(privateKey).slice(0, 32)}`;
}

function isValid(body: CertificateBody, wallMs: number): boolean {
  return body.notBeforeMs <= wallMs && wallMs < body.notAfterMs;
}

interface Parsed {
  readonly body: CertificateBody;
  readonly text: string;
  readonly signature: string;
}

/** Certificates that were read: the few of a run are shown at every handshake. */
const parsed = new Map<string, Parsed | null>();
const PARSED_LIMIT = 1_024;

function parse(certificate: string): Parsed | null {
  const known = parsed.get(certificate);
  if (known !== undefined) return known;
  if (parsed.size >= PARSED_LIMIT) parsed.clear();
  const read = parseAnew(certificate);
  parsed.set(certificate, read);
  return read;
}

function parseAnew(certificate: string): Parsed | null {
  if (!certificate.startsWith(MARK)) return null;
  try {
    const { body, signature } = JSON.parse(certificate.slice(MARK.length)) as Record<string, string>;
    return { body: JSON.parse(body!) as CertificateBody, text: body!, signature: signature! };
  } catch {
    return null;
  }
}

function hash(text: string): string {
  return toHex(sha256(encodeText(text)));
}
