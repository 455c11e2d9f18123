import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { assert } from "../../src/core/assert.ts";
import type { Flow } from "../../src/core/flow.ts";
import type { Index, Lsn, MemberId, Term } from "../../src/core/ids.ts";
import type { DiskEvent } from "../../src/io/mod.ts";
import type { SnapshotMeta } from "../../src/raft/mod.ts";
import { type SnapshotFiles, SnapshotKeeper } from "../../src/node/snapshot_keeper.ts";

const TERM = 3 as Term;
const STATE = new Uint8Array([1]);
const EVERY = 10;

function metaAt(index: number): SnapshotMeta {
  return {
    index: index as Index,
    term: TERM,
    configuration: { incoming: [1 as MemberId], outgoing: [], learners: [] },
  };
}

interface Operation {
  readonly complete: () => void;
  readonly fail: () => void;
}

/** A keeper over a folder that completes each operation when the test says so, and the log that goes with it. */
class Trial implements SnapshotFiles {
  /** Indexes of the snapshots that are on the disk. */
  readonly folder = new Set<number>();
  pending: Operation[] = [];
  readonly keeper: SnapshotKeeper;
  applied: number;
  /** Where the log begins; and where it begins after a crash now. */
  base: number;
  durableBase: number;
  lsn = 0;

  constructor(base = 0, newer: readonly number[] = []) {
    this.base = this.durableBase = base;
    this.applied = Math.max(base, ...newer);
    for (const index of [base, ...newer]) if (index !== 0) this.folder.add(index);
    this.keeper = new SnapshotKeeper({
      files: this,
      run: (flow, done, failed) => this.#run(flow, done, failed),
      everyEntries: EVERY,
      everyBytes: 1000,
      base: base as Index,
      newer: newer.map((index) => ({ index: index as Index, term: TERM })),
    });
  }

  *write(meta: SnapshotMeta): Flow<void, DiskEvent> {
    yield () => {};
    this.folder.add(meta.index);
  }
  *read(index: Index): Flow<Uint8Array<ArrayBuffer>, DiskEvent> {
    yield () => {};
    if (!this.folder.has(index)) throw new Error("not there");
    return STATE;
  }
  *remove(index: Index): Flow<void, DiskEvent> {
    yield () => {};
    this.folder.delete(index);
  }

  #run<Result>(
    flow: Flow<Result, DiskEvent>,
    done: (result: Result) => void,
    failed: (error: unknown) => void,
  ): void {
    flow.next();
    const complete = () => {
      let step: IteratorResult<unknown, Result>;
      try {
        step = flow.next({} as DiskEvent);
      } catch (error) {
        failed(error);
        return;
      }
      assert(step.done === true, "each operation here is one step");
      done(step.value);
    };
    this.pending.push({ complete, fail: () => failed(new Error("the disk failed")) });
  }

  apply(entries: number, bytes = 1): void {
    for (let i = 0; i < entries; i++) {
      this.applied++;
      this.keeper.applied(bytes);
    }
  }
  takeIfDue(): void {
    if (this.keeper.due()) this.keeper.take(metaAt(this.applied), STATE);
  }
  settle(): void {
    while (this.pending.length > 0) this.pending.shift()!.complete();
  }
  /** As the group does after applying: the log begins at the candidate from now on. */
  compact(compactable: number): void {
    const candidate = this.keeper.candidate(compactable as Index);
    if (candidate === null) return;
    assert(candidate.index <= compactable && candidate.index > this.base, "the log may be cut there");
    this.base = candidate.index;
    this.keeper.compacted(candidate.index, ++this.lsn as Lsn);
  }
  durable(): void {
    this.durableBase = this.base;
    this.keeper.durable(this.lsn as Lsn);
  }
  /** A snapshot from the leader, durable in every respect. */
  install(index: number): void {
    const before = this.pending.length;
    let done = false;
    this.keeper.write(metaAt(index), STATE, () => done = true, () => {});
    this.pending.splice(before, 1)[0]!.complete();
    assert(done, "it is written");
    this.lsn++;
    this.base = this.applied = index;
    this.durable();
    this.keeper.installed(index as Index);
  }
  /** The snapshots that a start after a crash, or a member behind the log, needs. */
  check(): void {
    for (const index of [this.base, this.durableBase]) {
      if (index !== 0) assert(this.folder.has(index), `the snapshot at ${index} is there`);
    }
  }
}

Deno.test("A snapshot is due after so many entries or bytes, and not while one is being written", () => {
  const trial = new Trial();
  trial.apply(EVERY - 1);
  assertEquals(trial.keeper.due(), false);
  trial.apply(1);
  assertEquals(trial.keeper.due(), true);
  trial.takeIfDue();
  trial.apply(EVERY);
  assertEquals(trial.keeper.due(), false, "one is being written");
  trial.settle();
  assertEquals(trial.keeper.due(), true);
  trial.takeIfDue();
  trial.settle();
  trial.apply(1, 1000);
  assertEquals(trial.keeper.due(), true, "bytes count as well");
});

Deno.test("A snapshot that could not be written is taken again after as many entries, and is no candidate", () => {
  const trial = new Trial();
  trial.apply(EVERY);
  trial.takeIfDue();
  trial.pending.shift()!.fail();
  assertEquals([trial.keeper.due(), trial.keeper.candidate(1000 as Index)], [false, null]);
  trial.apply(EVERY);
  assertEquals(trial.keeper.due(), true);
});

