/**
 * Snapshots: one file per group and index in a folder of their own, written aside, synced, renamed, folder synced, so
 * that a file under its own name is always whole. Format version 1, big-endian:
 *
 *   magic u32 | version u16 | reserved u16 | group u64 | generation u64 | index u64 | term u64
 *   | configuration bytes u32 | state bytes u64 | CRC-32C of all before, then configuration, then state u32
 *   | configuration | state
 */
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { crc32c } from "../core/crc32c.ts";
import { DecodeError, SennitError } from "../core/errors.ts";
import type { GroupId, Index, Term } from "../core/ids.ts";
import type { Disk } from "../io/mod.ts";
import { ASIDE_SUFFIX, type DiskFlow, diskStep, readWholeFile, replaceFile } from "./files.ts";
import { refuseOtherVersion } from "./format.ts";

export const SNAPSHOT_MAGIC = 0x57414c53; // "WALS"
export const SNAPSHOT_VERSION = 1;
const HEADER_BYTES = 56;
const CRC_AT = HEADER_BYTES - 4;
/** One snapshot file: it is read as a whole. */
export const SNAPSHOT_BYTES_LIMIT = 1024 * 1024 * 1024;

const NAME_DIGITS = 16;
const NAME_PATTERN = /^([0-9]{16})-([0-9]{16})-([0-9]{16})\.snapshot$/;

/** What a snapshot stands for: the state after `index`, and the configuration as of then, encoded by the caller. */
export interface StoredSnapshotMeta {
  readonly index: Index;
  readonly term: Term;
  readonly configurationBytes: Uint8Array;
}

export interface StoredSnapshot extends StoredSnapshotMeta {
  readonly group: GroupId;
  readonly generation: number;
  readonly state: Uint8Array;
}

export interface SnapshotName {
  readonly group: GroupId;
  readonly generation: number;
  readonly index: Index;
  /** Of the file. */
  readonly sizeBytes: number;
}

export class Snapshots {
  readonly #disk: Disk;
  readonly #folder: string;

  constructor(disk: Disk, folder = "snapshots") {
    this.#disk = disk;
    this.#folder = folder;
  }

