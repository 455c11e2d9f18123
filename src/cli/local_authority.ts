/**
 * The authority of one node's own gRPC port: made at every start, kept in the data folder, believed by that port alone.
 * It signs the port's certificate and one administrator's, so that the command can reach a node that is in no mesh
 * yet. Whoever can read the folder (files are 0600) is that administrator.
 *
 * The authority's key is never written: nothing else is ever signed with it.
 */
import { AUTHORITY_DAYS, createAuthority, createKey, issueCertificate } from "../platform/mod.ts";
import type { CertificateSubject } from "../io/mod.ts";

/** What the port's certificate is for, and what the command expects of it. */
export const LOCAL_SERVER_NAME = "sennit-local";

export interface KeyedCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

/** PEM texts. */
export interface LocalCredentials {
  readonly authority: string;
  readonly port: KeyedCertificate;
  readonly admin: KeyedCertificate;
}

export async function createLocalCredentials(wallMs: number): Promise<LocalCredentials> {
  const authority = await createAuthority("local", wallMs);
  const issue = async (subject: CertificateSubject): Promise<KeyedCertificate> => {
    const key = await createKey(subject, wallMs);
    const certificate = await issueCertificate(authority, key.publicKey, subject, wallMs, AUTHORITY_DAYS);
    return { certificate, privateKey: key.privateKey };
  };
  return {
    authority: authority.certificate,
    // Number 0 is no node's: as a client, the port would be nobody.
    port: await issue({ role: "node", name: LOCAL_SERVER_NAME, number: 0, hosts: [] }),
    admin: await issue({ role: "admin", name: "local", number: 0, hosts: [] }),
  };
}
