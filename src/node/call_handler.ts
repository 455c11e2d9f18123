/** Takes the calls of applications: checks what they ask, and sets in motion what answers them. */
import { drawBytes } from "../io/mod.ts";
import { fromHex, toHex } from "../core/bytes.ts";
import { unreachable } from "../core/assert.ts";
import { SennitError } from "../core/errors.ts";
import { CONTROL_GROUP, isCount, type MemberId, type Token } from "../core/ids.ts";
import {
  LIST_ENTRIES_LIMIT,
  NAME_CHARACTERS_LIMIT,
  PENDING_CALLS_LIMIT,
  STREAM_MEMBERS_LIMIT,
  STREAM_NAME_BYTES_LIMIT,
  SUBSCRIPTIONS_PER_STREAM_LIMIT,
  VALUE_BYTES_LIMIT,
  WATCHES_LIMIT,
} from "../core/limits.ts";
import type { Origin } from "../core/origin.ts";
import { checkNodeName, encodeInvitation, SECRET_BYTES } from "../security/mod.ts";
import { checkKey, checkName, checkNumber, checkSize } from "./call_checks.ts";
import type { Call } from "./calls.ts";
import { issueClient } from "./client_credentials.ts";
import { type ControlCommand, encodeControlCommand } from "./control_commands.ts";
import type { ControlResult, StreamRecord } from "./control_state.ts";
import { FOURTH_FEATURE_LEVEL, SECOND_FEATURE_LEVEL } from "./feature_level.ts";
import type { Enrolment } from "./enrolment.ts";
import type { Group } from "./group.ts";
import { hashJoinKey } from "./founding.ts";
import { type MachineHost, machineMissing } from "./machine_host.ts";
import type { Membership } from "./membership.ts";
import type { Reads } from "./reads.ts";
import type { Runtime } from "./runtime.ts";
import { streamDropped, subscriptionCancelled } from "./replies.ts";
import { nodeStatus, streamStatus } from "./status.ts";
import type { StreamHost } from "./stream_host.ts";

/** An invitation that never expires by itself: its token carries no secret. */
const REUSABLE_VALID_MS = 10 * 365 * 24 * 3600 * 1000;
const CONTROL_NAME = "control";
const DEFAULT_SUBSCRIPTION = "default";

type Body<Command> = Command extends unknown ? Omit<Command, "origin"> : never;

/** A call of a stream that is about to be opened at this node. */
interface WaitingCall {
  readonly token: Token;
  readonly name: string;
  readonly use: (host: StreamHost) => void;
  readonly deadlineMs: number;
}

export class CallHandler {
  #waiting: WaitingCall[] = [];
  /** Calls that wait to hear whether there is such a stream. */
  readonly #seeking = new Set<Token>();
  readonly #runtime: Runtime;
  readonly #enrolment: Enrolment;
  readonly #membership: () => Membership | null;
  readonly #reads: Reads;

  constructor(runtime: Runtime, enrolment: Enrolment, membership: () => Membership | null, reads: Reads) {
    this.#runtime = runtime;
    this.#enrolment = enrolment;
    this.#membership = membership;
    this.#reads = reads;
  }

  handle(token: Token, call: Call): void {
    this.#attempt(token, () => this.#dispatch(token, call));
  }

