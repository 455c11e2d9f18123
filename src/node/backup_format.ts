/**
 * The bytes of a backup: one file, written and read front to back. Format version 1, big-endian:
 *
 *   file     magic u32 | version u16 | reserved u16 | section ...
 *   section  kind u32 | payload bytes u32 | CRC-32C of all of the section but this field u32 | payload
 *
 *   mesh, then of each group: group, state ..., entries ..., group-end; then end, and nothing behind it
 *
 * A group is what its state was at the begin of its log, in pieces, and the entries from there to one linearizable point.
 * `group-end` holds the SHA-256 of the state at that point: whoever reads the backup can replay the log and compare.
 * `end` holds a SHA-256 over all that is before it, chained from section to section: h = SHA-256(h, section), from that of
 * the file's head.
 */
import { ByteReader, ByteWriter, concatBytes, equalBytes } from "../core/bytes.ts";
import { crc32c } from "../core/crc32c.ts";
import { DecodeError, SennitError } from "../core/errors.ts";
import type { GroupId, Index, Term } from "../core/ids.ts";
import type { Crypto } from "../io/mod.ts";
import { EntryKind } from "../raft/mod.ts";

export const BACKUP_HEAD_BYTES = 8;
export const SECTION_HEAD_BYTES = 12;
/** Of one section's payload: a page of entries with the largest entry in it. */
export const SECTION_BYTES_LIMIT = 8 * 1024 * 1024;

const MAGIC = 0x534e424b; // "SNBK"
const VERSION = 1;
const CRC_AT = 8;
const DIGEST_BYTES = 32;

const KIND = { "mesh": 1, "group": 2, "state": 3, "entries": 4, "group-end": 5, "end": 6 };
const GROUP_TYPES = ["control", "stream", "machine"] as const;

export type BackupGroupType = typeof GROUP_TYPES[number];

export interface BackupEntry {
  readonly index: Index;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly bytes: Uint8Array;
}

export interface BackupGroup {
  readonly group: GroupId;
  readonly generation: number;
  readonly type: BackupGroupType;
  readonly name: string;
  /** The state that follows is the one after this entry. */
  readonly base: { readonly index: Index; readonly term: Term };
  /** The entries that follow end here. */
  readonly last: { readonly index: Index; readonly term: Term };
  readonly stateBytes: number;
}

export interface BackupMesh {
  readonly meshId: string;
  readonly meshName: string;
  readonly recoveryEpoch: number;
  /** The node that it was taken from. */
  readonly node: string;
  readonly takenWallMs: number;
}

export type BackupSection =
  | { readonly kind: "mesh" } & BackupMesh
  | { readonly kind: "group" } & BackupGroup
  | { readonly kind: "state"; readonly bytes: Uint8Array }
  | { readonly kind: "entries"; readonly entries: readonly BackupEntry[] }
  | { readonly kind: "group-end"; readonly digest: Uint8Array }
  | { readonly kind: "end"; readonly groups: number; readonly digest: Uint8Array };

/** Writes one backup, section by section. */
export class BackupEncoder {
  readonly #chain: DigestChain;
  #groups = 0;

  constructor(crypto: Pick<Crypto, "sha256">) {
    this.#chain = new DigestChain(crypto);
  }

  head(): Uint8Array<ArrayBuffer> {
    const bytes = new ByteWriter(BACKUP_HEAD_BYTES).u32(MAGIC).u16(VERSION).u16(0).take();
    this.#chain.add(bytes);
    return bytes;
  }

  section(section: Exclude<BackupSection, { kind: "end" }>): Uint8Array<ArrayBuffer> {
    if (section.kind === "group") this.#groups++;
    const bytes = encodeSection(section);
    this.#chain.add(bytes);
    return bytes;
  }

