/**
 * The control group's state machine: members, who may join, the authority's shares, the key-value and the
 * directory of streams. The same on every member, by the log alone.
 */
import { assert } from "../core/assert.ts";
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { DecodeError, type ErrorCode } from "../core/errors.ts";
import type { GroupId, Index, MemberId } from "../core/ids.ts";
import {
  INVITATIONS_LIMIT,
  MACHINES_LIMIT,
  MEMBERS_LIMIT,
  STREAM_MEMBERS_LIMIT,
  STREAMS_LIMIT,
} from "../core/limits.ts";
import type { Origin } from "../core/origin.ts";
import {
  type Admission,
  type ControlCommand,
  decodeControlCommand,
  type LeaseTerms,
  readAdmission,
  readCandidate,
  readLease,
  readTexts,
  writeAdmission,
  writeCandidate,
  writeLease,
  writeTexts,
} from "./control_commands.ts";
import { borrowedReplicas } from "./borrowing.ts";
import type { ControlResult, MachineRecord, Member, StreamRecord, Tombstone } from "./control_records.ts";
import { LIST_LIMIT, readMembers, readStream, writeMembers, writeStream } from "./directory_codec.ts";
import {
  FEATURE_LEVEL,
  FIRST_FEATURE_LEVEL,
  FOURTH_FEATURE_LEVEL,
  SECOND_FEATURE_LEVEL,
  THIRD_FEATURE_LEVEL,
} from "./feature_level.ts";
import { KeyValues } from "./key_values.ts";
import { Tombstones } from "./tombstones.ts";

export type { ControlResult, MachineRecord, Member, StreamRecord } from "./control_records.ts";

const STATE_FORMAT = 1;
/** Has the directory of machines; written only where there are any, so that an earlier build reads the rest. */
const MACHINES_FORMAT = 2;
/** As before, and with a feature level; written from the second level on: the first build could not read what it says. */
const LEVELLED_STATE_FORMAT = 3;
/** As before, and with what members lend; written only where anybody does. */
const LENDING_STATE_FORMAT = 4;
/** As before, with what leases rest on; written from the third level on, once that is agreed. */
const LEASING_STATE_FORMAT = 5;
/** As before, with names of dropped streams, and a byte that says whether leases are agreed on; written only where there are any. */
const DROPPING_STATE_FORMAT = 6;

export class ControlState {
  #applied = 0 as Index;
  #meshId = "";
  #meshName = "";
  #featureLevel = FIRST_FEATURE_LEVEL;
  #admission: Admission = { policy: "CLOSED", joinKeyHash: "" };
  #trust: readonly string[] = [];
  #members = new Map<MemberId, Member>();
  /** Invitation's hash to its expiry; a used one is gone. */
  #invitations = new Map<string, number>();
  #shares = new Map<MemberId, Uint8Array>();
  #streams = new Map<string, StreamRecord>();
  #machines = new Map<string, MachineRecord>();
  #tombstones = new Tombstones();
  /** Bytes that members lend to streams of others; who lends nothing is not in it. */
  #lent = new Map<MemberId, number>();
  #lease: LeaseTerms | null = null;
  #keyValues = new KeyValues();

