/**
 * The records in a batch's header: what happened, in order. Contents of entries and of outbox records lie in the payload,
 * in the order of the records that name them; their lengths and CRC-32C stand here, under the header's CRC.
 *
 * "Relocated" records are copies made by the collector. They put one thing back in its place and, unlike the
 * original, never truncate what follows it.
 */
import type { ByteReader, ByteWriter } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import type { GroupId, Index, Term } from "../core/ids.ts";
import { EntryKind, type HardState } from "../raft/types.ts";

/** Numbers are part of the disk format. */
const RecordKind = {
  Open: 1,
  Close: 2,
  Base: 3,
  HardState: 4,
  Entries: 5,
  RelocatedEntries: 6,
  Reference: 7,
  RelocatedReference: 8,
  Outbox: 9,
  RelocatedOutbox: 10,
  Release: 11,
} as const;

/** In an entry's kind byte: the content was damaged before it was copied; no payload follows. */
const LOST_FLAG = 0x80;
const ENTRY_ITEM_BYTES = 9;

/** Content as a header describes it: `payloadAt` from the payload's start. */
export interface RecordedContent {
  readonly lengthBytes: number;
  readonly crc: number;
  readonly lost: boolean;
  readonly payloadAt: number;
}

export interface RecordedEntry extends RecordedContent {
  readonly kind: EntryKind;
}

export type WalRecord =
  | { readonly kind: "open"; readonly group: GroupId; readonly generation: number }
  | { readonly kind: "close"; readonly group: GroupId; readonly generation: number }
  | {
    readonly kind: "base";
    readonly group: GroupId;
    readonly generation: number;
    readonly index: Index;
    readonly term: Term;
    /** True: entries after `index` stay. False: the log did not hold (index, term) and everything goes. */
    readonly keep: boolean;
  }
  | {
    readonly kind: "hard-state";
    readonly group: GroupId;
    readonly generation: number;
    readonly hardState: HardState;
  }
  | {
    readonly kind: "entries";
    readonly relocated: boolean;
    readonly group: GroupId;
    readonly generation: number;
    readonly term: Term;
    readonly first: Index;
    readonly entries: readonly RecordedEntry[];
  }
  | {
    readonly kind: "reference";
    readonly relocated: boolean;
    readonly group: GroupId;
    readonly generation: number;
    readonly term: Term;
    readonly index: Index;
    readonly outboxId: number;
    readonly lengthBytes: number;
    readonly crc: number;
  }
  | ({
    readonly kind: "outbox";
    readonly relocated: boolean;
    readonly id: number;
    readonly group: GroupId;
    readonly generation: number;
  } & RecordedContent)
  | { readonly kind: "release"; readonly id: number };

export function writeOpen(writer: ByteWriter, group: GroupId, generation: number): void {
  writer.u8(RecordKind.Open).u64(group).u64(generation);
}

export function writeClose(writer: ByteWriter, group: GroupId, generation: number): void {
  writer.u8(RecordKind.Close).u64(group).u64(generation);
}

export function writeBase(
  writer: ByteWriter,
  group: GroupId,
  generation: number,
  base: { readonly index: Index; readonly term: Term },
  keep: boolean,
): void {
  writer.u8(RecordKind.Base).u64(group).u64(generation).u64(base.index).u64(base.term).bool(keep);
}

export function writeHardState(
  writer: ByteWriter,
  group: GroupId,
  generation: number,
  state: HardState,
): void {
  writer.u8(RecordKind.HardState).u64(group).u64(generation);
  writer.u64(state.term).u64(state.vote).u64(state.commit);
}

/** Starts a run of entries of one term and returns where its count must be patched (`patchU32`). */
export function writeEntriesHead(
  writer: ByteWriter,
  relocated: boolean,
  group: GroupId,
  generation: number,
  term: Term,
  first: Index,
): number {
  writer.u8(relocated ? RecordKind.RelocatedEntries : RecordKind.Entries);
  writer.u64(group).u64(generation).u64(term).u64(first);
  const countAt = writer.length;
  writer.u32(0);
  return countAt;
}

export function writeEntryItem(
  writer: ByteWriter,
  kind: EntryKind,
  lengthBytes: number,
  crc: number,
  lost: boolean,
): void {
  writer.u8(lost ? kind | LOST_FLAG : kind).u32(lengthBytes).u32(crc);
}

export function writeReference(
  writer: ByteWriter,
  relocated: boolean,
  group: GroupId,
  generation: number,
  term: Term,
  index: Index,
  outboxId: number,
  content: { readonly lengthBytes: number; readonly crc: number },
): void {
  writer.u8(relocated ? RecordKind.RelocatedReference : RecordKind.Reference);
  writer.u64(group).u64(generation).u64(term).u64(index).u64(outboxId);
  writer.u32(content.lengthBytes).u32(content.crc);
}

