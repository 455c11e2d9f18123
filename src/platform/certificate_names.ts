/** What a certificate says it is for: its alternative names, read from the parsed certificate. */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

/** DNS names, IP addresses and URIs of a certificate (PEM), each as written. */
export function alternativeNamesOf(certificatePem: string): string[] {
  const extension = new x509.X509Certificate(certificatePem).getExtension(
    x509.SubjectAlternativeNameExtension,
  );
  return (extension?.names.items ?? []).map((item) => item.value);
}

/** The first of `wanted` that is not, letter by letter, among the certificate's names; null where all are there. */
export function firstMissingName(certificatePem: string, wanted: readonly string[]): string | null {
  const names = new Set(alternativeNamesOf(certificatePem).map(canonicalName));
  return wanted.find((name) => !names.has(canonicalName(name))) ?? null;
}

/** IPv6 has many spellings of one address; the URL parser knows the shortest (RFC 5952). */
function canonicalName(name: string): string {
  if (!/^[0-9a-fA-F:.]+$/.test(name) || !name.includes(":")) return name;
  try {
    return new URL(`http://[${name}]/`).hostname;
  } catch {
    return name;
  }
}