  get applied(): Index {
    return this.#applied;
  }
  get meshId(): string {
    return this.#meshId;
  }
  get meshName(): string {
    return this.#meshName;
  }
  /** What may be written, and relied on in every member; see feature_level.ts. */
  get featureLevel(): number {
    return this.#featureLevel;
  }
  /** What reads by lease rest on; null where it is not agreed. */
  get lease(): LeaseTerms | null {
    return this.#lease;
  }
  get admission(): Admission {
    return this.#admission;
  }
  get trust(): readonly string[] {
    return this.#trust;
  }
  get keyValues(): KeyValues {
    return this.#keyValues;
  }
  member(id: MemberId): Member | null {
    return this.#members.get(id) ?? null;
  }
  memberByName(name: string): Member | null {
    for (const member of this.#members.values()) if (member.name === name) return member;
    return null;
  }
  /** In the order of admission. */
  members(): readonly Member[] {
    return [...this.#members.values()];
  }
  share(member: MemberId): Uint8Array | null {
    return this.#shares.get(member) ?? null;
  }
  /** False where the members' certificates come from outside. */
  get hasAuthority(): boolean {
    return this.#shares.size > 0;
  }
  stream(name: string): StreamRecord | null {
    return this.#streams.get(name) ?? null;
  }
  streams(): readonly StreamRecord[] {
    return [...this.#streams.values()];
  }
  /** What was a stream of this name; null where there was none, or is one again. */
  tombstone(name: string): Tombstone | null {
    return this.#tombstones.find(name);
  }
  /** Groups of streams and machines; any other that was created so far is gone for good. */
  groups(): ReadonlySet<GroupId> {
    return new Set([...this.#streams.values(), ...this.#machines.values()].map(({ group }) => group));
  }
  /** Bytes that a member lends to streams of others. */
  lentBytes(member: MemberId): number {
    return this.#lent.get(member) ?? 0;
  }
  machine(name: string): MachineRecord | null {
    return this.#machines.get(name) ?? null;
  }
  machines(): readonly MachineRecord[] {
    return [...this.#machines.values()];
  }

  /** Passes an entry that means nothing to the state machine (no-op, configuration). */
  skip(index: Index): void {
    this.#advance(index);
  }

  /** Applies one Command entry. Entries come in order; throws `DecodeError` on a kind that is unknown. */
  apply(index: Index, bytes: Uint8Array): ControlResult {
    this.#advance(index);
    const command = decodeControlCommand(bytes);
    switch (command.kind) {
      case "genesis":
        return this.#genesis(index, command);
      case "admit":
        return this.#admit(index, command);
      case "begin-removal":
      case "finish-removal":
        return this.#remove(command);
      case "set-admission":
        this.#admission = command.admission;
        return { kind: "admission-set", origin: command.origin };
      case "add-invitation":
        return this.#invite(command);
      case "share-authority":
        if (!this.#members.has(command.member)) return refuse(command, "UNKNOWN_MEMBER", "No such member");
        this.#shares.set(command.member, command.sealed);
        return { kind: "authority-shared", origin: command.origin, member: command.member };
      case "update-addresses": {
        const old = this.#members.get(command.member);
        if (old === undefined) return refuse(command, "UNKNOWN_MEMBER", "No such member");
        const member = { ...old, addresses: command.addresses };
        this.#members.set(command.member, member);
        return { kind: "addresses-updated", origin: command.origin, member };
      }
      case "kv-put":
      case "kv-delete":
        return this.#write(index, command);
      case "create-stream":
        return this.#createStream(index, command);
      case "close-stream":
        return this.#closeStream(command);
      case "drop-stream":
        return this.#dropStream(index, command);
      case "lend-space":
        if (!this.#members.has(command.member)) return refuse(command, "UNKNOWN_MEMBER", "No such member");
        if (this.#featureLevel < SECOND_FEATURE_LEVEL) {
          return refuse(command, "INVALID_ARGUMENT", "Lending space needs the second feature level");
        }
        if (command.bytes === 0) this.#lent.delete(command.member);
        else this.#lent.set(command.member, command.bytes);
        return { kind: "space-lent", origin: command.origin, member: command.member };
      case "create-machine":
        return this.#createMachine(index, command);
      case "raise-feature-level":
        return this.#raiseFeatureLevel(command);
      case "agree-lease":
        if (this.#lease !== null) return refuse(command, "INVALID_ARGUMENT", "Leases are agreed already");
        if (this.#featureLevel < THIRD_FEATURE_LEVEL) {
          return refuse(command, "INVALID_ARGUMENT", "Agreeing on leases needs the third feature level");
        }
        this.#lease = command.lease;
        return { kind: "lease-agreed", origin: command.origin };
    }
  }

  #advance(index: Index): void {
    assert(index === this.#applied + 1, "entries are applied in order, each once");
    this.#applied = index;
  }

  #genesis(index: Index, command: ControlCommand & { kind: "genesis" }): ControlResult {
    assert(index === 1 && this.#members.size === 0, "the genesis is the first entry");
    this.#meshId = command.meshId;
    this.#meshName = command.meshName;
    this.#admission = command.admission;
    this.#trust = command.trust;
    this.#featureLevel = knownLevel(command.featureLevel);
    const member: Member = { ...command.founder, memberId: index as number as MemberId, leaving: "no" };
    this.#members.set(member.memberId, member);
    if (command.sealedAuthority.length > 0) this.#shares.set(member.memberId, command.sealedAuthority);
    return { kind: "founded", origin: command.origin, member };
  }

  #admit(index: Index, command: ControlCommand & { kind: "admit" }): ControlResult {
    const { candidate } = command;
    for (const member of this.#members.values()) {
      const same = member.publicKey === candidate.publicKey && member.name === candidate.name;
      if (same && member.leaving === "no") {
        return { kind: "admitted", origin: command.origin, member, again: true };
      }
      if (member.name === candidate.name) {
        return refuse(
          command,
          "NAME_TAKEN",
          `Name ${candidate.name} belongs to another member: choose another name`,
        );
      }
      if (member.number === candidate.number) {
        const text = `Number ${candidate.number} belongs to ${member.name}: configure another number`;
        return refuse(command, "NUMBER_TAKEN", text);
      }
    }
    const refusal = this.#judge(command);
    if (refusal !== null) return refusal;
    if (this.#members.size >= MEMBERS_LIMIT) {
      return refuse(command, "OVERLOADED", `The mesh has ${MEMBERS_LIMIT} members, which is its limit`);
    }
    this.#invitations.delete(command.invitationHash);
    const member: Member = { ...candidate, memberId: index as number as MemberId, leaving: "no" };
    this.#members.set(member.memberId, member);
    return { kind: "admitted", origin: command.origin, member, again: false };
  }

  /** Whether policy, key and invitation let a candidate in; null where they do. */
  #judge(command: ControlCommand & { kind: "admit" }): ControlResult | null {
    if (this.#admission.policy === "CLOSED") {
      return refuse(
        command,
        "JOIN_REFUSED",
        "The mesh is closed: set its policy to OPEN or KEY_REQUIRED first",
      );
    }
    if (command.invitationHash !== "") {
      const expires = this.#invitations.get(command.invitationHash);
      if (expires === undefined) {
        const text = "The invitation is unknown or was used: ask for a new one with `sennit invite`";
        return refuse(command, "INVITATION_INVALID", text);
      }
      if (expires < command.wallMs) {
        return refuse(
          command,
          "INVITATION_INVALID",
          "The invitation expired: ask for a new one with `sennit invite`",
        );
      }
    }
    const { policy, joinKeyHash } = this.#admission;
    if (policy === "KEY_REQUIRED" && (joinKeyHash === "" || command.verifiedKeyHash !== joinKeyHash)) {
      return refuse(command, "JOIN_REFUSED", "The join key is missing or wrong: give it with `--join-key`");
    }
    return null;
  }

  #remove(command: ControlCommand & { kind: "begin-removal" | "finish-removal" }): ControlResult {
    const old = this.#members.get(command.member);
    if (old === undefined) return refuse(command, "UNKNOWN_MEMBER", "No such member");
    if (command.kind === "begin-removal") {
      const staying = this.members().filter((member) => member.leaving === "no" && member !== old);
      if (staying.length === 0) {
        return refuse(
          command,
          "LAST_VOTER",
          "The last member cannot leave: stop it and remove its data folder",
        );
      }
      const member: Member = { ...old, leaving: command.evicted ? "evicted" : "left" };
      this.#members.set(member.memberId, member);
      return { kind: "removal-begun", origin: command.origin, member };
    }
    if (old.leaving === "no") return refuse(command, "INVALID_ARGUMENT", `${old.name} is not leaving`);
    this.#members.delete(command.member);
    this.#shares.delete(command.member);
    this.#lent.delete(command.member);
    return { kind: "removed", origin: command.origin, member: old };
  }

  #invite(command: ControlCommand & { kind: "add-invitation" }): ControlResult {
    if (this.#invitations.size >= INVITATIONS_LIMIT) {
      // The oldest gives way: insertion order is log order, the same on every member.
      const oldest = this.#invitations.keys().next().value;
      if (oldest !== undefined) this.#invitations.delete(oldest);
    }
    this.#invitations.set(command.invitationHash, command.expiresWallMs);
    return { kind: "invited", origin: command.origin };
  }

  #write(index: Index, command: ControlCommand & { kind: "kv-put" | "kv-delete" }): ControlResult {
    const { key, expectedVersion, origin } = command;
    const value = command.kind === "kv-put" ? command.value : null;
    const outcome = value === null
      ? this.#keyValues.delete(index, key, expectedVersion)
      : this.#keyValues.put(index, key, value, expectedVersion);
    switch (outcome.kind) {
      case "written":
        return { kind: "kv-written", origin, key, value, version: outcome.version };
      case "compare-failed": {
        const text = `Key ${key} is at version ${outcome.version}, not ${expectedVersion}`;
        return { kind: "refused", origin, code: "COMPARE_FAILED", message: text, version: outcome.version };
      }
      case "not-found":
        return refuse(command, "NOT_FOUND", `Key ${key} does not exist`);
      case "full":
        return refuse(command, "OVERLOADED", "The key-value is full: delete keys first");
    }
  }

  #createStream(index: Index, command: ControlCommand & { kind: "create-stream" }): ControlResult {
    const old = this.#streams.get(command.name);
    if (old !== undefined) {
      const text = old.closed ? "is closed and not dropped yet: see `sennit stream close`" : "exists already";
      return refuse(command, "STREAM_EXISTS", `Stream ${command.name} ${text}`);
    }
    if (this.#streams.size >= STREAMS_LIMIT) {
      return refuse(command, "OVERLOADED", `There are ${STREAMS_LIMIT} streams, which is the limit`);
    }
    const ids = this.#idsOf(command, [command.source, ...command.targets]);
    if (!Array.isArray(ids)) return ids;
    const count = ids.length + command.borrow;
    if (ids.length < 2 || count > STREAM_MEMBERS_LIMIT) {
      const text =
        `A stream has 2 to ${STREAM_MEMBERS_LIMIT} members, source, targets and borrowed ones together`;
      return refuse(command, "INVALID_ARGUMENT", `${text}: current value is ${count}`);
    }
    const borrowed = borrowedReplicas({
      count: command.borrow,
      bytes: command.retentionBytes,
      taken: ids,
      members: this.members(),
      // What is closed lies on disks until it is dropped, which the first builds do not do.
      streams: this.streams().filter(({ closed }) => !closed || this.#featureLevel >= FOURTH_FEATURE_LEVEL),
      lent: this.#lent,
    });
    if (borrowed.kind === "refused") return refuse(command, "OVERLOADED", borrowed.message);
    const idOf = (name: string) => this.memberByName(name)!.memberId;
    const stream: StreamRecord = {
      group: index as number as GroupId,
      name: command.name,
      source: idOf(command.source),
      targets: [...new Set(command.targets.map(idOf))],
      subscriptions: command.subscriptions,
      retentionBytes: command.retentionBytes,
      initial: { incoming: [...ids, ...borrowed.members].sort((a, b) => a - b), outgoing: [], learners: [] },
      closed: false,
    };
    this.#streams.set(stream.name, stream);
    this.#tombstones.remove(stream.name);
    return { kind: "stream-created", origin: command.origin, stream };
  }

  /** Members by name, each once; a refusal where one is none. */
  #idsOf(command: ControlCommand, names: readonly string[]): MemberId[] | ControlResult {
    const ids: MemberId[] = [];
    for (const name of names) {
      const member = this.memberByName(name);
      if (member === null || member.leaving !== "no") {
        return refuse(command, "UNKNOWN_MEMBER", `Node ${name} is not a member of the mesh`);
      }
      if (!ids.includes(member.memberId)) ids.push(member.memberId);
    }
    return ids;
  }

  /** Creating it once more with the same members is the same as once. */
  #createMachine(index: Index, command: ControlCommand & { kind: "create-machine" }): ControlResult {
    const ids = this.#idsOf(command, command.members);
    if (!Array.isArray(ids)) return ids;
    if (ids.length < 1 || ids.length > STREAM_MEMBERS_LIMIT) {
      const text = `A machine has 1 to ${STREAM_MEMBERS_LIMIT} members: current value is ${ids.length}`;
      return refuse(command, "INVALID_ARGUMENT", text);
    }
    const incoming = [...ids].sort((a, b) => a - b);
    const old = this.#machines.get(command.name);
    if (old !== undefined) {
      if (old.initial.incoming.join() === incoming.join()) {
        return { kind: "machine-created", origin: command.origin, machine: old };
      }
      return refuse(command, "INVALID_ARGUMENT", `Machine ${command.name} exists already with other members`);
    }
    if (this.#machines.size >= MACHINES_LIMIT) {
      return refuse(command, "OVERLOADED", `There are ${MACHINES_LIMIT} machines, which is the limit`);
    }
    const machine: MachineRecord = {
      group: index as number as GroupId,
      name: command.name,
      initial: { incoming, outgoing: [], learners: [] },
    };
    this.#machines.set(machine.name, machine);
    return { kind: "machine-created", origin: command.origin, machine };
  }

  #closeStream(command: ControlCommand & { kind: "close-stream" }): ControlResult {
    const old = this.#streams.get(command.name);
    if (old === undefined && this.#tombstones.find(command.name) !== null) {
      return refuse(command, "STREAM_CLOSED", `Stream ${command.name} is closed, and dropped`);
    }
    if (old === undefined) return refuse(command, "UNKNOWN_STREAM", `Stream ${command.name} does not exist`);
    const stream = { ...old, closed: true };
    this.#streams.set(stream.name, stream);
    return { kind: "stream-closed", origin: command.origin, stream };
  }

  #dropStream(index: Index, command: ControlCommand & { kind: "drop-stream" }): ControlResult {
    const { group, forced, origin } = command;
    if (this.#featureLevel < FOURTH_FEATURE_LEVEL) {
      return refuse(command, "INVALID_ARGUMENT", "Dropping a stream needs the fourth feature level");
    }
    const stream = this.streams().find((each) => each.group === group);
    if (stream === undefined) {
      return refuse(command, "UNKNOWN_STREAM", `No stream has group ${group} any more`);
    }
    if (!stream.closed && !forced) {
      return refuse(command, "INVALID_ARGUMENT", `Stream ${stream.name} is open: close it first`);
    }
    this.#streams.delete(stream.name);
    this.#tombstones.add({ name: stream.name, group, droppedAt: index });
    return { kind: "stream-dropped", origin, stream: { ...stream, closed: true } };
  }

