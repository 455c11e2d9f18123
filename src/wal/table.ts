/**
 * What the log means: per group the entries after its base, its hard state; the outbox records; the tombstones of closed
 * groups. Changed at once when a record is gathered, and by the same calls when records are replayed at
 * recovery. `lsn` names the batch that carries the change: what dies by it may leave the disk only after it is
 * durable.
 *
 * An entry that was taken from the outbox shares its content with the outbox record until that is released. From then on
 * each has its own, though it lies in the same place: what is alive there is counted once for each.
 */
import { assert } from "../core/assert.ts";
import type { GroupId, Index, MemberId, Term } from "../core/ids.ts";
import type { EntryKind, HardState } from "../raft/types.ts";
import { EntryColumns } from "./entry_columns.ts";
import { type Contents, type Extent, isSamePlace, type NewContent, type Place } from "./extent.ts";
import type { Segments } from "./segments.ts";

/** The log of a group starts after this entry. */
export interface Base {
  readonly index: Index;
  readonly term: Term;
}

export interface GroupLog {
  readonly group: GroupId;
  readonly generation: number;
  hardState: HardState;
  base: Base;
  /** Row 0 is the entry at base.index + 1. */
  readonly entries: EntryColumns;
  /** By index, of entries that share it: the outbox record whose content is theirs. */
  readonly shared: Map<number, OutboxRecord>;
  /**
   * By index, of marked entries: the segment of the record that names an outbox record as their content, less than 0 for the
   * number of a mark that is not synced. Not kept where it is the segment of a content of their own.
   */
  readonly marks: Map<number, number>;
}

export interface OutboxRecord {
  readonly id: number;
  readonly group: GroupId;
  readonly generation: number;
  readonly lengthBytes: number;
  readonly crc: number;
  segment: number;
  offset: number;
  damaged: boolean;
  /** The entries that share it. */
  readonly holders: { readonly log: GroupLog; readonly index: number }[];
}

const EMPTY_HARD_STATE: HardState = { term: 0 as Term, vote: 0 as MemberId, commit: 0 as Index };
const EMPTY_BASE: Base = { index: 0 as Index, term: 0 as Term };

export class Table {
  readonly groups = new Map<GroupId, GroupLog>();
  /** The highest generation of each closed group. */
  readonly closed = new Map<GroupId, number>();
  readonly outbox = new Map<number, OutboxRecord>();
  readonly #segments: Segments;
  readonly #contents: Contents;

  constructor(segments: Segments, contents: Contents) {
    this.#segments = segments;
    this.#contents = contents;
  }

  open(group: GroupId, generation: number): GroupLog {
    assert(!this.groups.has(group), "a group is opened once");
    assert(generation > (this.closed.get(group) ?? -1), "a closed generation is never opened again");
    const log: GroupLog = {
      group,
      generation,
      hardState: EMPTY_HARD_STATE,
      base: EMPTY_BASE,
      entries: new EntryColumns(),
      shared: new Map(),
      marks: new Map(),
    };
    this.groups.set(group, log);
    return log;
  }

  /** Leaves a tombstone, also where the group was never open here. */
  close(group: GroupId, generation: number, lsn: number): void {
    const log = this.groups.get(group);
    if (log !== undefined) {
      assert(log.generation === generation, "a group is closed at its own generation");
      this.#dropFrom(log, 0, lsn);
      this.groups.delete(group);
    }
    assert(generation >= (this.closed.get(group) ?? 0), "tombstones never go back");
    this.closed.set(group, generation);
  }

  last(log: GroupLog): number {
    return log.base.index + log.entries.length;
  }

  /** The row of an entry that is in the log, else -1. */
  row(log: GroupLog, index: number): number {
    const row = index - log.base.index - 1;
    return log.entries.isPresent(row) ? row : -1;
  }

  /** Of an entry that is in the log or its base, else null. */
  term(log: GroupLog, index: number): Term | null {
    if (index === log.base.index) return log.base.term;
    const row = this.row(log, index);
    return row < 0 ? null : log.entries.term(row);
  }

  /** The content of an entry that is in the log, as it is now. */
  extent(log: GroupLog, row: number): Extent {
    return log.entries.isShared(row) ? log.shared.get(indexOf(log, row))! : log.entries.extent(row);
  }

