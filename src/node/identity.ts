/**
 * Who this node is, kept in one small file that is replaced as a whole: its key from the first start on, its membership
 * once it is admitted. The file holds the private key, so the platform keeps it readable for its owner only.
 */
import { decodeText, encodeText } from "../core/bytes.ts";
import { SennitError } from "../core/errors.ts";
import { isCount } from "../core/ids.ts";
import { isRecoveryEpoch } from "./recovery_epoch.ts";

export const IDENTITY_PATH = "identity.json";
export const IDENTITY_BYTES_LIMIT = 1024 * 1024;
const FORMAT = 1;
/** With a recovery epoch: software that knows nothing of it would speak to those who were left behind, and must not start. */
const RECOVERED_FORMAT = 2;
const STATES: readonly unknown[] = ["new", "member", "removed"];

export interface Identity {
  readonly state: "new" | "member" | "removed";
  readonly name: string;
  readonly number: number;
  /** Self-signed until enrolled. */
  readonly certificate: string;
  readonly privateKey: string;
  readonly publicKey: string;
  readonly meshId: string;
  readonly meshName: string;
  /** 0 while not admitted. */
  readonly memberId: number;
  /** Of the mesh since it was recovered from a lost quorum, else 0; see recovery_epoch.ts. */
  readonly recoveryEpoch: number;
  /** Whom that recovery declared dead: looked for, so that it is seen and said where one of them lives on. */
  readonly leftBehind: readonly IdentityPeer[];
  readonly trust: readonly string[];
  /** SHA-256 of the authority's public key, hexadecimal; what invitations pin. */
  readonly authorityHash: string;
  /** Members known at admission: whom to dial until the control state is there. */
  readonly peers: readonly IdentityPeer[];
  /** When the certificate was issued; 0 for a self-signed one. */
  readonly certifiedWallMs: number;
  /** Of a founder: the first entry of the control log, until the log holds it. */
  readonly genesis: readonly number[];
}

export interface IdentityPeer {
  readonly number: number;
  readonly memberId: number;
  readonly name: string;
  readonly addresses: readonly string[];
}

export function encodeIdentity(identity: Identity): Uint8Array<ArrayBuffer> {
  const { recoveryEpoch, leftBehind, ...rest } = identity;
  const stored = recoveryEpoch === 0
    ? { format: FORMAT, ...rest }
    : { format: RECOVERED_FORMAT, ...rest, recoveryEpoch, leftBehind };
  return encodeText(JSON.stringify(stored, null, 2) + "\n");
}

/** Throws `SennitError` DATA_DAMAGED that names the file and the way out. */
export function decodeIdentity(bytes: Uint8Array): Identity {
  let value: unknown;
  try {
    value = JSON.parse(decodeText(bytes));
  } catch (error) {
    throw damaged("it is not JSON", error);
  }
  if (typeof value !== "object" || value === null) throw damaged("it is not an object");
  const { format, ...fields } = value as Identity & { readonly format: unknown };
  if (format !== FORMAT && format !== RECOVERED_FORMAT) {
    throw damaged(`its format ${format} is not known to this version`);
  }
  const identity = format === FORMAT ? { ...fields, recoveryEpoch: 0, leftBehind: [] } : fields;
  if (!isIdentity(identity)) throw damaged("a field is missing or is not what it should be");
  return identity;
}

export function newIdentity(
  fields: Pick<Identity, "name" | "number" | "certificate" | "privateKey" | "publicKey">,
): Identity {
  return {
    state: "new",
    ...fields,
    meshId: "",
    meshName: "",
    memberId: 0,
    recoveryEpoch: 0,
    leftBehind: [],
    trust: [],
    authorityHash: "",
    peers: [],
    genesis: [],
    certifiedWallMs: 0,
  };
}

function isIdentity(identity: Identity): boolean {
  const texts = [
    identity.name,
    identity.certificate,
    identity.privateKey,
    identity.publicKey,
    identity.meshId,
    identity.meshName,
    identity.authorityHash,
  ];
  return STATES.includes(identity.state) && isTexts(texts) && isTexts(identity.trust) &&
    isCount(identity.number) && isCount(identity.memberId) && isCount(identity.certifiedWallMs) &&
    isRecoveryEpoch(identity.recoveryEpoch) &&
    isPeers(identity.peers) && isPeers(identity.leftBehind) &&
    Array.isArray(identity.genesis) && identity.genesis.every((byte) => isCount(byte) && byte <= 0xff);
}

function isPeers(value: unknown): boolean {
  return Array.isArray(value) && value.every(isPeer);
}

function isPeer(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { number, memberId, name, addresses } = value as IdentityPeer;
  return isCount(number) && isCount(memberId) && typeof name === "string" && isTexts(addresses);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === "string");
}

function damaged(why: string, cause?: unknown): SennitError {
  const text =
    `${IDENTITY_PATH} of the data folder cannot be read, ${why}: restore it, or evict the node and start ` +
    "it on an empty folder";
  return new SennitError("DATA_DAMAGED", text, { cause });
}
