/**
 * What the control group's log holds. Every command carries its origin; whatever depends on time, randomness or
 * slow cryptography was decided by the proposer and is stamped in here, so that applying it is the same
 * everywhere. Numbers of kinds are part of the format.
 */
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { DecodeError, SennitError } from "../core/errors.ts";
import type { GroupId, MemberId, NodeNumber } from "../core/ids.ts";
import {
  ADDRESSES_PER_MEMBER_LIMIT,
  KEY_BYTES_LIMIT,
  STREAM_MEMBERS_LIMIT,
  STREAM_NAME_BYTES_LIMIT,
  VALUE_BYTES_LIMIT,
} from "../core/limits.ts";
import { type Origin, readOrigin, writeOrigin } from "../core/origin.ts";
import { EntryKind } from "../raft/mod.ts";
import type { JoinPolicy } from "./calls.ts";
import { FIRST_FEATURE_LEVEL } from "./feature_level.ts";
import type { AddressChange, LoggedChanges } from "./expected_members.ts";
import type { IdentityPeer } from "./identity.ts";

/** What a node says of itself when it asks to be admitted. */
export interface Candidate {
  readonly name: string;
  readonly number: NodeNumber;
  readonly addresses: readonly string[];
  /** Of its certificate; what secrets for it are sealed to. */
  readonly publicKey: string;
}

/** Who may ask, and with what key (a slow hash, empty where none is set). */
export interface Admission {
  readonly policy: JoinPolicy;
  readonly joinKeyHash: string;
}

/** What every member promises a leader, and how far apart clocks may run; see RaftOptions. */
export interface LeaseTerms {
  readonly electionTimeoutMs: number;
  readonly leaseDriftPerMillion: number;
}

export type ControlCommand =
  & { readonly origin: Origin }
  & (
    | {
      readonly kind: "genesis";
      readonly meshId: string;
      readonly meshName: string;
      readonly admission: Admission;
      readonly founder: Candidate;
      /** Certificates of the authorities to believe. */
      readonly trust: readonly string[];
      /** The authority's private key sealed to the founder; empty where certificates come from outside. */
      readonly sealedAuthority: Uint8Array;
      /** What the mesh begins with. */
      readonly featureLevel: number;
    }
    | {
      readonly kind: "admit";
      readonly candidate: Candidate;
      /** SHA-256 of the invitation's secret, hexadecimal; empty where none was shown. */
      readonly invitationHash: string;
      /** The join key's hash that the candidate's key was verified against; empty where none was. */
      readonly verifiedKeyHash: string;
      readonly wallMs: number;
    }
    | { readonly kind: "begin-removal"; readonly member: MemberId; readonly evicted: boolean }
    | { readonly kind: "finish-removal"; readonly member: MemberId }
    | { readonly kind: "set-admission"; readonly admission: Admission }
    | { readonly kind: "add-invitation"; readonly invitationHash: string; readonly expiresWallMs: number }
    | { readonly kind: "share-authority"; readonly member: MemberId; readonly sealed: Uint8Array }
    | { readonly kind: "update-addresses"; readonly member: MemberId; readonly addresses: readonly string[] }
    | {
      readonly kind: "kv-put";
      readonly key: string;
      readonly value: Uint8Array;
      readonly expectedVersion: number | null;
    }
    | { readonly kind: "kv-delete"; readonly key: string; readonly expectedVersion: number | null }
    | {
      readonly kind: "create-stream";
      readonly name: string;
      readonly source: string;
      readonly targets: readonly string[];
      readonly subscriptions: readonly string[];
      readonly retentionBytes: number;
      /** Members besides source and targets that hold the log. */
      readonly borrow: number;
    }
    /** The member lends so many bytes to streams that it is neither source nor target of. */
    | { readonly kind: "lend-space"; readonly member: MemberId; readonly bytes: number }
    | { readonly kind: "close-stream"; readonly name: string }
    /**
     * The stream whose group this is goes for good, and its name is free. Unless `forced`, whoever says so knows that all
     * members of the group have applied its end.
     */
    | { readonly kind: "drop-stream"; readonly group: GroupId; readonly forced: boolean }
    | { readonly kind: "create-machine"; readonly name: string; readonly members: readonly string[] }
    | { readonly kind: "raise-feature-level"; readonly level: number }
    /** What reads by lease rest on, for all members and for good. */
    | { readonly kind: "agree-lease"; readonly lease: LeaseTerms }
  );

