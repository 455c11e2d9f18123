/**
 * The bytes of a Raft frame, big-endian: who speaks to whom about which group, one message, then the payloads of
 * its entries, or bytes of a snapshot.
 *
 *   offset  0  u8   format version (1)
 *           1  u8   kind of message
 *           2  16   mesh id
 *          18  u32  recovery epoch
 *          22  u64  group          30  u32  generation
 *          34  u64  from           42  u64  to
 *          50  u64  term           58  the rest, by kind
 *
 * The entries of an append or a pull's answer are a table of (term u64, kind u8, length u32), then their payloads without
 * gaps. Indexes are not repeated: they follow from `previousIndex`. The configuration of a Configuration entry is its
 * payload, decoded.
 */
import { ByteReader, type ByteWriter } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import { type GroupId, type Index, MAX_NUMBER, type MemberId, type Term } from "../core/ids.ts";
import { decodeConfiguration, readConfiguration, writeConfiguration } from "./configuration_codec.ts";
import { APPEND_ENTRIES_LIMIT } from "./replication.ts";
import {
  EntryKind,
  type EntryMeta,
  type RaftMessage,
  type RaftPayload,
  type SnapshotChunk,
  type SnapshotMeta,
} from "./types.ts";

/** Whom a frame is from, to, and about. Frames of another mesh, epoch or generation are dropped by the host. */
export interface RaftEnvelope {
  /** 16 bytes. */
  readonly meshId: Uint8Array;
  readonly recoveryEpoch: number;
  readonly group: GroupId;
  readonly generation: number;
  readonly from: MemberId;
  readonly to: MemberId;
}

export interface RaftFrame {
  readonly envelope: RaftEnvelope;
  readonly message: RaftPayload;
  /** Views of the payloads of the message's entries. */
  readonly entryBytes: Uint8Array[];
  /** Views of what follows a snapshot or a chunk of one; empty for all others. */
  readonly tail: Uint8Array;
}

export const RAFT_FRAME_FORMAT = 1;
export const MESH_ID_BYTES = 16;

/** Stable: part of the wire format. */
const KINDS: Readonly<Record<RaftPayload["kind"], number>> = {
  "pre-vote": 1,
  "pre-vote-reply": 2,
  "vote": 3,
  "vote-reply": 4,
  "append": 5,
  "append-reply": 6,
  "heartbeat": 7,
  "heartbeat-reply": 8,
  "snapshot": 9,
  "timeout-now": 10,
  "read-index": 11,
  "read-index-reply": 12,
  "snapshot-chunk": 13,
  "snapshot-chunk-reply": 14,
  "quiesce": 15,
  "wake": 16,
  "pull": 17,
  "pulled": 18,
  "pulled-snapshot": 19,
  "pulled-chunk": 20,
};

/**
 * Appends a frame to `writer`. `entryBytes` are the payloads of the message's entries, in their order, and empty where it
 * has none. A snapshot's bytes are written after it by the host.
 */
export function encodeRaftFrame(
  writer: ByteWriter,
  envelope: RaftEnvelope,
  message: RaftPayload,
  entryBytes: readonly Uint8Array[],
): void {
  if (envelope.meshId.length !== MESH_ID_BYTES) {
    throw new RangeError(`Cannot encode as mesh id: its length is ${envelope.meshId.length}`);
  }
  writer.u8(RAFT_FRAME_FORMAT).u8(KINDS[message.kind]).raw(envelope.meshId).u32(envelope.recoveryEpoch);
  writer.u64(envelope.group).u32(envelope.generation).u64(envelope.from).u64(envelope.to);
  writer.u64(message.term);
  const entries = "entries" in message ? message.entries : [];
  if (entryBytes.length !== entries.length) {
    throw new RangeError(`Cannot encode ${entryBytes.length} payloads for ${entries.length} entries`);
  }
  writeBody(writer, message);
  writePayloads(writer, entries, entryBytes);
}

function writeBody(writer: ByteWriter, message: RaftPayload): void {
  switch (message.kind) {
    case "pre-vote":
    case "vote":
      writer.u64(message.lastIndex).u64(message.lastTerm).bool(message.transfer);
      return;
    case "pre-vote-reply":
    case "vote-reply":
      writer.bool(message.granted);
      return;
    case "append":
      writeRun(writer, message);
      return;
    case "pull":
      writer.u64(message.next);
      return;
    case "pulled":
      writer.u64(message.leader).u8(message.distance);
      writeRun(writer, message);
      return;
    case "append-reply":
      writer.bool(message.success).u64(message.index).u64(message.hintIndex).u64(message.hintTerm);
      return;
    case "heartbeat":
      writer.u64(message.commit).u64(message.readRound);
      return;
    case "heartbeat-reply":
      writer.u64(message.readRound);
      return;
    case "snapshot":
    case "pulled-snapshot":
      writeSnapshot(writer, message.snapshot);
      return;
    case "snapshot-chunk":
    case "pulled-chunk":
      writeSnapshot(writer, message.snapshot);
      writer.u64(message.stateBytes).u32(message.stateCrc).u64(message.offset);
      return;
    case "snapshot-chunk-reply":
      writer.u64(message.index).u32(message.stateCrc).u64(message.nextOffset);
      return;
    case "timeout-now":
    case "wake":
      return;
    case "quiesce":
      writer.u64(message.commit);
      return;
    case "read-index":
      writer.u64(message.context);
      return;
    case "read-index-reply":
      writer.u64(message.context).u64(message.index).bool(message.ok);
      return;
  }
}

