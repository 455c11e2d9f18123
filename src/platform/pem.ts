/** PEM texts (RFC 7468): several may stand in one text, and whatever is between them is ignored. */
import { Buffer } from "node:buffer";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Each certificate of a PEM text, in order. */
export function splitCertificates(pem: string): string[] {
  return pem.match(CERTIFICATE)?.map((one) => `${one}\n`) ?? [];
}

export function toPem(label: string, der: ArrayBuffer | Uint8Array<ArrayBuffer>): string {
  const bytes = der instanceof Uint8Array ? der : new Uint8Array(der);
  const lines = Buffer.from(bytes).toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** The bytes of the first block with this label; throws `TypeError` where there is none. */
export function fromPem(label: string, pem: string): Uint8Array<ArrayBuffer> {
  const begin = `-----BEGIN ${label}-----`;
  const from = pem.indexOf(begin);
  const to = pem.indexOf(`-----END ${label}-----`);
  if (from < 0 || to < from) throw new TypeError(`No ${label} in the PEM text`);
  return new Uint8Array(Buffer.from(pem.slice(from + begin.length, to), "base64"));
}
