/**
 * Replaying of one valid header's records into the table. Records arrive in the order of their LSN but may start in
 * the middle of history, where the collector removed what was before: entries may follow a gap that a later copy
 * fills, and a reference may name an outbox record whose copy comes later.
 */
import { crc32c } from "../core/crc32c.ts";
import { DecodeError } from "../core/errors.ts";
import type { GroupId, Term } from "../core/ids.ts";
import { EntryKind } from "../raft/types.ts";
import { type Extent, keyOf, NOWHERE } from "./extent.ts";
import type { RecordedContent, WalRecord } from "./records.ts";
import { type GroupLog, newOutboxRecord, type OutboxRecord, type Table } from "./table.ts";

/** Where the batch lies whose records are replayed. */
export interface ReplayBatch {
  readonly segment: number;
  /** Of the payload in the segment's file. */
  readonly payloadAt: number;
  /** What there is of the payload. */
  readonly payload: Uint8Array;
  /** False: each content must prove itself by its own CRC. */
  readonly payloadValid: boolean;
}

type Of<Kind extends WalRecord["kind"]> = Extract<WalRecord, { kind: Kind }>;

export class Replay {
  readonly #table: Table;
  /** Outbox records that references name and whose copy has not come yet. */
  readonly #expected = new Map<number, OutboxRecord>();
  /** Contents of configuration entries by their places: whoever hosts a group needs them at once. */
  readonly configurations = new Map<number, Uint8Array>();

  constructor(table: Table) {
    this.#table = table;
  }

  /** Throws `DecodeError` where the record contradicts what came before it. */
  apply(record: WalRecord, batch: ReplayBatch, head: boolean): void {
    switch (record.kind) {
      case "open":
        return this.#open(record, head);
      case "close":
        if (this.#table.closed.get(record.group) === record.generation && head) return;
        this.#check(record.generation >= (this.#table.closed.get(record.group) ?? 0), "tombstone goes back");
        if (this.#table.groups.has(record.group)) this.#log(record.group, record.generation);
        return this.#table.close(record.group, record.generation, 0);
      case "base": {
        const log = this.#log(record.group, record.generation);
        this.#check(record.index >= log.base.index, "base goes back");
        return this.#table.rebase(log, { index: record.index, term: record.term }, record.keep, 0);
      }
      case "hard-state": {
        const log = this.#log(record.group, record.generation);
        this.#check(record.hardState.term >= log.hardState.term, "term goes back");
        log.hardState = record.hardState;
        return;
      }
      case "entries":
        return this.#entries(record, batch);
      case "reference":
        return this.#reference(record, batch);
      case "outbox":
        return this.#outbox(record, batch);
      case "release":
        return this.#release(record.id);
    }
  }

  #open(record: Of<"open">, head: boolean): void {
    const log = this.#table.groups.get(record.group);
    if (log !== undefined) {
      this.#check(head && log.generation === record.generation, "group is open already");
      return;
    }
    const closed = this.#table.closed.get(record.group) ?? -1;
    this.#check(record.generation > closed, "closed generation opened again");
    this.#table.open(record.group, record.generation);
  }

  #entries(record: Of<"entries">, batch: ReplayBatch): void {
    const log = this.#log(record.group, record.generation);
    this.#check(record.first > log.base.index, "entries at or before the base");
    if (!record.relocated) this.#table.truncate(log, record.first, 0);
    let index: number = record.first;
    for (const item of record.entries) {
      const extent = this.#extent(item, batch);
      if (item.kind === EntryKind.Configuration && !extent.damaged && item.lengthBytes > 0) {
        const content = batch.payload.slice(item.payloadAt, item.payloadAt + item.lengthBytes);
        this.configurations.set(keyOf(extent), content);
      }
      this.#checkCopy(log, index, record.term, item.crc);
      this.#table.put(log, index++, record.term, item.kind, extent);
    }
  }

  #reference(record: Of<"reference">, batch: ReplayBatch): void {
    const log = this.#log(record.group, record.generation);
    this.#check(record.index > log.base.index, "entry at or before the base");
    if (!record.relocated) this.#table.truncate(log, record.index, 0);
    const { group, generation, index, term, outboxId: id, lengthBytes, crc } = record;
    let content = this.#table.outbox.get(id) ?? this.#expected.get(id);
    if (content === undefined) {
      content = newOutboxRecord(id, group, generation, { ...NOWHERE, lengthBytes, crc, damaged: false });
      this.#expected.set(id, content);
    }
    this.#check(content.crc === crc && content.lengthBytes === lengthBytes, "reference differs");
    this.#checkCopy(log, index, term, crc);
    this.#table.putShared(log, index, term, EntryKind.Command, content, batch.segment);
  }

  #outbox(record: Of<"outbox">, batch: ReplayBatch): void {
    const known = this.#table.outbox.get(record.id);
    const extent = this.#extent(record, batch);
    if (known !== undefined) {
      this.#check(record.relocated && known.crc === record.crc, "outbox record written twice");
      return this.#table.relocateOutbox(known, extent, 0);
    }
    const { id, group, generation } = record;
    const expected = this.#expected.get(id);
    if (expected === undefined) {
      return this.#table.addOutbox(newOutboxRecord(id, group, generation, extent));
    }
    this.#check(record.relocated && expected.crc === record.crc, "outbox record differs from its reference");
    this.#expected.delete(id);
    const { segment, offset, damaged } = extent;
    // Who refers to it need not be of its group.
    this.#table.addOutbox(Object.assign(expected, { group, generation, segment, offset, damaged }));
  }

  #release(id: number): void {
    if (this.#table.outbox.has(id)) return this.#table.releaseOutbox(id, 0);
    const expected = this.#expected.get(id);
    if (expected === undefined) return;
    // Its copy went with the segments before; the entries have copies of their own, which come later.
    this.#expected.delete(id);
    this.#table.part(expected);
  }

  /** What lies where a record puts an entry is a gap, or the original of which it is a copy. */
  #checkCopy(log: GroupLog, index: number, term: Term, crc: number): void {
    const row = this.#table.row(log, index);
    const isSame = row < 0 || (log.entries.term(row) === term && log.entries.crc(row) === crc);
    this.#check(isSame, "copy of another entry");
  }

  /** The content described by `record`. */
  #extent({ lengthBytes, crc, lost, payloadAt }: RecordedContent, batch: ReplayBatch): Extent {
    const end = payloadAt + lengthBytes;
    // Nothing cannot be damaged, wherever it would have lain.
    const damaged = lengthBytes > 0 && (lost || (!batch.payloadValid &&
      (end > batch.payload.length || crc32c(batch.payload, payloadAt, end) !== crc)));
    return { segment: batch.segment, offset: batch.payloadAt + payloadAt, lengthBytes, crc, damaged };
  }

  #log(group: GroupId, generation: number): GroupLog {
    const log = this.#table.groups.get(group);
    this.#check(log !== undefined, `group ${group} is not open`);
    this.#check(log!.generation === generation, `group ${group} is open at another generation`);
    return log!;
  }

  #check(holds: boolean, what: string): void {
    if (!holds) throw new DecodeError(`Record contradicts the log before it: ${what}`);
  }
}
