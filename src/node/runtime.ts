/**
 * The parts of one running node and what they share: ports, links, log, groups. The reactor (node.ts) drives
 * it; rooms of the node reach each other through it. It lives for one incarnation.
 */
import { assert, AssertionFailure } from "../core/assert.ts";
import { ByteWriter } from "../core/bytes.ts";
import { SennitError } from "../core/errors.ts";
import { type Flow, Flows, TokenSource } from "../core/flow.ts";
import type { GroupId, Index, MemberId, NodeNumber, Token } from "../core/ids.ts";
import { parseUlid, ULID_BYTES } from "../core/ulid.ts";
import type { Io } from "../io/mod.ts";
import { defaultLinkOptions, Links, TrafficClass } from "../link/mod.ts";
import { encodeRaftFrame, type RaftPayload } from "../raft/mod.ts";
import { Snapshots, type StoredSnapshot, Wal } from "../wal/mod.ts";
import { FrameType } from "../wire/mod.ts";
import { Absences } from "./absences.ts";
import { refuseWhileCritical } from "./critical.ts";
import { Agenda } from "./agenda.ts";
import { Backups } from "./backup.ts";
import { Beats, type BeatsHost } from "./beats.ts";
import type { Callers, MeshEvent } from "./calls.ts";
import type { NodeCompletion } from "./completions.ts";
import type { ControlMachine } from "./control_machine.ts";
import type { ControlState } from "./control_state.ts";
import { Closings, type ClosingsHost } from "./closings.ts";
import { Departures } from "./departures.ts";
import { ExpectedMembers } from "./expected_members.ts";
import { FEATURE_LEVEL, THIRD_FEATURE_LEVEL } from "./feature_level.ts";
import { saveIdentity } from "./founding.ts";
import type { Group, GroupHost } from "./group.ts";
import type { Identity, IdentityPeer } from "./identity.ts";
import type { Observer } from "./inspection.ts";
import type { Mark } from "./marks.ts";
import { type NodeMessage, writeNodeMessage } from "./node_messages.ts";
import { type PullHost, Pulls } from "./pulls.ts";
import { otherEpochMeans } from "./recovery_epoch.ts";
import { Removals, type RemovalsHost } from "./removals.ts";
import { Repair, type RepairHost } from "./repair.ts";
import { SnapshotRepair, type SnapshotRepairHost } from "./snapshot_repair.ts";
import { failureOf } from "./replies.ts";
import { type RequestHost, Requests } from "./requests.ts";
import { type NodeSettings, walOptions } from "./settings.ts";
import { Stalls } from "./stalls.ts";
import { Unsettled } from "./unsettled.ts";
import type { MachineHost } from "./machine_host.ts";
import type { StreamHost } from "./stream_host.ts";
import { StreamReplays } from "./stream_replay.ts";
import type { UserStateMachine } from "./user_machine.ts";
import type { StreamNode } from "./stream_seat.ts";

export type NodeState = "starting" | "empty" | "joining" | "member" | "evicted" | "failed" | "stopped";

const WARNINGS_LIMIT = 100;

/** Which class a message of consensus travels in. */
function classOf(message: RaftPayload): TrafficClass {
  if (message.kind === "snapshot-chunk" || message.kind === "pulled-chunk") return TrafficClass.Bulk;
  if ("entries" in message && message.entries.length > 0) return TrafficClass.Commit;
  return TrafficClass.RaftControl;
}

