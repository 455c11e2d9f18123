/**
 * Groups that go from this node because the control log has dropped them: what is under way for them ends, the write-ahead log lets
 * go of their entries and outbox and keeps a tombstone, and once that is durable their snapshots are removed. In this order, so
 * that a crash at any point leaves either a group that is whole or files that the next start removes.
 */
import type { SennitError } from "../core/errors.ts";
import type { Flow } from "../core/flow.ts";
import type { GroupId, Lsn } from "../core/ids.ts";
import type { Snapshots, Wal } from "../wal/mod.ts";
import type { NodeCompletion } from "./completions.ts";
import type { Group } from "./group.ts";
import type { Mark } from "./marks.ts";
import type { SnapshotKeeper } from "./snapshot_keeper.ts";

/** All groups are of this one: the same stream is never opened again under its id. */
export const ONLY_GENERATION = 0;

/** What this needs of its node. */
export interface RemovalsHost {
  readonly wal: Pick<Wal, "closeGroup" | "isClosed" | "durableLsn">;
  readonly snapshotFiles: Pick<Snapshots, "removeAll">;
  /** Null where it is not open here. */
  group(id: GroupId): Group | null;
  /** Ends all that is under way for the group, with this error for who waits. */
  dropGroup(group: Group, error: SennitError): void;
  run<Result>(
    flow: Flow<Result, NodeCompletion>,
    done: (result: Result) => void,
    failed: (error: unknown) => void,
  ): void;
  reach(mark: Mark): void;
}

interface Removal {
  readonly group: GroupId;
  /** Its batch carries the tombstone. */
  readonly lsn: Lsn;
  /** May be writing still; null where the group was not open. */
  readonly snapshots: SnapshotKeeper | null;
  isRunning: boolean;
}

export class Removals {
  readonly #host: RemovalsHost;
  readonly #removals = new Set<Removal>();

  constructor(host: RemovalsHost) {
    this.#host = host;
  }

  /** Groups of which something may be left. */
  get size(): number {
    return this.#removals.size;
  }

  /** The group is gone from the directory; `opened`: it was opened meanwhile, and is not in use yet. */
  begin(id: GroupId, error: SennitError, opened: Group | null = null): void {
    const { wal } = this.#host;
    if (wal.isClosed(id, ONLY_GENERATION)) return;
    const hosted = this.#host.group(id);
    if (hosted !== null) this.#host.dropGroup(hosted, error);
    opened?.close();
    this.#host.reach("a dropped stream's group is taken away");
    const lsn = wal.closeGroup(id, ONLY_GENERATION);
    const snapshots = (hosted ?? opened)?.snapshots ?? null;
    this.#removals.add({ group: id, lsn, snapshots, isRunning: false });
  }

  /** Removes the snapshots of groups that are durably gone; once per round. */
  work(): void {
    for (const removal of this.#removals) {
      const { group, lsn, snapshots } = removal;
      const isDue = lsn <= this.#host.wal.durableLsn && (snapshots?.isIdle ?? true);
      if (!isDue || removal.isRunning) continue;
      removal.isRunning = true;
      this.#host.run(
        this.#host.snapshotFiles.removeAll((each) => each === group) as Flow<void, NodeCompletion>,
        () => void this.#removals.delete(removal),
        // The disk may take it in the next round.
        () => removal.isRunning = false,
      );
    }
  }
}
