/**
 * What recovery hands to whoever hosts the groups.
 */
import type { SennitError } from "../core/errors.ts";
import type { GroupId, Index, Term } from "../core/ids.ts";
import { EntryKind, type HardState } from "../raft/types.ts";
import { keyOf } from "./extent.ts";
import type { Damage } from "./recovery.ts";
import { type Base, indexOf, type Table } from "./table.ts";

export interface RecoveredEntry {
  readonly index: Index;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly lengthBytes: number;
  readonly crc: number;
  /** Of a Configuration entry whose content is sound, else null. */
  readonly configurationBytes: Uint8Array | null;
  /** The content is not readable: fetch it from a peer (`repairEntry`) before serving it. */
  readonly damaged: boolean;
}

export interface RecoveredGroup {
  readonly group: GroupId;
  readonly generation: number;
  readonly hardState: HardState;
  readonly base: Base;
  /** Consecutive from base.index + 1. */
  readonly entries: readonly RecoveredEntry[];
}

export interface RecoveredOutbox {
  readonly id: number;
  readonly group: GroupId;
  readonly generation: number;
  readonly lengthBytes: number;
  readonly damaged: boolean;
}

export interface WalRecovery {
  /** Sorted by group. */
  readonly groups: readonly RecoveredGroup[];
  /** Not released, sorted by id. */
  readonly outbox: readonly RecoveredOutbox[];
  /** Tombstones, sorted by group: the highest generation closed. */
  readonly closedGroups: readonly { readonly group: GroupId; readonly generation: number }[];
  /** Cut off the end: a batch that no sync had covered. */
  readonly tornBytes: number;
  readonly damage: readonly Damage[];
  /** DATA_DAMAGED where the log must not be acted on; nothing was changed on disk then. */
  readonly failure: SennitError | null;
}

const NO_BYTES = new Uint8Array(0);

/** `configurations`: contents that are not empty, by their places. */
export function recoveredGroups(
  table: Table,
  configurations: ReadonlyMap<number, Uint8Array>,
): RecoveredGroup[] {
  const groups: RecoveredGroup[] = [];
  for (const log of table.groups.values()) {
    const entries: RecoveredEntry[] = [];
    for (let row = 0; row < log.entries.length; row++) {
      const extent = table.extent(log, row);
      const { lengthBytes, crc, damaged } = extent;
      const kind = log.entries.kind(row);
      const isConfiguration = kind === EntryKind.Configuration && !damaged;
      const content = lengthBytes === 0 ? NO_BYTES : configurations.get(keyOf(extent)) ?? null;
      const configurationBytes = isConfiguration ? content : null;
      const [index, term] = [indexOf(log, row), log.entries.term(row)];
      entries.push({ index, term, kind, lengthBytes, crc, configurationBytes, damaged });
    }
    const { group, generation, hardState, base } = log;
    groups.push({ group, generation, hardState, base, entries });
  }
  return groups.sort((a, b) => a.group - b.group);
}

export function recoveredOutbox(table: Table): RecoveredOutbox[] {
  const outbox: RecoveredOutbox[] = [];
  for (const { id, group, generation, lengthBytes, damaged } of table.outbox.values()) {
    outbox.push({ id, group, generation, lengthBytes, damaged });
  }
  return outbox.sort((a, b) => a.id - b.id);
}
