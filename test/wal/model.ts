/**
 * What a log should mean, kept in plain maps; and a workload that changes a log and the model side by side and remembers the
 * meaning of every batch, so that whatever a crash leaves can be judged.
 */
import { assert, assertEquals } from "@std/assert";
import { crc32c } from "../../src/core/crc32c.ts";
import type { WalRecovery } from "../../src/wal/mod.ts";
import { at, content, group, hardState, inTerm, LogDriver, OPTIONS } from "./log_driver.ts";
import type { MemoryDisk, Tear } from "./memory_disk.ts";

interface ModelEntry {
  term: number;
  kind: number;
  bytes: Uint8Array;
}
interface ModelGroup {
  generation: number;
  hard: [number, number, number];
  base: [number, number];
  entries: ModelEntry[];
}
export interface Model {
  groups: Map<number, ModelGroup>;
  closed: Map<number, number>;
  outbox: Map<number, Uint8Array>;
}

export function emptyModel(): Model {
  return { groups: new Map(), closed: new Map(), outbox: new Map() };
}

/** Contents are never changed, so they are shared. */
function copyModel(model: Model): Model {
  const groups = new Map<number, ModelGroup>();
  for (const [id, item] of model.groups) {
    groups.set(id, { ...item, hard: [...item.hard], base: [...item.base], entries: [...item.entries] });
  }
  return { groups, closed: new Map(model.closed), outbox: new Map(model.outbox) };
}

/** Everything a model says, comparable with what a recovery says. */
function describeModel(model: Model): unknown {
  const byId = (a: { id: number }, b: { id: number }) => a.id - b.id;
  return {
    groups: [...model.groups].map(([id, item]) => ({
      id,
      generation: item.generation,
      hard: item.hard,
      base: item.base,
      entries: item.entries.map((e) => [e.term, e.kind, e.bytes.length, crc32c(e.bytes)]),
    })).sort(byId),
    closed: [...model.closed].map(([id, generation]) => ({ id, generation })).sort(byId),
    outbox: [...model.outbox].map(([id, bytes]) => ({ id, length: bytes.length })).sort(byId),
  };
}

function describeRecovery(recovery: WalRecovery): unknown {
  return {
    groups: recovery.groups.map((item) => ({
      id: item.group,
      generation: item.generation,
      hard: [item.hardState.term, item.hardState.vote, item.hardState.commit],
      base: [item.base.index, item.base.term],
      entries: item.entries.map((e) => [e.term, e.kind, e.lengthBytes, e.crc]),
    })),
    closed: recovery.closedGroups.map((item) => ({ id: item.group, generation: item.generation })),
    outbox: recovery.outbox.map((item) => ({ id: item.id, length: item.lengthBytes })),
  };
}

/** Draws numbers from a seed (mulberry32). */
export class Draws {
  #state: number;
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
}

const GROUPS = 4;
/** Opened first and never compacted: the group that would pin the disk. */
export const LAGGING_GROUP = 9;

export class Workload {
  readonly draws: Draws;
  driver: LogDriver;
  model = emptyModel();
  /** What the log means after each batch. */
  states = new Map<number, Model>();
  #counter = 1;
  #generation = 1;
  #outboxId = 1;
  /** The group of each outbox record. */
  readonly #outboxOf = new Map<number, number>();
  #maxBytes: number;

  constructor(seed: number, driver: LogDriver, maxBytes = 200) {
    this.draws = new Draws(seed);
    this.driver = driver;
    this.#maxBytes = maxBytes;
    this.states.set(driver.wal.durableLsn, copyModel(this.model));
  }

  /** One change of the log, remembered in the model. */
  change(): void {
    const draw = this.draws.below(100);
    const id = 1 + this.draws.below(GROUPS);
    const known = this.model.groups.get(id);
    if (!this.model.groups.has(LAGGING_GROUP)) this.#openLagging();
    else if (known === undefined) this.#open(id);
    else if (draw < 45) this.#append(id, known);
    else if (draw < 55) this.#hardState(id, known);
    else if (draw < 70) this.#compact(id, known);
    else if (draw < 73) this.#install(id, known);
    else if (draw < 75) this.#close(id, known);
    else if (draw < 84) this.#outbox(id, known);
    else if (draw < 92) this.#reference(id, known);
    else this.#release();
    this.states.set(this.driver.wal.pendingLsn, copyModel(this.model));
  }