  /** Goes on with calls that waited for their stream. */
  work(now: number): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) {
      if (call.deadlineMs > now) this.#attempt(call.token, () => this.#useStream(call));
      else {this.#runtime.reply(
          call.token,
          new SennitError("NOT_READY", `Stream ${call.name} is being opened here`),
        );}
    }
  }

  deadline(): number {
    let earliest = this.#runtime.backups.deadline();
    for (const call of this.#waiting) earliest = Math.min(earliest, call.deadlineMs);
    return earliest;
  }

  failAll(error: SennitError): void {
    for (const { token } of this.#waiting) this.#runtime.reply(token, error);
    this.#waiting = [];
  }

  #attempt(token: Token, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof SennitError)) throw error;
      this.#runtime.reply(token, error);
    }
  }

  #dispatch(token: Token, call: Call): void {
    const runtime = this.#runtime;
    switch (call.kind) {
      case "status":
        return runtime.callers.reply(token, { kind: "status", status: nodeStatus(runtime) });
      case "seed":
        return this.#enrolment.seed(token, call.meshName, call.policy, call.joinKey);
      case "join":
        return this.#enrolment.join(token, call.token, call.joinKey);
      case "watch-events":
        if (runtime.eventWatches.size >= WATCHES_LIMIT) {
          throw new SennitError("OVERLOADED", "Too many watches");
        }
        runtime.eventWatches.add(token);
        return runtime.callers.reply(token, { kind: "done" });
      case "cancel":
        return this.#cancel(token, call.target);
      case "credit":
        if (!isCount(call.bytes)) return;
        runtime.backups.credit(call.subscriber, call.bytes);
        for (const stream of runtime.streams.values()) stream.credit(call.subscriber, call.bytes);
        return;
      default:
        this.#memberCall(token, call);
    }
  }

  #memberCall(
    token: Token,
    call: Exclude<Call, { kind: "status" | "seed" | "join" | "watch-events" | "cancel" | "credit" }>,
  ): void {
    this.#requireMember();
    const runtime = this.#runtime;
    switch (call.kind) {
      case "invite":
        runtime.refuseWhileCritical();
        return this.#invite(token, call.validMs);
      case "leave":
        runtime.refuseWhileCritical();
        return this.#remove(token, this.#runtime.memberId, false);
      case "evict":
        return this.#remove(token, this.#memberNamed(call.name), true);
      case "set-policy":
        runtime.refuseWhileCritical();
        return this.#setPolicy(token, call);
      case "raise-feature-level":
        runtime.refuseWhileCritical();
        return this.#raiseFeatureLevel(token, call.level);
      case "issue-client":
        return this.#issueClient(token, call.name, call.role);
      case "kv-put":
        checkKey(call.key);
        checkSize("A value", call.value.length, VALUE_BYTES_LIMIT);
        checkNumber("The version expected", call.expectedVersion);
        return this.#submit(token, { ...call, value: call.value });
      case "kv-delete":
        checkKey(call.key);
        checkNumber("The version expected", call.expectedVersion);
        return this.#submit(token, call);
      case "kv-get":
        return this.#get(token, call.key);
      case "kv-list":
        return this.#list(token, call.prefix, call.afterKey, call.limit);
      case "kv-watch": {
        const membership = this.#membership()!;
        if (membership.watchCount >= WATCHES_LIMIT) throw new SennitError("OVERLOADED", "Too many watches");
        membership.watchKeys(token, call.prefix);
        const version = this.#runtime.controlState!.applied;
        return this.#runtime.callers.reply(token, { kind: "version", version });
      }
      case "stream-open":
        return this.#openStream(token, call);
      case "stream-close":
        return call.discard
          ? this.#discardStream(token, call.name)
          : this.#submit(token, { kind: "close-stream", name: call.name });
      case "stream-list":
        return this.#read(
          token,
          () => this.#runtime.callers.reply(token, { kind: "streams", streams: this.#streams() }),
        );
      case "machine-open":
        checkName("A machine's name", call.machine, STREAM_NAME_BYTES_LIMIT);
        return this.#atLevel(
          token,
          SECOND_FEATURE_LEVEL,
          "A replicated state machine",
          () => this.#submit(token, { kind: "create-machine", name: call.machine, members: call.members }),
        );
      case "machine-propose":
        checkSize("A command", call.command.length, VALUE_BYTES_LIMIT);
        return this.#onMachine(token, call.machine, (host) => {
          this.#runtime.requireSpace();
          host.propose(token, call.command);
        });
      case "machine-query":
        return this.#onMachine(token, call.machine, (host) => host.query(token, call.question));
      case "transfer-leadership":
        return this.#transfer(token, call.stream, call.to);
      case "backup":
        checkNumber("Credit", call.creditBytes);
        return this.#runtime.backups.begin(token, call.creditBytes, this.#reads);
      case "producer-open":
        checkName("A producer's name", call.producer, STREAM_NAME_BYTES_LIMIT);
        return this.#onStream(token, call.stream, (host) => host.openProducer(token, call.producer));
      case "publish":
        return this.#onStream(token, call.stream, (host) => {
          this.#runtime.requireSpace();
          host.publish(token, call.batch, call.level);
        });
      case "subscribe":
        checkName("A subscription's name", call.subscription, NAME_CHARACTERS_LIMIT);
        checkNumber("The offset to start from", call.fromOffset);
        checkNumber("Credit", call.creditBytes);
        return this.#onStream(token, call.stream, (host) => {
          const { subscription, fromOffset, creditBytes } = call;
          host.subscribe(token, subscription, fromOffset, creditBytes, this.#runtime.now);
        });
      case "ack": {
        checkNumber("An offset", call.first);
        checkNumber("An offset", call.next);
        for (const stream of this.#runtime.streams.values()) {
          if (stream.owns(call.subscriber)) {
            return stream.acknowledge(token, call.subscriber, call.first, call.next);
          }
        }
        throw new SennitError("SUBSCRIPTION_FENCED", "The subscription has ended: subscribe again");
      }
      default:
        unreachable(call, "call");
    }
  }

  #requireMember(): void {
    const { state, failure } = this.#runtime;
    if (state === "member" && this.#runtime.control !== null) return;
    if (failure !== null) throw failure;
    if (state === "empty") {
      throw new SennitError(
        "NOT_READY",
        "This node is in no mesh: found one with `seed` or enter one with `join`",
      );
    }
    throw new SennitError("NOT_READY", `This node is ${state}: repeat in a moment`);
  }

  /** Brings a command into the control log and answers with what came of it. */
  #submit(token: Token, body: Body<ControlCommand>): void {
    this.#command(token, body, (result) => {
      switch (result.kind) {
        case "kv-written":
          return this.#runtime.callers.reply(token, { kind: "version", version: result.version });
        case "stream-created":
          return this.#runtime.callers.reply(token, {
            kind: "stream",
            stream: streamStatus(this.#runtime, result.stream),
          });
        default:
          return this.#runtime.callers.reply(token, { kind: "done" });
      }
    });
  }

  #command(token: Token, body: Body<ControlCommand>, done: (result: ControlResult) => void): void {
    const runtime = this.#runtime;
    runtime.requireSpace();
    runtime.requests.submit(
      CONTROL_GROUP,
      (origin: Origin) => encodeControlCommand({ ...body, origin } as ControlCommand),
      runtime.now,
      (answer) => {
        const result = answer as ControlResult;
        if (result.kind !== "refused") return done(result);
        const details: Record<string, number> = result.code === "COMPARE_FAILED"
          ? { version: result.version }
          : {};
        runtime.reply(token, new SennitError(result.code, result.message, { details }));
      },
      (error) => runtime.reply(token, error),
    );
  }

  #get(token: Token, key: string): void {
    checkKey(key);
    this.#read(token, () => {
      const entry = this.#runtime.controlState!.keyValues.get(key);
      const value = entry === null ? null : entry.value.slice();
      this.#runtime.callers.reply(token, { kind: "value", value, version: entry?.version ?? 0 });
    });
  }

  #list(token: Token, prefix: string, afterKey: string, limit: number): void {
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > LIST_ENTRIES_LIMIT) {
      throw new SennitError(
        "INVALID_ARGUMENT",
        `The limit of a list is 1 to ${LIST_ENTRIES_LIMIT}, not ${limit}`,
      );
    }
    this.#read(token, () => {
      const { entries: found, more } = this.#runtime.controlState!.keyValues.list(prefix, afterKey, limit);
      // The caller's own: what it does with them changes nothing that is replicated.
      const entries = found.map((entry) => ({ ...entry, value: entry.value.slice() }));
      this.#runtime.callers.reply(token, { kind: "entries", entries, more });
    });
  }

  #read(token: Token, answer: () => void): void {
    const { now, settings } = this.#runtime;
    this.#reads.add(answer, (error) => this.#runtime.reply(token, error), now, settings.callTimeoutMs);
  }

  #cancel(token: Token, target: Token): void {
    const runtime = this.#runtime;
    let found = runtime.eventWatches.delete(target) || runtime.backups.cancel(target) ||
      (this.#membership()?.unwatchKeys(target) ?? false);
    for (const stream of runtime.streams.values()) if (stream.cancel(target)) found = true;
    const at = this.#waiting.findIndex((call) => call.token === target);
    if (at >= 0) this.#waiting.splice(at, 1);
    if (at >= 0 || this.#seeking.delete(target)) {
      found = true;
      runtime.reply(target, subscriptionCancelled());
    }
    if (!found) throw new SennitError("NOT_FOUND", "Nothing is open under that token");
    runtime.callers.reply(token, { kind: "done" });
  }

  #invite(token: Token, validMs: number): void {
    const { io, identity, addresses, boot } = this.#runtime;
    if (!Number.isSafeInteger(validMs) || validMs < 0) {
      throw new SennitError(
        "INVALID_ARGUMENT",
        `An invitation is valid for 0 (for ever) or more ms, not ${validMs}`,
      );
    }
    if (identity.authorityHash === "") {
      const text = `Certificates of this mesh come from outside: join with the address ${
        addresses[0] ?? ""
      } instead`;
      throw new SennitError("UNSUPPORTED", text);
    }
    const wallMs = Math.floor(io.clock.wallMs());
    const reusable = validMs === 0;
    const expiresAtWallMs = wallMs + (reusable ? REUSABLE_VALID_MS : validMs);
    checkNumber("The time at which an invitation expires", expiresAtWallMs);
    const drawn = drawBytes(io.random, `node/invitation/${boot}`, token * SECRET_BYTES, SECRET_BYTES);
    const secret = reusable ? new Uint8Array(SECRET_BYTES) : drawn;
    const text = encodeInvitation({
      meshId: identity.meshId,
      addresses: [...new Set([...addresses, ...this.#otherAddresses()])].slice(0, 8),
      authorityHash: fromHex(identity.authorityHash),
      secret,
      expiresAtWallMs,
    });
    if (reusable) return this.#runtime.callers.reply(token, { kind: "text", text });
    const invitationHash = toHex(io.crypto.sha256(secret));
    this.#command(
      token,
      { kind: "add-invitation", invitationHash, expiresWallMs: expiresAtWallMs },
      () => this.#runtime.callers.reply(token, { kind: "text", text }),
    );
  }

  #otherAddresses(): string[] {
    return this.#runtime.controlState!.members().flatMap((member) =>
      member.leaving === "no" ? member.addresses : []
    );
  }

  #memberNamed(name: string): MemberId {
    const member = this.#runtime.controlState!.memberByName(name);
    if (member === null) {
      throw new SennitError("UNKNOWN_MEMBER", `Node ${name} is not a member: see \`sennit status\``);
    }
    return member.memberId;
  }

  #remove(token: Token, member: MemberId, evicted: boolean): void {
    this.#command(
      token,
      { kind: "begin-removal", member, evicted },
      () => this.#membership()!.awaitRemoval(member, token),
    );
  }

  #setPolicy(token: Token, call: Call & { kind: "set-policy" }): void {
    const runtime = this.#runtime;
    const submit = (joinKeyHash: string) =>
      this.#submit(token, { kind: "set-admission", admission: { policy: call.policy, joinKeyHash } });
    if (call.policy === "KEY_REQUIRED" && call.joinKey === "") {
      throw new SennitError("INVALID_ARGUMENT", "Policy KEY_REQUIRED needs a join key");
    }
    if (call.joinKey === "") return submit("");
    runtime.run(
      hashJoinKey(runtime, call.joinKey),
      (joinKeyHash) => this.#attempt(token, () => submit(joinKeyHash)),
      (error) => runtime.reply(token, error as SennitError),
    );
  }

  /** What the first build cannot read would stop its members. What is applied here may be older than the mesh's level. */
  #atLevel(token: Token, level: number, what: string, act: () => void): void {
    this.#read(token, () =>
      this.#attempt(token, () => {
        const { featureLevel } = this.#runtime.controlState!;
        if (featureLevel >= level) return act();
        const text = `${what} needs feature level ${level}, the mesh is at ${featureLevel}: ` +
          "upgrade all members, then `sennit raise-feature-level`";
        throw new SennitError("VERSION_MISMATCH", text);
      }));
  }

  /** A member that is away, or whose build is older, could not read what would be written. */
  #raiseFeatureLevel(token: Token, wanted: number): void {
    const members = nodeStatus(this.#runtime).members;
    const highest = Math.min(...members.map(({ featureLevel }) => featureLevel));
    const level = wanted === 0 ? Math.max(highest, this.#runtime.controlState!.featureLevel + 1) : wanted;
    const behind = members.filter(({ featureLevel }) => featureLevel < level);
    const unknown = members.filter(({ featureLevel }) => featureLevel === 0);
    if (behind.length > 0 || unknown.length > 0) {
      const names = [...new Set([...unknown, ...behind])].map(({ name, featureLevel }) =>
        featureLevel === 0 ? `${name} was not met yet` : `${name} supports ${featureLevel}`
      );
      const text = `Cannot raise the feature level to ${level} before all members support it: ${
        names.join(", ")
      }`;
      throw new SennitError("VERSION_MISMATCH", text);
    }
    this.#submit(token, { kind: "raise-feature-level", level });
  }

  #issueClient(token: Token, name: string, role: "client" | "admin"): void {
    const runtime = this.#runtime;
    const authority = this.#membership()!.authority;
    if (authority === null) {
      throw new SennitError("UNSUPPORTED", "This node does not hold the mesh's authority: ask a voter");
    }
    // It stands in the certificate's URI, as a node's name does.
    checkNodeName(name);
    runtime.run(
      issueClient(runtime, authority, name, role),
      (credentials) =>
        this.#attempt(token, () => {
          this.#requireMember(); // Still.
          const { trust } = runtime.controlState!;
          runtime.callers.reply(token, { kind: "credentials", ...credentials, trust });
        }),
      (error) => runtime.reply(token, error as SennitError),
    );
  }

  #openStream(token: Token, call: Call & { kind: "stream-open" }): void {
    checkName("A stream's name", call.name, STREAM_NAME_BYTES_LIMIT);
    if (call.name === CONTROL_NAME) {
      throw new SennitError(
        "INVALID_ARGUMENT",
        `"${CONTROL_NAME}" names the mesh's own group: choose another`,
      );
    }
    if (call.targets.length === 0) {
      throw new SennitError("INVALID_ARGUMENT", "A stream has at least one target");
    }
    for (const name of call.subscriptions) checkName("A subscription's name", name, NAME_CHARACTERS_LIMIT);
    if (!Number.isSafeInteger(call.retentionBytes) || call.retentionBytes < 1) {
      throw new SennitError("INVALID_ARGUMENT", `Retention is at least 1 byte, not ${call.retentionBytes}`);
    }
    const source = call.source === "" ? this.#runtime.identity.name : call.source;
    const subscriptions = call.subscriptions.length === 0
      ? [DEFAULT_SUBSCRIPTION]
      : [...new Set(call.subscriptions)];
    const { name, targets, retentionBytes, borrow } = call;
    checkNumber("The number of borrowed replicas", borrow);
    if (borrow > STREAM_MEMBERS_LIMIT) {
      const text = `A stream borrows at most ${STREAM_MEMBERS_LIMIT} replicas, not ${borrow}`;
      throw new SennitError("INVALID_ARGUMENT", text);
    }
    const required = subscriptions.length * targets.length;
    if (required > SUBSCRIPTIONS_PER_STREAM_LIMIT) {
      const text =
        `A stream has at most ${SUBSCRIPTIONS_PER_STREAM_LIMIT} subscriptions at all targets, not ${required}`;
      throw new SennitError("INVALID_ARGUMENT", text);
    }
    const stream = { name, source, targets, subscriptions, retentionBytes, borrow };
    const create = () => this.#submit(token, { kind: "create-stream", ...stream });
    if (borrow === 0) create();
    else this.#atLevel(token, SECOND_FEATURE_LEVEL, "A borrowed replica", create);
  }

  #discardStream(token: Token, name: string): void {
    this.#atLevel(token, FOURTH_FEATURE_LEVEL, "Dropping a stream", () => {
      const { group } = this.#streamNamed(name);
      this.#submit(token, { kind: "drop-stream", group, forced: true });
    });
  }

  #streamNamed(name: string): StreamRecord {
    const state = this.#runtime.controlState!;
    const record = state.stream(name);
    if (record !== null) return record;
    if (state.tombstone(name) !== null) throw streamDropped(name);
    throw new SennitError(
      "UNKNOWN_STREAM",
      `Stream ${name} does not exist: open it with \`sennit stream open\``,
    );
  }

  #transfer(token: Token, stream: string, to: string): void {
    if (stream === "" || stream === CONTROL_NAME) {
      this.#transferGroup(token, this.#runtime.control!.group, to);
    } else this.#onStream(token, stream, (host) => this.#transferGroup(token, host.group, to));
  }

  #transferGroup(token: Token, group: Group, to: string): void {
    const runtime = this.#runtime;
    const { name, leader } = group;
    const heir = this.#memberNamed(to);
    // Another member's configuration may lag behind the leader's.
    if (group.isLeader && !group.raft.configuration.incoming.includes(heir)) {
      throw new SennitError("INVALID_ARGUMENT", `Cannot hand ${name} to ${to} as it is no voter of it`);
    }
    if (leader === 0) {
      throw new SennitError("NO_LEADER", `Nobody leads ${name} at present: repeat in a moment`);
    }
    const asked = leader === heir ||
      (group.isLeader
        ? group.raft.transferLeadership(heir, runtime.now)
        : runtime.sendNode(leader, { kind: "transfer", group: group.id, to: heir }));
    if (!asked) {
      throw new SennitError("NO_LEADER", `The leader of ${name} cannot hand over now: repeat in a moment`);
    }
    runtime.wake(group);
    runtime.callers.reply(token, { kind: "done" });
  }

  #streams() {
    return this.#runtime.controlState!.streams().map((record) => streamStatus(this.#runtime, record));
  }

  /** Uses a machine that this node is a member of; the directory is brought up to date where it is not open here. */
  #onMachine(token: Token, name: string, use: (host: MachineHost) => void): void {
    const open = () => {
      const record = this.#runtime.controlState?.machine(name) ?? null;
      return record === null ? null : this.#runtime.machines.get(record.group) ?? null;
    };
    const host = open();
    if (host !== null) return use(this.#runtime.attend(host));
    this.#read(token, () =>
      this.#attempt(token, () => {
        this.#requireMember();
        const found = open();
        if (found === null) throw machineMissing(this.#runtime, name);
        use(this.#runtime.attend(found));
      }));
  }

  /**
   * Uses a stream that this node is a member of. A name that is not known here may be known to the others: the
   * state is brought up to date first. A stream that is known and not open yet is waited for.
   */
  #onStream(token: Token, name: string, use: (host: StreamHost) => void): void {
    const { now, settings } = this.#runtime;
    const call = { token, name, use, deadlineMs: now + settings.callTimeoutMs };
    if (this.#runtime.controlState!.stream(name) !== null) return this.#useStream(call);
    this.#seeking.add(token);
    const answer = () => {
      if (this.#seeking.delete(token)) this.#attempt(token, () => this.#useStream(call));
    };
    const failed = (error: SennitError) => {
      if (this.#seeking.delete(token)) this.#runtime.reply(token, error);
    };
    this.#reads.add(answer, failed, now, settings.callTimeoutMs);
  }

  #useStream(call: WaitingCall): void {
    const runtime = this.#runtime;
    this.#requireMember();
    const record = this.#streamNamed(call.name);
    const host = runtime.streams.get(record.group);
    if (host !== undefined) return call.use(runtime.attend(host));
    const members = record.initial.incoming;
    if (!members.includes(runtime.memberId)) {
      const names = members.map((id) => runtime.memberName(id)).join(", ");
      throw new SennitError(
        "NOT_A_STREAM_MEMBER",
        `This node is no member of ${call.name}: ask one of ${names}`,
      );
    }
    if (this.#waiting.length >= PENDING_CALLS_LIMIT) {
      throw new SennitError("OVERLOADED", `${PENDING_CALLS_LIMIT} calls wait at this node: repeat later`);
    }
    this.#waiting.push(call);
  }
}
