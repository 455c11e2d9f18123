/**
 * Links: reliable ways to other nodes out of connections that come and go. What is above says `send(node, class, bytes)` and
 * never sees a connection.
 *
 * Call order per turn: `onNetwork` for each event, `tick`, `take`, any `send`, `flush` last.
 */
import { assert } from "../core/assert.ts";
import { DecodeError } from "../core/errors.ts";
import type { TokenSource } from "../core/flow.ts";
import type { MemberId, NodeNumber, Token } from "../core/ids.ts";
import type { ConnectionId, Network, NetworkEvent, Random } from "../io/mod.ts";
import {
  Flag,
  Frame,
  frameEnd,
  FrameError,
  FrameType,
  LINK_FRAME_LIMIT_BYTES,
  Reassembler,
} from "../wire/mod.ts";
import { type ByeReason, decodeBye, isRefusal, isRetryable } from "./bye.ts";
import { Connection, NOBODY } from "./connection.ts";
import type { EnrolId, EnrolSession } from "./enrol_session.ts";
import type { LinkEvent, PeerStatus } from "./events.ts";
import { type Apart, Dialler } from "./dialler.ts";
import { Duplicates } from "./duplicates.ts";
import { Enrolments } from "./enrolments.ts";
import { isEnrolled, judgeHello } from "./handshake.ts";
import { decodeHello, type Hello, helloOf } from "./hello.ts";
import { meshIdBytes } from "./mesh_id.ts";
import { MessageIds } from "./message_ids.ts";
import { isSameSelf, type LinkOptions, type PeerMember, type SelfIdentity } from "./options.ts";
import type { Peer } from "./peer.ts";
import { Peers } from "./peers.ts";
import { TrafficClass } from "./traffic_class.ts";
import { Transmitter } from "./transmitter.ts";

const UNSUPPORTED_FLAGS = Flag.EndToEndEncrypted | Flag.Compressed;

export class Links {
  readonly #options: LinkOptions;
  readonly #network: Network;
  readonly #messageIds: MessageIds;
  readonly #tokens: TokenSource;
  readonly #transmitter: Transmitter;
  readonly #peers: Peers;
  readonly #connections = new Map<ConnectionId, Connection>();
  readonly #listens = new Set<Token>();
  readonly #reassembler: Reassembler;
  readonly #dialler: Dialler;
  readonly #duplicates: Duplicates;
  readonly #enrolments: Enrolments;
  readonly #frame = new Frame();
  #events: LinkEvent[] = [];
  #self: SelfIdentity;
  #meshId: Uint8Array;
  #now = 0;
  /** Never later than the next thing to do; exact after `tick`. */
  #wakeAtMs = Infinity;
  #drainUntilMs = Infinity;

  constructor(options: LinkOptions, network: Network, random: Random, tokens: TokenSource) {
    this.#options = options;
    this.#network = network;
    this.#messageIds = new MessageIds(random);
    this.#tokens = tokens;
    this.#transmitter = new Transmitter(network, options.limits.socketBytes);
    this.#peers = new Peers(this.#transmitter.encoder, options.limits);
    this.#reassembler = new Reassembler(options.limits.reassembly);
    this.#dialler = new Dialler(options, network, random, tokens, this.#peers);
    this.#duplicates = new Duplicates(this.#transmitter, options.lingerMs);
    this.#enrolments = new Enrolments(options, network, tokens, this.#transmitter, this.#peers);
    this.#self = options.self;
    this.#meshId = meshIdBytes(options.self.meshId);
  }

  // What the node says.