  /** The segment of an entry's mark; 0 where it has none that is synced. */
  markSegment(log: GroupLog, row: number): number {
    if (!log.entries.isMarked(row)) return 0;
    return Math.max(0, log.marks.get(indexOf(log, row)) ?? log.entries.segment(row));
  }

  /** Removes the entries at and after `index`. */
  truncate(log: GroupLog, index: number, lsn: number): void {
    assert(index > log.base.index, "a truncation starts after the base");
    this.#dropFrom(log, index - log.base.index - 1, lsn);
  }

  /**
   * Puts an entry with a content of its own in its place: the end of the log or, where records are replayed, a gap or the
   * place of its original.
   */
  put(log: GroupLog, index: number, term: Term, kind: EntryKind, extent: Extent): void {
    const row = index - log.base.index - 1;
    this.#drop(log, row, 0);
    log.entries.put(row, term, kind, extent, false, false);
    this.#hold(extent.segment, extent.lengthBytes);
  }

  /** The same for an entry whose content is an outbox record's. `mark` is as in `GroupLog.marks`. */
  putShared(
    log: GroupLog,
    index: number,
    term: Term,
    kind: EntryKind,
    record: OutboxRecord,
    mark: number,
  ): void {
    const row = index - log.base.index - 1;
    this.#drop(log, row, 0);
    log.entries.put(row, term, kind, record, true, true);
    log.shared.set(index, record);
    record.holders.push({ log, index });
    log.marks.set(index, mark);
    this.#hold(mark, 0);
  }

  /** The log starts after `base` from now on; `keep` says whether what follows it stays. */
  rebase(log: GroupLog, base: Base, keep: boolean, lsn: number): void {
    assert(base.index >= log.base.index, "a base never goes back");
    if (keep) {
      const gone = Math.min(base.index - log.base.index, log.entries.length);
      for (let row = 0; row < gone; row++) this.#drop(log, row, lsn);
      log.entries.dropFirst(gone);
    } else {
      this.#dropFrom(log, 0, lsn);
    }
    log.base = base;
  }

  addOutbox(record: OutboxRecord): void {
    assert(!this.outbox.has(record.id), "an outbox record's number is used once");
    this.outbox.set(record.id, record);
    this.#hold(record.segment, record.lengthBytes);
  }

  releaseOutbox(id: number, lsn: number): void {
    const record = this.outbox.get(id);
    assert(record !== undefined, "a released outbox record exists");
    this.outbox.delete(id);
    const { segment, lengthBytes, holders } = record;
    const isHeld = holders.length > 0;
    this.part(record);
    if (segment === 0) return;
    this.#segments.release(segment, lengthBytes, lsn);
    if (!isHeld) this.#contents.forget(record.segment, record.offset);
  }

  /** Who shares the content of an outbox record has it as its own from now on. */
  part(record: OutboxRecord): void {
    const unsynced = record.segment === 0 ? this.#contents.unsynced(record.offset) : undefined;
    if (unsynced !== undefined) unsynced.sharers = [...record.holders];
    for (const { log, index } of record.holders) {
      const row = this.row(log, index);
      assert(row >= 0 && log.shared.get(index) === record, "an outbox record knows who shares it");
      log.shared.delete(index);
      log.entries.place(row, record, record.damaged);
      this.#hold(record.segment, record.lengthBytes);
      this.#tidyMark(log, row);
    }
    record.holders.length = 0;
  }

  /** A batch is synced that carries the content: true where somebody still has it. */
  settled(content: NewContent, number: number): boolean {
    let isAlive = content.log !== null && this.#placed(content.log, content.index, content, number);
    for (const { log, index } of content.sharers) {
      isAlive = this.#placed(log, index, content, number) || isAlive;
    }
    const record = this.outbox.get(content.outboxId);
    if (record === undefined || record.segment !== 0 || record.offset !== number) return isAlive;
    this.#move(record, content, content.damaged, 0);
    return true;
  }

  /** A batch is synced that carries a mark. */
  marked(mark: NewContent, number: number): void {
    const { log, index, segment } = mark;
    if (log === null || this.groups.get(log.group) !== log || log.marks.get(index) !== -number) return;
    log.marks.set(index, segment);
    this.#hold(segment, 0);
    this.#tidyMark(log, this.row(log, index));
  }

  /** A copy of an entry's own content is synced. What mark it had has served. */
  relocate(log: GroupLog, row: number, to: Extent, lsn: number): void {
    this.#dropContent(log, row, lsn);
    this.#dropMark(log, row, lsn);
    log.entries.place(row, to, to.damaged);
    this.#hold(to.segment, to.lengthBytes);
  }

