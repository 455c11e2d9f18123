/**
 * What follows from the control log on this node: whom to dial and to accept, which streams to host, the authority's
 * key, its own removal, and the events that others watch.
 */
import { decodeText, encodeText } from "../core/bytes.ts";
import { SennitError } from "../core/errors.ts";
import type { Flow } from "../core/flow.ts";
import { CONTROL_GROUP, type GroupId, type MemberId, type Token } from "../core/ids.ts";
import type { Origin } from "../core/origin.ts";
import { StreamState } from "../stream/mod.ts";
import type { RecoveredGroup, RecoveredOutbox } from "../wal/mod.ts";
import { borrowedBy } from "./borrowing.ts";
import { cryptoResult, type NodeCompletion } from "./completions.ts";
import { encodeControlCommand } from "./control_commands.ts";
import type { ControlResult, ControlState, MachineRecord, StreamRecord } from "./control_state.ts";
import type { Authority } from "./founding.ts";
import { SECOND_FEATURE_LEVEL, THIRD_FEATURE_LEVEL } from "./feature_level.ts";
import { machinePlan, openGroup, streamPlan } from "./group_opener.ts";
import type { Group } from "./group.ts";
import type { Identity, IdentityPeer } from "./identity.ts";
import { MachineHost } from "./machine_host.ts";
import { RELAYED_REQUEST } from "./node_messages.ts";
import { ONLY_GENERATION } from "./removals.ts";
import { failureOf, streamDropped, unknownOutcome } from "./replies.ts";
import type { Runtime } from "./runtime.ts";
import { StreamHost } from "./stream_host.ts";
import { StreamMachine } from "./stream_machine.ts";
import { UserMachine } from "./user_machine.ts";

/** Peers that stand in the identity's file: enough to find the others after a restart. */
const KEPT_PEERS_LIMIT = 64;

interface Watch {
  readonly token: Token;
  readonly prefix: string;
}

export class Membership {
  readonly #runtime: Runtime;
  readonly #recovered: Map<GroupId, RecoveredGroup>;
  /** Outbox records found at the start, by their stream. */
  readonly #outbox: Map<GroupId, RecoveredOutbox[]>;
  /** Groups that were opened since the start, or are about to be. */
  readonly #opening = new Set<GroupId>();
  /** Those of them that go once that has ended. */
  readonly #droppedOpening = new Set<GroupId>();
  readonly #keyWatches = new Map<Token, Watch>();
  readonly #removalWaiters = new Map<MemberId, Token[]>();
  #authority: Authority | null = null;
  #unsealing = false;
  readonly #sharing = new Set<MemberId>();
  #addressesAsked = false;
  /** How often another member was asked to tell the leader. */
  #addressesRelayed = 0;
  #lendingAsked = false;
  #leaseAsked = false;
  #keepingPeers = false;

  constructor(runtime: Runtime, groups: readonly RecoveredGroup[], outbox: readonly RecoveredOutbox[]) {
    this.#runtime = runtime;
    this.#recovered = new Map(groups.map((group) => [group.group, group]));
    this.#outbox = new Map();
    for (const record of outbox) {
      runtime.outboxRecovered(record.id);
      const records = this.#outbox.get(record.group) ?? [];
      this.#outbox.set(record.group, [...records, record]);
    }
  }

  /** The authority's key, where this node holds and could open its share. */
  get authority(): Authority | null {
    return this.#authority;
  }
  /** What the disk held of a group at the start; once. */
  takeRecovered(group: GroupId): RecoveredGroup | null {
    const recovered = this.#recovered.get(group) ?? null;
    this.#recovered.delete(group);
    return recovered;
  }
  watchKeys(token: Token, prefix: string): void {
    this.#keyWatches.set(token, { token, prefix });
  }
  unwatchKeys(token: Token): boolean {
    return this.#keyWatches.delete(token);
  }
  get watchCount(): number {
    return this.#keyWatches.size;
  }
  /** The call is answered once the member is gone. */
  awaitRemoval(member: MemberId, token: Token): void {
    this.#removalWaiters.set(member, [...this.#removalWaiters.get(member) ?? [], token]);
  }

