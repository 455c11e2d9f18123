/**
 * A node that does not run: its data folder is looked at, and changed, without taking part in anything. Opens what is on
 * the disk as a start does, and has no network. One task at a time.
 */
import { SennitError } from "../core/errors.ts";
import { type Flow, Flows, TokenSource } from "../core/flow.ts";
import { CONTROL_GROUP, type Index, type Lsn, type MemberId, type Token } from "../core/ids.ts";
import { LOAD_BYTES_LIMIT } from "../core/limits.ts";
import { NO_ORIGIN } from "../core/origin.ts";
import type { DiskEvent, Inbox, Io, IoEvent } from "../io/mod.ts";
import { encodeConfiguration, EntryKind } from "../raft/mod.ts";
import { StreamState } from "../stream/mod.ts";
import {
  type LoadedEntries,
  readWholeFile,
  replaceFile,
  Snapshots,
  Wal,
  type WalRecovery,
} from "../wal/mod.ts";
import type { NodeCompletion } from "./completions.ts";
import { encodeControlCommand } from "./control_commands.ts";
import { ControlMachine } from "./control_machine.ts";
import { ControlState } from "./control_state.ts";
import type { Group } from "./group.ts";
import { controlPlan, machinePlan, type OpenerHost, openGroup, streamPlan } from "./group_opener.ts";
import { UserMachine } from "./user_machine.ts";
import {
  decodeIdentity,
  encodeIdentity,
  type Identity,
  IDENTITY_BYTES_LIMIT,
  IDENTITY_PATH,
} from "./identity.ts";
import type { GroupRecovery, RecoveryPlan } from "./recovery_plan.ts";
import type { GroupSurvey, Survey } from "./recovery_survey.ts";
import { localSettings, walOptions } from "./settings.ts";
import { StreamMachine } from "./stream_machine.ts";

type Task<Result> = Flow<Result, NodeCompletion>;

/** What a flow that waits for something else than its own operation is resumed with. */
const TURNED: DiskEvent = {
  kind: "disk",
  token: 0 as Token,
  ok: true,
  bytes: new Uint8Array(0),
  entries: [],
};

export class StoppedNode implements Inbox {
  readonly #io: Io;
  readonly #tokens = new TokenSource();
  readonly #flows = new Flows<NodeCompletion>(this.#tokens);
  readonly #wal: Wal;
  readonly #snapshots: Snapshots;
  #events: IoEvent[] = [];
  /** Flows that wait for the log. */
  #waiting: Token[] = [];
  readonly #loaded = new Map<number, LoadedEntries>();
  #identity: Identity | null = null;
  /** Of the task that is under way. */
  #failed: (error: unknown) => void = () => {};

  constructor(io: Io) {
    this.#io = io;
    this.#wal = new Wal(walOptions(localSettings("")), io.disk, this.#tokens);
    this.#snapshots = new Snapshots(io.disk);
  }

  deliver(_incarnation: number, event: IoEvent): void {
    this.#events.push(event);
    this.#io.clock.requestTurn();
  }

  turn(_incarnation: number): void {
    const events = this.#events;
    this.#events = [];
    for (const event of events) {
      if (event.kind === "disk" && this.#wal.onDisk(event)) continue;
      if (event.kind === "disk" || event.kind === "crypto") this.#flows.resume(event.token, event);
    }
    for (const loaded of this.#wal.takeLoaded()) this.#loaded.set(loaded.request, loaded);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const token of waiting) this.#flows.resume(token, TURNED);
    this.#wal.flush();
  }

  /** Opens the folder and says what it holds; the first task. NOT_FOUND, DATA_DAMAGED, CONFIGURATION_INVALID. */
  survey(done: (survey: Survey) => void, failed: (error: unknown) => void): void {
    this.#start(this.#survey(), done, failed);
  }

  /** Promises, durably, to take part in nothing that is of an earlier recovery epoch. */
  promise(
    recoveryEpoch: number,
    plan: RecoveryPlan,
    done: () => void,
    failed: (error: unknown) => void,
  ): void {
    this.#start(this.#promise(recoveryEpoch, plan), done, failed);
  }

  /** Goes on, durably, in the groups where this member is the winner. Every survivor has promised the epoch before. */
  force(plan: RecoveryPlan, done: () => void, failed: (error: unknown) => void): void {
    this.#start(this.#force(plan), done, failed);
  }

  #start<Result>(task: Task<Result>, done: (result: Result) => void, failed: (error: unknown) => void): void {
    this.#failed = failed;
    this.#flows.start(task, done, failed);
  }

  /** Others, from whom a running node would get what its disk has lost, are not asked. */
  #cannotRepair(): void {
    this.#failed(damaged(this.#identity!.name, "", null));
  }

