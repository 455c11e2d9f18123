/**
 * The node: one reactor over pure cores. The only place where effects become I/O. One turn:
 *
 *   1. take all inputs that have arrived (frames, completions, calls), then read the clock once;
 *   2. step the cores; gather what every one of them wants;
 *   3. everything to persist, of all groups, becomes one write-ahead batch with one sync;
 *   4. what may leave before the sync leaves, one write per peer;
 *   5. when the sync completes: what had to wait leaves, commits are applied, callers are answered.
 * While a sync is in flight the next turns gather, so batches grow with load.
 */
import { DecodeError, SennitError } from "../core/errors.ts";
import { PENDING_CALLS_LIMIT } from "../core/limits.ts";
import {
  CONTROL_GROUP,
  type Index,
  type Lsn,
  type MemberId,
  type NodeNumber,
  type Token,
} from "../core/ids.ts";
import type { Inbox, Io, IoEvent } from "../io/mod.ts";
import type { LinkEvent } from "../link/mod.ts";
import { decodeRaftFrame } from "../raft/mod.ts";
import { FrameType } from "../wire/mod.ts";
import { Admitter } from "./admitter.ts";
import { CallHandler } from "./call_handler.ts";
import type { Call, Callers } from "./calls.ts";
import type { NodeCompletion } from "./completions.ts";
import { DiskWatch } from "./disk_watch.ts";
import { LogSeal } from "./log_seal.ts";
import { Enrolment } from "./enrolment.ts";
import { Entrance } from "./entrance.ts";
import type { Group } from "./group.ts";
import { keepHouse } from "./housekeeping.ts";
import type { NodeInspection, Observer } from "./inspection.ts";
import { seekIntroduction } from "./introductions.ts";
import { takeNodeMessage } from "./node_traffic.ts";
import { Reads } from "./reads.ts";
import { heirOf, RECONCILE_INTERVAL_MS, SILENT_RECONCILE_INTERVAL_MS } from "./reconciler.ts";
import { Renewal } from "./renewal.ts";
import { Runtime } from "./runtime.ts";
import type { NodeSettings } from "./settings.ts";

/** A batch that takes so many election timeouts to become durable shows that the disk hangs. */
const DISK_HANGS_ELECTIONS = 2;
/** A full disk is tried again after this. */
const FULL_RETRY_MS = 500;

type Input =
  | { readonly kind: "io"; readonly event: IoEvent }
  | { readonly kind: "call"; readonly token: Token; readonly call: Call };

export class Node implements Inbox {
  readonly #io: Io;
  readonly #settings: NodeSettings;
  readonly #callers: Callers;
  readonly #observer: Observer | null;
  #incarnation = 0;
  #inputs: Input[] = [];
  #runtime: Runtime;
  #enrolment: Enrolment;
  #admitter: Admitter;
  #calls: CallHandler;
  #reads = new Reads();
  #renewal: Renewal;
  #entrance: Entrance;
  /** Calls that came before the node knew who it is. */
  #early: { readonly token: Token; readonly call: Call }[] = [];
  #reconcileAtMs = 0;
  /** This turn is one of the regular ones: what may wait in the log waits no longer. */
  #reconciled = true;
  /** Through where requests were told what was applied, by group. */
  readonly #passed = new WeakMap<Group, Index>();
  #retryFullAtMs = Infinity;
  readonly #diskWatch: DiskWatch;
  readonly #logSeal = new LogSeal();
  #durableSeen = 0 as Lsn;
  /** Told once how the start ended. */
  #begun: ((failure: SennitError | null) => void) | null = null;

  constructor(io: Io, settings: NodeSettings, callers: Callers, observer: Observer | null) {
    this.#io = io;
    this.#settings = settings;
    this.#callers = callers;
    this.#observer = observer;
    this.#diskWatch = new DiskWatch(DISK_HANGS_ELECTIONS * settings.raft.electionTimeoutMs);
    this.#runtime = this.#newRuntime(0);
    this.#entrance = new Entrance(this.#runtime);
    this.#enrolment = this.#newEnrolment();
    this.#renewal = this.#newRenewal();
    this.#admitter = this.#newAdmitter();
    this.#calls = this.#newCalls();
  }

