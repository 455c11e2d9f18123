/** Credentials for a client or an administrator: a new key, and a certificate of the mesh's authority for it. */
import type { Flow } from "../core/flow.ts";
import { cryptoResult, type NodeCompletion } from "./completions.ts";
import type { Runtime } from "./runtime.ts";

export function* issueClient(
  runtime: Runtime,
  authority: { readonly certificate: string; readonly privateKey: string },
  name: string,
  role: "client" | "admin",
): Flow<{ certificate: string; privateKey: string }, NodeCompletion> {
  const { io } = runtime;
  const subject = { role, name, number: 0, hosts: [] };
  const key = cryptoResult(
    yield (token) => io.crypto.submit({ kind: "create-key", subject, wallMs: io.clock.wallMs() }, token),
  );
  const issued = cryptoResult(
    yield (token) =>
      io.crypto.submit({
        kind: "issue",
        authorityCertificate: authority.certificate,
        authorityPrivateKey: authority.privateKey,
        publicKey: key.publicKey,
        subject,
        wallMs: io.clock.wallMs(),
      }, token),
  );
  return { certificate: issued.certificate, privateKey: key.privateKey };
}
