/**
 * Recovery: reads all segments in order, replays what is valid, tells a torn tail from damage, and makes sure that
 * what it found is on disk before anybody acts on it.
 *
 * An invalid batch is a torn tail only where nothing was written after it. Batch n+1 is written only after n is
 * synced, so a later valid header, in the same file or any later file, proves that the invalid batch was durable
 * once: damage, never cut (Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST 2018). A log at
 * rest ends with a seal, an empty batch that is such a later header for the last one that says something.
 */
import { assert } from "../core/assert.ts";
import { ByteReader } from "../core/bytes.ts";
import { crc32c } from "../core/crc32c.ts";
import { DecodeError, SennitError } from "../core/errors.ts";
import type { GroupId, Index } from "../core/ids.ts";
import type { Disk, FileEntry } from "../io/mod.ts";
import { FIRST_BATCH_AT } from "./batch.ts";
import { ASIDE_SUFFIX, type DiskFlow, diskStep, replaceFile } from "./files.ts";
import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  type BatchHeader,
  checkFileHeader,
  parseSegmentName,
  readBatchHeader,
  segmentName,
  WAL_BATCH_BYTES_LIMIT,
} from "./format.ts";
import { readRecords } from "./records.ts";
import { Replay } from "./replay.ts";
import { salvageFile } from "./salvage.ts";
import type { Segment, Segments } from "./segments.ts";
import { indexOf, type Table } from "./table.ts";

/** One place where the log is not what was written. */
export interface Damage {
  readonly file: string;
  readonly offset: number;
  /** header: it is unknown what was there. payload: contents are lost, `entries` says of what. */
  readonly part: "header" | "payload" | "missing";
  /** Groups that may be concerned; null where that is unknown. */
  readonly groups: readonly GroupId[] | null;
  readonly message: string;
}

export interface RecoveredLog {
  readonly replay: Replay;
  readonly damage: readonly Damage[];
  readonly tornBytes: number;
  readonly lastLsn: number;
  readonly lastCrc: number;
  /** Nothing that anybody relies on would be lost with the last batch: only releases, or nothing at all. */
  readonly sealed: boolean;
  /** Of a new segment where the log is empty. */
  readonly nextSegment: number;
}

export class Recovery {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #segments: Segments;
  readonly #replay: Replay;
  readonly #damage: Damage[] = [];
  /** Unknown (null) until the first batch was read: older segments may have been collected. */
  #lastLsn: number | null = null;
  #lastCrc = 0;
  #sealed = true;
  #tornBytes = 0;
  #nextSegment = 1;
  /** The valid part of the last segment. */
  #tail: Uint8Array | null = null;
  /** A header was damaged or a file is missing: nothing is changed on disk, and nobody may act on the log. */
  #fatal = false;

  constructor(disk: Disk, folder: string, segments: Segments, table: Table) {
    this.#disk = disk;
    this.#folder = folder;
    this.#segments = segments;
    this.#replay = new Replay(table);
  }

