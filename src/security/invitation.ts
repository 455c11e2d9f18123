/**
 * Invitation tokens: all that a joiner needs to find a mesh, to know that it is the right one and to be let in. One
 * line of text that survives terminals, URLs and mail: `sennit1.` and base64url of
 *
 *     u8 format version, text mesh id, u8 count and texts of addresses, 32 bytes SHA-256 of the authority's key,
 *     16 bytes one-time secret, u64 expiry in wall milliseconds, u32 CRC-32C of everything before
 *
 * The checksum is against typing and cutting, not against malice: who changes a token gains nothing that its holder
 * does not have. Who holds a token may join once, so it is to be handled like a password.
 */
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { crc32c } from "../core/crc32c.ts";
import { DecodeError, SennitError } from "../core/errors.ts";
import { isAddress } from "./addresses.ts";
import { fromBase64Url, toBase64Url } from "./base64url.ts";
import { SECRET_BYTES } from "./secrets.ts";

export const INVITATION_PREFIX = "sennit1.";
export const AUTHORITY_HASH_BYTES = 32;
export const MAX_INVITATION_ADDRESSES = 16;
export const MAX_MESH_ID_BYTES = 64;
/** More text than this is refused unread. */
export const MAX_INVITATION_LENGTH = 8192;

const FORMAT_VERSION = 1;
const MAX_ADDRESS_BYTES = 300;
const CHECKSUM_BYTES = 4;

export interface Invitation {
  readonly meshId: string;
  /** host:port of members to dial, in order of preference. */
  readonly addresses: readonly string[];
  /** SHA-256 of the authority's public key (SubjectPublicKeyInfo). */
  readonly authorityHash: Uint8Array<ArrayBuffer>;
  readonly secret: Uint8Array<ArrayBuffer>;
  readonly expiresAtWallMs: number;
}

/** Throws `RangeError` where the invitation could not be read back. */
export function encodeInvitation(invitation: Invitation): string {
  checkFields(invitation, (why) => new RangeError(`Cannot encode the invitation: ${why}`));
  const writer = new ByteWriter(256);
  writer.u8(FORMAT_VERSION).text(invitation.meshId).u8(invitation.addresses.length);
  for (const address of invitation.addresses) writer.text(address);
  writer.raw(invitation.authorityHash).raw(invitation.secret).u64(invitation.expiresAtWallMs);
  writer.u32(crc32c(writer.view()));
  const text = INVITATION_PREFIX + toBase64Url(writer.view());
  if (text.length > MAX_INVITATION_LENGTH) throw new RangeError("Cannot encode the invitation: too long");
  return text;
}

/** Reads a token as a human gave it; white space around it is forgiven. Throws `INVITATION_INVALID` with the reason. */
export function decodeInvitation(text: string): Invitation {
  const token = text.trim();
  if (token.length > MAX_INVITATION_LENGTH) throw invalid("it is too long");
  if (!token.startsWith(INVITATION_PREFIX)) {
    const other = /^sennit(\d{1,4})\./.exec(token);
    throw invalid(
      other === null
        ? `it does not start with "${INVITATION_PREFIX}"`
        : `its format ${other[1]} is not known to this version, upgrade this node first`,
    );
  }
  const bytes = readBase64(token.slice(INVITATION_PREFIX.length));
  const end = bytes.length - CHECKSUM_BYTES;
  if (end < 1 || new ByteReader(bytes, end).u32() !== crc32c(bytes, 0, end)) {
    throw invalid("its checksum does not match, it was mistyped or cut short; copy it again");
  }
  try {
    return readFields(new ByteReader(bytes, 0, end));
  } catch (error) {
    if (error instanceof DecodeError) throw invalid(error.message);
    throw error;
  }
}

/** Wall clocks of two machines differ; an invitation is good until its own stamp, the mesh decides by its own clock. */
export function isExpired(invitation: Invitation, wallMs: number): boolean {
  return wallMs >= invitation.expiresAtWallMs;
}

function readBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return fromBase64Url(text);
  } catch {
    throw invalid("it holds characters that no token has, or was cut short; copy it again");
  }
}

function readFields(reader: ByteReader): Invitation {
  const version = reader.u8();
  if (version !== FORMAT_VERSION) throw new DecodeError(`its version ${version} is not known`);
  const meshId = reader.text(MAX_MESH_ID_BYTES);
  const count = reader.u8();
  if (count > MAX_INVITATION_ADDRESSES) throw new DecodeError("it names too many addresses");
  const addresses: string[] = [];
  for (let i = 0; i < count; i++) addresses.push(reader.text(MAX_ADDRESS_BYTES));
  const invitation: Invitation = {
    meshId,
    addresses,
    authorityHash: new Uint8Array(reader.raw(AUTHORITY_HASH_BYTES)),
    secret: new Uint8Array(reader.raw(SECRET_BYTES)),
    expiresAtWallMs: reader.u64(),
  };
  reader.end();
  checkFields(invitation, (why) => new DecodeError(why));
  return invitation;
}

function checkFields(invitation: Invitation, refuse: (why: string) => Error): void {
  const idBytes = new ByteWriter(MAX_MESH_ID_BYTES).text(invitation.meshId).length - 4;
  if (idBytes === 0 || idBytes > MAX_MESH_ID_BYTES) throw refuse(`the mesh id has ${idBytes} bytes`);
  const count = invitation.addresses.length;
  if (count === 0 || count > MAX_INVITATION_ADDRESSES) throw refuse(`it names ${count} addresses`);
  for (const address of invitation.addresses) {
    if (!isAddress(address)) throw refuse(`not an address: ${JSON.stringify(address.slice(0, 80))}`);
  }
  if (invitation.authorityHash.length !== AUTHORITY_HASH_BYTES) {
    throw refuse("the authority's hash is not a SHA-256");
  }
  if (invitation.secret.length !== SECRET_BYTES) throw refuse("the secret does not have 16 bytes");
}

function invalid(why: string): SennitError {
  return new SennitError("INVITATION_INVALID", `Not a valid invitation: ${why}`);
}