  /** The control state was loaded or replaced as a whole. */
  refresh(state: ControlState): void {
    this.checkLease(state);
    if (this.#runtime.state !== "member") return;
    this.#peersChanged(state);
    this.#dropGone(state);
    for (const stream of state.streams()) this.#streamChanged(stream);
    for (const machine of state.machines()) this.#openMachine(machine);
    for (const [id, waiters] of this.#removalWaiters) {
      if (state.member(id) === null) this.#answer(id, waiters);
    }
    this.#openShare(state);
    const self = state.member(this.#runtime.memberId);
    if (self === null && state.applied >= this.#runtime.memberId) {
      this.removed("The node was removed from the mesh");
    }
  }

  /** A snapshot took the place of what the changes between were: each watched key that differs is shown as it is now. */
  showKeyChanges(state: ControlState, before: ControlState): void {
    if (this.#keyWatches.size === 0) return;
    for (const { key, value, version } of state.keyValues.changesSince(before.keyValues)) {
      this.#showKey(key, value, value === null ? state.applied : version);
    }
  }

  #showKey(key: string, value: Uint8Array | null, version: number): void {
    for (const { token, prefix } of this.#keyWatches.values()) {
      if (!key.startsWith(prefix)) continue;
      this.#runtime.callers.push(token, { kind: "kv-change", key, value: value?.slice() ?? null, version });
    }
  }

  act(results: readonly ControlResult[], state: ControlState): void {
    for (const result of results) {
      this.#runtime.requests.applied(result.origin, result);
      this.#actOn(result, state);
    }
  }

  #actOn(result: ControlResult, state: ControlState): void {
    const { emit } = this.#events(state);
    switch (result.kind) {
      case "founded":
      case "admitted":
        this.#peersChanged(state);
        if (result.kind === "admitted" && !result.again) emit("MEMBER_JOINED", result.member.name);
        this.#openShare(state);
        break;
      case "addresses-updated":
        this.#peersChanged(state);
        break;
      case "removed":
        this.#peersChanged(state);
        emit(result.member.leaving === "evicted" ? "MEMBER_EVICTED" : "MEMBER_LEFT", result.member.name);
        this.#answer(result.member.memberId, this.#removalWaiters.get(result.member.memberId) ?? []);
        if (result.member.memberId === this.#runtime.memberId) {
          this.#runtime.observer?.reach("this node's removal is in the log");
          this.removed(
            result.member.leaving === "evicted" ? "The node was evicted" : "The node has left the mesh",
          );
        }
        break;
      case "admission-set":
        emit("POLICY_CHANGED", state.admission.policy);
        break;
      case "authority-shared":
        this.#sharing.delete(result.member);
        this.#openShare(state);
        break;
      case "kv-written":
        this.#showKey(result.key, result.value, result.version);
        break;
      case "stream-created":
        emit("STREAM_OPENED", result.stream.name);
        this.#streamChanged(result.stream);
        break;
      case "stream-closed":
        emit("STREAM_CLOSED", result.stream.name);
        this.#streamChanged(result.stream);
        break;
      case "stream-dropped":
        emit("STREAM_DROPPED", result.stream.name);
        this.#drop(result.stream.group, result.stream.name);
        break;
      case "machine-created":
        this.#openMachine(result.machine);
        break;
      case "lease-agreed":
        this.checkLease(state);
        break;
      case "feature-level-raised":
        emit("FEATURE_LEVEL_RAISED", String(result.level));
        break;
      case "refused":
      case "removal-begun":
      case "space-lent":
      case "invited":
        break;
    }
  }

  /** This node is no member any more; it stays so over restarts. */
  removed(message: string): void {
    const runtime = this.#runtime;
    if (runtime.state === "evicted") return;
    runtime.state = "evicted";
    const error = new SennitError(
      "EVICTED",
      `${message}: remove its data folder and join again to come back`,
    );
    for (const [id, waiters] of this.#removalWaiters) {
      if (id === runtime.memberId) this.#answer(id, waiters);
    }
    this.failAll(error);
    const removed = (current: Identity): Identity => ({ ...current, state: "removed" });
    runtime.keepIdentity(removed, () => {}, (cause) => runtime.fail(cause));
    runtime.failure = error;
    runtime.end(error);
  }

  /** A removal that waits here has begun: whether it was finished is not known. */
  failAll(error: SennitError): void {
    for (const waiters of this.#removalWaiters.values()) {
      for (const token of waiters) this.#runtime.reply(token, unknownOutcome(error));
    }
    this.#removalWaiters.clear();
    for (const { token } of this.#keyWatches.values()) {
      this.#runtime.callers.push(token, { kind: "subscription-ended", error: failureOf(error) });
    }
    this.#keyWatches.clear();
  }

  /** Where this node's addresses are not what the log says: bring them in. */
  announceAddresses(state: ControlState): void {
    const runtime = this.#runtime;
    const self = state.member(runtime.memberId);
    if (this.#addressesAsked || self === null || self.leaving !== "no" || runtime.addresses.length === 0) {
      return;
    }
    if (self.addresses.join() === runtime.addresses.join()) return;
    this.#addressesAsked = true;
    runtime.observer?.reach("a new address is announced");
    const again = () => this.#addressesAsked = false;
    const { memberId: member, addresses } = runtime;
    const encode = (origin: Origin) =>
      encodeControlCommand({ kind: "update-addresses", origin, member, addresses });
    runtime.requests.submit(CONTROL_GROUP, encode, runtime.now, again, again);
    this.#announceByOthers(encode({ member, boot: runtime.boot, request: RELAYED_REQUEST }));
  }

  /** Where the leader has moved as well, neither finds the other: a member in reach of both tells it. One is asked at a time. */
  #announceByOthers(content: Uint8Array<ArrayBuffer>): void {
    const { control, reachable, memberId } = this.#runtime;
    const leader = control?.group.leader ?? 0 as MemberId;
    const others = [...reachable].sort((a, b) => a - b);
    const to = others[this.#addressesRelayed % others.length];
    if (leader === memberId || reachable.has(leader) || to === undefined) return;
    this.#addressesRelayed += 1;
    this.#runtime.sendNode(to, {
      kind: "propose",
      group: CONTROL_GROUP,
      request: RELAYED_REQUEST,
      content,
    });
  }

  /** As the leader of a mesh that has not agreed yet on what leases rest on: what this node works by. */
  agreeLease(state: ControlState): void {
    const runtime = this.#runtime;
    const leads = runtime.control?.group.isLeader ?? false;
    if (this.#leaseAsked || !leads || state.lease !== null) return;
    if (state.featureLevel < THIRD_FEATURE_LEVEL) return;
    this.#leaseAsked = true;
    const again = () => this.#leaseAsked = false;
    const { electionTimeoutMs, leaseDriftPerMillion } = runtime.settings.raft;
    const lease = { electionTimeoutMs, leaseDriftPerMillion };
    runtime.requests.submit(
      CONTROL_GROUP,
      (origin) => encodeControlCommand({ kind: "agree-lease", origin, lease }),
      runtime.now,
      again,
      again,
    );
  }

  /** A node that works by other times would break a promise that others rely on. */
  checkLease({ lease }: ControlState): void {
    if (lease === null) return;
    const { settings } = this.#runtime;
    for (const name of ["electionTimeoutMs", "leaseDriftPerMillion"] as const) {
      if (settings.raft[name] === lease[name]) continue;
      const text = `The mesh agreed on ${name} ${lease[name]}, and node ${settings.name} is set to ` +
        `${settings.raft[name]}: set it to ${lease[name]} and start it again`;
      this.#runtime.fail(new SennitError("CONFIGURATION_INVALID", text));
      return;
    }
  }

  /** Where what this node lends is not what the log says: bring it in. */
  announceLending(state: ControlState): void {
    const runtime = this.#runtime;
    const { memberId: member, settings: { borrowedBytesLimit: bytes } } = runtime;
    const isMember = state.member(member)?.leaving === "no";
    if (this.#lendingAsked || !isMember || state.lentBytes(member) === bytes) return;
    if (state.featureLevel < SECOND_FEATURE_LEVEL) return;
    this.#lendingAsked = true;
    const again = () => this.#lendingAsked = false;
    runtime.requests.submit(
      CONTROL_GROUP,
      (origin) => encodeControlCommand({ kind: "lend-space", origin, member, bytes }),
      runtime.now,
      again,
      again,
    );
  }

  /** Seals the authority's key for another voter; the leader asks for it until the share is in the log. */
  shareAuthority(member: MemberId): void {
    const runtime = this.#runtime;
    const authority = this.#authority;
    const record = runtime.controlState?.member(member) ?? null;
    if (authority === null || record === null || this.#sharing.has(member)) return;
    this.#sharing.add(member);
    runtime.observer?.reach("the authority is shared with a voter");
    const again = () => void this.#sharing.delete(member);
    runtime.run(
      this.#seal(record.publicKey, authority.privateKey),
      (sealed) =>
        runtime.requests.submit(
          CONTROL_GROUP,
          (origin) => encodeControlCommand({ kind: "share-authority", origin, member, sealed }),
          runtime.now,
          again,
          again,
        ),
      again,
    );
  }

  *#seal(publicKey: string, privateKey: string): Flow<Uint8Array, NodeCompletion> {
    const { crypto } = this.#runtime.io;
    const bytes = encodeText(privateKey);
    return cryptoResult(yield (token) => crypto.submit({ kind: "seal", publicKey, bytes }, token)).bytes;
  }

  *#unseal(bytes: Uint8Array): Flow<string, NodeCompletion> {
    const { crypto } = this.#runtime.io;
    const { privateKey } = this.#runtime.identity;
    return decodeText(
      cryptoResult(yield (token) => crypto.submit({ kind: "unseal", privateKey, bytes }, token)).bytes,
    );
  }

  #openShare(state: ControlState): void {
    const runtime = this.#runtime;
    const share = state.share(runtime.memberId);
    const certificate = state.trust[0];
    if (this.#authority !== null || this.#unsealing || share === null || certificate === undefined) return;
    this.#unsealing = true;
    runtime.run(
      this.#unseal(share),
      (privateKey) => {
        this.#unsealing = false;
        this.#authority = { certificate, privateKey };
      },
      () => this.#unsealing = false,
    );
  }

  #peersChanged(state: ControlState): void {
    this.#runtime.setPeers(state.members(), state.applied);
    this.#keepPeers();
  }

  /**
   * Keeps beside the log whom to dial and to let in: where the log is damaged, what it says has to be fetched from them
   * first. A hint: one that could not be written is tried again with the next change.
   */
  #keepPeers(): void {
    const runtime = this.#runtime;
    if (this.#keepingPeers || runtime.state !== "member") return;
    // Until it has caught up with its own admission, what it was told then is newer than what it has applied.
    if ((runtime.controlState?.applied ?? 0) < runtime.memberId) return;
    if (JSON.stringify(this.#peersToKeep()) === JSON.stringify(runtime.identity.peers)) return;
    this.#keepingPeers = true;
    const kept = (current: Identity): Identity => ({ ...current, peers: this.#peersToKeep() });
    runtime.keepIdentity(kept, () => {
      this.#keepingPeers = false;
      this.#keepPeers();
    }, () => this.#keepingPeers = false);
  }

  /** Voters first. */
  #peersToKeep(): readonly IdentityPeer[] {
    const { control, controlState, identity } = this.#runtime;
    if (control === null || controlState === null) return identity.peers;
    const { incoming } = control.group.raft.configuration;
    const others = controlState.members().filter(({ memberId }) => memberId !== identity.memberId);
    const votes = (member: MemberId) => incoming.includes(member) ? 0 : 1;
    return others.sort((a, b) => votes(a.memberId) - votes(b.memberId) || a.memberId - b.memberId)
      .slice(0, KEPT_PEERS_LIMIT)
      .map(({ number, memberId, name, addresses }) => ({ number, memberId, name, addresses }));
  }

  #streamChanged(record: StreamRecord): void {
    const host = this.#runtime.streams.get(record.group);
    if (host !== undefined) host.record = record;
    else if (record.initial.incoming.includes(this.#runtime.memberId)) this.#openStream(record);
  }

  #openStream(record: StreamRecord): void {
    const runtime = this.#runtime;
    if (this.#opening.has(record.group)) return;
    // After a start the control log tells once more what was before the drop.
    if (runtime.wal.isClosed(record.group, ONLY_GENERATION)) {
      runtime.observer?.reach("a dropped stream's group is not opened again");
      return;
    }
    this.#opening.add(record.group);
    const machine = new StreamMachine(StreamState.create(record.targets, record.subscriptions));
    const plan = streamPlan(record, machine, this.takeRecovered(record.group));
    runtime.run(
      openGroup(runtime, plan),
      (group) => {
        if (runtime.state !== "member") return;
        if (this.#droppedOpening.has(record.group)) return this.#dropOpened(record, group);
        machine.takeRestored();
        const current = runtime.controlState?.stream(record.name) ?? record;
        const host = new StreamHost(current, group, machine, runtime);
        runtime.addGroup(group);
        runtime.streams.set(group.id, runtime.attend(host));
        if (borrowedBy(current).includes(runtime.memberId)) {
          runtime.observer?.reach("a log is held for a stream of others");
        }
        for (const { id } of this.#outbox.get(group.id) ?? []) host.recover(id);
        this.#outbox.delete(group.id);
      },
      (error) => {
        if (this.#droppedOpening.has(record.group)) this.#dropOpened(record, null);
        else runtime.fail(error);
      },
    );
  }

  /** Groups that the disk held, or that are open, and that the directory does not know any more. */
  #dropGone(state: ControlState): void {
    const here = [...this.#recovered.keys(), ...this.#outbox.keys(), ...this.#opening];
    const known = state.groups();
    for (const group of new Set(here)) {
      if (group <= state.applied && !known.has(group)) this.#drop(group, `group ${group}`);
    }
  }

  /** A stream is gone for good: so is what this node holds of it. */
  #drop(group: GroupId, name: string): void {
    const runtime = this.#runtime;
    const isOpening = this.#opening.has(group) && !runtime.streams.has(group);
    const isHeld = this.#recovered.delete(group);
    const isPublished = this.#outbox.delete(group);
    if (isOpening) {
      runtime.observer?.reach("a stream is dropped while a member opens it");
      this.#droppedOpening.add(group);
      runtime.forgetMissing(group);
    } else if (isHeld || isPublished || runtime.streams.has(group)) {
      runtime.removals.begin(group, streamDropped(name));
    }
  }

  #dropOpened({ group, name }: StreamRecord, opened: Group | null): void {
    this.#runtime.removals.begin(group, streamDropped(name), opened);
  }

  /** Where this node is a member of it and its application has it. */
  #openMachine(record: MachineRecord): void {
    const runtime = this.#runtime;
    const isMember = record.initial.incoming.includes(runtime.memberId);
    const create = runtime.machineNamed(record.name);
    if (!isMember || this.#opening.has(record.group)) return;
    if (create === null) return runtime.note(`machine ${record.name} is not in this node's application`);
    this.#opening.add(record.group);
    const machine = new UserMachine(create);
    runtime.run(
      openGroup(runtime, machinePlan(record, machine, this.takeRecovered(record.group))),
      (group) => {
        if (runtime.state !== "member") return;
        machine.takeRestored();
        runtime.addGroup(group);
        runtime.machines.set(group.id, new MachineHost(record, group, machine, runtime));
      },
      (error) => runtime.fail(error),
    );
  }

  #answer(member: MemberId, waiters: readonly Token[]): void {
    this.#removalWaiters.delete(member);
    for (const token of waiters) this.#runtime.callers.reply(token, { kind: "done" });
  }

  #events(state: ControlState) {
    type Type = Parameters<Runtime["emit"]>[0]["type"];
    return {
      emit: (type: Type, subject: string) =>
        this.#runtime.emit({ type, subject, version: state.applied, detail: "" }),
    };
  }
}