  /** Creates the folder and removes what a crash left half-written. Before everything else. */
  *open(): DiskFlow<void> {
    yield* diskStep((token) => this.#disk.createFolder(this.#folder, token));
    const { entries } = yield* diskStep((token) => this.#disk.list(this.#folder, token));
    for (const { name } of entries) {
      if (!name.endsWith(ASIDE_SUFFIX)) continue;
      yield* diskStep((token) => this.#disk.remove(`${this.#folder}/${name}`, token));
    }
    yield* diskStep((token) => this.#disk.syncFolder(this.#folder, token));
  }

  /** Durable when it ends. `state` is lent until then. */
  *write(group: GroupId, generation: number, meta: StoredSnapshotMeta, state: Uint8Array): DiskFlow<void> {
    const bytes = encodeSnapshot({ group, generation, ...meta, state });
    if (bytes.length > SNAPSHOT_BYTES_LIMIT) {
      throw new SennitError("TOO_LARGE", `Cannot store a snapshot over ${SNAPSHOT_BYTES_LIMIT} bytes`);
    }
    yield* replaceFile(this.#disk, this.#path(group, generation, meta.index), bytes);
  }

  /** Null where there is none. Throws DATA_DAMAGED where the file is not what was written. */
  *read(group: GroupId, generation: number, index: Index): DiskFlow<StoredSnapshot | null> {
    const path = this.#path(group, generation, index);
    const bytes = yield* this.#bytes(path);
    if (bytes === null) return null;
    const snapshot = decodeSnapshot(bytes, path);
    const same = snapshot.group === group && snapshot.generation === generation && snapshot.index === index;
    if (!same) throw damaged(path, "it is another snapshot's");
    return snapshot;
  }

  /** A sector that cannot be read is as good as one that was written over. */
  *#bytes(path: string): DiskFlow<Uint8Array<ArrayBuffer> | null> {
    try {
      return yield* readWholeFile(this.#disk, path, SNAPSHOT_BYTES_LIMIT);
    } catch (error) {
      if (!(error instanceof SennitError) || error.code !== "DISK_FAILED") throw error;
      throw damaged(path, error.message, error);
    }
  }

  /** All snapshots, sorted by group, generation, index. */
  *list(): DiskFlow<SnapshotName[]> {
    const { entries } = yield* diskStep((token) => this.#disk.list(this.#folder, token));
    const names: SnapshotName[] = [];
    for (const { name, sizeBytes } of entries) {
      const match = NAME_PATTERN.exec(name);
      if (match === null) continue;
      const group = Number(match[1]) as GroupId;
      names.push({ group, generation: Number(match[2]), index: Number(match[3]) as Index, sizeBytes });
    }
    return names.sort((a, b) => a.group - b.group || a.generation - b.generation || a.index - b.index);
  }

  /** A missing one is not an error. */
  *remove(group: GroupId, generation: number, index: Index): DiskFlow<void> {
    const path = this.#path(group, generation, index);
    yield* diskStep((token) => this.#disk.remove(path, token));
    yield* diskStep((token) => this.#disk.syncFolder(this.#folder, token));
  }

  /** Removes all of these groups, and what a write that failed has left of them. */
  *removeAll(isGone: (group: GroupId, generation: number) => boolean): DiskFlow<void> {
    const { entries } = yield* diskStep((token) => this.#disk.list(this.#folder, token));
    for (const { name } of entries) {
      const match = NAME_PATTERN.exec(
        name.endsWith(ASIDE_SUFFIX) ? name.slice(0, -ASIDE_SUFFIX.length) : name,
      );
      if (match === null || !isGone(Number(match[1]) as GroupId, Number(match[2]))) continue;
      yield* diskStep((token) => this.#disk.remove(`${this.#folder}/${name}`, token));
    }
    yield* diskStep((token) => this.#disk.syncFolder(this.#folder, token));
  }

  #path(group: GroupId, generation: number, index: Index): string {
    return `${this.#folder}/${digits(group)}-${digits(generation)}-${digits(index)}.snapshot`;
  }
}

export function encodeSnapshot(snapshot: StoredSnapshot): Uint8Array<ArrayBuffer> {
  const { configurationBytes, state } = snapshot;
  const writer = new ByteWriter(HEADER_BYTES + configurationBytes.length + state.length);
  writer.u32(SNAPSHOT_MAGIC).u16(SNAPSHOT_VERSION).u16(0);
  writer.u64(snapshot.group).u64(snapshot.generation).u64(snapshot.index).u64(snapshot.term);
  writer.u32(configurationBytes.length).u64(state.length).u32(0);
  writer.raw(configurationBytes).raw(state);
  writer.patchU32(CRC_AT, snapshotCrc(writer.view()));
  return writer.take();
}

/** Throws DATA_DAMAGED, or VERSION_MISMATCH for a snapshot of a newer version; `path` is for the message. */
export function decodeSnapshot(bytes: Uint8Array, path: string): StoredSnapshot {
  try {
    const reader = new ByteReader(bytes);
    if (reader.u32() !== SNAPSHOT_MAGIC) throw new DecodeError("not a snapshot");
    const version = reader.u16();
    reader.u16();
    if (bytes.length < HEADER_BYTES) throw new DecodeError("truncated");
    const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(CRC_AT);
    if (stored !== snapshotCrc(bytes)) throw new DecodeError("its checksum does not hold");
    refuseOtherVersion(version, path);
    return readFields(reader);
  } catch (error) {
    if (error instanceof DecodeError) throw damaged(path, error.message, error);
    throw error;
  }
}

function readFields(reader: ByteReader): StoredSnapshot {
  const group = reader.u64() as GroupId;
  const generation = reader.u64();
  const index = reader.u64() as Index;
  const term = reader.u64() as Term;
  const configurationLength = reader.u32();
  const stateLength = reader.u64();
  reader.u32();
  const configurationBytes = reader.raw(configurationLength);
  const state = reader.raw(stateLength);
  reader.end();
  return { group, generation, index, term, configurationBytes, state };
}

function snapshotCrc(bytes: Uint8Array): number {
  return crc32c(bytes, HEADER_BYTES, bytes.length, crc32c(bytes, 0, CRC_AT));
}

function damaged(path: string, why: string, cause?: unknown): SennitError {
  const options = { details: { file: path }, ...(cause === undefined ? {} : { cause }) };
  return new SennitError("DATA_DAMAGED", `Cannot use snapshot "${path}" as it is damaged: ${why}`, options);
}

function digits(value: number): string {
  return String(value).padStart(NAME_DIGITS, "0");
}