  /** Begins an incarnation: recovers what the disk holds, listens, and takes part where it is a member. */
  start(incarnation: number): void {
    this.#incarnation = incarnation;
    this.#runtime = this.#newRuntime(incarnation);
    this.#entrance = new Entrance(this.#runtime);
    this.#enrolment = this.#newEnrolment();
    this.#renewal = this.#newRenewal();
    this.#admitter = this.#newAdmitter();
    this.#calls = this.#newCalls();
    this.#runtime.now = this.#io.clock.monotonicMs();
    this.#entrance.start();
    this.#io.clock.requestTurn();
  }

  /** `told` is called once: when the node answers calls, or with what keeps it from it. */
  onBegun(told: (failure: SennitError | null) => void): void {
    this.#begun = told;
  }

  /** host:port that others reach this node under; "" before it listens. */
  get address(): string {
    return this.#runtime.addresses[0] ?? "";
  }

  /** What ended this node's taking part, or null. */
  get failure(): SennitError | null {
    return this.#runtime.failure;
  }

  deliver(incarnation: number, event: IoEvent): void {
    if (incarnation !== this.#incarnation) return;
    this.#inputs.push({ kind: "io", event });
    this.#io.clock.requestTurn();
  }

  /** Takes a call in; its one reply comes through the callers, in this turn or a later one. */
  call(token: Token, call: Call): void {
    this.#inputs.push({ kind: "call", token, call });
    this.#io.clock.requestTurn();
  }

  turn(incarnation: number): void {
    if (incarnation !== this.#incarnation) return;
    const runtime = this.#runtime;
    const now = this.#io.clock.monotonicMs();
    runtime.now = now;
    const inputs = this.#inputs;
    this.#inputs = [];
    for (const input of inputs) {
      if (input.kind === "io") this.#take(input.event, now);
      else this.#takeCall(input.token, input.call);
    }
    this.#tick(now);
    this.#settle(now);
    this.#finish(now);
  }

  /** Ends the incarnation in good order: peers are told, callers answered. The disk needs nothing: all is synced. */
  stop(): void {
    const runtime = this.#runtime;
    if (runtime.state === "stopped") return;
    const error = new SennitError("SHUTTING_DOWN", "The node is stopping");
    runtime.state = "stopped";
    runtime.failure = error;
    for (const { token } of this.#early) runtime.reply(token, error);
    this.#early = [];
    this.#handOver();
    runtime.end(error);
    this.#failWaiting(error);
    this.#io.clock.requestTurn();
  }

  /** Whoever is furthest takes over at once, instead of after an election timeout without a leader. */
  #handOver(): void {
    const { groups, memberId, reachable, now } = this.#runtime;
    for (const group of groups.values()) {
      const heir = group.isLeader
        ? heirOf(group.raft.status(), memberId, (member) => reachable.has(member))
        : null;
      if (heir === null) continue;
      this.#observer?.reach("leadership is handed over at a stop");
      group.raft.transferLeadership(heir, now);
      group.work();
    }
  }

  /** Answers what waits for something that does not come any more, and ends what is open. */
  #failWaiting(error: SennitError): void {
    this.#reads.failAll(error);
    this.#enrolment.failAll(error);
    this.#entrance.membership?.failAll(error);
    this.#calls.failAll(error);
    this.#runtime.endEventWatches(error);
  }

  inspect(): NodeInspection {
    const runtime = this.#runtime;
    const wal = runtime.wal.status();
    return {
      name: this.#settings.name,
      memberId: runtime.memberId,
      state: runtime.state,
      reachable: runtime.reachable,
      apart: () => runtime.hasLinks ? runtime.links.apart() : [],
      groups: [...runtime.groups.values()].map((group) => group.inspect()),
      streams: [...runtime.streams.values()].map(({ record, state }) => ({
        name: record.name,
        group: record.group,
        nextOffset: state.nextOffset,
        firstOffset: state.firstOffset,
        completedOffset: state.completedOffset,
        subscriptions: () => state.subscriptions(),
      })),
      sizes: {
        inputs: this.#inputs.length,
        requests: runtime.requests.size,
        reads: this.#reads.size,
        flows: runtime.flows.size,
        appendLoads: sumOf(runtime.groups, (each) => each.appendLoads),
        damagedEntries: runtime.repair.size,
        removals: runtime.removals.size,
        walSegments: wal.segments,
        walBytes: wal.bytes,
        walLiveBytes: wal.liveBytes,
        walPendingBytes: wal.pendingBytes,
        keyValueBytes: runtime.controlState?.keyValues.bytes ?? 0,
        outboxBatches: sumOf(runtime.streams, (each) => each.outboxBatches),
      },
    };
  }

  #newRuntime(incarnation: number): Runtime {
    return new Runtime(this.#io, this.#settings, this.#callers, this.#observer, incarnation);
  }

  #newEnrolment(): Enrolment {
    return new Enrolment(this.#runtime, (identity, done) => this.#entrance.enter(identity, done));
  }

  #newRenewal(): Renewal {
    return new Renewal(this.#runtime, () => this.#entrance.membership?.authority ?? null);
  }

  #newAdmitter(): Admitter {
    const runtime = this.#runtime;
    return new Admitter({
      io: this.#io,
      get links() {
        return runtime.links;
      },
      requests: runtime.requests,
      get recoveryEpoch() {
        return runtime.identity.recoveryEpoch;
      },
      control: () => runtime.state === "member" ? runtime.controlState : null,
      refuseWhileCritical: () => runtime.refuseWhileCritical(),
      authority: () => this.#entrance.membership?.authority ?? null,
      run: (flow, done, failed) => runtime.run(flow, done, failed),
    });
  }