  *run(): DiskFlow<RecoveredLog> {
    yield* diskStep((token) => this.#disk.createFolder(this.#folder, token));
    const listed = yield* diskStep((token) => this.#disk.list(this.#folder, token));
    const ids = this.#segmentIds(listed.entries);
    const sizes = new Map(listed.entries.map((entry) => [entry.name, entry.sizeBytes]));
    for (let i = 0; i < ids.length; i++) {
      const sizeBytes = sizes.get(segmentName(ids[i]!)) ?? 0;
      yield* this.#readSegment(ids[i]!, sizeBytes, i === 0, i === ids.length - 1);
    }
    yield* this.#pinDown(listed.entries);
    return {
      replay: this.#replay,
      damage: this.#damage,
      tornBytes: this.#tornBytes,
      lastLsn: this.#lastLsn ?? 0,
      lastCrc: this.#lastCrc,
      sealed: this.#sealed,
      nextSegment: this.#nextSegment,
    };
  }

  /**
   * A process that died between write and sync leaves what a power failure could still take. To sync it now is not enough:
   * after a sync that failed, the same file's next one may succeed and write nothing (Rebello et al., "Can Applications
   * Recover from fsync Failures?", ATC 2020). So what was read of the last segment is written anew.
   */
  *#pinDown(listed: readonly FileEntry[]): DiskFlow<void> {
    for (const { name } of listed) {
      if (!name.endsWith(ASIDE_SUFFIX)) continue;
      yield* diskStep((token) => this.#disk.remove(`${this.#folder}/${name}`, token));
    }
    const { current } = this.#segments;
    if (current !== undefined && this.#tail !== null && !this.#fatal) {
      yield* this.#rewrite(current.path, this.#tail);
    } else if (current !== undefined) yield* diskStep((token) => this.#disk.sync(current.path, token));
    this.#tail = null;
    yield* diskStep((token) => this.#disk.syncFolder(this.#folder, token));
  }

  /** On a disk without room for a second copy, a sync has to do. */
  *#rewrite(path: string, bytes: Uint8Array): DiskFlow<void> {
    try {
      yield* replaceFile(this.#disk, path, bytes);
    } catch (error) {
      if (!(error instanceof SennitError) || error.code !== "DISK_FULL") throw error;
      yield* diskStep((token) => this.#disk.remove(path + ASIDE_SUFFIX, token));
      yield* diskStep((token) => this.#disk.truncate(path, bytes.length, token));
      yield* diskStep((token) => this.#disk.sync(path, token));
    }
  }

  #segmentIds(entries: readonly FileEntry[]): number[] {
    const ids: number[] = [];
    for (const entry of entries) {
      const id = parseSegmentName(entry.name);
      if (id !== null) ids.push(id);
    }
    ids.sort((a, b) => a - b);
    for (let i = 1; i < ids.length; i++) {
      if (ids[i] === ids[i - 1]! + 1) continue;
      const path = this.#segments.path(ids[i - 1]! + 1);
      this.#report(path, 0, "missing", null, `Segments ${ids[i - 1]! + 1} to ${ids[i]! - 1} are missing`);
    }
    return ids;
  }

  *#readSegment(id: number, sizeBytes: number, first: boolean, last: boolean): DiskFlow<void> {
    const path = this.#segments.path(id);
    const limit = 2 * WAL_BATCH_BYTES_LIMIT;
    const { bytes, unreadableEnd } = yield* salvageFile(this.#disk, path, limit, sizeBytes);
    const gap = !first && this.#segments.current !== undefined && this.#segments.current.id + 1 !== id;
    if (gap) return; // Reported as missing; what follows cannot be placed.
    const end = this.#scan(id, path, bytes, first, last);
    this.#tail = end > FIRST_BATCH_AT ? bytes.subarray(0, end) : this.#tail;
    if (this.#fatal || (end === bytes.length && end > 0)) return;
    assert(last, "only the last segment has a tail");
    if (unreadableEnd > end) {
      // Torn writes can be read. What is lost here may have been acknowledged.
      this.#report(path, end, "header", null, "The end of the log cannot be read");
      return;
    }
    this.#tornBytes += bytes.length - end;
    if (end > FIRST_BATCH_AT) return; // What is valid takes the file's place.
    // Died while the segment was being opened: it is as if it had never been.
    assert(this.#segments.current?.id !== id, "a segment without a batch is not part of the log");
    this.#nextSegment = id;
    yield* diskStep((token) => this.#disk.remove(path, token));
    yield* diskStep((token) => this.#disk.syncFolder(this.#folder, token));
  }

  /** Replays a segment's batches; returns where its valid part ends, which is before the end only for a torn tail. */
  #scan(id: number, path: string, bytes: Uint8Array, first: boolean, last: boolean): number {
    let at = FIRST_BATCH_AT;
    const headerValid = this.#fileHeaderValid(id, path, bytes);
    // The predecessor of a segment is removed only after this segment's first batch is durable.
    const mayBeUnborn = last && (!first || id === 1);
    if (!headerValid) {
      if (mayBeUnborn && this.#findHeader(id, path, bytes, 0) === null) return 0;
      this.#report(path, 0, "header", null, "File header is damaged");
    }
    const segment = this.#segments.add(id);
    while (at < bytes.length) {
      const header = readBatchHeader(bytes, at, path);
      const fits = header !== null && this.#continues(header, id, at);
      const next = fits ? at + header.headerBytes + header.payloadBytes : at;
      const valid = fits && next <= bytes.length &&
        crc32c(bytes, at + header.headerBytes, next) === header.payloadCrc;
      if (valid) {
        this.#take(segment, path, header, bytes, at, true);
        at = next;
        continue;
      }
      const later = this.#findHeader(id, path, bytes, fits ? Math.min(next, bytes.length) : at + 1);
      const opening = at === FIRST_BATCH_AT && !mayBeUnborn;
      if (last && later === null && !opening) {
        if (at === FIRST_BATCH_AT) this.#segments.dropUnborn();
        return at === FIRST_BATCH_AT ? 0 : at;
      }
      if (fits) this.#take(segment, path, header, bytes, at, false);
      else this.#report(path, at, "header", null, "Batch header is damaged");
      at = later ?? bytes.length;
    }
    if (segment.sizeBytes === 0 && this.#segments.current === segment) {
      if (mayBeUnborn && headerValid) {
        this.#segments.dropUnborn();
        return 0;
      }
      this.#report(path, at, "header", null, "Segment ends before its first batch");
    }
    return bytes.length;
  }

  #fileHeaderValid(id: number, path: string, bytes: Uint8Array): boolean {
    try {
      checkFileHeader(bytes, id, path);
      return true;
    } catch (error) {
      if (error instanceof DecodeError) return false;
      throw error;
    }
  }

  /** True where the header is the one that must stand here. */
  #continues(header: BatchHeader, id: number, at: number): boolean {
    if (header.segment !== id || header.offset !== at) return false;
    if (this.#lastLsn === null) return true;
    return header.lsn === this.#lastLsn + 1 && header.previousCrc === this.#lastCrc;
  }

  /** Where, from `start` on, the first header stands that was written there after what was read so far; else null. */
  #findHeader(id: number, path: string, bytes: Uint8Array, start: number): number | null {
    const firstByte = BATCH_MAGIC >>> 24;
    const end = bytes.length - BATCH_HEADER_BYTES;
    for (
      let at = bytes.indexOf(firstByte, start);
      at >= 0 && at <= end;
      at = bytes.indexOf(firstByte, at + 1)
    ) {
      const header = readBatchHeader(bytes, at, path);
      if (header === null || header.segment !== id || header.offset !== at) continue;
      if (header.lsn > (this.#lastLsn ?? 0)) return at;
    }
    return null;
  }

  #take(
    segment: Segment,
    path: string,
    header: BatchHeader,
    bytes: Uint8Array,
    at: number,
    payloadValid: boolean,
  ): void {
    const payloadAt = at + header.headerBytes;
    const next = Math.min(payloadAt + header.payloadBytes, bytes.length);
    const payload = bytes.subarray(payloadAt, next);
    const batch = { segment: segment.id, payloadAt, payload, payloadValid };
    this.#lastLsn = header.lsn;
    this.#lastCrc = header.headerCrc;
    try {
      const reader = new ByteReader(bytes, at + BATCH_HEADER_BYTES, payloadAt);
      const { records, headBytes } = readRecords(
        reader,
        header.records,
        header.headRecords,
        header.payloadBytes,
      );
      this.#sealed = records.every(({ kind }, i) => i < header.headRecords || kind === "release");
      const size = next - at + (at === FIRST_BATCH_AT ? FIRST_BATCH_AT : 0);
      this.#segments.grow(segment, size, next - at - headBytes);
      if (this.#fatal) return; // What follows a hole cannot be placed; it is read to find all damage.
      for (let i = 0; i < records.length; i++) {
        this.#replay.apply(records[i]!, batch, i < header.headRecords);
      }
      if (payloadValid) return;
      const groups = new Set<GroupId>();
      for (const record of records) if ("group" in record) groups.add(record.group);
      const concerned = [...groups].sort((a, b) => a - b);
      this.#report(path, payloadAt, "payload", concerned, "Contents of a batch are damaged");
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#report(path, at, "header", null, error.message);
    }
  }

  #report(
    file: string,
    offset: number,
    part: Damage["part"],
    groups: readonly GroupId[] | null,
    message: string,
  ): void {
    this.#damage.push({ file, offset, part, groups, message });
    if (part === "payload") return;
    this.#fatal = true;
    this.#lastLsn = null;
  }
}

/** Damage after which it is unknown what the log said: nobody may vote on it. */
export function fatalDamage(damage: readonly Damage[], folder: string): SennitError | null {
  const first = damage.find((item) => item.part !== "payload");
  if (first === undefined) return null;
  return new SennitError(
    "DATA_DAMAGED",
    `Cannot open the log in "${folder}" as it is damaged: ${first.message} ("${first.file}", byte ${first.offset})`,
    { details: { file: first.file, offset: first.offset } },
  );
}

/** The first gap in a group's log, null where it is whole. */
export function findGap(table: Table): { group: GroupId; index: Index } | null {
  for (const log of table.groups.values()) {
    for (let row = 0; row < log.entries.length; row++) {
      if (log.entries.isPresent(row) && table.extent(log, row).segment !== 0) continue;
      return { group: log.group, index: indexOf(log, row) };
    }
  }
  return null;
}

/** The damage that a gap is. */
export function gapDamage(folder: string, group: GroupId, index: Index): Damage {
  const message = `Entry ${index} of group ${group} is missing`;
  return { file: folder, offset: 0, part: "missing", groups: [group], message };
}
