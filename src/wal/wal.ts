/**
 * The node's one write-ahead log, shared by all its groups.
 *
 *   gather (append…, setBase, …) -> pending batch -> flush -> one append, one sync -> durable
 *
 * At most one batch is in flight, and the next is not written before it is synced: so an overwritten entry is never
 * reported durable by an older completion. What is gathered shows at once in `entry`; it may be relied on only
 * when `durableLsn` has reached the LSN that its call returned. The log submits its operations to the disk and is
 * fed their completions by `onDisk`; call `flush` once per turn, after gathering.
 */
import { assert } from "../core/assert.ts";
import { crc32c } from "../core/crc32c.ts";
import { SennitError } from "../core/errors.ts";
import type { TokenSource } from "../core/flow.ts";
import type { GroupId, Index, Lsn, Term } from "../core/ids.ts";
import type { Disk, DiskEvent } from "../io/mod.ts";
import { EntryKind, type HardState } from "../raft/types.ts";
import { Batch } from "./batch.ts";
import { Collector } from "./collector.ts";
import { type DamagedEntry, DamageFound } from "./damaged.ts";
import { Contents, type Extent, type NewContent } from "./extent.ts";
import type { DiskFlow } from "./files.ts";
import { WAL_BATCH_BYTES_LIMIT } from "./format.ts";
import { type LoadedEntries, type LoadedOutbox, Loads, type WantedEntry } from "./loads.ts";
import { settle } from "./placement.ts";
import { Reader } from "./reader.ts";
import {
  writeBase,
  writeClose,
  writeEntriesHead,
  writeEntryItem,
  writeHardState,
  writeOpen,
  writeOutbox,
  writeReference,
  writeRelease,
} from "./records.ts";
import { type Damage, fatalDamage, findGap, gapDamage, Recovery } from "./recovery.ts";
import { recoveredGroups, recoveredOutbox, type WalRecovery } from "./recovered.ts";
import { Segments } from "./segments.ts";
import { type Base, type GroupLog, newOutboxRecord, Table } from "./table.ts";
import { Writer } from "./writer.ts";

/** Below this a segment would be little more than its head. */
export const SEGMENT_BYTES_MIN = 4096;

export interface WalOptions {
  /** Below the data folder; nothing else is kept in it. */
  readonly folder: string;
  /** A segment that has reached this size is not written to any more. At least 4 KiB. */
  readonly segmentBytes: number;
  /** Contents of recent entries and outbox records kept in memory, of all groups together. */
  readonly cacheBytes: number;
}

/** One entry to append. `bytes` is lent for the call. */
export interface AppendedEntry {
  readonly index: Index;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly bytes: Uint8Array;
}

export interface EntryView {
  readonly term: Term;
  readonly kind: EntryKind;
  readonly lengthBytes: number;
  /** CRC-32C of the content. */
  readonly crc: number;
  /** Null where it is not in memory: `load` it. Shared, never changed by anybody. */
  readonly bytes: Uint8Array | null;
  /** The disk does not have the content any more; it waits for `repairEntry`. */
  readonly damaged: boolean;
}

export interface WalStatus {
  readonly segments: number;
  readonly bytes: number;
  readonly liveBytes: number;
  readonly cachedBytes: number;
  /** Gathered and not yet handed to the disk. */
  readonly pendingBytes: number;
  readonly durableLsn: Lsn;
  /** Nothing becomes durable any more; restart from what is on disk. */
  readonly failure: SennitError | null;
  /** The last batch found no space and waits for `retryFull`. */
  readonly full: boolean;
}

export class Wal {
  readonly #disk: Disk;
  readonly #options: WalOptions;
  readonly #segments: Segments;
  readonly #contents: Contents;
  readonly #table: Table;
  readonly #reader: Reader;
  readonly #loads: Loads;
  readonly #found = new DamageFound();
  readonly #writer: Writer;
  readonly #collector: Collector;
  #pending: Batch | null = null;
  #durableLsn = 0 as Lsn;
  /** The last durable batch must not be taken for a torn one, should it be damaged. */
  #unsealed = false;
  /** The number of the next segment to open. */
  #nextSegment = 1;
  #failure: SennitError | null = null;