  *#survey(): Task<Survey> {
    const { disk } = this.#io;
    const stored = yield* readWholeFile(disk, IDENTITY_PATH, IDENTITY_BYTES_LIMIT) as Task<Uint8Array | null>;
    if (stored === null) throw new SennitError("NOT_FOUND", "The data folder holds no node");
    const identity = decodeIdentity(stored);
    if (identity.state !== "member") {
      throw new SennitError("CONFIGURATION_INVALID", `Node ${identity.name} is no member of a mesh`);
    }
    this.#identity = identity;
    const recovery = yield* this.#wal.recover() as Task<WalRecovery>;
    refuseDamage(identity, recovery);
    yield* this.#snapshots.open() as Task<void>;
    const recovered = (id: number) => recovery.groups.find(({ group }) => group === id) ?? null;
    const control = new ControlMachine(new ControlState());
    const controlLog = recovered(CONTROL_GROUP);
    if (controlLog === null) {
      const text = `Node ${identity.name} holds nothing of its mesh yet: leave it out`;
      throw new SennitError("CONFIGURATION_INVALID", text);
    }
    const groups: GroupSurvey[] = [surveyOf(yield* this.#open(controlPlan(control, controlLog)), 0)];
    const state = control.state;
    for (const record of state.streams()) {
      const log = recovered(record.group);
      if (log === null) continue;
      const machine = new StreamMachine(StreamState.create(record.targets, record.subscriptions));
      const group = yield* this.#open(streamPlan(record, machine, log));
      groups.push(surveyOf(group, machine.state.nextOffset));
    }
    for (const record of state.machines()) {
      const log = recovered(record.group);
      // The user's code is not here, and is not needed to see how far the log goes.
      if (log !== null) {
        groups.push(surveyOf(yield* this.#open(machinePlan(record, new UserMachine(null), log)), 0));
      }
    }
    return {
      name: identity.name,
      memberId: identity.memberId as MemberId,
      meshId: identity.meshId,
      meshName: identity.meshName,
      recoveryEpoch: identity.recoveryEpoch,
      hasAuthority: state.hasAuthority,
      members: state.members().map(({ memberId, name, number, addresses, leaving }) => ({
        memberId,
        name,
        number,
        addresses,
        leaving: leaving !== "no",
        holdsAuthority: state.share(memberId) !== null,
      })),
      streams: [...state.streams(), ...state.machines()].map(({ group, name, initial }) => ({
        group,
        name,
        members: initial.incoming,
      })),
      groups,
    };
  }

  /** Opens a group and applies all that is in its log, committed or not. */
  *#open(plan: ReturnType<typeof controlPlan | typeof streamPlan | typeof machinePlan>): Task<Group> {
    const { machine } = plan;
    const group = yield* openGroup<typeof machine>(this.#host(), plan);
    const { lastIndex } = group.raft;
    while (machine.applied < lastIndex) {
      const request = this.#wal.load(group.id, machine.applied + 1 as Index, lastIndex, LOAD_BYTES_LIMIT);
      yield* this.#until(() => this.#loaded.has(request));
      const { entries, failed } = this.#loaded.get(request)!;
      this.#loaded.delete(request);
      if (failed !== null) {
        throw new SennitError(failed, `The log of ${group.name} at ${this.#identity!.name} cannot be read`);
      }
      for (const entry of entries) {
        if (entry.kind === EntryKind.Command) machine.apply(entry.index, entry.term, entry.bytes);
        else machine.skip(entry.index);
      }
      machine.takeResults();
    }
    return group;
  }

  *#promise(recoveryEpoch: number, { leftBehind }: RecoveryPlan): Task<void> {
    this.#identity = { ...this.#identity!, recoveryEpoch, leftBehind };
    yield* replaceFile(this.#io.disk, IDENTITY_PATH, encodeIdentity(this.#identity)) as Task<void>;
  }

  *#force(plan: RecoveryPlan): Task<void> {
    let lsn = 0 as Lsn;
    // All in one batch of the log: after a crash either all of it is there or none, and the command is given again.
    for (const group of plan.groups) {
      if (group.forced && group.winnerId === this.#identity!.memberId) lsn = this.#append(group, plan);
    }
    this.#wal.flush();
    yield* this.#until(() => this.#wal.durableLsn >= lsn);
  }

  #append(recovery: GroupRecovery, plan: RecoveryPlan): Lsn {
    const { group, generation, term, lastIndex, commit } = recovery;
    const removals = group !== CONTROL_GROUP ? [] : plan.evicted.map((member) => ({
      kind: EntryKind.Command,
      bytes: encodeControlCommand({ kind: "begin-removal", origin: NO_ORIGIN, member, evicted: true }),
    }));
    const configuration = {
      kind: EntryKind.Configuration,
      bytes: encodeConfiguration(recovery.configuration),
    };
    const entries = [configuration, ...removals].map((entry, at) => ({
      ...entry,
      index: lastIndex + 1 + at as Index,
      term,
    }));
    this.#wal.appendHardState(group, generation, { term, vote: 0 as MemberId, commit });
    return this.#wal.appendEntries(group, generation, entries);
  }

  *#until(holds: () => boolean): Task<void> {
    while (!holds()) {
      if (this.#wal.failure !== null) throw this.#wal.failure;
      if (this.#wal.full) throw new SennitError("DISK_FULL", `The disk of ${this.#identity!.name} is full`);
      yield (token) => this.#waiting.push(token);
    }
  }

  /** A group is opened and never driven: nothing leaves it. */
  #host(): OpenerHost {
    const flows = this.#flows;
    return {
      io: this.#io,
      wal: this.#wal,
      snapshotFiles: this.#snapshots,
      settings: localSettings(this.#identity!.name),
      memberId: this.#identity!.memberId as MemberId,
      observer: null,
      now: this.#io.clock.monotonicMs(),
      flows,
      repair: { whole: () => this.#cannotRepair() },
      snapshotRepair: { fetch: () => this.#cannotRepair() },
      note() {},
      run: (flow, done, failed) => flows.start(flow, done, failed),
      sendRaft() {},
      groupChanged() {},
      fail(error) {
        throw error;
      },
    };
  }
}

function surveyOf(group: Group, nextOffset: number): GroupSurvey {
  const { term, lastIndex, lastTerm, commit, configuration } = group.raft.status();
  const { id, generation, name } = group;
  return { group: id, generation, name, term, lastIndex, lastTerm, commit, configuration, nextOffset };
}

function refuseDamage({ name }: Identity, recovery: WalRecovery): void {
  const damage = recovery.damage[0];
  if (recovery.failure === null && damage === undefined) return;
  const where = damage === undefined ? "" : `, in ${damage.file} at byte ${damage.offset}`;
  throw damaged(name, where, recovery.failure);
}

function damaged(name: string, where: string, cause: unknown): SennitError {
  const text = `The disk of ${name} is damaged${where}: it cannot vouch for what it held. Name it as dead`;
  return new SennitError("DATA_DAMAGED", text, { cause });
}
