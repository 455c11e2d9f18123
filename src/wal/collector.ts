/**
 * The collector keeps the disk within a constant factor of what is alive: segments in which nothing is alive are
 * removed, oldest first, and while the dead outweigh the living, what is alive in the oldest segments is copied
 * to the end of the log. So neither a slow group nor an outbox record that waits for long pins the disk.
 */
import { assert } from "../core/assert.ts";
import { SennitError } from "../core/errors.ts";
import type { TokenSource } from "../core/flow.ts";
import type { Index, Term, Token } from "../core/ids.ts";
import type { EntryKind } from "../raft/types.ts";
import type { Disk, DiskEvent } from "../io/mod.ts";
import type { Batch, Relocation } from "./batch.ts";
import type { DamageFound } from "./damaged.ts";
import { type Contents, type Extent, isSamePlace, type NewContent, weightOf } from "./extent.ts";
import type { Reader, ReadJob } from "./reader.ts";
import { writeEntriesHead, writeEntryItem, writeOutbox, writeReference } from "./records.ts";
import type { Segment, Segments } from "./segments.ts";
import { type GroupLog, indexOf, type Table } from "./table.ts";

/** Copied at a time, so that a copy delays no batch for long. */
export const RELOCATION_BYTES_LIMIT = 1024 * 1024;
/** Segments' worth of dead bytes that are not worth a copy, besides as many dead bytes as live ones. */
const SPARE_SEGMENTS = 4;

const NO_TOKEN = 0 as Token;

/** Something alive in an old segment. */
type Candidate =
  | { readonly kind: "outbox"; readonly id: number; readonly from: Extent }
  | {
    readonly kind: "content" | "mark";
    readonly log: GroupLog;
    readonly index: Index;
    readonly term: Term;
    readonly entryKind: EntryKind;
    readonly from: Extent;
  };

type EntryCandidate = Extract<Candidate, { kind: "content" | "mark" }>;

export class Collector {
  readonly #disk: Disk;
  readonly #tokens: TokenSource;
  readonly #segments: Segments;
  readonly #table: Table;
  readonly #contents: Contents;
  readonly #reader: Reader;
  readonly #found: DamageFound;
  readonly #folder: string;
  readonly #segmentBytes: number;
  #removeToken = NO_TOKEN;
  #folderToken = NO_TOKEN;
  #candidates: readonly Candidate[] = [];
  #job: ReadJob | null = null;
  /** The batch that carries copies, 0 for none: one set of copies is under way at a time. */
  #copyLsn = 0;
  /** After a failed read no copy is tried until the log has moved on to this segment. */
  #pausedUntil = 0;
  #failure: SennitError | null = null;

  constructor(
    disk: Disk,
    tokens: TokenSource,
    segments: Segments,
    table: Table,
    contents: Contents,
    reader: Reader,
    found: DamageFound,
    folder: string,
    segmentBytes: number,
  ) {
    this.#disk = disk;
    this.#tokens = tokens;
    this.#segments = segments;
    this.#table = table;
    this.#contents = contents;
    this.#reader = reader;
    this.#found = found;
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
  }

  get failure(): SennitError | null {
    return this.#failure;
  }