export class Runtime
  implements
    BeatsHost,
    ClosingsHost,
    GroupHost,
    PullHost,
    RemovalsHost,
    RepairHost,
    RequestHost,
    SnapshotRepairHost,
    StreamNode {
  readonly io: Io;
  readonly settings: NodeSettings;
  readonly callers: Callers;
  readonly observer: Observer | null;
  readonly tokens = new TokenSource();
  readonly flows: Flows<NodeCompletion>;
  readonly wal: Wal;
  readonly snapshotFiles: Snapshots;
  readonly requests: Requests<unknown>;
  readonly repair: Repair;
  readonly snapshotRepair: SnapshotRepair;
  readonly replays: StreamReplays;
  readonly backups: Backups;
  /** Distinguishes this incarnation's requests from earlier ones'. */
  readonly boot: number;
  readonly groups = new Map<GroupId, Group>();
  readonly streams = new Map<GroupId, StreamHost>();
  readonly machines = new Map<GroupId, MachineHost>();
  readonly dirty = new Set<Group>();
  readonly agenda = new Agenda();
  /** Streams and machines of whom something is asked; for the others there is nothing to do unless their group is dirty. */
  readonly busy = new Set<StreamHost | MachineHost>();
  readonly beats = new Beats(this);
  readonly pulls = new Pulls(this);
  readonly unsettled = new Unsettled();
  readonly closings = new Closings(this);
  readonly removals = new Removals(this);
  /** Calls that watch the mesh's events. */
  readonly eventWatches = new Set<Token>();
  now = 0;
  state: NodeState = "starting";
  failure: SennitError | null = null;
  boundAddress = "";
  /** Both are set before anything but the startup runs. */
  #links: Links | null = null;
  #identity: Identity | null = null;
  control: { readonly group: Group; readonly machine: ControlMachine } | null = null;
  #meshBytes: Uint8Array<ArrayBuffer> = new Uint8Array(ULID_BYTES);
  readonly #numbers = new Map<MemberId, NodeNumber>();
  readonly expected = new ExpectedMembers();
  readonly #writer = new ByteWriter(64 * 1024);
  #outboxId = 0;
  readonly #identityChanges: {
    readonly change: (identity: Identity) => Identity;
    readonly done: () => void;
    readonly failed: (error: unknown) => void;
  }[] = [];
  readonly reachable = new Set<MemberId>();
  /** What the builds of those support that were met. */
  readonly #levels = new Map<MemberId, number>();
  readonly departures = new Departures();
  readonly absences = new Absences();
  readonly stalls = new Stalls();
  /** What an operator has to look at, by the name of the node that it is about. */
  readonly warnings = new Map<string, string>();
  /** Groups that this node leads, by name. */
  readonly #led = new Map<GroupId, string>();
  /** Nothing becomes durable at present. */
  diskHangs = false;

  constructor(
    io: Io,
    settings: NodeSettings,
    callers: Callers,
    observer: Observer | null,
    incarnation: number,
  ) {
    this.io = io;
    this.settings = settings;
    this.callers = callers;
    this.observer = observer;
    this.flows = new Flows(this.tokens);
    this.boot = io.random.draw("node/boot", incarnation);
    this.wal = new Wal(walOptions(settings), io.disk, this.tokens);
    this.snapshotFiles = new Snapshots(io.disk);
    this.requests = new Requests<unknown>(this);
    this.repair = new Repair(this);
    this.snapshotRepair = new SnapshotRepair(this);
    this.replays = new StreamReplays(this);
    this.backups = new Backups(this);
  }

  get callTimeoutMs(): number {
    return this.settings.callTimeoutMs;
  }
  /** What makes a state machine of the application; null where it has none of that name. */
  machineNamed(name: string): (() => UserStateMachine) | null {
    const { machines = {} } = this.settings;
    return Object.hasOwn(machines, name) ? machines[name]! : null;
  }
  get identity(): Identity {
    return this.#identity!;
  }
  get links(): Links {
    return this.#links!;
  }
  get hasLinks(): boolean {
    return this.#links !== null;
  }
  get memberId(): MemberId {
    return (this.#identity?.memberId ?? 0) as MemberId;
  }
  get controlState(): ControlState | null {
    return this.control?.machine.state ?? null;
  }
  /** Addresses under which others reach this node. */
  get addresses(): readonly string[] {
    const { advertisedAddresses } = this.settings;
    return advertisedAddresses.length > 0
      ? advertisedAddresses
      : this.boundAddress === ""
      ? []
      : [this.boundAddress];
  }

  /** Makes the links, once the identity is known. */
  connect(identity: Identity): void {
    const { settings } = this;
    this.#identity = identity;
    this.#links = new Links(
      {
        ...defaultLinkOptions(this.#self(identity)),
        featureLevel: FEATURE_LEVEL,
        pingIntervalMs: settings.pingIntervalMs,
        idleTimeoutMs: settings.idleTimeoutMs,
        redialMinMs: settings.redialMinMs,
        redialMaxMs: settings.redialMaxMs,
      },
      this.io.network,
      this.io.random,
      this.tokens,
    );
    this.setIdentity(identity);
  }

  /**
   * Writes a changed identity, then shows it. One at a time: a later change waits for an earlier one and is made of what
   * that left, so that neither is lost nor half of both is found.
   */
  keepIdentity(
    change: (identity: Identity) => Identity,
    done: () => void,
    failed: (error: unknown) => void,
  ): void {
    this.#identityChanges.push({ change, done, failed });
    if (this.#identityChanges.length === 1) this.#keepNext();
  }

  #keepNext(): void {
    const first = this.#identityChanges[0];
    if (first === undefined) return;
    const { change, done, failed } = first;
    const next = () => {
      this.#identityChanges.shift();
      this.#keepNext();
    };
    this.run(
      saveIdentity(this, change(this.identity)),
      (saved) => {
        this.setIdentity(saved);
        next();
        done();
      },
      (error) => {
        next();
        failed(error);
      },
    );
  }

  /** Shows and believes what the identity says from now on. */
  setIdentity(identity: Identity): void {
    this.#identity = identity;
    const outside = this.settings.certificates;
    this.io.network.useIdentity(outside ?? identity);
    if (identity.meshId !== "") this.#meshBytes = parseUlid(identity.meshId);
    this.links.setSelf(this.#self(identity));
  }

  #self(identity: Identity) {
    return {
      meshId: identity.meshId,
      recoveryEpoch: identity.recoveryEpoch,
      number: identity.number as NodeNumber,
      memberId: identity.memberId as MemberId,
      name: identity.name,
    };
  }

  /**
   * The members as of control index `applied`: whom to dial, whom to accept. A member that is expected and whose admission
   * lies beyond is kept: without it there may be no majority to apply that admission.
   */
  setPeers(members: readonly IdentityPeer[], applied: number): void {
    const others = this.expected.among(members, applied, this.memberId);
    this.#numbers.clear();
    for (const peer of others) this.#numbers.set(peer.memberId as MemberId, peer.number as NodeNumber);
    const left = this.identity.leftBehind.filter((peer) =>
      !others.some((each) => each.number === peer.number)
    );
    this.links.setPeers(
      [...others, ...left].map((peer) => ({
        number: peer.number as NodeNumber,
        memberId: peer.memberId as MemberId,
        name: peer.name,
        addresses: this.expected.addressesOf(peer, applied),
      })),
      applied,
    );
  }

  group(id: GroupId): Group | null {
    return this.groups.get(id) ?? null;
  }

  addGroup(group: Group): void {
    this.groups.set(group.id, group);
    this.agenda.add(group);
    this.unsettled.add(group);
    this.wake(group);
  }

  dropGroup(group: Group, error: SennitError): void {
    const { id } = group;
    const stream = this.streams.get(id);
    assert(stream !== undefined && this.groups.get(id) === group, "only groups of streams are dropped");
    stream.failAll(error);
    this.requests.failGroup(id, error);
    group.close();
    this.groups.delete(id);
    this.streams.delete(id);
    this.busy.delete(stream);
    this.dirty.delete(group);
    this.agenda.delete(group);
    this.beats.forget(group);
    this.unsettled.delete(group);
    this.closings.forget(id);
    this.forgetMissing(id);
    this.#roleChanged(id, group.name, false);
  }

  /** Nothing that is missed of the group is waited for any more. */
  forgetMissing(group: GroupId): void {
    this.repair.forget(group);
    this.snapshotRepair.forget(group);
  }

  /** Something is about to be asked of it. */
  attend<Host extends StreamHost | MachineHost>(host: Host): Host {
    this.busy.add(host);
    return host;
  }

  /** Lets a stream or machine do what may go on, and remembers whether it waits for more. */
  workHost(host: StreamHost | MachineHost, now: number): void {
    if (host.work(now)) this.wake(host.group);
    if (host.isIdle) this.busy.delete(host);
    else this.busy.add(host);
  }

  wake(group: Group): void {
    this.dirty.add(group);
    this.agenda.touch(group);
  }

  groupChanged(group: Group): void {
    const leader = group.leader === 0 ? "" : this.memberName(group.leader);
    this.observer?.note(
      `${group.name}: ${group.raft.role} in term ${group.raft.term}, leader ${leader || "none"}`,
    );
    this.emit({ type: "LEADER_CHANGED", subject: group.name, version: 0, detail: leader });
    this.#roleChanged(group.id, group.name, group.isLeader);
  }

  /** Who acts on roles hears of each beginning and each end once, and of an end also where the node ends. */
  #roleChanged(id: GroupId, name: string, leads: boolean): void {
    if (this.#led.has(id) === leads) return;
    if (leads) this.#led.set(id, name);
    else this.#led.delete(id);
    this.emit({ type: "ROLE_CHANGED", subject: name, version: 0, detail: leads ? "leader" : "follower" });
  }

  memberName(id: MemberId): string {
    if (id === this.memberId) return this.identity.name;
    return this.controlState?.member(id)?.name ?? `member ${id}`;
  }

  nextOutboxId(): number {
    return ++this.#outboxId;
  }
  /** Ids go on after those that the log holds. */
  outboxRecovered(id: number): void {
    if (id > this.#outboxId) this.#outboxId = id;
  }

  sendRaft(
    group: Group,
    to: MemberId,
    message: RaftPayload,
    entryBytes: readonly Uint8Array[],
    tail: Uint8Array,
  ): void {
    const number = this.#numbers.get(to);
    if (number === undefined) return;
    const envelope = {
      meshId: this.#meshBytes,
      recoveryEpoch: this.identity.recoveryEpoch,
      group: group.id,
      generation: group.generation,
      from: this.memberId,
      to,
    };
    this.#writer.reset();
    encodeRaftFrame(this.#writer, envelope, message, entryBytes);
    this.#writer.raw(tail);
    this.links.send(number, FrameType.Raft, classOf(message), this.#writer.view());
  }

  /** True where a frame is of this mesh since its last recovery. */
  isOwnMesh(meshId: Uint8Array, recoveryEpoch: number): boolean {
    if (recoveryEpoch !== this.identity.recoveryEpoch) return false;
    for (let i = 0; i < ULID_BYTES; i++) if (meshId[i] !== this.#meshBytes[i]) return false;
    return true;
  }

  sendNode(to: MemberId, message: NodeMessage): boolean {
    const number = this.#numbers.get(to);
    if (number === undefined) return false;
    this.#writer.reset();
    writeNodeMessage(this.#writer, message);
    const trafficClass = message.kind === "beat"
      ? TrafficClass.RaftControl
      : message.kind === "publish"
      ? TrafficClass.Data
      : TrafficClass.Commit;
    return this.links.send(number, FrameType.Node, trafficClass, this.#writer.view());
  }

  readSnapshot(
    group: GroupId,
    generation: number,
    index: Index,
    done: (stored: StoredSnapshot | null) => void,
  ): void {
    const flow = this.snapshotFiles.read(group, generation, index);
    this.run(flow as Flow<StoredSnapshot | null, NodeCompletion>, done, () => done(null));
  }

  /** A stream's state after `index`, a machine's as it is now; null where it cannot be made from what is here. */
  rebuildSnapshot(group: Group, index: Index, done: (stored: StoredSnapshot | null) => void): void {
    const stream = this.streams.get(group.id);
    if (stream === undefined) done(group.snapshotNow());
    else this.replays.replay(stream, index, done);
  }

  fetchState(group: Group, index: Index, now: number, done: (stored: StoredSnapshot | null) => void): void {
    const { id, generation, name } = group;
    this.snapshotRepair.fetch({ group: id, generation, name, index, use: "state" }, now, done);
  }

  /** A session to the member is up. */
  reached(member: MemberId, featureLevel: number): void {
    this.reachable.add(member);
    this.#levels.set(member, featureLevel);
    this.repair.reached();
    this.pulls.reached();
    this.snapshotRepair.reached();
  }

  answersPulls(member: MemberId): boolean {
    return (this.#levels.get(member) ?? 0) >= THIRD_FEATURE_LEVEL;
  }

  reach(mark: Mark): void {
    this.observer?.reach(mark);
  }

  note(text: string): void {
    this.observer?.note(text);
  }

  sendBeat(to: MemberId, boot: number): void {
    this.sendNode(to, { kind: "beat", boot });
  }

  /** Runs a flow of the node's own; a bug in it stops the node. */
  run<Result>(
    flow: Flow<Result, NodeCompletion>,
    done: (result: Result) => void,
    failed: (error: unknown) => void,
  ): void {
    this.flows.start(flow, done, (error) => {
      if (error instanceof AssertionFailure) throw error;
      failed(error);
    });
  }

  emit(event: MeshEvent): void {
    for (const token of this.eventWatches) this.callers.push(token, { kind: "mesh-event", event });
  }

  /** A member of this mesh at another recovery epoch was met. */
  metOtherEpoch(name: string, epoch: number): void {
    const text = otherEpochMeans(name, this.identity.recoveryEpoch, epoch);
    if (this.warnings.get(name) === text) return;
    if (!this.warnings.has(name) && this.warnings.size >= WARNINGS_LIMIT) return;
    this.warnings.set(name, text);
    this.observer?.note(text);
    this.emit({ type: "OTHER_EPOCH", subject: name, version: 0, detail: text });
  }

  endEventWatches(error: SennitError): void {
    for (const token of this.eventWatches) {
      this.callers.push(token, { kind: "subscription-ended", error: failureOf(error) });
    }
    this.eventWatches.clear();
  }

  /** The node cannot go on: it stops voting and answers everybody so. A bug is thrown on. */
  fail(error: unknown): void {
    if (!(error instanceof SennitError)) throw error;
    if (this.state === "failed" || this.state === "stopped") return;
    this.state = "failed";
    this.failure = error;
    this.observer?.note(`failed: ${error.message}`);
    this.end(error);
  }

  /** Ends everything that waits, and stops taking part. */
  end(error: SennitError): void {
    this.requests.failAll(error);
    this.backups.failAll(error);
    for (const stream of this.streams.values()) stream.failAll(error);
    for (const machine of this.machines.values()) machine.failAll(error);
    for (const group of this.groups.values()) group.close();
    for (const [id, name] of [...this.#led]) this.#roleChanged(id, name, false);
    this.groups.clear();
    this.streams.clear();
    this.machines.clear();
    this.dirty.clear();
    this.agenda.clear();
    this.beats.clear();
    this.unsettled.clear();
    this.busy.clear();
    this.control = null;
    // Sessions end in good order: peers must not take an ending node for one that refuses them.
    if (this.#links !== null) this.links.drain(this.now);
  }

  /** MESH_CRITICAL where so many members are away that nothing but evictions changes who is a member. */
  refuseWhileCritical(): void {
    const { controlState, memberId, absences, settings, now } = this;
    if (controlState === null) return;
    refuseWhileCritical(controlState.members(), memberId, absences, settings.raft.electionTimeoutMs, now);
  }

  /** DISK_FULL while the log waits for space: nothing new is taken in that would have to be written. */
  requireSpace(): void {
    if (!this.wal.full) return;
    const text =
      `The disk of node ${this.settings.name} is full: free some space, the node goes on by itself`;
    throw new SennitError("DISK_FULL", text);
  }

  reply(token: Token, error: SennitError): void {
    this.callers.reply(token, { kind: "failed", error: failureOf(error) });
  }
}