  #newCalls(): CallHandler {
    return new CallHandler(this.#runtime, this.#enrolment, () => this.#entrance.membership, this.#reads);
  }

  #begin(): void {
    const early = this.#early;
    this.#early = [];
    for (const { token, call } of early) this.#calls.handle(token, call);
    this.#sayBegun(null);
  }

  #sayBegun(failure: SennitError | null): void {
    const begun = this.#begun;
    this.#begun = null;
    begun?.(failure);
  }

  // Inputs.

  #take(event: IoEvent, now: number): void {
    const runtime = this.#runtime;
    if (event.kind === "disk") {
      if (runtime.wal.onDisk(event)) return;
      this.#resume(event.token, event);
    } else if (event.kind === "crypto") {
      this.#resume(event.token, event);
    } else if (runtime.hasLinks) {
      runtime.links.onNetwork(event, now);
      this.#takeLinks(now);
    }
  }

  #resume(token: Token, completion: NodeCompletion): void {
    this.#runtime.flows.resume(token, completion);
    // What ended may have been a group's: a snapshot that was read or written.
    this.#runtime.agenda.touchAll();
  }

  #takeCall(token: Token, call: Call): void {
    const { state } = this.#runtime;
    const atOnce = call.kind === "status" || call.kind === "watch-events";
    if (state !== "starting" || atOnce) this.#calls.handle(token, call);
    else if (this.#early.length < PENDING_CALLS_LIMIT) this.#early.push({ token, call });
    else if (call.kind !== "credit") {
      const text = `${PENDING_CALLS_LIMIT} calls wait for this node to start: repeat later`;
      this.#runtime.reply(token, new SennitError("OVERLOADED", text));
    }
  }

  #takeLinks(now: number): void {
    for (const event of this.#runtime.links.take()) this.#onLink(event, now);
  }

  #onLink(event: LinkEvent, now: number): void {
    const runtime = this.#runtime;
    if (this.#enrolment.onLink(event, now)) return;
    switch (event.kind) {
      case "message":
        this.#onMessage(event.from, event.fromMember, event.type, event.payload, now);
        break;
      case "up":
        runtime.reached(event.memberId, event.featureLevel);
        runtime.emit(this.#reachability("MEMBER_REACHABLE", event.memberId, ""));
        break;
      case "down":
        runtime.reachable.delete(event.memberId);
        runtime.emit(this.#reachability("MEMBER_UNREACHABLE", event.memberId, event.reason));
        break;
      case "refused":
        runtime.observer?.note(`refused at ${event.address}: ${event.code} ${event.message}`);
        if (event.code === "EVICTED" && event.by !== 0) this.#entrance.toldRemoved();
        if (event.code === "NOT_READY") seekIntroduction(runtime, event.name);
        break;
      case "other-epoch":
        runtime.metOtherEpoch(event.name, event.epoch);
        break;
      case "enrol-message":
        if (event.inbound) this.#admitter.onMessage(event.id, event.peer, event.bytes, now);
        break;
      case "listening":
        this.#entrance.listening(event.address, () => this.#begin());
        break;
      case "listen-failed": {
        const code = event.code === "ADDRESS_IN_USE" ? "ADDRESS_IN_USE" : "INVALID_ARGUMENT";
        runtime.fail(
          new SennitError(code, `Cannot listen on ${this.#settings.listenAddress}: ${event.message}`),
        );
        break;
      }
      case "enrol-opened":
      case "enrol-closed":
        break;
    }
  }

  #reachability(type: "MEMBER_REACHABLE" | "MEMBER_UNREACHABLE", member: MemberId, detail: string) {
    return { type, subject: this.#runtime.memberName(member), version: 0, detail };
  }

  #onMessage(
    from: NodeNumber,
    fromMember: MemberId,
    type: FrameType,
    payload: Uint8Array,
    now: number,
  ): void {
    try {
      if (type === FrameType.Raft) this.#onRaft(fromMember, payload, now);
      else if (type === FrameType.Node) {
        takeNodeMessage(this.#runtime, this.#renewal, fromMember, payload, now);
      }
    } catch (error) {
      // What a member sends is checked like anything from outside; one bad message is dropped, not the node.
      if (!(error instanceof DecodeError)) throw error;
      this.#runtime.observer?.note(`dropped a message of node ${from}: ${error.message}`);
    }
  }

  /** A frame of another mesh, group or generation, or for another member, is dropped: it is late or lost. */
  #onRaft(fromMember: MemberId, payload: Uint8Array, now: number): void {
    const runtime = this.#runtime;
    const { envelope, message, entryBytes, tail } = decodeRaftFrame(payload);
    const group = runtime.group(envelope.group);
    if (group === null || group.generation !== envelope.generation) return;
    if (envelope.from !== fromMember || envelope.to !== runtime.memberId) return;
    if (!runtime.isOwnMesh(envelope.meshId, envelope.recoveryEpoch)) return;
    // Every member of the mesh follows the control group, and nobody from outside any other.
    if (message.kind === "pull" && group.id !== CONTROL_GROUP) return;
    group.step(fromMember, message, entryBytes, tail, now);
    if (group.id === CONTROL_GROUP) runtime.pulls.heard(fromMember, message, now);
    runtime.wake(group);
  }

  // Turning.

  #tick(now: number): void {
    const runtime = this.#runtime;
    if (runtime.hasLinks) {
      runtime.links.tick(now);
      this.#takeLinks(now);
    }
    this.#enrolment.tick(now);
    this.#renewal.tick(now);
    for (const group of runtime.agenda.due(now)) {
      if (group.raft.deadline() <= now) group.raft.tick(now);
      runtime.wake(group);
    }
    runtime.beats.work(now);
    runtime.pulls.work(now);
    this.#logEvents(now);
    this.#watchDisk(now);
    if (now >= this.#reconcileAtMs && runtime.state === "member") this.#reconcile(now);
  }

  /** While the disk hangs others should lead: this member could confirm nothing. */
  #watchDisk(now: number): void {
    const runtime = this.#runtime;
    runtime.diskHangs = this.#diskWatch.look(runtime.wal, now);
    if (!runtime.diskHangs) return;
    for (const group of runtime.groups.values()) {
      if (!group.isLeader) continue;
      runtime.observer?.reach("the disk hangs and leadership is given up");
      runtime.observer?.note(`${group.name}: the disk hangs, giving leadership up`);
      group.raft.resign(now);
      runtime.wake(group);
    }
  }

  #logEvents(now: number): void {
    const runtime = this.#runtime;
    const wal = runtime.wal;
    const { failure, full } = wal;
    if (failure !== null) {
      this.#retryFullAtMs = Infinity;
      return runtime.fail(failure);
    }
    if (full && this.#retryFullAtMs === Infinity) this.#retryFullAtMs = now + FULL_RETRY_MS;
    if (now >= this.#retryFullAtMs) {
      this.#retryFullAtMs = Infinity;
      wal.retryFull();
    }
    for (const { request, entries, failed } of wal.takeLoaded()) {
      if (runtime.backups.loaded(request, entries, failed)) continue;
      if (runtime.replays.loaded(request, entries)) continue;
      if (this.#entrance.loaded(request, entries) || runtime.repair.loaded(request, entries)) continue;
      for (const group of runtime.groups.values()) {
        if (group.loaded(request, entries, failed) || this.#streamLoaded(group, request, entries, failed)) {
          runtime.wake(group);
          break;
        }
      }
    }
    for (const { id, bytes, failed } of wal.takeLoadedOutbox()) {
      for (const stream of runtime.streams.values()) {
        if (stream.outboxLoaded(id, bytes, failed)) runtime.wake(stream.group);
      }
    }
    if (wal.durableLsn > this.#durableSeen) this.#durable(wal.durableLsn);
    runtime.repair.work(now);
    runtime.snapshotRepair.work(now);
  }

  #streamLoaded(group: Group, ...loaded: Parameters<Group["loaded"]>): boolean {
    return this.#runtime.streams.get(group.id)?.loaded(...loaded) ?? false;
  }

  #durable(lsn: Lsn): void {
    const runtime = this.#runtime;
    this.#durableSeen = lsn;
    for (const group of runtime.groups.values()) {
      if (group.durable(lsn)) runtime.wake(group);
    }
    for (const stream of runtime.streams.values()) if (stream.outboxBatches > 0) runtime.wake(stream.group);
    this.#entrance.durable(lsn);
  }

  /** Lets everything follow from everything else until nothing is left to do in this turn. */
  #settle(now: number): void {
    const runtime = this.#runtime;
    for (;;) {
      this.#calls.work(now);
      runtime.requests.work(now);
      if (runtime.control !== null && this.#reads.work(runtime.control.group, now)) {
        runtime.wake(runtime.control.group);
      }
      if (runtime.dirty.size === 0) break;
      const dirty = [...runtime.dirty];
      runtime.dirty.clear();
      for (const group of dirty) this.#work(group, now);
    }
    // Streams have timers and subscribers of their own, also where their group has nothing to do.
    if (runtime.busy.size > 0) {
      for (const stream of runtime.streams.values()) {
        if (runtime.busy.has(stream)) runtime.workHost(stream, now);
      }
      for (const each of runtime.machines.values()) if (runtime.busy.has(each)) runtime.workHost(each, now);
    }
    if (runtime.backups.work() || runtime.dirty.size > 0) this.#settle(now);
  }

  #work(group: Group, now: number): void {
    const runtime = this.#runtime;
    if (!runtime.groups.has(group.id)) return;
    if (group.work()) runtime.wake(group);
    runtime.unsettled.add(group);
    runtime.beats.look(group, now);
    if (group === runtime.control?.group) this.#afterControl();
    else {
      const host = runtime.streams.get(group.id) ?? runtime.machines.get(group.id);
      if (host !== undefined) runtime.workHost(host, now);
    }
    if (group.applied > (this.#passed.get(group) ?? 0)) {
      this.#passed.set(group, group.applied);
      runtime.requests.passed(group.id, group.applied);
    }
  }

  #afterControl(): void {
    const runtime = this.#runtime;
    const { machine } = runtime.control!;
    const replaced = machine.takeRestored();
    if (replaced !== null) {
      const membership = this.#entrance.membership!;
      membership.act(replaced.results, replaced.state);
      runtime.requests.skipped(CONTROL_GROUP, machine.applied);
      membership.refresh(machine.state);
      membership.showKeyChanges(machine.state, replaced.state);
    }
    const results = machine.takeResults();
    if (results.length > 0) this.#entrance.membership!.act(results, machine.state);
  }

  #reconcile(now: number): void {
    const runtime = this.#runtime;
    const isSilent = runtime.control?.group.raft.quiesced ?? false;
    this.#reconcileAtMs = now + (isSilent ? SILENT_RECONCILE_INTERVAL_MS : RECONCILE_INTERVAL_MS);
    this.#reconciled = true;
    const { membership } = this.#entrance;
    if (membership !== null) keepHouse(runtime, membership, now);
  }

  /** Hands everything gathered to the ports and says when to wake. */
  #finish(now: number): void {
    const runtime = this.#runtime;
    // First what may leave before the sync: the peers' syncs then run beside this node's.
    if (runtime.hasLinks) {
      runtime.links.flush(now);
      this.#takeLinks(now);
    }
    const isWritten = runtime.failure === null || runtime.state === "evicted";
    if (isWritten) runtime.wal.flush(this.#reconciled);
    this.#logSeal.work(isWritten ? runtime.wal : null, now);
    this.#reconciled = false;
    // It may have ended in this turn, by its disk or because the others removed it.
    if (runtime.failure !== null) this.#failWaiting(runtime.failure);
    this.#io.clock.wakeAt(this.#deadline(now));
    if (runtime.dirty.size > 0) this.#io.clock.requestTurn();
    // It waits for other members: who started it may look at its status meanwhile.
    if (runtime.snapshotRepair.size > 0) this.#sayBegun(null);
    if (runtime.state === "failed") {
      this.#sayBegun(runtime.failure);
      for (const { token } of this.#early) runtime.reply(token, runtime.failure!);
      this.#early = [];
    }
  }

  #deadline(now: number): number {
    const runtime = this.#runtime;
    let earliest = Math.min(this.#enrolment.deadline(), runtime.requests.deadline(), this.#reads.deadline());
    if (!runtime.diskHangs) earliest = Math.min(earliest, this.#diskWatch.deadline());
    // With a log that has failed nothing can be repaired any more: see `#logEvents`.
    if (runtime.wal.failure === null) {
      earliest = Math.min(earliest, runtime.repair.deadline(), runtime.snapshotRepair.deadline());
    }
    earliest = Math.min(
      earliest,
      runtime.beats.deadline(),
      runtime.pulls.deadline(now),
      this.#retryFullAtMs,
      this.#logSeal.deadline(),
      this.#calls.deadline(),
      this.#renewal.deadline(),
    );
    if (runtime.hasLinks) earliest = Math.min(earliest, runtime.links.deadline());
    earliest = Math.min(earliest, runtime.agenda.deadline(now));
    for (const host of runtime.busy) earliest = Math.min(earliest, host.deadline());
    if (runtime.state === "member") earliest = Math.min(earliest, this.#reconcileAtMs);
    return earliest;
  }
}

function sumOf<Item>(items: ReadonlyMap<unknown, Item>, amount: (item: Item) => number): number {
  let sum = 0;
  for (const item of items.values()) sum += amount(item);
  return sum;
}