const KIND: Record<ControlCommand["kind"], number> = {
  "genesis": 1,
  "admit": 2,
  "begin-removal": 3,
  "finish-removal": 4,
  "set-admission": 5,
  "add-invitation": 6,
  "share-authority": 7,
  "update-addresses": 8,
  "kv-put": 9,
  "kv-delete": 10,
  "create-stream": 11,
  "close-stream": 12,
  "create-machine": 13,
  "raise-feature-level": 14,
  "lend-space": 15,
  "agree-lease": 16,
  "drop-stream": 17,
};

const POLICIES: readonly JoinPolicy[] = ["OPEN", "KEY_REQUIRED", "CLOSED"];
/** A PEM text or a name of a host. */
const TEXT_BYTES_LIMIT = 64 * 1024;

/**
 * Throws `SennitError` INVALID_ARGUMENT where a limit of the format is passed: an entry that cannot be read again would
 * stop every member, so it is read once before it may enter the log.
 */
export function encodeControlCommand(command: ControlCommand): Uint8Array<ArrayBuffer> {
  const bytes = writeControlCommand(command);
  try {
    decodeControlCommand(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const text = `Cannot write command ${command.kind} as a limit is passed: ${error.message}`;
    throw new SennitError("INVALID_ARGUMENT", text, { cause: error });
  }
  return bytes;
}

function writeControlCommand(command: ControlCommand): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(128);
  writer.u8(KIND[command.kind]);
  writeOrigin(writer, command.origin);
  switch (command.kind) {
    case "genesis":
      writer.text(command.meshId).text(command.meshName);
      writeAdmission(writer, command.admission);
      writeCandidate(writer, command.founder);
      writeTexts(writer, command.trust);
      writer.blob(command.sealedAuthority);
      // The first build's genesis ends here.
      if (command.featureLevel > FIRST_FEATURE_LEVEL) writer.u32(command.featureLevel);
      break;
    case "admit":
      writeCandidate(writer, command.candidate);
      writer.text(command.invitationHash).text(command.verifiedKeyHash).u64(command.wallMs);
      break;
    case "begin-removal":
      writer.u64(command.member).bool(command.evicted);
      break;
    case "finish-removal":
      writer.u64(command.member);
      break;
    case "set-admission":
      writeAdmission(writer, command.admission);
      break;
    case "add-invitation":
      writer.text(command.invitationHash).u64(command.expiresWallMs);
      break;
    case "share-authority":
      writer.u64(command.member).blob(command.sealed);
      break;
    case "update-addresses":
      writer.u64(command.member);
      writeTexts(writer, command.addresses);
      break;
    case "kv-put":
      writer.text(command.key).blob(command.value);
      writeExpected(writer, command.expectedVersion);
      break;
    case "kv-delete":
      writer.text(command.key);
      writeExpected(writer, command.expectedVersion);
      break;
    case "create-stream":
      writer.text(command.name).text(command.source);
      writeTexts(writer, command.targets);
      writeTexts(writer, command.subscriptions);
      writer.u64(command.retentionBytes);
      // Of the second level: a stream that borrows nothing is written as the first build writes it.
      if (command.borrow > 0) writer.u8(command.borrow);
      break;
    case "lend-space":
      writer.u64(command.member).u64(command.bytes);
      break;
    case "close-stream":
      writer.text(command.name);
      break;
    case "drop-stream":
      writer.u64(command.group).bool(command.forced);
      break;
    case "create-machine":
      writer.text(command.name);
      writeTexts(writer, command.members);
      break;
    case "raise-feature-level":
      writer.u32(command.level);
      break;
    case "agree-lease":
      writeLease(writer, command.lease);
      break;
  }
  return writer.take();
}

