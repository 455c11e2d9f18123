/** Who calls, and what they may. */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import type { CallFailure } from "../node/calls.ts";

/** `read` looks, `use` reads and writes keys and messages, `admin` changes the mesh. */
export type Access = "read" | "use" | "admin";

export interface Caller {
  /** Of the certificate's URI; `dev` without certificates, `none` where the URI says nothing known. */
  readonly role: "node" | "client" | "admin" | "dev" | "none";
  readonly name: string;
  readonly number: number;
}

const NOBODY: Caller = { role: "none", name: "", number: 0 };

/**
 * The caller whom a certificate (DER) names; that it leads to a trusted authority is TLS's affair. Names are taken from
 * the parsed certificate, never from its printed form, where a crafted name can look like two; two mesh names are
 * nobody's.
 */
export function callerOf(der: Uint8Array): Caller {
  const certificate = new x509.X509Certificate(new Uint8Array(der));
  const [name, ...more] = certificate.subjectName.getField("CN");
  if (name === undefined || more.length > 0) return NOBODY;
  const alternatives = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  const uris = alternatives.filter((item) => item.type === "url" && item.value.startsWith("mesh://"));
  if (uris.length !== 1) return { ...NOBODY, name };
  return callerNamed(uris[0]!.value, name);
}

function callerNamed(uri: string, name: string): Caller {
  const [, role, rest] = /^mesh:\/\/(node|client|admin)\/([^/?#]+)$/.exec(uri) ?? [];
  if ((role === "client" || role === "admin") && rest === name) return { role, name, number: 0 };
  const number = role === "node" && /^[1-9]\d{0,15}$/.test(rest!) ? Number(rest) : 0;
  return Number.isSafeInteger(number) && number > 0 ? { role: "node", name, number } : { ...NOBODY, name };
}

/** Null where the caller may, else what to answer. That a node is still a member is for the server to look up. */
export function refusal(caller: Caller, access: Access): CallFailure | null {
  const allowed = access === "admin" ? /^(node|admin|dev)$/ : /^(node|client|admin|dev)$/;
  if (allowed.test(caller.role)) return null;
  if (caller.role === "none") {
    return {
      code: "NOT_AUTHENTICATED",
      message: "The certificate names no node, client or admin of a mesh",
      outcome: "NOT_APPLIED",
      details: {},
    };
  }
  return {
    code: "PERMISSION_DENIED",
    message: `"${caller.name}" is a ${caller.role}: this call needs an admin's certificate`,
    outcome: "NOT_APPLIED",
    details: { role: caller.role },
  };
}