  /** Continues after a crash: the log means what its last batch says. */
  continueWith(driver: LogDriver): void {
    this.driver = driver;
    const state = this.states.get(driver.wal.durableLsn);
    assert(state !== undefined, "the log ends with a batch that was written");
    this.model = copyModel(state!);
    for (const lsn of this.states.keys()) if (lsn > driver.wal.durableLsn) this.states.delete(lsn);
  }

  /** The meaning of a batch; one that only carries copies means what the batch before it meant. */
  stateAt(lsn: number): Model {
    for (let n = lsn; n >= 0; n--) {
      const state = this.states.get(n);
      if (state !== undefined) {
        this.states.set(lsn, state);
        return state;
      }
    }
    throw new Error(`Nothing is known about batch ${lsn}`);
  }

  #bytes(): Uint8Array {
    const length = this.draws.chance(5) ? 5 * this.#maxBytes : this.draws.below(this.#maxBytes);
    return content(this.#counter++, length);
  }

  #openLagging(): void {
    this.#open(LAGGING_GROUP);
    const known = this.model.groups.get(LAGGING_GROUP)!;
    for (let i = 0; i < 5; i++) this.#appendAt(LAGGING_GROUP, known, i + 1, 20 * (i + 1), 1);
  }

  #open(id: number): void {
    const generation = this.#generation++;
    this.driver.wal.openGroup(group(id), generation);
    this.model.groups.set(id, { generation, hard: [0, 0, 0], base: [0, 0], entries: [] });
  }

  #append(id: number, known: ModelGroup): void {
    const last = known.base[0] + known.entries.length;
    const replaces = known.entries.length > 0 && this.draws.chance(25);
    const first = replaces ? last - this.draws.below(Math.min(known.entries.length, 6)) : last + 1;
    const term = this.#termOf(known, first - 1) + (replaces ? 1 : this.draws.below(2));
    this.#appendAt(id, known, first, Math.max(term, known.hard[0]), 1 + this.draws.below(4));
  }

  #appendAt(id: number, known: ModelGroup, first: number, term: number, count: number): void {
    known.entries.length = first - known.base[0] - 1;
    const appended = [];
    for (let i = 0; i < count; i++) {
      const kind = this.draws.chance(10) ? 2 : this.draws.chance(10) ? 1 : 0;
      const bytes = this.#bytes();
      if (this.draws.chance(10)) term++;
      known.entries.push({ term, kind, bytes });
      appended.push({
        index: at(first + i),
        term: inTerm(term),
        kind: kind as 0 | 1 | 2,
        bytes: bytes.slice(),
      });
    }
    this.driver.wal.appendEntries(group(id), known.generation, appended);
    // Lent for the call only.
    for (const entry of appended) entry.bytes.fill(0xee);
  }

  #hardState(id: number, known: ModelGroup): void {
    const hard: [number, number, number] = [known.hard[0] + this.draws.below(2), this.draws.below(5), 0];
    known.hard = hard;
    this.driver.wal.appendHardState(group(id), known.generation, hardState(...hard));
  }

  #compact(id: number, known: ModelGroup): void {
    const gone = this.draws.below(known.entries.length + 1);
    if (gone === 0) return;
    const index = known.base[0] + gone;
    const term = this.#termOf(known, index);
    known.entries.splice(0, gone);
    known.base = [index, term];
    this.driver.wal.setBase(group(id), known.generation, { index: at(index), term: inTerm(term) });
  }

  #install(id: number, known: ModelGroup): void {
    const index = known.base[0] + 1 + this.draws.below(known.entries.length + 5);
    const term = this.#termOf(known, known.base[0] + known.entries.length) + 1;
    known.entries = [];
    known.base = [index, term];
    this.driver.wal.setBase(group(id), known.generation, { index: at(index), term: inTerm(term) });
  }

  #close(id: number, known: ModelGroup): void {
    this.driver.wal.closeGroup(group(id), known.generation);
    // What entries of other groups took from its outbox stays theirs.
    for (const [outboxId, of] of this.#outboxOf) if (of === id) this.model.outbox.delete(outboxId);
    this.model.groups.delete(id);
    this.model.closed.set(id, known.generation);
  }

  #outbox(id: number, known: ModelGroup): void {
    const bytes = this.#bytes();
    this.model.outbox.set(this.#outboxId, bytes);
    this.#outboxOf.set(this.#outboxId, id);
    this.driver.wal.appendOutbox(this.#outboxId++, group(id), known.generation, bytes);
  }

  #reference(id: number, known: ModelGroup): void {
    const outboxIds = [...this.model.outbox.keys()];
    if (outboxIds.length === 0) return this.#outbox(id, known);
    const outboxId = outboxIds[this.draws.below(outboxIds.length)]!;
    const index = known.base[0] + known.entries.length + 1;
    const term = Math.max(this.#termOf(known, index - 1), known.hard[0]);
    known.entries.push({ term, kind: 0, bytes: this.model.outbox.get(outboxId)! });
    this.driver.wal.appendFromOutbox(group(id), known.generation, at(index), inTerm(term), outboxId);
  }

  #release(): void {
    const outboxIds = [...this.model.outbox.keys()];
    if (outboxIds.length === 0) return;
    const outboxId = outboxIds[this.draws.below(Math.min(3, outboxIds.length))]!;
    this.model.outbox.delete(outboxId);
    this.driver.wal.releaseOutbox(outboxId);
  }

  #termOf(known: ModelGroup, index: number): number {
    return index === known.base[0] ? known.base[1] : known.entries[index - known.base[0] - 1]!.term;
  }
}

