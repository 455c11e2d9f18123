/**
 * A folder of certificates that the nodes of one machine share: the first node makes an authority, every node finds or
 * makes its own certificate there. For one machine and for tests, since whoever reads the folder can issue; a mesh
 * across machines enrols its nodes instead.
 *
 *     ca-cert.pem  ca-key.pem  RSA-4096, 365 days        {id}-cert.pem  {id}-key.pem  RSA-2048, 90 days
 */
import "reflect-metadata";
import { createPrivateKey, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { SennitError } from "../core/errors.ts";
import type { CertificateSubject, NetworkIdentity } from "../io/mod.ts";
import { checkNodeName, nodeNumberOf } from "../security/mod.ts";
import { firstMissingName } from "./certificate_names.ts";
import { authorityExtensions, leafExtensions, signCertificate, subjectUri } from "./certificates.ts";
import { sha256 } from "./deno_crypto.ts";
import { errorText } from "./disk_errors.ts";
import { createFolderDurably, writeFileDurably } from "./files.ts";
import { issued, isValidAt } from "./peer_identity.ts";
import { fromPem, toPem } from "./pem.ts";

const AUTHORITY_BITS = 4096;
const AUTHORITY_DAYS = 365;
const NODE_BITS = 2048;
const NODE_DAYS = 90;
/** How long to wait for another node that makes its certificates; an RSA-4096 key can take seconds. */
const LOCK_TIMEOUT_MS = 60_000;
const LOCK_POLL_MS = 50;
const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;

export interface SharedCertificateOptions {
  /** The node's number; hashed from its name unless given. */
  readonly number?: number;
  readonly wallMs?: number;
}

interface KeyTexts {
  readonly certificate: string;
  readonly privateKey: string;
}

/**
 * The identity of node `id` from the folder. What is there and good is used as it is; a certificate that has expired
 * or lacks one of the names is made anew. Two nodes that start at once make one authority.
 */
export async function ensureSharedCertificates(
  folder: string,
  id: string,
  hosts: readonly string[] = [],
  options: SharedCertificateOptions = {},
): Promise<NetworkIdentity> {
  checkNodeName(id);
  if (id === "ca") {
    throw new SennitError("INVALID_ARGUMENT", 'A node that shares certificates cannot be named "ca"');
  }
  const number = options.number || nodeNumberOf(id, { sha256 });
  const subject: CertificateSubject = { role: "node", name: id, number, hosts };
  const wallMs = options.wallMs ?? Date.now();
  return await withFolderLock(folder, async () => {
    const authority = await ensureAuthority(folder, wallMs);
    const node = await ensureNode(folder, authority, subject, wallMs);
    return { ...node, trust: [authority.certificate] };
  });
}

/** The lock is on the folder itself, so that it leaves nothing behind, and ends with the process. */
async function withFolderLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await createPrivateFolder(folder);
  const lock = await Deno.open(folder, { read: true });
  try {
    const deadline = performance.now() + LOCK_TIMEOUT_MS;
    while (!(await lock.tryLock(true))) {
      if (performance.now() > deadline) {
        throw new SennitError("DATA_IN_USE", `The certificate folder ${folder} is locked by another process`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
    }
    return await work();
  } finally {
    lock.close();
  }
}

/** 0700 where it is made or still empty; the mode of a folder with other things in it is its owner's business. */
async function createPrivateFolder(folder: string): Promise<void> {
  try {
    await createFolderDurably(folder);
    for await (const _ of Deno.readDir(folder)) return;
    await Deno.chmod(folder, 0o700);
  } catch (error) {
    throw new SennitError(
      "CONFIGURATION_INVALID",
      `The certificate folder ${folder} cannot be used: ${errorText(error)}`,
      { cause: error },
    );
  }
}

async function ensureAuthority(folder: string, wallMs: number): Promise<KeyTexts> {
  const found = await readPair(folder, "ca");
  if (found === null) return await makeAuthority(folder, wallMs);
  const certificate = readCertificate(found.certificate, `${folder}/ca-cert.pem`);
  if (!isValidAt(certificate, wallMs)) {
    throw new SennitError(
      "CONFIGURATION_INVALID",
      `The authority ${folder}/ca-cert.pem is outside its validity (until ${certificate.validTo}): ` +
        "stop the nodes that use the folder and remove its files to make a new one",
    );
  }
  return found;
}

async function makeAuthority(folder: string, wallMs: number): Promise<KeyTexts> {
  const keys = await generateRsa(AUTHORITY_BITS);
  const certificate = await signCertificate({
    subject: [{ O: ["Sennit"] }, { CN: ["Sennit shared folder authority"] }],
    issuer: null,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    algorithm: RSA,
    wallMs,
    days: AUTHORITY_DAYS,
    extensions: await authorityExtensions(keys.publicKey),
  });
  return await writePair(folder, "ca", certificate, keys.privateKey);
}

async function ensureNode(
  folder: string,
  authority: KeyTexts,
  subject: CertificateSubject,
  wallMs: number,
): Promise<KeyTexts> {
  const found = await readPair(folder, subject.name);
  if (found === null) return await makeNode(folder, authority, subject, wallMs);
  const certificate = readCertificate(found.certificate, `${folder}/${subject.name}-cert.pem`);
  const issuer = readCertificate(authority.certificate, `${folder}/ca-cert.pem`);
  if (!issued(issuer, certificate, wallMs, true)) {
    throw new SennitError(
      "CONFIGURATION_INVALID",
      `The authority ${folder}/ca-cert.pem did not issue ${subject.name}-cert.pem: remove the certificate and the ` +
        "key of this node to make new ones",
    );
  }
  const wanted = [subject.name, ...subject.hosts, subjectUri(subject)];
  const good = isValidAt(certificate, wallMs) && firstMissingName(found.certificate, wanted) === null;
  return good ? found : await makeNode(folder, authority, subject, wallMs);
}

async function makeNode(
  folder: string,
  authority: KeyTexts,
  subject: CertificateSubject,
  wallMs: number,
): Promise<KeyTexts> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await generateRsa(NODE_BITS);
  const usage = x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment;
  const certificate = await signCertificate({
    subject: [{ O: ["Sennit node"] }, { CN: [subject.name] }],
    issuer,
    publicKey: keys.publicKey,
    signingKey: await importRsa(authority.privateKey, `${folder}/ca-key.pem`),
    algorithm: RSA,
    wallMs,
    days: NODE_DAYS,
    extensions: await leafExtensions(subject, keys.publicKey, issuer, usage),
  });
  return await writePair(folder, subject.name, certificate, keys.privateKey);
}

/** Both files, null where both are missing. Half a pair is what nobody but a human leaves behind. */
async function readPair(folder: string, name: string): Promise<KeyTexts | null> {
  const certificate = await readTextOrNull(`${folder}/${name}-cert.pem`);
  const privateKey = await readTextOrNull(`${folder}/${name}-key.pem`);
  if (certificate !== null && privateKey !== null) {
    await Deno.chmod(`${folder}/${name}-key.pem`, 0o600);
    return { certificate, privateKey };
  }
  // A crash between the two writes leaves the key alone, since it is written first: it has served nobody.
  if (certificate === null) return null;
  throw new SennitError(
    "CONFIGURATION_INVALID",
    `The folder ${folder} holds ${name}-cert.pem without ${name}-key.pem: restore the key or remove the certificate`,
  );
}

async function writePair(
  folder: string,
  name: string,
  certificate: string,
  key: CryptoKey,
): Promise<KeyTexts> {
  const pkcs8 = toPem("PRIVATE KEY", await crypto.subtle.exportKey("pkcs8", key));
  const privateKey = createPrivateKey(pkcs8).export({ type: "pkcs1", format: "pem" }) as string;
  await writeFileDurably(`${folder}/${name}-key.pem`, privateKey, 0o600);
  await writeFileDurably(`${folder}/${name}-cert.pem`, certificate, 0o644);
  return { certificate, privateKey };
}

async function generateRsa(bits: number): Promise<CryptoKeyPair> {
  const algorithm = { ...RSA, modulusLength: bits, publicExponent: new Uint8Array([1, 0, 1]) };
  return await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

async function importRsa(pem: string, path: string): Promise<CryptoKey> {
  try {
    const pkcs8 = createPrivateKey(pem).export({ type: "pkcs8", format: "pem" }) as string;
    return await crypto.subtle.importKey("pkcs8", fromPem("PRIVATE KEY", pkcs8), RSA, false, ["sign"]);
  } catch (error) {
    throw new SennitError("CONFIGURATION_INVALID", `Not an RSA private key: ${path}: ${errorText(error)}`);
  }
}

function readCertificate(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new SennitError("CONFIGURATION_INVALID", `Not a certificate: ${path}: ${errorText(error)}`);
  }
}

async function readTextOrNull(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new SennitError("CONFIGURATION_INVALID", `Cannot read ${path}: ${errorText(error)}`, {
      cause: error,
    });
  }
}
