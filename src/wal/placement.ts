/**
 * What a batch changes when it is synced: its contents have their places, copies take over from their originals,
 * and the memory that held the contents passes to the cache.
 */
import type { Batch, Relocation } from "./batch.ts";
import { type Contents, isSamePlace } from "./extent.ts";
import type { Segment } from "./segments.ts";
import type { Table } from "./table.ts";

export function settle(batch: Batch, segment: Segment, table: Table, contents: Contents): void {
  for (const { content, bytes, offset } of batch.pieces) {
    const number = content.offset;
    content.settle(segment.id, offset);
    if (table.settled(content, number)) contents.keep(content, bytes);
  }
  for (const mark of batch.marks) {
    const number = mark.offset;
    mark.settle(segment.id, 0);
    table.marked(mark, number);
  }
  contents.synced(batch.pieces.length + batch.marks.length);
  for (const copy of batch.relocations) {
    // Copies that the collector made are cold: not worth the cache.
    if (adopt(copy, batch.lsn, table) && copy.isRepair) contents.keep(copy.to, copy.to.bytes!);
  }
}

/** The copy takes the original's place, unless that is gone by now. */
function adopt(copy: Relocation, lsn: number, table: Table): boolean {
  const { from, to, isRepair } = copy;
  if (copy.kind === "outbox") {
    const record = table.outbox.get(copy.id);
    if (record === undefined || !(isRepair || isSamePlace(record, from))) return false;
    table.relocateOutbox(record, to, lsn);
    return true;
  }
  const { group, generation, index, term } = copy;
  const log = table.groups.get(group);
  const row = log === undefined || log.generation !== generation ? -1 : table.row(log, index);
  if (log === undefined || row < 0 || log.entries.term(row) !== term) return false;
  if (copy.kind === "mark") {
    if (table.markSegment(log, row) !== from.segment) return false;
    table.relocateMark(log, row, to.segment, lsn);
    return true;
  }
  if (log.entries.isShared(row) || log.entries.crc(row) !== to.crc) return false;
  if (!isRepair && !log.entries.liesAt(row, from)) return false;
  table.relocate(log, row, to, lsn);
  return true;
}