/** The result holds no view of `bytes`. Throws `DecodeError`, also for a kind of a later version. */
export function decodeControlCommand(bytes: Uint8Array): ControlCommand {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  const origin = readOrigin(reader);
  const command = decodeBody(kind, origin, reader);
  reader.end();
  return command;
}

/**
 * Whom these entries of the control log would make a member, remove or move; who asks to be admitted gets the entry's
 * index as its id. A later build's entry says nothing here: where it is committed, applying it stops the node by name.
 */
export function changesIn(
  entries: readonly { readonly index: number; readonly kind: EntryKind; readonly bytes: Uint8Array }[],
): LoggedChanges {
  const candidates: IdentityPeer[] = [];
  const removals: { index: number; memberId: number }[] = [];
  const addresses: AddressChange[] = [];
  const admit = (index: number, { number, name, addresses }: Candidate) =>
    candidates.push({ number, memberId: index, name, addresses });
  for (const { index, kind, bytes } of entries) {
    if (kind !== EntryKind.Command) continue;
    const command = readableCommand(bytes);
    if (command === null) continue;
    if (command.kind === "admit") admit(index, command.candidate);
    if (command.kind === "genesis") admit(index, command.founder);
    if (command.kind === "finish-removal") removals.push({ index, memberId: command.member });
    if (command.kind === "update-addresses") {
      addresses.push({ index, memberId: command.member, addresses: command.addresses });
    }
  }
  return { candidates, removals, addresses };
}