  /** A copy of an entry's mark is synced. */
  relocateMark(log: GroupLog, row: number, segment: number, lsn: number): void {
    this.#segments.release(this.markSegment(log, row), 0, lsn);
    log.marks.set(indexOf(log, row), segment);
    this.#hold(segment, 0);
    this.#tidyMark(log, row);
  }

  /** A copy of an outbox record's content is synced: all that share it follow. */
  relocateOutbox(record: OutboxRecord, to: Extent, lsn: number): void {
    const cached = this.#contents.bytesOf(record);
    this.#contents.forget(record.segment, record.offset);
    this.#move(record, to, to.damaged, lsn);
    if (cached !== null) this.#contents.keep(to, cached);
  }

  /** A read found that the content which lay there is not what was written. */
  damage(log: GroupLog, index: number, place: Place): void {
    const row = this.row(log, index);
    if (row < 0 || !isSamePlace(this.extent(log, row), place)) return;
    if (log.entries.isShared(row)) log.shared.get(index)!.damaged = true;
    else log.entries.damage(row);
  }

  #placed(log: GroupLog, index: number, content: NewContent, number: number): boolean {
    const row = this.groups.get(log.group) === log ? this.row(log, index) : -1;
    if (row < 0 || log.entries.isShared(row)) return false;
    if (log.entries.segment(row) !== 0 || log.entries.offset(row) !== number) return false;
    log.entries.place(row, content, content.damaged);
    this.#hold(content.segment, content.lengthBytes);
    this.#tidyMark(log, row);
    return true;
  }

  #move(record: OutboxRecord, to: Place, isDamaged: boolean, lsn: number): void {
    if (record.segment !== 0) this.#segments.release(record.segment, record.lengthBytes, lsn);
    record.segment = to.segment;
    record.offset = to.offset;
    record.damaged = isDamaged;
    this.#hold(record.segment, record.lengthBytes);
  }

  #hold(segment: number, lengthBytes: number): void {
    if (segment > 0) this.#segments.hold(segment, lengthBytes);
  }

  #dropFrom(log: GroupLog, first: number, lsn: number): void {
    for (let row = first; row < log.entries.length; row++) this.#drop(log, row, lsn);
    log.entries.truncate(first);
  }

  #drop(log: GroupLog, row: number, lsn: number): void {
    if (!log.entries.isPresent(row)) return;
    this.#dropContent(log, row, lsn);
    this.#dropMark(log, row, lsn);
    log.entries.clear(row);
  }

  #dropContent(log: GroupLog, row: number, lsn: number): void {
    const { entries } = log;
    if (entries.isShared(row)) {
      const index = indexOf(log, row);
      const { holders } = log.shared.get(index)!;
      const at = holders.findIndex((holder) => holder.log === log && holder.index === index);
      assert(at >= 0, "an outbox record knows who shares it");
      holders.splice(at, 1);
      log.shared.delete(index);
    } else if (entries.segment(row) > 0) {
      this.#segments.release(entries.segment(row), entries.lengthBytes(row), lsn);
      this.#contents.forget(entries.segment(row), entries.offset(row));
    }
  }

  #dropMark(log: GroupLog, row: number, lsn: number): void {
    if (!log.entries.isMarked(row)) return;
    const segment = this.markSegment(log, row);
    if (segment > 0) this.#segments.release(segment, 0, lsn);
    log.marks.delete(indexOf(log, row));
    log.entries.unmark(row);
  }

  /** Does not keep what the content's own place says. */
  #tidyMark(log: GroupLog, row: number): void {
    const { entries, marks } = log;
    if (!entries.isMarked(row) || entries.isShared(row) || entries.segment(row) === 0) return;
    const index = indexOf(log, row);
    if (marks.get(index) === entries.segment(row)) marks.delete(index);
  }
}

/** `extent`: where its content lies, by now. */
export function newOutboxRecord(
  id: number,
  group: GroupId,
  generation: number,
  { segment, offset, lengthBytes, crc, damaged }: Extent,
): OutboxRecord {
  return { id, group, generation, lengthBytes, crc, segment, offset, damaged, holders: [] };
}

export function indexOf(log: GroupLog, row: number): Index {
  return log.base.index + 1 + row as Index;
}