  /** Starts what is worth doing; cheap where nothing is. */
  run(durableLsn: number): void {
    if (this.#failure !== null) return;
    this.#removeOldest(durableLsn);
    if (this.#copyLsn !== 0 && this.#copyLsn <= durableLsn) this.#copyLsn = 0;
    if (this.#job === null && this.#copyLsn === 0 && this.#worthCopying) this.#startCopy();
  }

  onDisk(event: DiskEvent): boolean {
    if (event.token === this.#removeToken) {
      this.#removeToken = NO_TOKEN;
      if (!event.ok) return this.#refused(event);
      // One at a time: after a crash the files are still consecutive, whichever removals were durable.
      this.#folderToken = this.#tokens.next();
      this.#disk.syncFolder(this.#folder, this.#folderToken);
      return true;
    }
    if (event.token === this.#folderToken) {
      this.#folderToken = NO_TOKEN;
      if (!event.ok) return this.#refused(event);
      return true;
    }
    return false;
  }

  /** Writes the copies whose contents have been read into the batch that is being gathered. */
  stage(batch: Batch): void {
    if (this.#job === null || this.#job.waiting > 0) return;
    const job = this.#job;
    const candidates = this.#candidates;
    this.#job = null;
    this.#candidates = [];
    if (job.failed !== null && job.failed !== "DATA_DAMAGED") {
      this.#pausedUntil = (this.#segments.current?.id ?? 0) + 1;
      return;
    }
    const run = new CopyRun(batch, this.#table, this.#contents);
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i]!;
      if (!this.#alive(candidate)) continue;
      if (job.damaged.has(i)) this.#damaged(candidate);
      run.copy(candidate, job.bytes[i]!);
    }
    run.end();
    if (run.copied > 0) this.#copyLsn = batch.lsn;
  }

  /** Whoever waits for it reads it no more once it is known to be damaged: it has to be told now. */
  #damaged(candidate: Candidate): void {
    if (candidate.kind === "outbox") this.#found.outbox(this.#table, this.#table.outbox.get(candidate.id)!);
    else if (candidate.kind === "content") {
      const { log, index, term, from } = candidate;
      this.#found.content(this.#table, log, index, term, from);
    }
  }

  get #worthCopying(): boolean {
    const oldest = this.#segments.oldest;
    if (oldest === undefined || oldest === this.#segments.current || oldest.liveExtents === 0) return false;
    if (this.#segments.current!.id < this.#pausedUntil) return false;
    return this.#segments.bodyBytes > 2 * this.#segments.liveBytes + SPARE_SEGMENTS * this.#segmentBytes;
  }

  #removeOldest(durableLsn: number): void {
    if (this.#removeToken !== NO_TOKEN || this.#folderToken !== NO_TOKEN) return;
    const oldest = this.#segments.oldest;
    const next = this.#segments.at(1);
    if (oldest === undefined || next === undefined || !this.#mayGo(oldest, next, durableLsn)) return;
    this.#segments.removeOldest();
    this.#removeToken = this.#tokens.next();
    this.#disk.remove(oldest.path, this.#removeToken);
  }

  /** Nothing in it is alive, what killed it is durable, and so is the state repeated after it. */
  #mayGo(segment: Segment, next: Segment, durableLsn: number): boolean {
    return segment.liveExtents === 0 && segment.diedLsn <= durableLsn && next.sizeBytes > 0;
  }

  #refused(event: Extract<DiskEvent, { ok: false }>): true {
    const message =
      `Cannot remove a segment of the log as the disk refused (${event.code}): ${event.message}`;
    this.#failure = new SennitError("DISK_FAILED", message, { outcome: "UNKNOWN" });
    return true;
  }

  #startCopy(): void {
    const limitBytes = Math.min(RELOCATION_BYTES_LIMIT, this.#segmentBytes);
    this.#candidates = this.#collect(this.#lastToCopy(limitBytes), limitBytes);
    assert(this.#candidates.length > 0, "a segment with live contents yields something to copy");
    this.#job = this.#reader.start(this.#candidates.map((candidate) => candidate.from));
  }

  /**
   * The newest segment from which one set of copies takes: several sparse ones are packed into one batch, but only
   * such as fit as a whole. What is copied must be what frees the oldest segment; or else copies beget copies.
   */
  #lastToCopy(limitBytes: number): number {
    let bytes = this.#segments.oldest!.liveBytes;
    let position = 0;
    while (position + 1 < this.#segments.count - 1) {
      bytes += this.#segments.at(position + 1)!.liveBytes;
      if (bytes > limitBytes) break;
      position++;
    }
    return this.#segments.at(position)!.id;
  }

  #collect(upTo: number, limitBytes: number): Candidate[] {
    const found: Candidate[] = [];
    let bytes = 0;
    for (const record of this.#table.outbox.values()) {
      if (bytes >= limitBytes) return found;
      if (record.segment === 0 || record.segment > upTo) continue;
      const { id, segment, offset, lengthBytes, crc, damaged } = record;
      found.push({ kind: "outbox", id, from: { segment, offset, lengthBytes, crc, damaged } });
      bytes += weightOf(lengthBytes);
    }
    for (const log of this.#table.groups.values()) {
      for (let row = 0; row < log.entries.length; row++) {
        if (bytes >= limitBytes) return found;
        const kind = this.#copyKind(log, row, upTo);
        if (kind === null) continue;
        const from = kind === "content" ? log.entries.extent(row) : this.#markExtent(log, row);
        const { entries } = log;
        const [term, entryKind] = [entries.term(row), entries.kind(row)];
        found.push({ kind, log, index: indexOf(log, row), term, entryKind, from });
        bytes += weightOf(from.lengthBytes);
      }
    }
    return found;
  }

  /** What of an entry must be copied; an unreleased outbox record's content is copied with that record. */
  #copyKind(log: GroupLog, row: number, upTo: number): "content" | "mark" | null {
    const isOld = (segment: number): boolean => segment !== 0 && segment <= upTo;
    if (log.entries.isShared(row)) return isOld(this.#table.markSegment(log, row)) ? "mark" : null;
    const mustGo = isOld(log.entries.segment(row)) || isOld(this.#table.markSegment(log, row));
    return mustGo ? "content" : null;
  }

  #markExtent(log: GroupLog, row: number): Extent {
    return { segment: this.#table.markSegment(log, row), offset: 0, lengthBytes: 0, crc: 0, damaged: false };
  }

  /** True where nothing happened since that made the copy needless. */
  #alive(candidate: Candidate): boolean {
    if (candidate.kind === "outbox") {
      const record = this.#table.outbox.get(candidate.id);
      return record !== undefined && isSamePlace(record, candidate.from);
    }
    const { log, index, term, from, kind } = candidate;
    const row = this.#table.groups.get(log.group) === log ? this.#table.row(log, index) : -1;
    if (row < 0 || log.entries.term(row) !== term) return false;
    const isShared = log.entries.isShared(row);
    if (kind === "content") return !isShared && log.entries.liesAt(row, from);
    return isShared && this.#table.markSegment(log, row) === from.segment;
  }
}

/** Writes one set of copies, neighbouring entries of one term as one record. */
class CopyRun {
  readonly #batch: Batch;
  readonly #table: Table;
  readonly #contents: Contents;
  #group: GroupLog | null = null;
  #term = 0 as Term;
  #next = 0;
  #countAt = 0;
  #count = 0;
  copied = 0;

  constructor(batch: Batch, table: Table, contents: Contents) {
    this.#batch = batch;
    this.#table = table;
    this.#contents = contents;
  }

  copy(candidate: Candidate, bytes: Uint8Array | null): void {
    const { from } = candidate;
    const to = candidate.kind === "mark" ? this.#contents.mark() : this.#contents.copy(from, bytes);
    if (candidate.kind === "outbox") this.#outbox(candidate.id, to);
    else if (candidate.kind === "mark") this.#mark(candidate);
    else this.#content(candidate, to);
    this.#batch.add(to);
    this.#batch.relocations.push(relocation(candidate, to));
    this.copied++;
  }

  end(): void {
    if (this.#count > 0) this.#batch.records.patchU32(this.#countAt, this.#count);
    this.#count = 0;
    this.#group = null;
  }

  #outbox(id: number, to: NewContent): void {
    this.end();
    const record = this.#table.outbox.get(id)!;
    writeOutbox(this.#batch.records, true, id, record.group, record.generation, to, to.damaged);
    this.#batch.counted();
  }

  #mark({ log, index, term }: EntryCandidate): void {
    this.end();
    const { group, generation } = log;
    const content = log.shared.get(index)!;
    writeReference(this.#batch.records, true, group, generation, term, index, content.id, content);
    this.#batch.counted();
  }

  #content({ log, index, term, entryKind }: EntryCandidate, to: NewContent): void {
    if (this.#group !== log || this.#term !== term || this.#next !== index) {
      this.end();
      this.#group = log;
      this.#term = term;
      const { group, generation } = log;
      this.#countAt = writeEntriesHead(this.#batch.records, true, group, generation, term, index);
      this.#batch.counted();
    }
    writeEntryItem(this.#batch.records, entryKind, to.lengthBytes, to.crc, to.damaged);
    this.#next = index + 1;
    this.#count++;
  }
}

function relocation(candidate: Candidate, to: NewContent): Relocation {
  const { from } = candidate;
  if (candidate.kind === "outbox") {
    return { kind: "outbox", id: candidate.id, from, to, isRepair: false };
  }
  const { kind, log: { group, generation }, index, term } = candidate;
  return { kind, group, generation, index, term, from, to, isRepair: false };
}
