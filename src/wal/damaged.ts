/**
 * Contents that were found damaged and wait to be told to whoever fetches them from peers: found while the log was
 * recovered or read back. One that is not told now, because too many are, is found again by the next read of it.
 */
import type { GroupId, Index, Term } from "../core/ids.ts";
import type { Place } from "./extent.ts";
import { type GroupLog, indexOf, type OutboxRecord, type Table } from "./table.ts";

/** Findings kept until they are taken. */
const FOUND_LIMIT = 100_000;

/** An entry whose place in the log is known and whose content the disk does not have. */
export interface DamagedEntry {
  readonly group: GroupId;
  readonly generation: number;
  readonly index: Index;
  readonly term: Term;
}

export class DamageFound {
  #entries: DamagedEntry[] = [];

  get size(): number {
    return this.#entries.length;
  }

  entry(found: DamagedEntry): void {
    if (this.#entries.length < FOUND_LIMIT) this.#entries.push(found);
  }

  /** A read found that what lies there is not the entry's content, whatever it was read for. */
  content(table: Table, log: GroupLog, index: Index, term: Term, place: Place): void {
    this.entry({ group: log.group, generation: log.generation, index, term });
    table.damage(log, index, place);
  }

  /** The same of an outbox record's content: who shares it is not read once it is known to be damaged. */
  outbox(table: Table, record: OutboxRecord): void {
    record.damaged = true;
    for (const { log, index } of record.holders) {
      const term = log.entries.term(table.row(log, index));
      this.entry({ group: log.group, generation: log.generation, index: index as Index, term });
    }
  }

  /** Everything that recovery found. */
  recovered(table: Table): void {
    for (const log of table.groups.values()) this.#recoveredLog(table, log);
  }

  #recoveredLog(table: Table, log: GroupLog): void {
    const { group, generation, entries } = log;
    for (let row = 0; row < entries.length; row++) {
      if (!(entries.isShared(row) ? table.extent(log, row).damaged : entries.isDamaged(row))) continue;
      this.entry({ group, generation, index: indexOf(log, row), term: entries.term(row) });
    }
  }

  take(): DamagedEntry[] {
    const taken = this.#entries;
    this.#entries = [];
    return taken;
  }
}