  /** After enrolment or admission: sessions that knew this node as somebody else end. */
  setSelf(self: SelfIdentity): void {
    if (isSameSelf(self, this.#self)) return;
    this.#self = self;
    this.#meshId = meshIdBytes(self.meshId);
    for (const connection of this.#connections.values()) {
      if (connection.enrol === null) this.#end(connection, "DONE", "This node's identity has changed");
    }
    // Who could not dial before may now.
    this.#wakeBy(this.#now);
  }

  /**
   * The current members without this node. Sessions of members that are not among them end at once. Member ids up to
   * `appliedIndex` count as known: who has one of them and is not listed was removed, a later one is not known yet.
   */
  setPeers(members: readonly PeerMember[], appliedIndex = 0): void {
    this.#peers.learn(appliedIndex);
    const { added, removed } = this.#peers.replace(members);
    for (const peer of removed) this.#remove(peer);
    for (const peer of added) {
      this.#dialler.plan(peer, this.#now, this.#self.number < peer.member.number);
      this.#wakeBy(peer.nextDialAtMs);
    }
  }

  /** Copies `payload` into the peer's queue; false where there is no session or a limit would be passed. */
  send(to: NodeNumber, type: FrameType, trafficClass: TrafficClass, payload: Uint8Array): boolean {
    this.#checkSize(payload.length, this.#options.limits.messageBytes);
    const peer = this.#peers.get(to);
    if (peer === undefined || peer.active === null) return false;
    if (peer.draining && trafficClass >= TrafficClass.Data) return false;
    const addressing = {
      messageId: this.#messageIds.next(this.#now),
      source: this.#self.number,
      destination: to,
    };
    if (!this.#transmitter.message(peer.outbox, type, trafficClass, addressing, payload)) return false;
    this.#transmitter.touch(peer.active);
    return true;
  }

  listen(address: string, now: number): void {
    this.#now = now;
    const token = this.#tokens.next();
    this.#listens.add(token);
    this.#network.listen(address, token);
  }

  /** Opens an enrolment session. `authorityHash` pins the other end's authority; null expects a member of the trust bundle. */
  dialEnrol(address: string, authorityHash: string | null, now: number): EnrolId {
    this.#now = now;
    const session = this.#enrolments.dial(address, authorityHash, now);
    this.#wakeBy(session.deadlineMs);
    return session.id;
  }

  /** False where the session is not open or its queue is full. */
  sendEnrol(id: EnrolId, bytes: Uint8Array): boolean {
    this.#checkSize(bytes.length, this.#options.limits.enrolMessageBytes);
    return this.#enrolments.send(id, this.#self.number, bytes);
  }

  /** Ends an enrolment session; what was sent before still leaves as far as the connection takes it at once. */
  closeEnrol(id: EnrolId, reason: string): void {
    const session = this.#enrolments.get(id);
    if (session === undefined) return;
    if (session.connection === null) this.#events.push(this.#enrolments.remove(session, reason));
    else {
      this.#transmitter.flush();
      this.#end(session.connection, "DONE", reason);
    }
  }

  /** Begins the shutdown: says DRAIN, lets queues empty, then says BYE. No dial and no session from here on. */
  drain(now: number): void {
    this.#now = now;
    if (this.#drainUntilMs !== Infinity) return;
    this.#drainUntilMs = now + this.#options.drainTimeoutMs;
    for (const connection of this.#connections.values()) {
      if (connection.phase === "open") this.#transmitter.drain(connection, this.#self.number);
    }
    this.#wakeBy(now + this.#options.blockedCheckMs);
  }

  get drained(): boolean {
    return this.#drainUntilMs !== Infinity && this.#connections.size === 0;
  }

  // What the world says.

  /** Takes an event in; false where it is none of ours. */
  onNetwork(event: NetworkEvent, now: number): boolean {
    this.#now = now;
    switch (event.kind) {
      case "listening":
        if (!this.#listens.delete(event.token)) return false;
        this.#events.push({ kind: "listening", address: event.address });
        return true;
      case "dial-failed":
        return this.#dialFailed(event.token, event.code, event.message);
      case "opened":
        this.#opened(event);
        return true;
      case "frame":
        this.#received(event.connection, event.bytes);
        return true;
      case "drained": {
        const connection = this.#connections.get(event.connection);
        if (connection !== undefined) this.#transmitter.touch(connection);
        return true;
      }
      case "closed": {
        const connection = this.#connections.get(event.connection);
        if (connection !== undefined) this.#drop(connection, event.reason, false);
        return true;
      }
    }
  }

  /** Hands what waits to the sockets. */
  flush(now: number): void {
    this.#now = now;
    const blocked = this.#transmitter.flush();
    if (this.#drainUntilMs !== Infinity) this.#progressDrain();
    if (blocked || (this.#drainUntilMs !== Infinity && !this.drained)) {
      this.#wakeBy(now + this.#options.blockedCheckMs);
    }
  }

  /** When `tick` next has something to do; a `flush` belongs after it. */
  deadline(): number {
    return this.#wakeAtMs;
  }

  tick(now: number): void {
    this.#now = now;
    if (now < this.#wakeAtMs) return;
    for (const connection of this.#connections.values()) this.#tickConnection(connection);
    if (this.#mayDial()) { for (const peer of this.#peers.all) this.#dialler.tick(peer, now); }
    for (const event of this.#enrolments.tick(now)) this.#events.push(event);
    this.#reassembler.expire(now);
    this.#wakeAtMs = this.#earliest();
  }

  /** What has happened since the last call. */
  take(): LinkEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  apart(): readonly Apart[] {
    return this.#dialler.apart();
  }

  status(): PeerStatus[] {
    return Array.from(this.#peers.all, (peer) => peer.status());
  }

  // Connections.

  #opened(event: Extract<NetworkEvent, { kind: "opened" }>): void {
    const { connection: id, inbound, address, peer: identity } = event;
    const peer = inbound ? null : this.#dialler.completed(event.token);
    const enrol = inbound ? undefined : this.#enrolments.get(event.token);
    const wanted = inbound ? this.#hasRoom() : peer !== null || enrol !== undefined;
    if (!wanted || this.#drainUntilMs !== Infinity) {
      this.#network.close(id, "Not wanted");
      return;
    }
    const { pingIntervalMs, idleTimeoutMs, helloTimeoutMs } = this.#options;
    const times = { now: this.#now, pingIntervalMs, idleTimeoutMs, helloTimeoutMs };
    const connection = new Connection(id, inbound, address, identity, times);
    assert(!this.#connections.has(id), "a connection id is used once");
    this.#connections.set(id, connection);
    if (peer !== null) {
      connection.belongTo(peer);
      peer.dialled = connection;
    } else if (enrol !== undefined) {
      connection.enrol = enrol;
      enrol.connection = connection;
    }
    const role = enrol !== undefined || !isEnrolled(this.#self) ? "enrol" : "node";
    this.#transmitter.hello(connection, helloOf(this.#self, this.#meshId, this.#options.featureLevel, role));
    this.#wakeBy(connection.deadline());
  }

  #received(id: ConnectionId, bytes: Uint8Array): void {
    const connection = this.#connections.get(id);
    if (connection === undefined) return;
    connection.keepalive.heard(this.#now);
    connection.traffic.bytesIn += bytes.length;
    try {
      this.#readFrames(connection, bytes);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#end(connection, "MALFORMED", error.message);
    }
  }

  /** What one `send` took holds whole frames only. */
  #readFrames(connection: Connection, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (at < bytes.length) {
      const end = frameEnd(view, at, bytes.length, LINK_FRAME_LIMIT_BYTES);
      if (end < 0) throw new FrameError("INCOMPLETE");
      this.#frame.read(bytes, view, at, end);
      at = end;
      connection.traffic.framesIn++;
      this.#onFrame(connection, this.#frame);
      // The frame may have ended the session.
      if (this.#connections.get(connection.id) !== connection) return;
    }
  }

  #onFrame(connection: Connection, frame: Frame): void {
    if (frame.type === FrameType.Bye) {
      this.#onBye(connection, frame);
    } else if (connection.phase === "hello") {
      if (frame.type === FrameType.Hello) this.#onHello(connection, decodeHello(frame.payload));
      else this.#end(connection, "MALFORMED", `Frame type ${frame.type} came before HELLO`);
    } else if (frame.type === FrameType.Ping) {
      this.#transmitter.pong(connection, this.#self.number, frame);
    } else if (frame.type === FrameType.Pong) {
      this.#onPong(connection, frame);
    } else if (frame.type === FrameType.Drain) {
      connection.draining = true;
    } else if (frame.type === FrameType.Hello) {
      this.#end(connection, "MALFORMED", "HELLO came twice");
    } else {
      this.#onMessage(connection, frame);
    }
  }

  #onHello(connection: Connection, hello: Hello): void {
    const { peer, enrol } = connection;
    const verdict = judgeHello({
      hello,
      identity: connection.identity,
      self: this.#self,
      meshId: this.#meshId,
      purpose: connection.inbound ? "accepted" : enrol === null ? "member" : "enrol",
      dialled: peer === null ? null : peer.member,
      member: this.#peers.get(hello.number)?.member,
      knownMemberId: this.#peers.knownMemberId,
    });
    if (verdict.session === "refused") {
      const { name, recoveryEpoch: epoch } = hello;
      if (verdict.otherEpoch) this.#events.push({ kind: "other-epoch", name, epoch });
      return this.#refuse(connection, verdict.reason, verdict.message);
    }
    if (verdict.session === "member") {
      const member = this.#peers.get(hello.number);
      assert(member !== undefined, "a session of a member has a peer");
      connection.belongTo(member);
      member.featureLevel = hello.featureLevel;
      member.connections.push(connection);
    } else if (enrol === null) {
      const session = this.#enrolments.accept(connection, this.#now);
      if (session === null) {
        return this.#refuse(connection, "OVERLOADED", "Too many nodes are joining at once");
      }
      connection.enrol = session;
    }
    connection.phase = "open";
    this.#transmitter.ping(connection, this.#self.number, this.#now);
    this.#wakeBy(connection.deadline());
  }

  #onPong(connection: Connection, frame: Frame): void {
    const id = frame.correlationLow;
    if (frame.correlationHigh !== 0 || !connection.keepalive.pong(id, this.#now)) return;
    if (connection.phase !== "open") return;
    if (!connection.confirmed) this.#confirm(connection);
    else if (connection.proofPing !== 0 && id >= connection.proofPing) {
      const { peer } = connection;
      assert(peer !== null, "only a peer's connections are compared");
      this.#duplicates.settle(peer, connection, this.#self.number, this.#now);
      this.#wakeBy(this.#now + this.#options.lingerMs);
    }
  }

  #onMessage(connection: Connection, frame: Frame): void {
    if ((frame.flags & UNSUPPORTED_FLAGS) !== 0) {
      this.#end(connection, "UNSUPPORTED", "Encrypted or compressed frames are not read by this version");
      return;
    }
    // A message says that the other end has accepted us, as a PONG does.
    if (!connection.confirmed && connection.phase === "open") this.#confirm(connection);
    if (connection.enrol !== null) {
      this.#onEnrolMessage(connection, connection.enrol, frame);
      return;
    }
    const { peer } = connection;
    assert(peer !== null, "an open session is of a peer or an enrolment");
    if (frame.type === FrameType.Enrol || frame.source !== peer.member.number) {
      this.#end(
        connection,
        "MALFORMED",
        `Frame type ${frame.type} from ${frame.source} on a member's session`,
      );
      return;
    }
    const payload = (frame.flags & Flag.Chunked) === 0
      ? frame.payload
      : this.#reassembler.add(peer.member.number, frame, this.#now);
    if (payload === null) {
      this.#wakeBy(this.#now + this.#options.limits.reassembly.timeoutMs);
      return;
    }
    const { number: from, memberId: fromMember } = peer.member;
    this.#events.push({ kind: "message", from, fromMember, type: frame.type, payload });
  }

  #onEnrolMessage(connection: Connection, session: EnrolSession, frame: Frame): void {
    if (frame.type !== FrameType.Enrol) {
      this.#end(connection, "MALFORMED", `Frame type ${frame.type} on an enrolment session`);
      return;
    }
    const bytes = this.#enrolments.receive(connection, frame, this.#now);
    if (bytes === null) {
      this.#wakeBy(this.#now + this.#options.limits.enrolReassembly.timeoutMs);
      return;
    }
    const { id, inbound } = session;
    this.#events.push({ kind: "enrol-message", id, peer: connection.identity, bytes, inbound });
  }

  /** The other end has accepted us as we have accepted it. */
  #confirm(connection: Connection): void {
    connection.confirmed = true;
    connection.phaseDeadlineMs = connection.enrol?.deadlineMs ?? Infinity;
    this.#transmitter.touch(connection);
    if (connection.enrol !== null) {
      if (!connection.inbound) this.#events.push({ kind: "enrol-opened", id: connection.enrol.id });
      return;
    }
    const { peer } = connection;
    assert(peer !== null, "a confirmed session is of a peer or an enrolment");
    if (peer.dialled === connection) peer.dialled = null;
    peer.succeeded();
    if (peer.active !== null) {
      this.#duplicates.resolve(peer, connection, this.#self.number, this.#now);
      this.#wakeBy(this.#now + this.#options.lingerMs);
      return;
    }
    peer.active = connection;
    const { member: { number, memberId }, featureLevel } = peer;
    this.#events.push({ kind: "up", number, memberId, featureLevel, rttMs: connection.keepalive.rttMs });
  }

  #onBye(connection: Connection, frame: Frame): void {
    const { reason, message } = decodeBye(frame.payload);
    if (reason === "DUPLICATE" && connection.peer !== null && connection.phase === "open") {
      // The other end holds one that it has seen working from our side, even if we have not yet.
      connection.phase = "leaving";
      const other = connection.peer.connections.find((each) => each.phase === "open");
      if (other !== undefined && !other.confirmed) this.#confirm(other);
    }
    if (isRefusal(reason)) this.#reportRefusal(connection, reason, message, connection.member);
    this.#transmitter.forget(connection);
    this.#network.close(connection.id, message);
    this.#drop(connection, message, isRefusal(reason) && !isRetryable(reason));
  }

  /** Does not accept the other end. */
  #refuse(connection: Connection, reason: ByeReason, message: string): void {
    if (!connection.inbound) this.#reportRefusal(connection, reason, message, NOBODY);
    this.#end(connection, reason, message);
  }

  #reportRefusal(connection: Connection, code: ByeReason, message: string, by: MemberId): void {
    const name = connection.peer?.member.name ?? "";
    this.#events.push({ kind: "refused", address: connection.address, name, by, code, message });
  }

  /** Ends a session from this side. */
  #end(connection: Connection, reason: ByeReason, message: string): void {
    this.#transmitter.bye(connection, this.#self.number, reason, message);
    this.#transmitter.finish(connection, message);
    this.#drop(connection, message, isRefusal(reason) && !isRetryable(reason));
  }

  /** Forgets a connection that is gone or going. `permanent`: a dial at once would end the same way. */
  #drop(connection: Connection, reason: string, permanent: boolean): void {
    this.#connections.delete(connection.id);
    this.#transmitter.forget(connection);
    const { peer, enrol } = connection;
    if (enrol !== null) {
      this.#events.push(this.#enrolments.remove(enrol, reason));
      return;
    }
    if (peer === null) return;
    const at = peer.connections.indexOf(connection);
    if (at >= 0) peer.connections.splice(at, 1);
    if (peer.dialled === connection) {
      peer.dialled = null;
      this.#backOff(peer, permanent);
    }
    if (peer.active === connection) this.#lose(peer, reason, permanent);
  }

  /** The active connection is gone: another one takes over, or the peer is down. */
  #lose(peer: Peer, reason: string, permanent: boolean): void {
    const other = peer.connections.find((each) => each.phase === "open" && each.confirmed);
    peer.active = other ?? null;
    if (other !== undefined) {
      this.#transmitter.touch(other);
      return;
    }
    peer.outbox.clear();
    this.#reassembler.forget(peer.member.number);
    const { number, memberId } = peer.member;
    this.#events.push({ kind: "down", number, memberId, reason });
    this.#backOff(peer, permanent);
  }

  #remove(peer: Peer): void {
    this.#dialler.end(peer);
    for (const connection of this.#connections.values()) {
      if (connection.peer !== peer) continue;
      const { memberId, name } = peer.member;
      if (connection.phase === "hello") {
        // Who answered has not said who it is: it may be a new member at the removed one's address.
        this.#end(connection, "DONE", `Member ${memberId} "${name}" is no longer dialled`);
      } else if (memberId <= this.#peers.knownMemberId) {
        this.#end(connection, "EVICTED", `Member ${memberId} "${name}" is no longer a member`);
      } else this.#end(connection, "NOT_READY", `Member ${memberId} "${name}" is not known here yet`);
    }
    assert(peer.active === null, "a removed peer has no session");
    peer.outbox.clear();
  }

  // Dialling.

  #mayDial(): boolean {
    return isEnrolled(this.#self) && this.#drainUntilMs === Infinity;
  }

  #dialFailed(token: Token, code: string, message: string): boolean {
    if (this.#listens.delete(token)) {
      this.#events.push({ kind: "listen-failed", code, message });
      return true;
    }
    const session = this.#enrolments.get(token);
    if (session !== undefined) {
      this.#events.push(this.#enrolments.remove(session, message, code));
      return true;
    }
    const peer = this.#dialler.completed(token);
    if (peer === null) return false;
    if (code === "NOT_AUTHENTICATED") {
      const { name } = peer.member;
      this.#events.push({ kind: "refused", address: peer.dialAddress, name, by: NOBODY, code, message });
    }
    this.#backOff(peer, false);
    return true;
  }

