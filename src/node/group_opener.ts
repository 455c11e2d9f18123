/**
 * Makes a group of this node from what the disk holds: its log from the write-ahead log, its state from the newest
 * snapshot that the log continues, its first configuration from the control log where it has no snapshot yet.
 */
import { assert } from "../core/assert.ts";
import { SennitError } from "../core/errors.ts";
import type { Flow } from "../core/flow.ts";
import { CONTROL_GROUP, type GroupId, type Index, type Lsn, type MemberId, type Term } from "../core/ids.ts";
import {
  type Configuration,
  decodeConfiguration,
  encodeConfiguration,
  EntryKind,
  type EntryMeta,
  type HardState,
  Raft,
} from "../raft/mod.ts";
import type { RecoveredEntry, RecoveredGroup, SnapshotName, StoredSnapshot } from "../wal/mod.ts";
import type { NodeCompletion } from "./completions.ts";
import type { ControlMachine } from "./control_machine.ts";
import type { MachineRecord, StreamRecord } from "./control_state.ts";
import type { Repair } from "./repair.ts";
import type { StreamMachine } from "./stream_machine.ts";
import { Group, type GroupHost } from "./group.ts";
import type { Machine } from "./machine.ts";
import type { Runtime } from "./runtime.ts";
import { type SnapshotFiles, SnapshotKeeper } from "./snapshot_keeper.ts";
import { snapshotMissing, type SnapshotRepair, type WantedSnapshot } from "./snapshot_repair.ts";
import type { UserMachine } from "./user_machine.ts";
import type { DiskEvent } from "../io/mod.ts";

/** What opening a group needs of a node, which may be one that is stopped. */
export type OpenerHost =
  & GroupHost
  & Pick<Runtime, "io" | "settings" | "snapshotFiles" | "memberId" | "run" | "flows" | "note">
  & { readonly repair: Pick<Repair, "whole">; readonly snapshotRepair: Pick<SnapshotRepair, "fetch"> };

export interface GroupPlan<M extends Machine> {
  readonly id: GroupId;
  readonly generation: number;
  readonly name: string;
  /** The configuration before the first entry. */
  readonly initial: Configuration;
  readonly machine: M;
  readonly recovered: RecoveredGroup | null;
}

/** A mesh begins with the founder as its only voter; its member id is 1, the index of the genesis. */
const FOUNDER: Configuration = { incoming: [1 as MemberId], outgoing: [], learners: [] };

export function controlPlan(
  machine: ControlMachine,
  recovered: RecoveredGroup | null,
): GroupPlan<ControlMachine> {
  return { id: CONTROL_GROUP, generation: 0, name: "control", initial: FOUNDER, machine, recovered };
}

export function streamPlan(
  { group, name, initial }: StreamRecord,
  machine: StreamMachine,
  recovered: RecoveredGroup | null,
): GroupPlan<StreamMachine> {
  return { id: group, generation: 0, name, initial, machine, recovered };
}

export function machinePlan(
  { group, name, initial }: MachineRecord,
  machine: UserMachine,
  recovered: RecoveredGroup | null,
): GroupPlan<UserMachine> {
  return { id: group, generation: 0, name, initial, machine, recovered };
}

const NO_HARD_STATE: HardState = { term: 0 as Term, vote: 0 as MemberId, commit: 0 as Index };

/** A log to begin with. `lsn`: its batch moves the begin to where it is said to be; 0 where it was found there. */
interface OpenedLog {
  readonly base: { readonly index: Index; readonly term: Term };
  readonly entries: readonly EntryMeta[];
  readonly lsn: Lsn;
}

const EMPTY_LOG: OpenedLog = { base: { index: 0 as Index, term: 0 as Term }, entries: [], lsn: 0 as Lsn };

