/**
 * The snapshots of one group on this node. The log begins exactly at a snapshot, so that a member that is behind the
 * log can be given that snapshot and then the log. A newer one is taken while the older is kept: the log is cut at the
 * older, which leaves those who are a little behind their entries. Where retention holds the log back, only the first
 * and the newest are kept.
 */
import { assert } from "../core/assert.ts";
import type { Flow } from "../core/flow.ts";
import type { Index, Lsn, Term } from "../core/ids.ts";
import type { DiskEvent } from "../io/mod.ts";
import type { SnapshotMeta } from "../raft/mod.ts";

/** Files of one group's snapshots, as flows. */
export interface SnapshotFiles {
  write(meta: SnapshotMeta, state: Uint8Array): Flow<void, DiskEvent>;
  /** The state bytes. */
  read(index: Index): Flow<Uint8Array<ArrayBuffer>, DiskEvent>;
  remove(index: Index): Flow<void, DiskEvent>;
}

/** Runs a flow; errors of the disk end in `failed`. */
export type Run = <Result>(
  flow: Flow<Result, DiskEvent>,
  done: (result: Result) => void,
  failed: (error: unknown) => void,
) => void;

export interface SnapshotReference {
  readonly index: Index;
  readonly term: Term;
}

interface Obsolete {
  readonly index: Index;
  readonly lsn: Lsn;
}

export class SnapshotKeeper {
  readonly #files: SnapshotFiles;
  readonly #run: Run;
  readonly #everyEntries: number;
  readonly #everyBytes: number;
  /** The snapshot that the log begins at; index 0 where it begins at the beginning. */
  #base: Index;
  /** Newer ones, sorted. */
  #newer: SnapshotReference[];
  /** No longer needed once the log that begins at a newer one is durable. */
  #obsolete: Obsolete[];
  /** Entries through this one are lost here: see `letGo`. */
  #lostThrough = 0 as Index;
  #isWanted = false;
  #entriesSince = 0;
  #bytesSince = 0;
  #writing = false;
  /** Operations on files that are under way. */
  #running = 0;
  /** Readers of the log from its begin on. */
  #holds = 0;

  constructor(options: {
    readonly files: SnapshotFiles;
    readonly run: Run;
    readonly everyEntries: number;
    readonly everyBytes: number;
    readonly base: Index;
    readonly newer: readonly SnapshotReference[];
    /** Others that the log on the disk needs until a batch is durable. */
    readonly obsolete?: readonly Obsolete[];
  }) {
    this.#files = options.files;
    this.#run = (flow, done, failed) => {
      this.#running++;
      const ended = () => void this.#running--;
      options.run(flow, (result) => (ended(), done(result)), (error) => (ended(), failed(error)));
    };
    this.#everyEntries = options.everyEntries;
    this.#everyBytes = options.everyBytes;
    this.#base = options.base;
    this.#newer = [...options.newer];
    this.#obsolete = [...options.obsolete ?? []];
  }

  /** True while nothing is being done to files. */
  get isIdle(): boolean {
    return this.#running === 0;
  }

  /** Which snapshot to give a member whose log begins at `index` and who has lost that snapshot; null for none. */
  offer(index: Index): Index | null {
    const same = index === this.#base || this.#newer.some((each) => each.index === index);
    if (index > 0 && same) return index;
    return this.#base > index ? this.#base : null;
  }

  /** The log keeps its begin until `release`. */
  hold(): void {
    this.#holds++;
  }
  release(): void {
    assert(this.#holds > 0, "what is released was held");
    this.#holds--;
  }

  /** Counts an applied entry. */
  applied(bytes: number): void {
    this.#entriesSince++;
    this.#bytesSince += bytes;
  }

  /**
   * The entry at `index`, which is applied, can be had from nobody any more: the log is to begin behind it as soon as it may,
   * so that nobody waits for it.
   */
  letGo(index: Index): void {
    if (index > this.#lostThrough) this.#lostThrough = index;
    const newest = this.#newer[this.#newer.length - 1]?.index ?? this.#base;
    this.#isWanted = newest < this.#lostThrough;
  }

  /** True where it is time for a snapshot. */
  due(): boolean {
    return !this.#writing && (this.#isWanted || this.#entriesSince >= this.#everyEntries ||
      this.#bytesSince >= this.#everyBytes);
  }

  /** Writes a snapshot of this member's own state. A failure is not fatal: the log holds everything. */
  take(meta: SnapshotMeta, state: Uint8Array): void {
    this.#writing = true;
    this.#isWanted = false;
    this.#entriesSince = 0;
    this.#bytesSince = 0;
    this.#run(
      this.#files.write(meta, state),
      () => {
        this.#writing = false;
        // One that was installed meanwhile may have overtaken it.
        if (meta.index > this.#base) this.#newer.push({ index: meta.index, term: meta.term });
        else if (meta.index < this.#base) this.#remove(meta.index);
        this.#thin();
      },
      () => {
        this.#writing = false;
      },
    );
  }

  /** Writes a snapshot received from the leader; `done` once it is durable. */
  write(meta: SnapshotMeta, state: Uint8Array, done: () => void, failed: (error: unknown) => void): void {
    this.#run(this.#files.write(meta, state), done, failed);
  }

  /** The log now begins at a received snapshot. */
  installed(index: Index): void {
    const old = [this.#base, ...this.#newer.map((each) => each.index)].filter((each) =>
      each !== 0 && each !== index
    );
    this.#base = index;
    this.#newer = [];
    this.#isWanted = false;
    this.#entriesSince = 0;
    this.#bytesSince = 0;
    for (const each of old) this.#remove(each);
  }

  /** Reads a snapshot's state; null where it cannot be read. */
  read(index: Index, done: (state: Uint8Array | null) => void): void {
    this.#run(this.#files.read(index), done, () => done(null));
  }

  /**
   * Where the log may begin from now on, given what may be compacted; null: as before. The newest stays beyond, unless what
   * it covers is lost.
   */
  candidate(compactable: Index): SnapshotReference | null {
    if (this.#holds > 0) return null;
    const beyond = this.#base < this.#lostThrough ? 0 : 1;
    for (let at = this.#newer.length - 1 - beyond; at >= 0; at--) {
      if (this.#newer[at]!.index <= compactable) return this.#newer[at]!;
    }
    return null;
  }

  /** The log begins at `index` from now on, durably so once the log is durable up to `lsn`. */
  compacted(index: Index, lsn: Lsn): void {
    assert(index > this.#base, "the log's begin moves forward");
    const old = [this.#base, ...this.#newer.filter((each) => each.index < index).map((each) => each.index)];
    this.#base = index;
    this.#newer = this.#newer.filter((each) => each.index > index);
    for (const each of old) if (each !== 0) this.#obsolete.push({ index: each, lsn });
  }

  /** Everything in the log up to `lsn` is durable. */
  durable(lsn: Lsn): void {
    while (this.#obsolete.length > 0 && this.#obsolete[0]!.lsn <= lsn) {
      this.#remove(this.#obsolete.shift()!.index);
    }
  }

  /** Where retention holds the log back: the first and the newest are enough. */
  #thin(): void {
    while (this.#newer.length > 3) {
      const [dropped] = this.#newer.splice(1, 1);
      this.#remove(dropped!.index);
    }
  }

  #remove(index: Index): void {
    // One that cannot be removed now is removed at the next start.
    this.#run(this.#files.remove(index), () => {}, () => {});
  }
}