  #backOff(peer: Peer, permanent: boolean): void {
    this.#dialler.backOff(peer, this.#now, permanent);
    this.#wakeBy(peer.nextDialAtMs);
  }

  // Time.

  #tickConnection(connection: Connection): void {
    const { keepalive } = connection;
    if (keepalive.idle(this.#now)) {
      this.#end(connection, "TIMEOUT", `Nothing was heard for ${this.#options.idleTimeoutMs} ms`);
    } else if (this.#now >= connection.phaseDeadlineMs) {
      if (connection.phase === "leaving") {
        this.#transmitter.finish(connection, "Another connection is kept");
        this.#drop(connection, "Another connection is kept", false);
      } else {
        const what = connection.confirmed ? "enrolment" : "handshake";
        this.#end(connection, "TIMEOUT", `The ${what} took too long`);
      }
    } else if (connection.phase === "open" && keepalive.pingDue(this.#now)) {
      this.#transmitter.ping(connection, this.#self.number, this.#now);
    }
  }

  #progressDrain(): void {
    const late = this.#now >= this.#drainUntilMs;
    for (const connection of this.#connections.values()) {
      const idle = !this.#transmitter.waits(connection) && this.#network.buffered(connection.id) === 0;
      if (idle || late || connection.phase !== "open") {
        this.#end(connection, "SHUTTING_DOWN", "shutting down");
      }
    }
  }

  #earliest(): number {
    let earliest = Math.min(this.#reassembler.deadline(), this.#enrolments.deadline());
    for (const connection of this.#connections.values()) earliest = Math.min(earliest, connection.deadline());
    if (!this.#mayDial()) return earliest;
    for (const peer of this.#peers.all) earliest = Math.min(earliest, this.#dialler.deadline(peer));
    return earliest;
  }

  #wakeBy(atMs: number): void {
    if (atMs < this.#wakeAtMs) this.#wakeAtMs = atMs;
  }

  #hasRoom(): boolean {
    const { connections, unknownConnections } = this.#options.limits;
    if (this.#connections.size >= connections) return false;
    let unknown = 0;
    for (const { inbound, phase } of this.#connections.values()) if (inbound && phase === "hello") unknown++;
    return unknown < unknownConnections;
  }

  #checkSize(bytes: number, limitBytes: number): void {
    if (bytes > limitBytes) throw new RangeError(`Cannot send ${bytes} bytes: the limit is ${limitBytes}`);
  }
}