/** Waits for other members where the disk has lost what it cannot begin without. */
export function* openGroup<M extends Machine>(
  runtime: OpenerHost,
  plan: GroupPlan<M>,
): Flow<Group, NodeCompletion> {
  const { id, generation, recovered } = plan;
  if (recovered === null) runtime.wal.openGroup(id, generation);
  const found = recovered?.base.index ?? 0 as Index;
  let { base, entries, lsn } = recovered === null ? EMPTY_LOG : yield* wholeLog(runtime, plan, recovered);
  const files = snapshotFiles(runtime, id, generation, plan.name);
  let stored = yield* usableSnapshots(runtime, plan, base, entries, lsn === 0 ? 0 as Index : found);
  let replaced: readonly StoredSnapshot[] = [];
  if (base.index > 0 && stored[0]?.index !== base.index) {
    const fetched = yield* fetchBase(runtime, plan, base.index);
    const continues = fetched.index === base.index || termOf(entries, fetched.index) === fetched.term;
    ({ base, entries, lsn } = yield* beginAt(runtime, plan, fetched, continues ? entries : []));
    replaced = stored.filter(({ index }) => index !== fetched.index && (!continues || index < fetched.index));
    stored = [fetched, ...stored.filter(({ index }) => continues && index > fetched.index)];
  }
  const first = stored[0];
  const baseConfiguration = base.index === 0 ? plan.initial : decodeConfiguration(first!.configurationBytes);
  const last = stored[stored.length - 1];
  const appliedConfiguration = last === undefined
    ? plan.initial
    : decodeConfiguration(last.configurationBytes);
  const newest = stored[stored.length - 1];
  if (newest !== undefined) {
    plan.machine.restore(newest.state, base.index);
    runtime.observer?.restored(id, generation, newest.index, newest.term);
  }
  const raft = new Raft(
    { ...runtime.settings.raft, memberId: runtime.memberId },
    runtime.io.random,
    `raft/election/${id}`,
    {
      hardState: atLeast(recovered?.hardState ?? NO_HARD_STATE, plan.machine.applied),
      base,
      baseConfiguration,
      entries,
    },
    runtime.now,
  );
  // Until the control state says otherwise.
  raft.allMembersCurrent = false;
  const snapshots = new SnapshotKeeper({
    files,
    run: (flow, done, failed) => runtime.run(flow as Flow<never, NodeCompletion>, done as never, failed),
    everyEntries: runtime.settings.snapshotEntries,
    everyBytes: runtime.settings.snapshotBytes,
    base: base.index,
    newer: stored.filter((each) => each.index > base.index),
    obsolete: obsoleteFrom(lsn, found, replaced),
  });
  // The batch may have become durable while the group was being opened, and nobody says so again.
  snapshots.durable(runtime.wal.durableLsn);
  return new Group({
    id,
    generation,
    name: plan.name,
    memberId: runtime.memberId,
    raft,
    machine: plan.machine,
    appliedConfiguration,
    snapshots,
    snapshotChunkBytes: runtime.settings.snapshotChunkBytes,
    host: runtime,
  });
}

/**
 * The log found. Configurations that the disk has lost are fetched first: without them nobody knows who votes. Where the
 * others have cut their logs behind one, the log begins at a later state of theirs.
 */