function writeRun(writer: ByteWriter, run: EntryRun): void {
  writer.u64(run.previousIndex).u64(run.previousTerm).u64(run.commit).u16(run.entries.length);
  for (const entry of run.entries) writer.u64(entry.term).u8(entry.kind).u32(entry.lengthBytes);
}

function writeSnapshot(writer: ByteWriter, { index, term, configuration }: SnapshotMeta): void {
  writer.u64(index).u64(term);
  writeConfiguration(writer, configuration);
}

function writePayloads(
  writer: ByteWriter,
  entries: readonly EntryMeta[],
  entryBytes: readonly Uint8Array[],
): void {
  for (let i = 0; i < entries.length; i++) {
    const bytes = entryBytes[i]!;
    const { index, lengthBytes } = entries[i]!;
    if (bytes.length !== lengthBytes) {
      throw new RangeError(
        `Cannot encode entry ${index}: ${bytes.length} bytes given, ${lengthBytes} announced`,
      );
    }
    writer.raw(bytes);
  }
}

/** Reads one frame. Views are into `bytes`. Throws `DecodeError` for anything that is not a frame. */
export function decodeRaftFrame(bytes: Uint8Array): RaftFrame {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== RAFT_FRAME_FORMAT) throw new DecodeError(`Unknown format of a Raft frame: ${format}`);
  const kind = reader.u8();
  const envelope: RaftEnvelope = {
    meshId: reader.raw(MESH_ID_BYTES),
    recoveryEpoch: reader.u32(),
    group: reader.u64() as GroupId,
    generation: reader.u32(),
    from: reader.u64() as MemberId,
    to: reader.u64() as MemberId,
  };
  const entryBytes: Uint8Array[] = [];
  const message = readMessage(reader, kind, entryBytes);
  const hasTail = "snapshot" in message;
  const tail = reader.raw(hasTail ? reader.remaining : 0);
  reader.end();
  return { envelope, message, entryBytes, tail };
}

function readMessage(reader: ByteReader, kind: number, entryBytes: Uint8Array[]): RaftPayload {
  const term = reader.u64() as Term;
  switch (kind) {
    case KINDS["pre-vote"]:
      return { kind: "pre-vote", term, ...readVote(reader, term) };
    case KINDS["pre-vote-reply"]:
      return { kind: "pre-vote-reply", term, granted: reader.bool() };
    case KINDS.vote:
      return { kind: "vote", term, ...readVote(reader, term) };
    case KINDS["vote-reply"]:
      return { kind: "vote-reply", term, granted: reader.bool() };
    case KINDS.append:
      return { kind: "append", term, ...readRun(reader, term, entryBytes) };
    case KINDS["append-reply"]:
      return {
        kind: "append-reply",
        term,
        success: reader.bool(),
        index: readIndex(reader),
        hintIndex: readIndex(reader),
        hintTerm: reader.u64() as Term,
      };
    case KINDS.heartbeat:
      return { kind: "heartbeat", term, commit: readIndex(reader), readRound: reader.u64() };
    case KINDS["heartbeat-reply"]:
      return { kind: "heartbeat-reply", term, readRound: reader.u64() };
    case KINDS.snapshot:
      return { kind: "snapshot", term, snapshot: readSnapshot(reader, term) };
    case KINDS["snapshot-chunk"]:
      return { kind: "snapshot-chunk", term, ...readChunk(reader, term) };
    case KINDS["snapshot-chunk-reply"]:
      return {
        kind: "snapshot-chunk-reply",
        term,
        index: readIndex(reader),
        stateCrc: reader.u32(),
        nextOffset: reader.u64(),
      };
    case KINDS["timeout-now"]:
      return { kind: "timeout-now", term };
    case KINDS.quiesce:
      return { kind: "quiesce", term, commit: readIndex(reader) };
    case KINDS.wake:
      return { kind: "wake", term };
    case KINDS["read-index"]:
      return { kind: "read-index", term, context: reader.u64() };
    case KINDS["read-index-reply"]:
      return {
        kind: "read-index-reply",
        term,
        context: reader.u64(),
        index: readIndex(reader),
        ok: reader.bool(),
      };
    case KINDS.pull: {
      const next = readIndex(reader);
      if (next === 0) throw new DecodeError("Pull of the entry before the first");
      return { kind: "pull", term, next };
    }
    case KINDS.pulled:
      return readPulled(reader, term, entryBytes);
    case KINDS["pulled-snapshot"]:
      return { kind: "pulled-snapshot", term, snapshot: readSnapshot(reader, term) };
    case KINDS["pulled-chunk"]:
      return { kind: "pulled-chunk", term, ...readChunk(reader, term) };
    default:
      throw new DecodeError(`Unknown kind of Raft message: ${kind}`);
  }
}