  constructor(options: WalOptions, disk: Disk, tokens: TokenSource) {
    const { folder, segmentBytes } = options;
    if (!(segmentBytes >= SEGMENT_BYTES_MIN)) {
      throw new RangeError(`Cannot use segments under ${SEGMENT_BYTES_MIN} bytes: ${segmentBytes}`);
    }
    if (segmentBytes > WAL_BATCH_BYTES_LIMIT) {
      throw new RangeError(`Cannot use segments over ${WAL_BATCH_BYTES_LIMIT} bytes: ${segmentBytes}`);
    }
    this.#options = options;
    this.#disk = disk;
    this.#segments = new Segments(folder);
    this.#contents = new Contents(options.cacheBytes);
    this.#table = new Table(this.#segments, this.#contents);
    this.#reader = new Reader(disk, tokens, this.#segments, this.#contents);
    this.#loads = new Loads(this.#reader, this.#table, this.#contents, this.#found);
    this.#writer = new Writer(disk, tokens, this.#segments, folder);
    this.#collector = new Collector(
      disk,
      tokens,
      this.#segments,
      this.#table,
      this.#contents,
      this.#reader,
      this.#found,
      folder,
      segmentBytes,
    );
  }

  /**
   * Opens the log. Where only contents are damaged it is writable, and the damaged entries are listed. Where a header
   * is damaged the result says so by `failure`, lists no group, and every later call is refused.
   */
  *recover(): DiskFlow<WalRecovery> {
    assert(this.#pending === null, "a log is recovered once");
    const recovery = new Recovery(this.#disk, this.#options.folder, this.#segments, this.#table);
    const found = yield* recovery.run();
    const damage: Damage[] = [...found.damage];
    let failure = fatalDamage(damage, this.#options.folder);
    if (failure === null) {
      const gap = findGap(this.#table);
      if (gap !== null) damage.push(gapDamage(this.#options.folder, gap.group, gap.index));
      failure = fatalDamage(damage, this.#options.folder);
    }
    if (failure !== null) {
      this.#failure = failure;
      const nothing = { groups: [], outbox: [], closedGroups: [] };
      return { ...nothing, tornBytes: found.tornBytes, damage, failure };
    }
    this.#found.recovered(this.#table);
    this.#durableLsn = found.lastLsn as Lsn;
    this.#unsealed = !found.sealed;
    this.#nextSegment = this.#segments.current === undefined
      ? found.nextSegment
      : this.#segments.current.id + 1;
    this.#writer.continueAfter(found.lastCrc);
    this.#startPending(this.#segments.current?.bodyBytes ?? Infinity);
    return {
      groups: recoveredGroups(this.#table, found.replay.configurations),
      outbox: recoveredOutbox(this.#table),
      closedGroups: [...this.#table.closed].map(([group, generation]) => ({ group, generation }))
        .sort((a, b) => a.group - b.group),
      tornBytes: found.tornBytes,
      damage,
      failure: null,
    };
  }

  /** The LSN of the batch that is being gathered. */
  get pendingLsn(): Lsn {
    return this.#gathering().lsn;
  }
  get durableLsn(): Lsn {
    return this.#durableLsn;
  }
  /** True while a batch is on its way to the disk; one that waits for space is not. */
  get busy(): boolean {
    return !this.#writer.idle && !this.#writer.full;
  }
  /** True while nothing is on its way, nothing waits, and the last batch has none behind it that proves it: see `seal`. */
  get unsealed(): boolean {
    return this.#unsealed && this.#failure === null && this.#writer.idle && this.#pending!.canWait;
  }
  /** Nothing becomes durable any more; restart from what is on disk. */
  get failure(): SennitError | null {
    return this.#failure;
  }
  /** The last batch found no space and waits for `retryFull`. */
  get full(): boolean {
    return this.#writer.full;
  }

  /** A group exists from here on, empty. A generation is opened once and never after it was closed. */
  openGroup(group: GroupId, generation: number): Lsn {
    const batch = this.#gathering();
    if (this.#table.groups.has(group)) throw new RangeError(`Cannot open group ${group} as it is open`);
    if (this.isClosed(group, generation)) {
      throw new RangeError(`Cannot open group ${group} as generation ${generation} is closed`);
    }
    this.#table.open(group, generation);
    writeOpen(batch.records, group, generation);
    return this.#gathered(batch);
  }

  /** True where the group was closed at this generation or a later one: it is never opened again. */
  isClosed(group: GroupId, generation: number): boolean {
    return generation <= (this.#table.closed.get(group) ?? -1);
  }

  /** Forgets all of a group, its outbox included, and leaves a tombstone for this generation and those before. */
  closeGroup(group: GroupId, generation: number): Lsn {
    const batch = this.#gathering();
    const log = this.#table.groups.get(group);
    if (log !== undefined && log.generation !== generation) {
      throw new RangeError(
        `Cannot close generation ${generation} of group ${group}: it is ${log.generation}`,
      );
    }
    if (generation < (this.#table.closed.get(group) ?? 0)) return batch.lsn; // Closed by a later tombstone.
    for (const record of [...this.#table.outbox.values()]) {
      if (record.group === group && record.generation <= generation) this.releaseOutbox(record.id);
    }
    this.#table.close(group, generation, batch.lsn);
    writeClose(batch.records, group, generation);
    return this.#gathered(batch);
  }

  /** Appends; whatever the group's log held at and after the first of the entries is replaced. */
  appendEntries(group: GroupId, generation: number, entries: readonly AppendedEntry[]): Lsn {
    const batch = this.#gathering();
    const log = this.#log(group, generation);
    const first = entries[0];
    if (first === undefined) return batch.lsn;
    this.#checkPlace(log, first.index);
    this.#checkTerm(log, first.index, first.term);
    for (let i = 1; i < entries.length; i++) {
      const entry = entries[i]!;
      if (entry.index === first.index + i && entry.term >= entries[i - 1]!.term) continue;
      throw new RangeError(
        `Cannot append entry ${entry.index} of term ${entry.term} after ${first.index + i - 1}`,
      );
    }
    this.#table.truncate(log, first.index, batch.lsn);
    let countAt = 0;
    let count = 0;
    let term = 0 as Term;
    let index = first.index as number;
    for (const entry of entries) {
      if (entry.index !== index) {
        throw new RangeError(`Cannot append entry ${entry.index} after ${index - 1}`);
      }
      if (count === 0 || entry.term !== term) {
        if (count > 0) batch.records.patchU32(countAt, count);
        term = entry.term;
        count = 0;
        countAt = writeEntriesHead(batch.records, false, group, generation, term, entry.index);
        batch.counted();
      }
      const content = this.#content(batch, entry.bytes);
      writeEntryItem(batch.records, entry.kind, content.lengthBytes, content.crc, false);
      this.#table.put(log, index, term, entry.kind, content);
      content.log = log;
      content.index = index;
      index++;
      count++;
    }
    batch.records.patchU32(countAt, count);
    return batch.lsn;
  }

  /** Appends one command whose content is an outbox record's: the bytes are not written again. */
  appendFromOutbox(group: GroupId, generation: number, index: Index, term: Term, outboxId: number): Lsn {
    const batch = this.#gathering();
    const log = this.#log(group, generation);
    const record = this.#table.outbox.get(outboxId);
    if (record === undefined) {
      throw new RangeError(`Cannot refer to outbox record ${outboxId}: there is none`);
    }
    this.#checkPlace(log, index);
    this.#checkTerm(log, index, term);
    this.#table.truncate(log, index, batch.lsn);
    const mark = this.#contents.mark();
    mark.log = log;
    mark.index = index;
    batch.add(mark);
    writeReference(batch.records, false, group, generation, term, index, outboxId, record);
    this.#table.putShared(log, index, term, EntryKind.Command, record, -mark.offset);
    return this.#gathered(batch);
  }

  appendHardState(group: GroupId, generation: number, hardState: HardState): Lsn {
    const batch = this.#gathering();
    const log = this.#log(group, generation);
    if (hardState.term < log.hardState.term) {
      throw new RangeError(`Cannot go back to term ${hardState.term} from ${log.hardState.term}`);
    }
    log.hardState = { term: hardState.term, vote: hardState.vote, commit: hardState.commit };
    writeHardState(batch.records, group, generation, log.hardState);
    return this.#gathered(batch);
  }

  /**
   * The group's log starts after `base` from now on. Where it holds that very entry, what follows it stays; else all
   * of it goes, which is the case of a snapshot from a leader.
   */
  setBase(group: GroupId, generation: number, base: Base): Lsn {
    const batch = this.#gathering();
    const log = this.#log(group, generation);
    if (base.index < log.base.index) {
      throw new RangeError(
        `Cannot move the base of group ${group} back from ${log.base.index} to ${base.index}`,
      );
    }
    const keep = this.#table.term(log, base.index) === base.term;
    if (keep && base.index === log.base.index) return batch.lsn;
    this.#table.rebase(log, { index: base.index, term: base.term }, keep, batch.lsn);
    writeBase(batch.records, group, generation, log.base, keep);
    return this.#gathered(batch);
  }

  /** Keeps `bytes` until `releaseOutbox`. Numbers are the caller's and used once. `bytes` is lent for the call. */
  appendOutbox(id: number, group: GroupId, generation: number, bytes: Uint8Array): Lsn {
    const batch = this.#gathering();
    if (this.#table.outbox.has(id)) throw new RangeError(`Cannot use outbox number ${id} twice`);
    const content = this.#content(batch, bytes);
    content.outboxId = id;
    this.#table.addOutbox(newOutboxRecord(id, group, generation, content));
    writeOutbox(batch.records, false, id, group, generation, content, false);
    return this.#gathered(batch);
  }

  /**
   * Lets an outbox record go; entries that refer to it keep their content. Nobody waits for it: see `flush`. Where a
   * crash undoes it, the record is there again and its owner lets it go again.
   */
  releaseOutbox(id: number): Lsn {
    const batch = this.#gathering();
    if (!this.#table.outbox.has(id)) {
      throw new RangeError(`Cannot release outbox record ${id}: there is none`);
    }
    this.#table.releaseOutbox(id, batch.lsn);
    writeRelease(batch.records, id);
    batch.release();
    return this.#gathered(batch);
  }

  /**
   * Gives a damaged entry its content back, fetched from a peer. The entry keeps its place, and what follows it
   * stays. Refused where the content is not the one that was written.
   */
  repairEntry(group: GroupId, generation: number, index: Index, term: Term, bytes: Uint8Array): Lsn {
    const batch = this.#gathering();
    const log = this.#log(group, generation);
    const row = this.#table.row(log, index);
    if (row < 0 || log.entries.term(row) !== term) {
      throw new RangeError(
        `Cannot repair entry ${index} of term ${term} in group ${group}: it is not in the log`,
      );
    }
    const from = this.#table.extent(log, row);
    requireSame(from, bytes, `entry ${index} of group ${group}`);
    const shared = log.shared.get(index);
    if (shared !== undefined) return this.repairOutbox(shared.id, bytes);
    const to = this.#content(batch, bytes);
    const countAt = writeEntriesHead(batch.records, true, group, generation, term, index);
    writeEntryItem(batch.records, log.entries.kind(row), to.lengthBytes, to.crc, false);
    batch.records.patchU32(countAt, 1);
    batch.relocations.push({ kind: "content", group, generation, index, term, from, to, isRepair: true });
    return this.#gathered(batch);
  }

  /** The same for an outbox record, and with it for the entries whose content it is. */
  repairOutbox(id: number, bytes: Uint8Array): Lsn {
    const batch = this.#gathering();
    const record = this.#table.outbox.get(id);
    if (record === undefined) throw new RangeError(`Cannot repair outbox record ${id}: there is none`);
    requireSame(record, bytes, `outbox record ${id}`);
    const to = this.#content(batch, bytes);
    writeOutbox(batch.records, true, id, record.group, record.generation, to, false);
    batch.relocations.push({ kind: "outbox", id, from: record, to, isRepair: true });
    return this.#gathered(batch);
  }

  /** Entries that were found damaged since the last call, at the start or by a read; some more than once. */
  takeDamaged(): DamagedEntry[] {
    return this.#found.take();
  }

  /**
   * Hands what was gathered to the disk, if nothing is in flight. Releases alone are worth no sync of their own and wait for
   * the next batch, unless `everything` is to go.
   */
  flush(everything = true): void {
    if (this.#pending === null || this.#failure !== null) return;
    this.#collector.run(this.#durableLsn);
    if (!this.#writer.idle) return;
    this.#collector.stage(this.#pending);
    if (everything ? this.#pending.empty : this.#pending.canWait) return;
    this.#write(this.#pending);
  }

  /**
   * Writes a batch of nothing, or of waiting releases, behind the last one of a log that has fallen idle. A batch that has
   * another one behind it was synced: damage in it is damage from then on, and no torn write. Nothing where not `unsealed`.
   */
  seal(): void {
    if (this.unsealed) this.#write(this.#pending!);
  }

  #write(batch: Batch): void {
    const bodyBytes = this.#writer.write(batch, this.#nextSegment);
    if (batch.opensSegment) this.#nextSegment++;
    this.#startPending(bodyBytes);
  }

  /** Writes the batch that found no space once more; call it after a while where `status().full`. */
  retryFull(): void {
    if (this.#failure === null) this.#writer.retry();
  }

  /** True where the completion was this log's. */
  onDisk(event: DiskEvent): boolean {
    const job = this.#reader.onDisk(event);
    if (job !== null) {
      this.#loads.finish(job);
      return true;
    }
    if (this.#collector.onDisk(event)) {
      this.#failure ??= this.#collector.failure;
      return true;
    }
    if (!this.#writer.onDisk(event)) return false;
    this.#failure ??= this.#writer.failure;
    if (this.#failure !== null) return true;
    const durable = this.#writer.takeDurable();
    if (durable !== null) {
      assert(durable.batch.lsn === this.#durableLsn + 1, "batches become durable in order");
      this.#durableLsn = durable.batch.lsn;
      this.#unsealed = !durable.batch.canWait;
      settle(durable.batch, durable.segment, this.#table, this.#contents);
    }
    return true;
  }

  /** Null where the group is not open or the index is not in its log. */
  entry(group: GroupId, index: Index): EntryView | null {
    const log = this.#table.groups.get(group);
    const row = log === undefined ? -1 : this.#table.row(log, index);
    if (log === undefined || row < 0) return null;
    const extent = this.#table.extent(log, row);
    const bytes = this.#contents.bytesOf(extent);
    return {
      term: log.entries.term(row),
      kind: log.entries.kind(row),
      lengthBytes: extent.lengthBytes,
      crc: extent.crc,
      bytes,
      damaged: extent.damaged && bytes === null,
    };
  }

  /** First and last index in the log of an open group; first is last + 1 where it is empty. */
  range(group: GroupId): { readonly first: Index; readonly last: Index } | null {
    const log = this.#table.groups.get(group);
    if (log === undefined) return null;
    return { first: log.base.index + 1 as Index, last: this.#table.last(log) as Index };
  }

  /** Asks for entries from `first` to at most `last`, up to `limitBytes` but at least one; see `takeLoaded`. */
  load(group: GroupId, first: Index, last: Index, limitBytes: number): number {
    const log = this.#table.groups.get(group);
    const wanted: WantedEntry[] = [];
    let bytes = 0;
    for (let index = first as number; log !== undefined && index <= last; index++) {
      const row = this.#table.row(log, index);
      if (row < 0) break;
      const extent = { ...this.#table.extent(log, row) };
      bytes += extent.lengthBytes;
      if (wanted.length > 0 && bytes > limitBytes) break;
      const { entries } = log;
      wanted.push({ index: index as Index, term: entries.term(row), kind: entries.kind(row), extent });
    }
    return this.#loads.entries(group, log?.generation ?? 0, wanted);
  }

  /** Loads that are done; each is given once. */
  takeLoaded(): LoadedEntries[] {
    return this.#loads.takeEntries();
  }

  /** An unreleased outbox record; null where there is none. */
  outboxRecord(
    id: number,
  ): { readonly lengthBytes: number; readonly crc: number; readonly damaged: boolean } | null {
    return this.#table.outbox.get(id) ?? null;
  }

  /** The content of an unreleased outbox record; null where it is not in memory or there is none. */
  outboxBytes(id: number): Uint8Array | null {
    const record = this.#table.outbox.get(id);
    return record === undefined ? null : this.#contents.bytesOf(record);
  }

  loadOutbox(id: number): number {
    const record = this.#table.outbox.get(id);
    return this.#loads.outbox(id, record === undefined ? null : { ...record });
  }

  takeLoadedOutbox(): LoadedOutbox[] {
    return this.#loads.takeOutbox();
  }

  status(): WalStatus {
    return {
      segments: this.#segments.count,
      bytes: this.#segments.sizeBytes,
      liveBytes: this.#segments.liveBytes,
      cachedBytes: this.#contents.cachedBytes,
      pendingBytes: this.#pending?.sizeBytes ?? 0,
      durableLsn: this.#durableLsn,
      failure: this.#failure,
      full: this.#writer.full,
    };
  }

  #gathering(): Batch {
    if (this.#failure !== null) throw this.#failure;
    assert(this.#pending !== null, "a log is recovered before it is written to");
    return this.#pending;
  }

  #gathered(batch: Batch): Lsn {
    batch.counted();
    return batch.lsn;
  }

  #log(group: GroupId, generation: number): GroupLog {
    const log = this.#table.groups.get(group);
    if (log === undefined || log.generation !== generation) {
      throw new RangeError(`Cannot write to group ${group} as it is not open at generation ${generation}`);
    }
    return log;
  }

  #checkPlace(log: GroupLog, index: number): void {
    const last = this.#table.last(log);
    if (index > log.base.index && index <= last + 1) return;
    throw new RangeError(
      `Cannot append entry ${index} to group ${log.group}: its log is (${log.base.index}, ${last}]`,
    );
  }

  #checkTerm(log: GroupLog, index: number, term: number): void {
    const before = this.#table.term(log, index - 1);
    assert(before !== null, "a log has no gaps");
    if (before <= term) return;
    throw new RangeError(`Cannot append entry ${index} of term ${term} after one of term ${before}`);
  }

  /** A new content in the payload. The log keeps its own copy until it is synced, then the cache may. */
  #content(batch: Batch, bytes: Uint8Array): NewContent {
    const content = this.#contents.add(bytes.slice());
    batch.add(content);
    return content;
  }

  /** Starts the next batch; where the segment has reached its size, at the head of a new one with the state repeated. */
  #startPending(bodyBytes: number): void {
    const lsn = (this.#pending?.lsn ?? this.#durableLsn) + 1 as Lsn;
    const opensSegment = bodyBytes >= this.#options.segmentBytes;
    const batch = new Batch(lsn, opensSegment);
    this.#pending = batch;
    if (!opensSegment) return;
    for (const [group, generation] of this.#table.closed) {
      writeClose(batch.records, group, generation);
      batch.counted();
    }
    for (const log of this.#table.groups.values()) {
      writeOpen(batch.records, log.group, log.generation);
      writeBase(batch.records, log.group, log.generation, log.base, true);
      writeHardState(batch.records, log.group, log.generation, log.hardState);
      for (let i = 0; i < 3; i++) batch.counted();
    }
    batch.endHead();
  }
}

function requireSame(extent: Extent, bytes: Uint8Array, what: string): void {
  if (bytes.length === extent.lengthBytes && crc32c(bytes) === extent.crc) return;
  throw new SennitError("DATA_DAMAGED", `Cannot repair ${what} with other content`);
}