  #raiseFeatureLevel(command: ControlCommand & { kind: "raise-feature-level" }): ControlResult {
    const { level, origin } = command;
    if (level <= this.#featureLevel) {
      const text = `The mesh is at feature level ${this.#featureLevel} already, and it never goes back`;
      return refuse(command, "INVALID_ARGUMENT", text);
    }
    this.#featureLevel = knownLevel(level);
    return { kind: "feature-level-raised", origin, level };
  }

  /**
   * The same mesh begun anew by one member: `genesis` founded the new one, at the index after this state's. What groups
   * `isHeld` says are here have that member alone; others are not in the directory any more. Who was a member is none, and
   * invitations of the old authority are worth nothing.
   */
  restoredBy(
    genesis: ControlCommand & { kind: "genesis" },
    isHeld: (group: GroupId) => boolean,
  ): ControlState {
    const state = ControlState.decode(this.encode());
    const index = this.#applied + 1 as Index;
    const memberId = index as number as MemberId;
    const initial = { incoming: [memberId], outgoing: [], learners: [] };
    state.#applied = index;
    state.#meshId = genesis.meshId;
    state.#meshName = genesis.meshName;
    state.#trust = genesis.trust;
    state.#members = new Map([[memberId, { ...genesis.founder, memberId, leaving: "no" as const }]]);
    state.#invitations.clear();
    // By what it works the new one's founder says.
    state.#lease = null;
    state.#shares.clear();
    if (genesis.sealedAuthority.length > 0) state.#shares.set(memberId, genesis.sealedAuthority);
    for (const stream of this.streams()) {
      if (isHeld(stream.group)) {
        state.#streams.set(stream.name, { ...stream, source: memberId, targets: [memberId], initial });
      } else state.#streams.delete(stream.name);
    }
    for (const machine of this.machines()) {
      if (isHeld(machine.group)) state.#machines.set(machine.name, { ...machine, initial });
      else state.#machines.delete(machine.name);
    }
    return state;
  }

  /** Byte for byte equal on all members that applied the same entries. */
  encode(): Uint8Array<ArrayBuffer> {
    const writer = new ByteWriter(4096);
    const format = this.#format();
    writer.u8(format);
    if (format >= LEVELLED_STATE_FORMAT) writer.u32(this.#featureLevel);
    writer.u64(this.#applied).text(this.#meshId).text(this.#meshName);
    writeAdmission(writer, this.#admission);
    writeTexts(writer, this.#trust);
    writer.u32(this.#members.size);
    for (const member of this.#members.values()) {
      writeCandidate(writer, member);
      writer.u64(member.memberId).u8(["no", "left", "evicted"].indexOf(member.leaving));
    }
    writer.u32(this.#invitations.size);
    for (const [hash, expires] of this.#invitations) writer.text(hash).u64(expires);
    writer.u32(this.#shares.size);
    for (const [member, sealed] of this.#shares) writer.u64(member).blob(sealed);
    writer.u32(this.#streams.size);
    for (const stream of this.#streams.values()) writeStream(writer, stream);
    if (format >= MACHINES_FORMAT) writer.u32(this.#machines.size);
    for (const { group, name, initial } of this.#machines.values()) {
      writer.u64(group).text(name);
      writeMembers(writer, initial.incoming);
    }
    if (format >= LENDING_STATE_FORMAT) {
      writer.u32(this.#lent.size);
      for (const [member, bytes] of this.#lent) writer.u64(member).u64(bytes);
    }
    if (format >= DROPPING_STATE_FORMAT) writer.bool(this.#lease !== null);
    if (this.#lease !== null) writeLease(writer, this.#lease);
    if (format >= DROPPING_STATE_FORMAT) this.#tombstones.write(writer);
    this.#keyValues.write(writer);
    return writer.take();
  }

  /** The oldest that says everything: an earlier build reads what it can. */
  #format(): number {
    if (this.#featureLevel === FIRST_FEATURE_LEVEL) {
      return this.#machines.size === 0 ? STATE_FORMAT : MACHINES_FORMAT;
    }
    if (this.#tombstones.size > 0) return DROPPING_STATE_FORMAT;
    if (this.#lease !== null) return LEASING_STATE_FORMAT;
    return this.#lent.size > 0 ? LENDING_STATE_FORMAT : LEVELLED_STATE_FORMAT;
  }

  /** Throws `DecodeError`. */
  static decode(bytes: Uint8Array): ControlState {
    const reader = new ByteReader(bytes);
    const format = reader.u8();
    if (!(format >= STATE_FORMAT && format <= DROPPING_STATE_FORMAT)) {
      throw new DecodeError(`Control state format ${format} is unknown to this version`);
    }
    const state = new ControlState();
    if (format >= LEVELLED_STATE_FORMAT) state.#featureLevel = knownLevel(reader.u32());
    state.#applied = reader.u64() as Index;
    state.#meshId = reader.text();
    state.#meshName = reader.text();
    state.#admission = readAdmission(reader);
    state.#trust = readTexts(reader, LIST_LIMIT);
    for (let left = reader.u32(); left > 0; left--) {
      const candidate = readCandidate(reader);
      const memberId = reader.u64() as MemberId;
      const leaving = (["no", "left", "evicted"] as const)[reader.u8()];
      if (leaving === undefined) throw new DecodeError("Member state is unknown");
      state.#members.set(memberId, { ...candidate, memberId, leaving });
    }
    for (let left = reader.u32(); left > 0; left--) state.#invitations.set(reader.text(), reader.u64());
    for (let left = reader.u32(); left > 0; left--) {
      state.#shares.set(reader.u64() as MemberId, reader.blob().slice());
    }
    for (let left = reader.u32(); left > 0; left--) {
      const stream = readStream(reader);
      state.#streams.set(stream.name, stream);
    }
    for (let left = format === STATE_FORMAT ? 0 : reader.u32(); left > 0; left--) {
      const group = reader.u64() as GroupId;
      const name = reader.text();
      const initial = { incoming: readMembers(reader), outgoing: [], learners: [] };
      state.#machines.set(name, { group, name, initial });
    }
    for (let left = format >= LENDING_STATE_FORMAT ? reader.u32() : 0; left > 0; left--) {
      state.#lent.set(reader.u64() as MemberId, reader.u64());
    }
    const isAgreed = format === LEASING_STATE_FORMAT || (format >= DROPPING_STATE_FORMAT && reader.bool());
    if (isAgreed) state.#lease = readLease(reader);
    if (format >= DROPPING_STATE_FORMAT) state.#tombstones = Tombstones.read(reader);
    state.#keyValues = KeyValues.read(reader);
    reader.end();
    return state;
  }
}

/** What a later build decided must not be guessed at. */
function knownLevel(level: number): number {
  if (level <= FEATURE_LEVEL) return level;
  throw new DecodeError(`Feature level ${level} is unknown to this version, which knows ${FEATURE_LEVEL}`);
}

function refuse(command: { readonly origin: Origin }, code: ErrorCode, message: string): ControlResult {
  return { kind: "refused", origin: command.origin, code, message, version: 0 };
}