/** Reads everything back and compares it byte by byte. */
export function checkContents(driver: LogDriver, model: Model): void {
  for (const [id, known] of model.groups) {
    const last = known.base[0] + known.entries.length;
    for (let first = known.base[0] + 1; first <= last;) {
      driver.wal.load(group(id), at(first), at(last), 700);
      driver.settle();
      const loaded = driver.wal.takeLoaded()[0]!;
      assert(loaded.failed === null, `entry ${first} of group ${id} is readable`);
      assert(loaded.entries.length > 0, "a load makes progress");
      for (const entry of loaded.entries) {
        const expected = known.entries[entry.index - known.base[0] - 1]!;
        assertEquals([entry.index, entry.term, entry.kind], [first, expected.term, expected.kind] as never);
        assertEquals(entry.bytes, expected.bytes);
        first++;
      }
    }
  }
  for (const [id, bytes] of model.outbox) {
    driver.wal.loadOutbox(id);
    driver.settle();
    assertEquals(driver.wal.takeLoadedOutbox()[0]!.bytes, bytes);
  }
}

/** A power failure now: what is left holds all that was acknowledged, and is what the log meant after some batch. */
export function checkCrash(
  workload: Workload,
  disk: MemoryDisk,
  tear: Tear,
  deep: boolean,
): LogDriver {
  const acknowledged = workload.driver.wal.durableLsn;
  const left = disk.clone();
  left.crash(tear);
  const driver = LogDriver.open(left, OPTIONS);
  assertEquals(driver.recovery.damage, []);
  const lsn = driver.wal.durableLsn;
  assert(lsn >= acknowledged, `batch ${acknowledged} was acknowledged, the log ends with ${lsn}`);
  assert(lsn <= workload.driver.wal.pendingLsn, "nothing is recovered that was never written");
  const state = workload.stateAt(lsn);
  assertEquals(describeRecovery(driver.recovery), describeModel(state));
  if (deep) checkContents(driver, state);
  return driver;
}
