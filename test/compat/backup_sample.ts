/** A whole backup as a sample: a mesh with one key, and one stream whose log begins at its beginning. */
import { concatBytes } from "../../src/core/bytes.ts";
import { DecodeError } from "../../src/core/errors.ts";
import type { GroupId, Index, MemberId, Sequence, Term } from "../../src/core/ids.ts";
import {
  BACKUP_HEAD_BYTES,
  BackupDecoder,
  BackupEncoder,
  type BackupGroup,
  type BackupSection,
  SECTION_HEAD_BYTES,
} from "../../src/node/backup_format.ts";
import type { ControlState } from "../../src/node/control_state.ts";
import { sha256 } from "../../src/platform/deno_crypto.ts";
import { EntryKind } from "../../src/raft/mod.ts";
import { encodeRecordBatch, encodeStreamCommand, StreamState } from "../../src/stream/mod.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const term = 11 as Term;
const ulid = new Uint8Array(16).fill(7);
const payload = Uint8Array.from([100, 101, 102]);
const origin = { member: 7 as MemberId, boot: 0x8899_aabb, request: 9 };

const HASH = { sha256: (bytes: Uint8Array) => sha256(bytes) };

/** `control` has one stream. */
export function backup(control: ControlState): Bytes {
  const encoder = new BackupEncoder(HASH);
  const parts = [encoder.head()];
  const add = (section: Exclude<BackupSection, { kind: "end" }>) => parts.push(encoder.section(section));
  const { meshId, meshName } = control;
  add({ kind: "mesh", meshId, meshName, recoveryEpoch: 5, node: "a", takenWallMs: 1_700_000_000_005 });
  const at = { index: control.applied, term };
  const groupOf = (fields: Pick<BackupGroup, "group" | "type" | "name" | "base" | "last">, state: Bytes) => {
    add({ kind: "group", generation: 0, stateBytes: state.length, ...fields });
    add({ kind: "state", bytes: state.subarray(0, 20) });
    add({ kind: "state", bytes: state.subarray(20) });
  };
  groupOf({ group: 0 as GroupId, type: "control", name: "control", base: at, last: at }, control.encode());
  add({ kind: "group-end", digest: sha256(control.encode()) });
  const record = control.streams()[0]!;
  const stream = StreamState.create(record.targets, record.subscriptions);
  const base = { index: 0 as Index, term: 0 as Term };
  const last = { index: 3 as Index, term };
  groupOf({ group: record.group, type: "stream", name: record.name, base, last }, stream.encode());
  const open = encodeStreamCommand({ kind: "open-producer", origin, producer: "importer" });
  const batch = encodeRecordBatch(
    { producerId: 2, epoch: 1, baseSequence: 1 as Sequence, ulid },
    [payload],
  );
  stream.skip(1 as Index);
  stream.apply(2 as Index, open);
  stream.apply(3 as Index, batch);
  const entryOf = (index: number, kind: EntryKind, bytes: Bytes) => ({
    index: index as Index,
    term,
    kind,
    bytes,
  });
  add({
    kind: "entries",
    entries: [entryOf(1, EntryKind.Noop, new Uint8Array()), entryOf(2, EntryKind.Command, open)],
  });
  add({ kind: "entries", entries: [entryOf(3, EntryKind.Command, batch)] });
  add({ kind: "group-end", digest: sha256(stream.canonicalBytes()) });
  return concatBytes([...parts, encoder.end()]);
}

/** The sections of a backup in memory. Throws as reading a file does. */
export function* backupSections(bytes: Uint8Array): Generator<BackupSection> {
  const decoder = new BackupDecoder(HASH);
  decoder.head(bytes.subarray(0, BACKUP_HEAD_BYTES));
  for (let at = BACKUP_HEAD_BYTES; at < bytes.length;) {
    const head = decoder.sectionHead(bytes.subarray(at, at += SECTION_HEAD_BYTES));
    if (at + head.payloadBytes > bytes.length) throw new DecodeError("cut off");
    yield decoder.section(head, bytes.subarray(at, at += head.payloadBytes));
  }
}

export function rewriteBackup(bytes: Bytes): Bytes {
  const encoder = new BackupEncoder(HASH);
  const parts = [encoder.head()];
  for (const section of backupSections(bytes)) {
    parts.push(section.kind === "end" ? encoder.end() : encoder.section(section));
  }
  return concatBytes(parts);
}
