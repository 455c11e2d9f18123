/**
 * Keys and certificates of a mesh (RFC 5280): an authority of its own, ECDSA P-256, and what it issues. Names go where
 * today's verifiers look for them: the DNS and IP names and the role, as a URI, into the alternative names; the common
 * name is for humans.
 */
import "reflect-metadata";
import { createHash } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { CertificateSubject } from "../io/mod.ts";
import { isIpAddress } from "../security/mod.ts";
import { fromPem, toPem } from "./pem.ts";

const DAY_MS = 86_400_000;
export const AUTHORITY_DAYS = 3_650;
/** Of certificates that the mesh issues, and of the self-signed one that a joiner comes with. */
export const ISSUED_DAYS = 90;
/** Certificates are valid from a while before they were made, for clocks that are behind. */
const BACKDATE_MS = 300_000;
const SERIAL_BYTES = 16;

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** The role's URI: what a mesh believes of a certificate. */
export function subjectUri(subject: CertificateSubject): string {
  return subject.role === "node" ? `mesh://node/${subject.number}` : `mesh://${subject.role}/${subject.name}`;
}

export interface KeyPairTexts {
  readonly certificate: string;
  readonly privateKey: string;
  readonly publicKey: string;
  readonly keyHash: string;
}

export async function createAuthority(meshId: string, wallMs: number): Promise<KeyPairTexts> {
  const keys = await crypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  const certificate = await signCertificate({
    subject: [{ O: ["Sennit"] }, { CN: [`Mesh ${meshId}`] }],
    issuer: null,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    algorithm: ECDSA,
    wallMs,
    days: AUTHORITY_DAYS,
    extensions: await authorityExtensions(keys.publicKey),
  });
  return await exportKeys(keys, certificate);
}

/** A key with a self-signed certificate: what a node comes with before a mesh has signed for it. */
export async function createKey(subject: CertificateSubject, wallMs: number): Promise<KeyPairTexts> {
  const keys = await crypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  const certificate = await signCertificate({
    subject: [{ CN: [subject.name] }],
    issuer: null,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    algorithm: ECDSA,
    wallMs,
    days: ISSUED_DAYS,
    extensions: await leafExtensions(subject, keys.publicKey, null),
  });
  return await exportKeys(keys, certificate);
}

/** A certificate for a public key (PEM), signed by an ECDSA authority. */
export async function issueCertificate(
  authority: { readonly certificate: string; readonly privateKey: string },
  publicKeyPem: string,
  subject: CertificateSubject,
  wallMs: number,
  days = ISSUED_DAYS,
): Promise<string> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await crypto.subtle.importKey(
    "pkcs8",
    fromPem("PRIVATE KEY", authority.privateKey),
    ECDSA,
    false,
    ["sign"],
  );
  const spki = fromPem("PUBLIC KEY", publicKeyPem);
  const publicKey = await crypto.subtle.importKey("spki", spki, ECDSA, true, ["verify"]);
  const extensions = await leafExtensions(subject, publicKey, issuer);
  return await signCertificate({
    subject: [{ CN: [subject.name] }],
    issuer,
    publicKey,
    signingKey,
    algorithm: ECDSA,
    wallMs,
    days,
    extensions,
  });
}

export interface SigningRequest {
  readonly subject: x509.JsonName;
  /** Null: self-signed. */
  readonly issuer: x509.X509Certificate | null;
  readonly publicKey: CryptoKey;
  readonly signingKey: CryptoKey;
  readonly algorithm: Algorithm & { readonly hash?: string };
  readonly wallMs: number;
  readonly days: number;
  readonly extensions: readonly x509.Extension[];
}

/** Signs and returns PEM. The certificate ends no later than its issuer. */
export async function signCertificate(request: SigningRequest): Promise<string> {
  const subject = new x509.Name(request.subject);
  const begins = request.wallMs - BACKDATE_MS;
  const ends = begins + request.days * DAY_MS;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject,
    issuer: request.issuer === null ? subject : request.issuer.subjectName,
    publicKey: request.publicKey,
    signingKey: request.signingKey,
    signingAlgorithm: request.algorithm,
    notBefore: new Date(begins),
    notAfter: new Date(Math.min(ends, request.issuer?.notAfter.getTime() ?? Infinity)),
    extensions: [...request.extensions],
  }, crypto);
  return toPem("CERTIFICATE", certificate.rawData);
}

export async function authorityExtensions(publicKey: CryptoKey): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, 0, true), // Path length 0: it issues, and nothing below it does.
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

export async function leafExtensions(
  subject: CertificateSubject,
  publicKey: CryptoKey,
  issuer: x509.X509Certificate | null,
  keyUsage: x509.KeyUsageFlags = x509.KeyUsageFlags.digitalSignature,
): Promise<x509.Extension[]> {
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(keyUsage, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
    new x509.SubjectAlternativeNameExtension(alternativeNames(subject)),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
  if (issuer !== null) extensions.push(await x509.AuthorityKeyIdentifierExtension.create(issuer));
  return extensions;
}

/** A node is reached on its own machine too; a client or administrator is not reached at all. */
function alternativeNames(subject: CertificateSubject): x509.JsonGeneralName[] {
  const own = subject.role === "node" ? ["localhost", "127.0.0.1", "::1"] : [];
  const hosts = [...new Set([subject.name, ...own, ...subject.hosts])];
  const names: x509.JsonGeneralName[] = hosts.map((host) => ({
    type: isIpAddress(host) ? "ip" : "dns",
    value: host,
  }));
  names.push({ type: "url", value: subjectUri(subject) });
  return names;
}

async function exportKeys(keys: CryptoKeyPair, certificate: string): Promise<KeyPairTexts> {
  const spki = await crypto.subtle.exportKey("spki", keys.publicKey);
  return {
    certificate,
    privateKey: toPem("PRIVATE KEY", await crypto.subtle.exportKey("pkcs8", keys.privateKey)),
    publicKey: toPem("PUBLIC KEY", spki),
    keyHash: createHash("sha256").update(new Uint8Array(spki)).digest("hex"),
  };
}

/** RFC 5280 section 4.1.2.2: positive, at most 20 octets; the first bit is cleared so that none is added. */
function randomSerial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
