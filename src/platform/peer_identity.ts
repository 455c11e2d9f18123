/**
 * Who is at the other end. TLS has proved that the peer holds the private key of the certificate that it showed
 * (CertificateVerify, RFC 8446 section 4.4.3) and nothing else, since the handshake itself accepts every certificate:
 * a joiner comes with a self-signed one. Whether the certificate is to be believed is decided here.
 *
 * The rule is stricter than a general path search: an authority of the bundle issued the certificate directly, is an
 * authority, and both are within their validity. Names are taken from the parsed certificate, never from its printed
 * form, where a crafted name can look like two.
 */
import "reflect-metadata";
import { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { PeerIdentity } from "../io/mod.ts";
import { splitCertificates } from "./pem.ts";

/** An authority that is believed. */
export interface Authority {
  readonly certificate: X509Certificate;
  readonly pem: string;
}

export const NOBODY: PeerIdentity = { trusted: false, role: "none", name: "", number: 0, keyHash: "" };

/** The authorities of a trust bundle; throws where a text holds something else. */
export function readAuthorities(bundle: readonly string[]): Authority[] {
  const authorities: Authority[] = [];
  for (const pem of bundle.flatMap(splitCertificates)) {
    authorities.push({ certificate: new X509Certificate(pem), pem });
  }
  return authorities;
}

/** Reads a certificate (DER) that a peer showed; what cannot be read is nobody. */
export function identifyPeer(
  der: Uint8Array | null,
  trust: readonly Authority[],
  wallMs: number,
  allowExpired = false,
): PeerIdentity {
  if (der === null) return NOBODY;
  try {
    const certificate = new X509Certificate(Buffer.from(der));
    const trusted = trust.some((authority) =>
      issued(authority.certificate, certificate, wallMs, allowExpired)
    );
    return { trusted, ...readNames(der) };
  } catch {
    return NOBODY;
  }
}

/** True where `authority` issued `certificate` directly and both are valid at `wallMs`. */
export function issued(
  authority: X509Certificate,
  certificate: X509Certificate,
  wallMs: number,
  allowExpired = false,
): boolean {
  return authority.ca && certificate.checkIssued(authority) &&
    (allowExpired || (isValidAt(certificate, wallMs) && isValidAt(authority, wallMs))) &&
    certificate.verify(authority.publicKey);
}

export function isValidAt(certificate: X509Certificate, wallMs: number): boolean {
  return Date.parse(certificate.validFrom) <= wallMs && wallMs < Date.parse(certificate.validTo);
}

/** SHA-256 of the certificate's SubjectPublicKeyInfo, lower-case hexadecimal. */
export function keyHashOf(certificate: X509Certificate): string {
  const der = certificate.publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("hex");
}

type Names = Omit<PeerIdentity, "trusted">;

function readNames(der: Uint8Array): Names {
  const certificate = new x509.X509Certificate(new Uint8Array(der));
  const keyHash = createHash("sha256").update(new Uint8Array(certificate.publicKey.rawData)).digest("hex");
  const commonNames = certificate.subjectName.getField("CN");
  const name = commonNames.length === 1 ? commonNames[0]! : "";
  const alternatives = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const uris = alternatives.filter((item) => item.type === "url" && item.value.startsWith("mesh://"));
  // Two mesh names in one certificate could be read as one by this and as the other by that version.
  return { ...(uris.length === 1 ? readUri(uris[0]!.value, name) : NO_ROLE), name, keyHash };
}

const NO_ROLE: Pick<Names, "role" | "number"> = { role: "none", number: 0 };

/** `mesh://node/<number>`, `mesh://client/<name>`, `mesh://admin/<name>`; the latter name what the common name says. */
function readUri(uri: string, name: string): Pick<Names, "role" | "number"> {
  const [, role, rest] = /^mesh:\/\/(node|client|admin)\/([^/?#]+)$/.exec(uri) ?? [];
  if (rest === undefined) return NO_ROLE;
  if (role === "client" || role === "admin") return rest === name ? { role, number: 0 } : NO_ROLE;
  const number = /^[1-9]\d{0,15}$/.test(rest) ? Number(rest) : 0;
  return number > 0 && Number.isSafeInteger(number) ? { role: "node", number } : NO_ROLE;
}
