/**
 * The write-ahead log of a node, shared by all its groups, and what else a node keeps in files: snapshots and small
 * files replaced as wholes.
 */
export {
  type AppendedEntry,
  type EntryView,
  SEGMENT_BYTES_MIN,
  Wal,
  type WalOptions,
  type WalStatus,
} from "./wal.ts";
export type { RecoveredEntry, RecoveredGroup, RecoveredOutbox, WalRecovery } from "./recovered.ts";
export type { Damage } from "./recovery.ts";
export type { DamagedEntry } from "./damaged.ts";
export type { LoadedEntries, LoadedEntry, LoadedOutbox } from "./loads.ts";
export type { Base } from "./table.ts";
export { type DiskFlow, diskStep, readWholeFile, replaceFile } from "./files.ts";
export {
  SNAPSHOT_BYTES_LIMIT,
  type SnapshotName,
  Snapshots,
  type StoredSnapshot,
  type StoredSnapshotMeta,
} from "./snapshots.ts";