Deno.test("The log is cut at an older snapshot while the newest stays beyond, and only where it may be compacted", () => {
  const trial = new Trial(10, [20, 30, 40]);
  const at = (compactable: number) => trial.keeper.candidate(compactable as Index)?.index ?? 0;
  assertEquals([at(19), at(20), at(29), at(30), at(40), at(1000)], [0, 20, 20, 30, 30, 30] as Index[]);
  assertEquals(new Trial(10, [20]).keeper.candidate(1000 as Index), null);
  assertEquals(new Trial(0, []).keeper.candidate(1000 as Index), null);
});

Deno.test("Where an entry is lost for good, a snapshot behind it is due, and the log is cut at that, though it is the newest", () => {
  const trial = new Trial(10, [20]);
  trial.apply(5);
  trial.keeper.letGo(22 as Index);
  trial.takeIfDue();
  assertEquals(trial.keeper.due(), false, "one is being written");
  trial.pending.shift()!.fail();
  assertEquals(trial.keeper.due(), false, "that it could not be written is no reason to try at every entry");
  trial.compact(1000);
  assertEquals(trial.base, 20, "nothing behind it is there yet");
  trial.keeper.letGo(22 as Index);
  trial.takeIfDue();
  trial.settle();
  assertEquals(trial.keeper.candidate(24 as Index), null, "it may not be compacted");
  trial.compact(25);
  assertEquals([trial.base, trial.keeper.due()], [25, false]);
  trial.keeper.letGo(22 as Index);
  assertEquals(trial.keeper.due(), false, "the log begins behind it");
  trial.apply(EVERY);
  trial.takeIfDue();
  trial.settle();
  assertEquals(trial.keeper.candidate(1000 as Index), null, "the newest stays beyond again");
});

Deno.test("What the log began at is removed only once the log that begins later is durable", () => {
  const trial = new Trial(10, [20, 30, 40]);
  trial.compact(1000);
  trial.keeper.durable(trial.lsn - 1 as Lsn);
  trial.settle();
  assertEquals([...trial.folder].sort(), [10, 20, 30, 40]);
  trial.durable();
  trial.settle();
  assertEquals([...trial.folder].sort(), [30, 40]);
});

Deno.test("Where retention holds the log back, what it begins at, the first, and the newest stay: four files", () => {
  const trial = new Trial(5);
  for (let i = 0; i < 10; i++) {
    trial.apply(EVERY);
    trial.takeIfDue();
    trial.settle();
  }
  assertEquals([...trial.folder], [5, 15, 95, 105]);
  assertEquals(trial.keeper.candidate(14 as Index), null);
  assertEquals(trial.keeper.candidate(94 as Index)?.index, 15 as Index);
});

Deno.test("An installed snapshot takes the place of all others", () => {
  const trial = new Trial(10, [20, 30]);
  trial.install(50);
  trial.settle();
  assertEquals([...trial.folder], [50]);
  assertEquals(trial.keeper.candidate(1000 as Index), null);
  assertEquals(trial.keeper.due(), false);
});

Deno.test("A snapshot that was overtaken by an installed one while it was written does not stay behind", () => {
  const trial = new Trial();
  trial.apply(EVERY);
  trial.takeIfDue();
  trial.install(50);
  trial.settle();
  assertEquals([...trial.folder], [50]);
});

Deno.test("Reading gives the state, or null where it cannot be read", () => {
  const trial = new Trial(10);
  const read: (Uint8Array | null)[] = [];
  for (const index of [10, 11]) trial.keeper.read(index as Index, (state) => read.push(state));
  trial.settle();
  trial.keeper.read(10 as Index, (state) => read.push(state));
  trial.pending.shift()!.fail();
  assertEquals(read, [STATE, null, null]);
});

Deno.test("Whatever happens, the snapshot that the durable log begins at is there, and at most four in all", () => {
  const event = fc.record({
    kind: fc.constantFrom(
      "apply",
      "apply",
      "apply",
      "compact",
      "durable",
      "complete",
      "complete",
      "fail",
      "install",
    ),
    pick: fc.nat(99),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      const trial = new Trial();
      let failed = false;
      for (const { kind, pick } of events) {
        switch (kind) {
          case "apply":
            trial.apply(1 + pick % 15);
            trial.takeIfDue();
            break;
          case "compact":
            trial.compact(Math.floor(trial.applied * pick / 99));
            break;
          case "durable":
            trial.durable();
            break;
          case "complete":
            if (trial.pending.length > 0) trial.pending.splice(pick % trial.pending.length, 1)[0]!.complete();
            break;
          case "fail":
            // A file that cannot be removed stays until the next start: it is not counted.
            failed ||= trial.pending.length > 0;
            if (trial.pending.length > 0) trial.pending.splice(pick % trial.pending.length, 1)[0]!.fail();
            break;
          case "install":
            if (pick < 20) trial.install(trial.applied + 1 + pick);
            break;
        }
        trial.check();
      }
      trial.settle();
      trial.durable();
      trial.settle();
      trial.check();
      if (failed) return;
      for (const index of trial.folder) assert(index >= trial.base, `the one at ${index} is of no use`);
      assert(trial.folder.size <= 4, `${trial.folder.size} are too many`);
    }),
    { numRuns: 1000 },
  );
});