function* wholeLog<M extends Machine>(
  runtime: OpenerHost,
  plan: GroupPlan<M>,
  { group, generation, base, entries }: RecoveredGroup,
): Flow<OpenedLog, NodeCompletion> {
  const lost = entries.filter(({ kind, configurationBytes }) =>
    kind === EntryKind.Configuration && configurationBytes === null
  );
  const last = lost.at(-1);
  if (last === undefined) return { base, entries: entries.map(metaOf), lsn: 0 as Lsn };
  const fetched = new Map<Index, Uint8Array>();
  const event: NodeCompletion = yield (token) => {
    const later: WantedSnapshot = { group, generation, name: plan.name, index: last.index, use: "state" };
    let isAsking = false;
    const onFruitless = () => {
      if (isAsking) return;
      isAsking = true;
      runtime.snapshotRepair.fetch(later, runtime.now, (found) => {
        isAsking = false;
        const snapshot = copyOf(found);
        if (snapshot !== null) runtime.flows.resume(token, { kind: "fetched", token, bytes: null, snapshot });
      });
    };
    // All at once: what is repaired before it is asked for is told to nobody.
    for (const { index, term } of lost) {
      const act = (bytes: Uint8Array | null) => {
        if (bytes === null) return; // A later state has taken its place.
        fetched.set(index, bytes);
        if (fetched.size < lost.length) return;
        runtime.flows.resume(token, { kind: "fetched", token, bytes, snapshot: null });
      };
      const onForgotten = () => {
        runtime.flows.resume(token, { kind: "fetched", token, bytes: null, snapshot: null });
      };
      runtime.repair.whole({ group, generation, index, term }, runtime.now, act, onFruitless, onForgotten);
    }
  };
  assert(event.kind === "fetched", "a fetch ends as one");
  const { snapshot } = event;
  if (snapshot === null) {
    if (event.bytes === null) throw droppedMeanwhile(plan.name);
    const whole = entries.map((entry) => {
      const configurationBytes = fetched.get(entry.index);
      return configurationBytes === undefined ? entry : { ...entry, configurationBytes, damaged: false };
    });
    return { base, entries: whole.map(metaOf), lsn: 0 as Lsn };
  }
  runtime.note(`${plan.name}: begins with the state after ${snapshot.index}`);
  const continues = termOf(entries, snapshot.index) === snapshot.term;
  const rest = continues ? entries.filter(({ index }) => index > snapshot.index) : [];
  return yield* beginAt(runtime, plan, snapshot, rest.map(metaOf));
}

/**
 * Snapshots that the log at hand continues, oldest first; others are left over from a crash and are removed. `needed`: the
 * one at which the log on the disk begins until it is durable that it begins later. One that the log begins at and that cannot
 * be read now stays until another takes its place: the next reading may succeed.
 */
function* usableSnapshots<M extends Machine>(
  runtime: OpenerHost,
  plan: GroupPlan<M>,
  base: { readonly index: Index; readonly term: Term },
  entries: readonly EntryMeta[],
  needed: Index,
): Flow<StoredSnapshot[], NodeCompletion> {
  const { id, generation } = plan;
  const files = runtime.snapshotFiles;
  const usable: StoredSnapshot[] = [];
  for (const name of yield* files.list() as Flow<SnapshotName[], NodeCompletion>) {
    if (name.group !== id || name.generation !== generation) continue;
    const term = name.index === base.index ? base.term : termOf(entries, name.index);
    const stored = term === null ? null : yield* readUndamaged(runtime, plan, name.index);
    if (stored !== null && stored.term === term) usable.push(stored);
    else if (name.index !== needed && name.index !== base.index) {
      yield* files.remove(id, generation, name.index) as Flow<void, NodeCompletion>;
    }
  }
  return usable.sort((a, b) => a.index - b.index);
}

/** Null where it is damaged: the log is replayed instead, or it is fetched. */
function* readUndamaged<M extends Machine>(
  runtime: OpenerHost,
  { id, generation, name }: GroupPlan<M>,
  index: Index,
): Flow<StoredSnapshot | null, NodeCompletion> {
  try {
    const flow = runtime.snapshotFiles.read(id, generation, index);
    return yield* flow as Flow<StoredSnapshot | null, NodeCompletion>;
  } catch (error) {
    if (!(error instanceof SennitError) || error.code !== "DATA_DAMAGED") throw error;
    runtime.note(`snapshot ${index} of ${name} is damaged on the disk`);
    return null;
  }
}

/** The snapshot at which the log begins, or a later one, from another member. */
function* fetchBase<M extends Machine>(
  runtime: OpenerHost,
  { id, generation, name }: GroupPlan<M>,
  index: Index,
): Flow<StoredSnapshot, NodeCompletion> {
  const wanted = { group: id, generation, name, index, use: "begin" as const };
  const fetched = yield* fetchSnapshot(runtime, wanted);
  if (fetched === null) throw droppedMeanwhile(name);
  return fetched;
}

/** Ends an opening that waits for others. */
function droppedMeanwhile(name: string): SennitError {
  return new SennitError("STREAM_CLOSED", `Stream ${name} was dropped while it was being opened`);
}

