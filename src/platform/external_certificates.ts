/**
 * Certificates of one's own work, from files or environment variables, checked before a node starts with them: a node
 * that would be refused by every other should say so itself. Texts of these errors are relied on by scripts, which is
 * why they are as they are.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { SennitError } from "../core/errors.ts";
import type { NetworkIdentity } from "../io/mod.ts";
import { firstMissingName } from "./certificate_names.ts";
import { errorText } from "./disk_errors.ts";
import { issued, isValidAt } from "./peer_identity.ts";
import { splitCertificates } from "./pem.ts";

export interface CertificateOptions {
  /** `file`: the three names are paths; `env`: the names of environment variables that hold PEM texts. */
  readonly source: string;
  readonly certificate: string;
  readonly privateKey: string;
  readonly authority: string;
  /** Check that the authority issued the certificate; true unless given. */
  readonly verifyChain?: boolean;
  /** Accept a certificate outside its validity; who issued it is checked all the same. */
  readonly allowExpired?: boolean;
  /** DNS names and IP addresses that the certificate must hold, letter by letter. */
  readonly requiredSans?: readonly string[];
}

/** Reads and checks; throws `CONFIGURATION_INVALID` with what is wrong. */
export async function loadCertificates(
  options: CertificateOptions,
  readVariable: (name: string) => string | undefined = Deno.env.get,
  wallMs = Date.now(),
): Promise<NetworkIdentity> {
  const identity = await readIdentity(options, readVariable);
  checkIdentity(identity, options, wallMs);
  return identity;
}

async function readIdentity(
  options: CertificateOptions,
  readVariable: (name: string) => string | undefined,
): Promise<NetworkIdentity> {
  let read: (what: string, name: string) => string | Promise<string>;
  if (options.source === "file") read = readPemFile;
  else if (options.source === "env") read = (what, name) => readPemVariable(what, name, readVariable);
  else throw invalid(`unsupported certificate source: ${options.source}`);
  const certificate = await read("certificate", options.certificate);
  const privateKey = await read("key", options.privateKey);
  const trust = splitCertificates(await read("CA", options.authority));
  if (trust.length === 0 || splitCertificates(certificate).length === 0) {
    throw invalid("no certificates found in PEM data");
  }
  return { certificate, privateKey, trust };
}

async function readPemFile(what: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw invalid(`failed to read ${what} file ${path}: ${errorText(error)}`, error);
  }
}

function readPemVariable(
  what: string,
  name: string,
  readVariable: (name: string) => string | undefined,
): string {
  const text = readVariable(name) ?? "";
  if (text.trim() === "") throw invalid(`${what} environment variable ${name} is empty`);
  return text;
}

function checkIdentity(identity: NetworkIdentity, options: CertificateOptions, wallMs: number): void {
  const certificate = parse(
    () => new X509Certificate(splitCertificates(identity.certificate)[0]!),
    "certificate",
  );
  const key = parse(() => createPrivateKey(identity.privateKey), "private key");
  if (!certificate.checkPrivateKey(key)) throw notValid("the private key belongs to another certificate");
  const authorities = identity.trust.map((pem) => parse(() => new X509Certificate(pem), "CA certificate"));
  if (options.verifyChain !== false && !authorities.some((one) => issued(one, certificate, wallMs, true))) {
    throw notValid("certificate signed by unknown authority");
  }
  if (options.allowExpired !== true) {
    if (!isValidAt(certificate, wallMs)) {
      throw notValid(
        `certificate has expired or is not yet valid: ${certificate.validFrom} to ${certificate.validTo}`,
      );
    }
    const verified = options.verifyChain === false ||
      authorities.some((one) => issued(one, certificate, wallMs));
    if (!verified) throw notValid("the CA certificate has expired or is not yet valid");
  }
  const missing = firstMissingName(splitCertificates(identity.certificate)[0]!, options.requiredSans ?? []);
  if (missing !== null) throw invalid(`certificate missing required SAN: ${missing}`);
}

function parse<T>(read: () => T, what: string): T {
  try {
    return read();
  } catch (error) {
    throw notValid(`not a ${what}: ${errorText(error)}`);
  }
}

function notValid(why: string): SennitError {
  return invalid(`certificate validation failed: ${why}`);
}

function invalid(message: string, cause?: unknown): SennitError {
  return new SennitError("CONFIGURATION_INVALID", message, cause === undefined ? {} : { cause });
}