  end(): Uint8Array<ArrayBuffer> {
    return encodeSection({ kind: "end", groups: this.#groups, digest: this.#chain.digest });
  }
}

/** What stands before a section's payload. */
export interface SectionHead {
  readonly kind: number;
  readonly payloadBytes: number;
  readonly crc: number;
  readonly bytes: Uint8Array;
}

/** Reads one backup, section by section. Throws `DecodeError`, and VERSION_MISMATCH for a later format. */
export class BackupDecoder {
  readonly #chain: DigestChain;

  constructor(crypto: Pick<Crypto, "sha256">) {
    this.#chain = new DigestChain(crypto);
  }

  head(bytes: Uint8Array): void {
    const reader = new ByteReader(bytes);
    if (reader.u32() !== MAGIC) throw new DecodeError("it is no backup of a mesh");
    const version = reader.u16();
    if (version > VERSION) {
      const text = `The backup has format ${version}, this build reads ${VERSION}: use a later build`;
      throw new SennitError("VERSION_MISMATCH", text, { details: { format: version } });
    }
    if (version !== VERSION || reader.u16() !== 0) throw new DecodeError("its head is not what was written");
    reader.end();
    this.#chain.add(bytes);
  }

  sectionHead(bytes: Uint8Array): SectionHead {
    const reader = new ByteReader(bytes);
    const head = { kind: reader.u32(), payloadBytes: reader.u32(), crc: reader.u32(), bytes };
    if (head.payloadBytes > SECTION_BYTES_LIMIT) throw new DecodeError("a section is longer than any can be");
    return head;
  }

  /** What it returns holds views of `payload`. */
  section(head: SectionHead, payload: Uint8Array): BackupSection {
    if (sectionCrc(head.bytes, payload) !== head.crc) {
      throw new DecodeError("the checksum of a section does not hold");
    }
    const section = decodePayload(head.kind, payload);
    if (section.kind !== "end") this.#chain.add(head.bytes, payload);
    else if (!equalBytes(section.digest, this.#chain.digest)) {
      throw new DecodeError("its SHA-256 does not hold: sections are missing or changed");
    }
    return section;
  }
}

class DigestChain {
  readonly #crypto: Pick<Crypto, "sha256">;
  #digest = new Uint8Array(0);

  constructor(crypto: Pick<Crypto, "sha256">) {
    this.#crypto = crypto;
  }

  get digest(): Uint8Array {
    return this.#digest;
  }

  add(...parts: readonly Uint8Array[]): void {
    this.#digest = this.#crypto.sha256(concatBytes([this.#digest, ...parts]));
  }
}

function encodeSection(section: BackupSection): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(1024);
  writer.u32(KIND[section.kind]).u32(0).u32(0);
  writePayload(writer, section);
  const payloadBytes = writer.length - SECTION_HEAD_BYTES;
  writer.patchU32(4, payloadBytes);
  const view = writer.view();
  writer.patchU32(CRC_AT, sectionCrc(view, view.subarray(SECTION_HEAD_BYTES)));
  return writer.take();
}

function sectionCrc(head: Uint8Array, payload: Uint8Array): number {
  return crc32c(payload, 0, payload.length, crc32c(head, 0, CRC_AT));
}

function writePayload(writer: ByteWriter, section: BackupSection): void {
  switch (section.kind) {
    case "mesh":
      writer.text(section.meshId).text(section.meshName).u64(section.recoveryEpoch).text(section.node);
      writer.u64(section.takenWallMs);
      break;
    case "group":
      writer.u64(section.group).u64(section.generation).u8(GROUP_TYPES.indexOf(section.type));
      writer.text(section.name).u64(section.base.index).u64(section.base.term);
      writer.u64(section.last.index).u64(section.last.term).u64(section.stateBytes);
      break;
    case "state":
      writer.raw(section.bytes);
      break;
    case "entries":
      writer.u32(section.entries.length);
      for (const { index, term, kind, bytes } of section.entries) {
        writer.u64(index).u64(term).u8(kind).blob(bytes);
      }
      break;
    case "group-end":
      writer.raw(section.digest);
      break;
    case "end":
      writer.u64(section.groups).raw(section.digest);
      break;
  }
}

function decodePayload(kind: number, payload: Uint8Array): BackupSection {
  const reader = new ByteReader(payload);
  const section = readPayload(kind, reader);
  reader.end();
  return section;
}

function readPayload(kind: number, reader: ByteReader): BackupSection {
  switch (kind) {
    case KIND["mesh"]:
      return {
        kind: "mesh",
        meshId: reader.text(),
        meshName: reader.text(),
        recoveryEpoch: reader.u64(),
        node: reader.text(),
        takenWallMs: reader.u64(),
      };
    case KIND["group"]:
      return readGroup(reader);
    case KIND["state"]:
      return { kind: "state", bytes: reader.raw(reader.remaining) };
    case KIND["entries"]: {
      const entries: BackupEntry[] = [];
      for (let left = reader.u32(); left > 0; left--) entries.push(readEntry(reader));
      return { kind: "entries", entries };
    }
    case KIND["group-end"]:
      return { kind: "group-end", digest: reader.raw(DIGEST_BYTES) };
    case KIND["end"]:
      return { kind: "end", groups: reader.u64(), digest: reader.raw(DIGEST_BYTES) };
    default:
      throw new DecodeError(`section ${kind} is unknown to this build`);
  }
}

function readGroup(reader: ByteReader): BackupSection {
  const group = reader.u64() as GroupId;
  const generation = reader.u64();
  const type = GROUP_TYPES[reader.u8()];
  if (type === undefined) throw new DecodeError("the type of a group is unknown to this build");
  const name = reader.text();
  const base = { index: reader.u64() as Index, term: reader.u64() as Term };
  const last = { index: reader.u64() as Index, term: reader.u64() as Term };
  return { kind: "group", group, generation, type, name, base, last, stateBytes: reader.u64() };
}

function readEntry(reader: ByteReader): BackupEntry {
  const index = reader.u64() as Index;
  const term = reader.u64() as Term;
  const kind = reader.u8();
  const isKnown = kind === EntryKind.Noop || kind === EntryKind.Command || kind === EntryKind.Configuration;
  if (!isKnown) throw new DecodeError(`an entry's kind ${kind} is unknown to this build`);
  return { index, term, kind: kind as EntryKind, bytes: reader.blob() };
}
