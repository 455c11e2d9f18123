/** What a failed dial or listen means: not there, not who it should be, or not free. */
import type { NetworkEvent } from "../io/mod.ts";
import { errorText, systemCode } from "./disk_errors.ts";

type DialFailure = Extract<NetworkEvent, { kind: "dial-failed" }>["code"];

/** OpenSSL's and the runtime's names for what can go wrong with keys, certificates and the handshake. */
const HANDSHAKE = /^ERR_(SSL|TLS|OSSL)|CERT|SELF_SIGNED|UNABLE_TO_|HANDSHAKE|EPROTO/;

export function explainDialError(
  error: Error,
  what: string,
): { readonly code: DialFailure; readonly message: string } {
  const system = systemCode(error);
  const message = `Cannot ${what}: ${errorText(error)}`;
  if (system === "EADDRINUSE") return { code: "ADDRESS_IN_USE", message };
  if (system === "EADDRNOTAVAIL" && what.startsWith("listen")) return { code: "INVALID_ARGUMENT", message };
  if (system === "EACCES" || (what.startsWith("listen") && system === "ENOTFOUND")) {
    return { code: "INVALID_ARGUMENT", message };
  }
  if (HANDSHAKE.test(system) || /certificate|handshakefailure|tls alert/i.test(error.message)) {
    return { code: "NOT_AUTHENTICATED", message };
  }
  return { code: "UNREACHABLE", message };
}
