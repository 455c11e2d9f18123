/** One member in the test's world: a core, its disk, its state machine; and the dice and checks that all of it uses. */
import type { Index, MemberId, Term } from "../../src/core/ids.ts";
import type { Random } from "../../src/io/mod.ts";
import {
  type Configuration,
  encodeConfiguration,
  EntryKind,
  type EntryMeta,
  type HardState,
  type Outgoing,
  Raft,
  type RaftOptions,
  type Ready,
  type SnapshotMeta,
} from "../../src/raft/mod.ts";

/** A safety property does not hold. */
export class Violation extends Error {
  override readonly name = "Violation";
}

export function check(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new Violation(message());
}

/** A stateless draw: the same for the same seed, site and count, whatever else was drawn. */
export function drawAt(seed: number, site: string, n: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < site.length; i++) hash = Math.imul(hash ^ site.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ n, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Draws for the world itself. */
export class Dice {
  #n = 0;
  constructor(readonly seed: number, readonly site = "world") {}
  below(limit: number): number {
    return drawAt(this.seed, this.site, this.#n++) % limit;
  }
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }
  /** True in `percent` of a hundred cases. */
  chance(percent: number): boolean {
    return this.below(10_000) < percent * 100;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

export interface Stored extends EntryMeta {
  readonly bytes: Uint8Array;
}

export interface Snapshot extends SnapshotMeta {
  readonly state: number;
}

/** What survives a crash. */
export interface DiskImage {
  hardState: HardState;
  snapshot: Snapshot;
  /** From `snapshot.index + 1` on. */
  entries: Stored[];
}

export interface Batch {
  readonly ready: Ready;
  readonly entries: readonly Stored[];
  readonly snapshot: Snapshot | null;
}

/** What a member sees of the world. */
export interface World {
  readonly seed: number;
  readonly now: number;
  readonly options: Omit<RaftOptions, "memberId">;
  /** Who should rather lead; taken in at each start. */
  readonly priorities: ReadonlyMap<MemberId, number>;
}

export const NOBODY: Configuration = { incoming: [], outgoing: [], learners: [] };

export class Node {
  incarnation = 0;
  up = true;
  /** Until then the process stands still: nothing comes in, no time passes for it. */
  pausedUntil = 0;
  /** When its host last heard of the node of the group's leader. */
  heardMs = 0;
  /** How fast its clock runs; it shows `#fromLocal` when the world's shows `#fromWorld`. */
  #clockRate = 1;
  #fromWorld = 0;
  #fromLocal = 0;
  raft!: Raft;
  disk: DiskImage;
  /** Payloads of the log in memory, by `index/term`. */
  payloads = new Map<string, Uint8Array>();
  received: Snapshot | null = null;
  batches: Batch[] = [];
  waiting: Outgoing[] = [];
  applied = 0;
  state = 0;
  checkedCommit = 0;
  wasLeaderOf = 0;
  readonly reads = new Map<number, number>();

  constructor(readonly world: World, readonly id: MemberId, configuration: Configuration) {
    this.disk = {
      hardState: { term: 0 as Term, vote: 0 as MemberId, commit: 0 as Index },
      snapshot: { index: 0 as Index, term: 0 as Term, configuration, state: 0 },
      entries: [],
    };
    this.start();
  }

  start(): void {
    const { snapshot, entries, hardState } = this.disk;
    const { world, id } = this;
    this.up = true;
    this.pausedUntil = 0;
    this.incarnation++;
    const seed = drawAt(world.seed, `node/${id}`, this.incarnation);
    const random: Random = { draw: (site, n) => drawAt(seed, site, n) };
    this.raft = new Raft(
      { ...world.options, memberId: id },
      random,
      "raft/election/1",
      { hardState, base: snapshot, baseConfiguration: snapshot.configuration, entries },
      this.now,
    );
    this.raft.setPriorities(world.priorities);
    this.payloads = new Map(entries.map((entry) => [`${entry.index}/${entry.term}`, entry.bytes]));
    this.applied = snapshot.index;
    this.state = snapshot.state;
    this.checkedCommit = snapshot.index;
    this.wasLeaderOf = 0;
    this.reads.clear();
    this.batches = [];
    this.waiting = [];
  }

  /** What its clock shows. */
  get now(): number {
    return this.#fromLocal + (this.world.now - this.#fromWorld) * this.#clockRate;
  }
  setClockRate(rate: number): void {
    this.#fromLocal = this.now;
    this.#fromWorld = this.world.now;
    this.#clockRate = rate;
  }
  /** When, in the world's time, its clock shows `local`: a little later rather than earlier. */
  worldTimeOf(local: number): number {
    if (this.#clockRate === 1) return local - this.#fromLocal + this.#fromWorld;
    const exact = this.#fromWorld + (local - this.#fromLocal) / this.#clockRate;
    return exact === Infinity ? exact : Math.ceil(exact * 256 + 1) / 256;
  }

  get running(): boolean {
    return this.up && this.pausedUntil <= this.world.now;
  }

  /** Loses what is not synced; a batch that was being written may or may not have become durable. */
  crash(lastBatchDurable: boolean): void {
    if (lastBatchDurable && this.batches.length > 0) this.write(this.batches[0]!);
    this.up = false;
    this.batches = [];
    this.waiting = [];
  }

  write({ ready, entries, snapshot }: Batch): void {
    const { disk } = this;
    if (ready.hardState !== null) {
      check(ready.hardState.term >= disk.hardState.term, () => `member ${this.id}: term fell on disk`);
      disk.hardState = ready.hardState;
    }
    if (snapshot !== null) {
      check(snapshot.index > disk.snapshot.index, () => `member ${this.id}: snapshot went back`);
      disk.snapshot = snapshot;
      disk.entries = [];
    }
    if (entries.length > 0) {
      const keep = entries[0]!.index - disk.snapshot.index - 1;
      check(
        keep >= 0 && keep <= disk.entries.length,
        () => `member ${this.id}: gap on disk at ${entries[0]!.index}`,
      );
      disk.entries = [...disk.entries.slice(0, keep), ...entries];
    }
  }

  holdsDurably(index: number, term: number): boolean {
    const { snapshot, entries } = this.disk;
    if (index <= snapshot.index) return true;
    return entries[index - snapshot.index - 1]?.term === term;
  }

  /** Drops the log up to what is applied; the snapshot is durable at once. */
  compact(): void {
    const upTo = Math.min(this.applied, this.raft.status().durableIndex);
    const { disk, raft } = this;
    if (upTo !== this.applied || upTo <= disk.snapshot.index || this.received !== null) return;
    const index = upTo as Index;
    const term = raft.termAt(index);
    if (term === null) return;
    if (disk.entries.length < index - disk.snapshot.index) return;
    raft.compact(index);
    const { configuration } = baseOf(raft, this.disk, index);
    disk.entries = disk.entries.slice(index - disk.snapshot.index);
    disk.snapshot = { index, term, configuration, state: this.state };
  }
}

/** The configuration as of `index`, found from what is stored. */
function baseOf(_raft: Raft, disk: DiskImage, index: number): { configuration: Configuration } {
  let configuration = disk.snapshot.configuration;
  for (const entry of disk.entries) {
    if (entry.index <= index && entry.configuration !== null) configuration = entry.configuration;
  }
  return { configuration };
}

export function payloadOf(node: Node, entry: EntryMeta): Uint8Array {
  if (entry.kind === EntryKind.Configuration) return encodeConfiguration(entry.configuration!);
  if (entry.kind === EntryKind.Noop) return new Uint8Array(0);
  const bytes = node.payloads.get(`${entry.index}/${entry.term}`);
  check(bytes !== undefined, () => `member ${node.id}: no payload of ${entry.index}/${entry.term}`);
  return bytes;
}

export function contentOf(entry: EntryMeta, bytes: Uint8Array): string {
  return `${entry.kind}:${[...bytes].join(",")}`;
}