/** Null where it is of a later build. */
function readableCommand(bytes: Uint8Array): ControlCommand | null {
  try {
    return decodeControlCommand(bytes);
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

function decodeBody(kind: number, origin: Origin, reader: ByteReader): ControlCommand {
  switch (kind) {
    case KIND["genesis"]:
      return {
        kind: "genesis",
        origin,
        meshId: reader.text(TEXT_BYTES_LIMIT),
        meshName: reader.text(TEXT_BYTES_LIMIT),
        admission: readAdmission(reader),
        founder: readCandidate(reader),
        trust: readTexts(reader, TEXT_BYTES_LIMIT),
        sealedAuthority: reader.blob(TEXT_BYTES_LIMIT).slice(),
        featureLevel: laterField(reader, (from) => from.u32(), FIRST_FEATURE_LEVEL),
      };
    case KIND["admit"]:
      return {
        kind: "admit",
        origin,
        candidate: readCandidate(reader),
        invitationHash: reader.text(TEXT_BYTES_LIMIT),
        verifiedKeyHash: reader.text(TEXT_BYTES_LIMIT),
        wallMs: reader.u64(),
      };
    case KIND["begin-removal"]:
      return { kind: "begin-removal", origin, member: reader.u64() as MemberId, evicted: reader.bool() };
    case KIND["finish-removal"]:
      return { kind: "finish-removal", origin, member: reader.u64() as MemberId };
    case KIND["set-admission"]:
      return { kind: "set-admission", origin, admission: readAdmission(reader) };
    case KIND["add-invitation"]:
      return {
        kind: "add-invitation",
        origin,
        invitationHash: reader.text(TEXT_BYTES_LIMIT),
        expiresWallMs: reader.u64(),
      };
    case KIND["share-authority"]:
      return {
        kind: "share-authority",
        origin,
        member: reader.u64() as MemberId,
        sealed: reader.blob(TEXT_BYTES_LIMIT).slice(),
      };
    case KIND["update-addresses"]:
      return {
        kind: "update-addresses",
        origin,
        member: reader.u64() as MemberId,
        addresses: readTexts(reader, ADDRESSES_PER_MEMBER_LIMIT),
      };
    case KIND["kv-put"]:
      return {
        kind: "kv-put",
        origin,
        key: reader.text(KEY_BYTES_LIMIT),
        value: reader.blob(VALUE_BYTES_LIMIT).slice(),
        expectedVersion: readExpected(reader),
      };
    case KIND["kv-delete"]:
      return {
        kind: "kv-delete",
        origin,
        key: reader.text(KEY_BYTES_LIMIT),
        expectedVersion: readExpected(reader),
      };
    case KIND["create-stream"]:
      return {
        kind: "create-stream",
        origin,
        name: reader.text(STREAM_NAME_BYTES_LIMIT),
        source: reader.text(TEXT_BYTES_LIMIT),
        targets: readTexts(reader, STREAM_MEMBERS_LIMIT),
        subscriptions: readTexts(reader, TEXT_BYTES_LIMIT),
        retentionBytes: reader.u64(),
        borrow: laterField(reader, (from) => from.u8(), 0),
      };
    case KIND["lend-space"]:
      return { kind: "lend-space", origin, member: reader.u64() as MemberId, bytes: reader.u64() };
    case KIND["close-stream"]:
      return { kind: "close-stream", origin, name: reader.text(STREAM_NAME_BYTES_LIMIT) };
    case KIND["drop-stream"]:
      return { kind: "drop-stream", origin, group: reader.u64() as GroupId, forced: reader.bool() };
    case KIND["create-machine"]:
      return {
        kind: "create-machine",
        origin,
        name: reader.text(STREAM_NAME_BYTES_LIMIT),
        members: readTexts(reader, STREAM_MEMBERS_LIMIT),
      };
    case KIND["raise-feature-level"]:
      return { kind: "raise-feature-level", origin, level: reader.u32() };
    case KIND["agree-lease"]:
      return { kind: "agree-lease", origin, lease: readLease(reader) };
    default:
      throw new DecodeError(`Control command ${kind} is unknown to this version`);
  }
}

/**
 * What commands of later builds end with; one that says no more than an earlier build is written as that build writes
 * it.
 */
function laterField(reader: ByteReader, read: (from: ByteReader) => number, without: number): number {
  if (reader.remaining === 0) return without;
  const value = read(reader);
  if (value <= without) {
    throw new DecodeError(`A field of a later version says ${value}, which is to be left out`);
  }
  return value;
}

export function writeLease(writer: ByteWriter, lease: LeaseTerms): void {
  writer.u64(lease.electionTimeoutMs).u32(lease.leaseDriftPerMillion);
}

export function readLease(reader: ByteReader): LeaseTerms {
  return { electionTimeoutMs: reader.u64(), leaseDriftPerMillion: reader.u32() };
}

export function writeCandidate(writer: ByteWriter, candidate: Candidate): void {
  writer.text(candidate.name).u64(candidate.number);
  writeTexts(writer, candidate.addresses);
  writer.text(candidate.publicKey);
}

export function readCandidate(reader: ByteReader): Candidate {
  return {
    name: reader.text(TEXT_BYTES_LIMIT),
    number: reader.u64() as NodeNumber,
    addresses: readTexts(reader, ADDRESSES_PER_MEMBER_LIMIT),
    publicKey: reader.text(TEXT_BYTES_LIMIT),
  };
}

export function writeAdmission(writer: ByteWriter, admission: Admission): void {
  writer.u8(POLICIES.indexOf(admission.policy)).text(admission.joinKeyHash);
}

export function readAdmission(reader: ByteReader): Admission {
  const policy = POLICIES[reader.u8()];
  if (policy === undefined) throw new DecodeError("Join policy is unknown to this version");
  return { policy, joinKeyHash: reader.text(TEXT_BYTES_LIMIT) };
}

export function writeTexts(writer: ByteWriter, texts: readonly string[]): void {
  writer.u32(texts.length);
  for (const text of texts) writer.text(text);
}

/** At most `limit` texts. */
export function readTexts(reader: ByteReader, limit: number): string[] {
  const count = reader.u32();
  if (count > limit) throw new DecodeError(`List of ${count} over the limit of ${limit}`);
  const texts: string[] = [];
  for (let left = count; left > 0; left--) texts.push(reader.text(TEXT_BYTES_LIMIT));
  return texts;
}

function writeExpected(writer: ByteWriter, expected: number | null): void {
  writer.bool(expected !== null).u64(expected ?? 0);
}

function readExpected(reader: ByteReader): number | null {
  const given = reader.bool();
  const version = reader.u64();
  return given ? version : null;
}