function readIndex(reader: ByteReader): Index {
  return reader.u64() as Index;
}

function readVote(reader: ByteReader, term: Term): { lastIndex: Index; lastTerm: Term; transfer: boolean } {
  const lastIndex = readIndex(reader);
  const lastTerm = reader.u64() as Term;
  if (lastTerm >= term) throw new DecodeError(`Vote for term ${term} by a log that ends in ${lastTerm}`);
  return { lastIndex, lastTerm, transfer: reader.bool() };
}

function readSnapshot(reader: ByteReader, term: Term): SnapshotMeta {
  const index = readIndex(reader);
  const snapshotTerm = reader.u64() as Term;
  if (index === 0) throw new DecodeError("Snapshot of nothing");
  if (snapshotTerm === 0 || snapshotTerm > term) {
    throw new DecodeError(`Snapshot of term ${snapshotTerm} in term ${term}`);
  }
  return { index, term: snapshotTerm, configuration: readConfiguration(reader) };
}

function readChunk(reader: ByteReader, term: Term): Omit<SnapshotChunk, "kind" | "term"> {
  const snapshot = readSnapshot(reader, term);
  return { snapshot, stateBytes: reader.u64(), stateCrc: reader.u32(), offset: reader.u64() };
}

/** Entries one after the other, and what lies before the first. */
type EntryRun = Pick<
  RaftMessage & { kind: "append" },
  "previousIndex" | "previousTerm" | "commit" | "entries"
>;

/** What a message says of its entries before their payloads are there to read. */
interface EntryHead {
  readonly term: Term;
  readonly kind: EntryKind;
  readonly lengthBytes: number;
}

/** Who pulls takes entries for committed: none may lie beyond what the sender knows to be so. */
function readPulled(reader: ByteReader, term: Term, entryBytes: Uint8Array[]): RaftMessage {
  const leader = reader.u64() as MemberId;
  const distance = reader.u8();
  const run = readRun(reader, term, entryBytes);
  if (run.entries.length > 0 && run.previousIndex + run.entries.length > run.commit) {
    throw new DecodeError("Pulled entries that are not committed");
  }
  return { kind: "pulled", term, leader, distance, ...run };
}

function readRun(reader: ByteReader, term: Term, entryBytes: Uint8Array[]): EntryRun {
  const previousIndex = readIndex(reader);
  const previousTerm = reader.u64() as Term;
  const commit = readIndex(reader);
  const count = reader.u16();
  if (count > APPEND_ENTRIES_LIMIT) throw new DecodeError(`Too many entries: ${count}`);
  if (previousIndex > MAX_NUMBER - count) throw new DecodeError("Index is 2^53 or larger");
  const heads: EntryHead[] = [];
  let before = previousTerm;
  for (let i = 0; i < count; i++) {
    const head = readHead(reader);
    if (head.term < before || head.term === 0) throw new DecodeError(`Term ${head.term} after ${before}`);
    before = head.term;
    heads.push(head);
  }
  if (before > term) throw new DecodeError(`Entry of term ${before} in term ${term}`);
  const entries: EntryMeta[] = [];
  for (let i = 0; i < count; i++) {
    const head = heads[i]!;
    const bytes = reader.raw(head.lengthBytes);
    entryBytes.push(bytes);
    entries.push({
      index: previousIndex + 1 + i as Index,
      term: head.term,
      kind: head.kind,
      lengthBytes: head.lengthBytes,
      configuration: head.kind === EntryKind.Configuration ? decodeConfiguration(bytes) : null,
    });
  }
  return { previousIndex, previousTerm, commit, entries };
}

function readHead(reader: ByteReader): EntryHead {
  const term = reader.u64() as Term;
  const kind = reader.u8();
  if (kind > EntryKind.Configuration) throw new DecodeError(`Unknown kind of entry: ${kind}`);
  return { term, kind: kind as EntryKind, lengthBytes: reader.u32() };
}