export function writeOutbox(
  writer: ByteWriter,
  relocated: boolean,
  id: number,
  group: GroupId,
  generation: number,
  content: { readonly lengthBytes: number; readonly crc: number },
  lost: boolean,
): void {
  writer.u8(relocated ? RecordKind.RelocatedOutbox : RecordKind.Outbox);
  writer.u64(id).u64(group).u64(generation).bool(lost).u32(content.lengthBytes).u32(content.crc);
}

export function writeRelease(writer: ByteWriter, id: number): void {
  writer.u8(RecordKind.Release).u64(id);
}

/**
 * All records of one header, whose contents fill exactly `payloadBytes`, and how many bytes the first `headCount` of
 * them take. Throws `DecodeError` on an unknown kind, left-over bytes or contents that do not add up.
 */
export function readRecords(
  reader: ByteReader,
  count: number,
  headCount: number,
  payloadBytes: number,
): { readonly records: WalRecord[]; readonly headBytes: number } {
  const records: WalRecord[] = [];
  const payload = { at: 0 };
  const start = reader.at;
  let headBytes = 0;
  for (let i = 0; i < count; i++) {
    records.push(readRecord(reader, payload));
    if (i + 1 === headCount) headBytes = reader.at - start;
  }
  reader.end();
  if (payload.at !== payloadBytes) {
    throw new DecodeError(`Records name ${payload.at} bytes of content, the payload has ${payloadBytes}`);
  }
  return { records, headBytes };
}

function readRecord(reader: ByteReader, payload: { at: number }): WalRecord {
  const kind = reader.u8();
  switch (kind) {
    case RecordKind.Open:
      return { kind: "open", ...readGroup(reader) };
    case RecordKind.Close:
      return { kind: "close", ...readGroup(reader) };
    case RecordKind.Base:
      return {
        kind: "base",
        ...readGroup(reader),
        index: reader.u64() as Index,
        term: reader.u64() as Term,
        keep: reader.bool(),
      };
    case RecordKind.HardState: {
      const group = readGroup(reader);
      const term = reader.u64() as Term;
      const vote = reader.u64() as HardState["vote"];
      return { kind: "hard-state", ...group, hardState: { term, vote, commit: reader.u64() as Index } };
    }
    case RecordKind.Entries:
    case RecordKind.RelocatedEntries:
      return readEntries(reader, kind === RecordKind.RelocatedEntries, payload);
    case RecordKind.Reference:
    case RecordKind.RelocatedReference:
      return {
        kind: "reference",
        relocated: kind === RecordKind.RelocatedReference,
        ...readGroup(reader),
        term: reader.u64() as Term,
        index: reader.u64() as Index,
        outboxId: reader.u64(),
        lengthBytes: reader.u32(),
        crc: reader.u32(),
      };
    case RecordKind.Outbox:
    case RecordKind.RelocatedOutbox: {
      const id = reader.u64();
      const group = readGroup(reader);
      const lost = reader.bool();
      const relocated = kind === RecordKind.RelocatedOutbox;
      return { kind: "outbox", relocated, id, ...group, ...readContent(reader, lost, payload) };
    }
    case RecordKind.Release:
      return { kind: "release", id: reader.u64() };
    default:
      throw new DecodeError(`Unknown record kind ${kind}`);
  }
}

function readEntries(reader: ByteReader, relocated: boolean, payload: { at: number }): WalRecord {
  const group = readGroup(reader);
  const term = reader.u64() as Term;
  const first = reader.u64() as Index;
  const count = reader.u32();
  if (count === 0 || count * ENTRY_ITEM_BYTES > reader.remaining) {
    throw new DecodeError(`Impossible number of entries: ${count}`);
  }
  const entries: RecordedEntry[] = [];
  for (let i = 0; i < count; i++) {
    const byte = reader.u8();
    const kind = byte & ~LOST_FLAG;
    if (kind > EntryKind.Configuration) throw new DecodeError(`Unknown entry kind ${kind}`);
    entries.push({ kind: kind as EntryKind, ...readContent(reader, byte !== kind, payload) });
  }
  return { kind: "entries", relocated, ...group, term, first, entries };
}

function readGroup(reader: ByteReader): { group: GroupId; generation: number } {
  return { group: reader.u64() as GroupId, generation: reader.u64() };
}

function readContent(reader: ByteReader, lost: boolean, payload: { at: number }): RecordedContent {
  const lengthBytes = reader.u32();
  const crc = reader.u32();
  const payloadAt = payload.at;
  if (!lost) payload.at += lengthBytes;
  return { lengthBytes, crc, lost, payloadAt };
}