/** The log from a fetched snapshot on, once that is durable here. */
function* beginAt<M extends Machine>(
  runtime: OpenerHost,
  { id, generation }: GroupPlan<M>,
  fetched: StoredSnapshot,
  entries: readonly EntryMeta[],
): Flow<OpenedLog, NodeCompletion> {
  const write = runtime.snapshotFiles.write(id, generation, fetched, fetched.state);
  yield* write as Flow<void, NodeCompletion>;
  const base = { index: fetched.index, term: fetched.term };
  const lsn = runtime.wal.setBase(id, generation, base);
  return { base, entries: entries.filter((each) => each.index > fetched.index), lsn };
}

function* fetchSnapshot(
  runtime: OpenerHost,
  wanted: WantedSnapshot,
): Flow<StoredSnapshot | null, NodeCompletion> {
  const event: NodeCompletion = yield (token) => {
    runtime.snapshotRepair.fetch(wanted, runtime.now, (found) => {
      runtime.flows.resume(token, { kind: "fetched", token, bytes: null, snapshot: copyOf(found) });
    });
    runtime.io.clock.requestTurn();
  };
  assert(event.kind === "fetched", "a fetch ends as one");
  return event.snapshot;
}

/** What came is lent for the turn. */
function copyOf(found: StoredSnapshot | null): StoredSnapshot | null {
  if (found === null) return null;
  return { ...found, state: found.state.slice(), configurationBytes: found.configurationBytes.slice() };
}

/** The snapshots that the log on the disk needs until it begins later there, and those that nothing continues from then on. */
function obsoleteFrom(lsn: Lsn, found: Index, replaced: readonly StoredSnapshot[]) {
  const indexes = replaced.map(({ index }) => index);
  if (lsn !== 0 && found !== 0 && !indexes.includes(found)) indexes.unshift(found);
  return indexes.map((index) => ({ index, lsn }));
}

/** What a snapshot covers is committed. */
function atLeast(hardState: HardState, commit: Index): HardState {
  return hardState.commit >= commit ? hardState : { ...hardState, commit };
}

function snapshotFiles(runtime: OpenerHost, id: GroupId, generation: number, name: string): SnapshotFiles {
  const files = runtime.snapshotFiles;
  return {
    write: (meta, state) =>
      files.write(id, generation, {
        index: meta.index,
        term: meta.term,
        configurationBytes: encodeConfiguration(meta.configuration),
      }, state),
    read: (index) =>
      readOrFetch(runtime, id, generation, name, index) as Flow<Uint8Array<ArrayBuffer>, DiskEvent>,
    remove: (index) => files.remove(id, generation, index),
  };
}

/** The state of a snapshot that the keeper has; where the disk has lost it, from a member that keeps the same. */
function* readOrFetch(
  runtime: OpenerHost,
  id: GroupId,
  generation: number,
  name: string,
  index: Index,
): Flow<Uint8Array<ArrayBuffer>, NodeCompletion> {
  const files = runtime.snapshotFiles;
  let stored: StoredSnapshot | null | "damaged" = "damaged";
  try {
    stored = yield* files.read(id, generation, index) as Flow<StoredSnapshot | null, NodeCompletion>;
  } catch (error) {
    if (!(error instanceof SennitError) || error.code !== "DATA_DAMAGED") throw error;
  }
  // The log has gone on and begins at another one: nobody asks for this again.
  if (stored === null) throw snapshotMissing(index, name);
  if (stored !== "damaged") return stored.state.slice();
  const wanted = { group: id, generation, name, index, use: "file" as const };
  const fetched = yield* fetchSnapshot(runtime, wanted);
  if (fetched === null) throw snapshotMissing(index, name);
  yield* files.write(id, generation, fetched, fetched.state) as Flow<void, NodeCompletion>;
  return fetched.state.slice();
}

function termOf(entries: readonly Pick<EntryMeta, "index" | "term">[], index: Index): Term | null {
  const first = entries[0];
  return first === undefined ? null : entries[index - first.index]?.term ?? null;
}

function metaOf(entry: RecoveredEntry): EntryMeta {
  return {
    index: entry.index,
    term: entry.term,
    kind: entry.kind,
    lengthBytes: entry.lengthBytes,
    configuration: entry.configurationBytes === null ? null : decodeConfiguration(entry.configurationBytes),
  };
}
