/**
 * The simulated network: connections between hosts over wires that are slow, lossy, clogged or cut in one direction or
 * both; dials that fail; ends that do not learn for a while that the other is gone. Peers prove who they are by
 * simulated certificates, checked as the real port checks real ones.
 */
import { SennitError } from "../src/core/errors.ts";
import type { Token } from "../src/core/ids.ts";
import type { ConnectionId, DialTarget, NetworkEvent, NetworkIdentity } from "../src/io/mod.ts";
import { parseAddress } from "../src/security/mod.ts";
import type { KeyRegistry } from "./certificates.ts";
import { ConnectionEnd, type SentFrame } from "./connection.ts";
import { Corruption } from "./corruption.ts";
import { Dial } from "./dial.ts";
import { EventKind, type Target } from "./event_queue.ts";
import type { Host } from "./host.ts";
import { poison } from "./poison.ts";
import { Slab } from "./slab.ts";
import type { Topology, Wire } from "./topology.ts";
import { Visits } from "./visits.ts";
import type { World } from "./world.ts";

export const LOW_WATER_BYTES = 64 * 1024;
const FRAME_BYTES_LIMIT = 1024 * 1024;
/** A close whose frames do not leave ends after this long. */
const CLOSE_TIMEOUT_US = 2_000_000;
/** Until a lost frame is sent again: the transport's retransmission timeout. */
const RETRANSMIT_US = 200_000;
const RETRANSMIT_MEAN_US = 200_000;
/** How long an end may not learn that the other is gone. */
const HALF_OPEN_MEAN_US = 8_000_000;

interface Listener {
  readonly host: Host;
  readonly incarnation: number;
}

/** What the network did that a kind network does not do. */
export interface NetworkCounts {
  framesDelivered: number;
  framesLost: number;
  framesClogged: number;
  framesVanished: number;
  connectionsCut: number;
  dialsFailed: number;
  dialsUnheard: number;
  framesHeldByCut: number;
  framesToTheDead: number;
  halfOpen: number;
  refusedPeers: number;
}

export class SimNetwork implements Target {
  readonly traceId = 250;
  readonly #world: World;
  readonly #topology: Topology;
  readonly #keys: KeyRegistry;
  readonly #listeners = new Map<string, Listener>();
  readonly #ends = new Map<number, Map<ConnectionId, ConnectionEnd>>();
  readonly #identities = new Map<number, NetworkIdentity>();
  readonly counts: NetworkCounts = {
    framesDelivered: 0,
    framesLost: 0,
    framesClogged: 0,
    framesVanished: 0,
    connectionsCut: 0,
    dialsFailed: 0,
    dialsUnheard: 0,
    framesHeldByCut: 0,
    framesToTheDead: 0,
    halfOpen: 0,
    refusedPeers: 0,
  };
  readonly corruption: Corruption = new Corruption();
  readonly visits: Visits = new Visits();
  readonly #slab = new Slab();
  #nextPort = 40_000;
  #lastId = 0;

  constructor(world: World, topology: Topology, keys: KeyRegistry) {
    this.#world = world;
    this.#topology = topology;
    this.#keys = keys;
  }

  useIdentity(host: Host, identity: NetworkIdentity): void {
    this.#identities.set(host.id, identity);
  }

  // What a node asks for.

  listen(host: Host, address: string, token: Token): void {
    const atUs = host.effectAtUs();
    const bound = this.#bind(host, address);
    const event: NetworkEvent = "code" in bound
      ? { kind: "dial-failed", token, ...bound }
      : { kind: "listening", token, address: bound.address };
    this.#world.schedule(atUs + 20, this, EventKind.Listening, host.id, host.incarnation, event);
  }

  dial(host: Host, target: DialTarget, token: Token): void {
    const submittedUs = host.effectAtUs();
    const dial = new Dial(host, token, target, submittedUs);
    const wrong = this.#identities.has(host.id)
      ? addressProblem(target.address, false)
      : "this node has no certificate yet";
    if (wrong !== null) {
      this.#failDial(dial, submittedUs + 10, "INVALID_ARGUMENT", wrong);
      return;
    }
    const peer = this.#hostAt(target.address);
    const latencyUs = peer === undefined ? 1_000 : this.#latencyUs(this.#topology.wire(host.id, peer.id));
    this.#world.schedule(submittedUs + latencyUs, this, EventKind.DialArrived, host.id, token, dial);
  }

  send(host: Host, id: ConnectionId, frame: Uint8Array<ArrayBuffer>): void {
    if (frame.length > FRAME_BYTES_LIMIT) {
      throw new RangeError(`A frame has at most ${FRAME_BYTES_LIMIT} bytes, not ${frame.length}`);
    }
    const end = this.#end(host, id);
    if (end !== undefined && end.state === "open") this.#enqueue(end, this.#slab.copy(frame), null);
    poison(frame);
  }

  buffered(host: Host, id: ConnectionId): number {
    const end = this.#end(host, id);
    return end === undefined || end.state === "closed" ? 0 : end.buffered(this.#world.nowUs);
  }

  close(host: Host, id: ConnectionId, reason: string): void {
    const end = this.#end(host, id);
    if (end === undefined || end.state !== "open") return;
    this.#enqueue(end, new Uint8Array(0), reason);
    end.state = "closing";
    const latest = host.effectAtUs() + CLOSE_TIMEOUT_US;
    const answeredUs = Math.min(end.lastArriveUs + this.#latencyUs(this.#wire(end.peer, end)), latest);
    this.#world.schedule(answeredUs, this, EventKind.EndClosed, host.id, id, new Ending(end, reason));
  }

  /** Connections as their host's node knows them, those that it has closed itself included. */
  endsOf(host: Host): Iterable<ConnectionEnd> {
    return this.#ends.get(host.id)?.values() ?? [];
  }

  // What the world does.

  /** The host's process died; `isPowerLost`: and its machine says nothing any more. */
  onCrash(host: Host, isPowerLost: boolean): void {
    this.visits.died(host, this.#world.nowUs);
    for (const [address, listener] of this.#listeners) {
      if (listener.host === host) this.#listeners.delete(address);
    }
    this.#identities.delete(host.id);
    for (const end of this.#ends.get(host.id)?.values() ?? []) {
      if (end.state === "closed") continue;
      this.#dropped(end, end.dropUndeparted(this.#world.nowUs));
      end.state = "closed";
      if (isPowerLost) this.#leaveHalfOpen(end.peer);
      else this.#endSoon(end.peer, "the connection was lost");
    }
    this.#ends.delete(host.id);
  }

  /** Breaks every connection between the two, each end learning of it in its own time. */
  breakConnections(a: Host, b: Host): number {
    let broken = 0;
    for (const end of [...this.#ends.get(a.id)?.values() ?? []]) {
      if (end.peer.host !== b || end.state === "closed") continue;
      this.#cut(end);
      broken += 1;
    }
    return broken;
  }

  /** `a` is told that its connections to `b` are over, and what `b` still sends on them vanishes. Returns how many. */
  forgetConnections(a: Host, b: Host): number {
    let forgotten = 0;
    for (const end of [...this.#ends.get(a.id)?.values() ?? []]) {
      if (end.peer.host !== b || end.state !== "open") continue;
      end.peer.isForgotten = true;
      this.#finish(end, "the connection was lost");
      forgotten += 1;
    }
    return forgotten;
  }

  /** From now on `b` hears that connections of which `a` knows nothing are over. */
  rememberConnections(a: Host, b: Host): void {
    for (const end of this.#ends.get(b.id)?.values() ?? []) if (end.peer.host === a) end.isForgotten = false;
  }

  /** The wire from `from` to `to` is whole again: what it held is sent again. */
  onWireOpened(from: Host, to: Host): void {
    for (const end of this.#ends.get(from.id)?.values() ?? []) if (end.peer.host === to) this.#resume(end);
  }

  onEvent(kind: EventKind, a: number, b: number, payload: unknown): void {
    switch (kind) {
      case EventKind.Arrive:
        this.#onArrive(payload as ConnectionEnd);
        break;
      case EventKind.Drain:
        this.#onDrain(payload as ConnectionEnd);
        break;
      case EventKind.EndClosed:
        this.#onEnding(payload as Ending);
        break;
      case EventKind.DialArrived:
        this.#onDialArrived(payload as Dial);
        break;
      case EventKind.DialAnswered:
        this.#onDialAnswered(payload as Dial);
        break;
      case EventKind.DialOpened:
        this.#onDialOpened(payload as Dial);
        break;
      default:
        // A failed dial, or a listener's answer: told to the host that asked, if it still runs.
        this.#world.hosts[a]!.deliver(b, payload as NetworkEvent);
    }
  }

  // Frames.

  #enqueue(end: ConnectionEnd, bytes: Uint8Array<ArrayBuffer>, closeReason: string | null): void {
    const wire = this.#wire(end, end.peer);
    wire.frames += 1;
    if (wire.clogUs > 0) this.counts.framesClogged += 1;
    const sentUs = end.host.effectAtUs();
    const departUs = wire.cuts > 0
      ? Infinity
      : Math.max(sentUs, end.departFreeUs) + Math.ceil(bytes.length * 1000 / wire.bytesPerMs);
    const arriveUs = Math.max(end.lastArriveUs, departUs + this.#latencyUs(wire) + this.#lossUs(wire));
    end.push({ bytes, closeReason, sentUs, departUs, arriveUs });
    end.departFreeUs = departUs;
    end.lastArriveUs = arriveUs;
    if (bytes.length > 0) this.#world.hashBytes(bytes);
    if (end.waiting === 1) this.#scheduleHead(end);
    if (!end.isAboveLowWater && end.buffered(this.#world.nowUs) > LOW_WATER_BYTES) {
      end.isAboveLowWater = true;
      this.#scheduleDrain(end);
    }
  }

  #scheduleHead(end: ConnectionEnd): void {
    const head = end.head;
    if (head === undefined || end.isScheduled) return;
    if (head.arriveUs === Infinity) {
      this.#stall(end);
      return;
    }
    end.isScheduled = true;
    const atUs = Math.max(head.arriveUs, this.#world.nowUs);
    this.#world.schedule(atUs, this, EventKind.Arrive, end.peer.host.id, head.bytes.length, end);
  }

  #stall(end: ConnectionEnd): void {
    if (end.isStalled) return;
    end.isStalled = true;
    this.counts.framesHeldByCut += 1;
  }

  #onArrive(end: ConnectionEnd): void {
    end.isScheduled = false;
    const head = end.head;
    if (head === undefined) return;
    if (head.arriveUs > this.#world.nowUs) {
      this.#scheduleHead(end); // Replanned since.
      return;
    }
    const wire = this.#wire(end, end.peer);
    if (wire.cuts > 0) {
      this.#stall(end);
      return;
    }
    if (wire.cutDraws.chance(wire.cutPerMillion)) {
      this.counts.connectionsCut += 1;
      this.#cut(end);
      return;
    }
    end.shift();
    this.#scheduleHead(end);
    this.#arrive(end, end.peer, head);
  }

  #arrive(from: ConnectionEnd, to: ConnectionEnd, frame: SentFrame): void {
    const { bytes, closeReason } = frame;
    if (from.isForgotten) {
      this.counts.framesVanished += 1;
      this.#dropped(from, [frame]);
      return;
    }
    if (to.state === "closed" || !to.isLive) {
      this.#dropped(from, [frame]);
      this.counts.framesToTheDead += 1;
      // A machine that runs answers for a connection that it does not know with a reset.
      if (to.host.isUp && from.state !== "closed") this.#endSoon(from, "the connection was lost");
      return;
    }
    if (closeReason !== null) {
      this.#finish(to, closeReason);
      return;
    }
    if (to.state === "closing") return;
    this.counts.framesDelivered += 1;
    to.arrivals += 1;
    this.#world.watcher?.frame(this.#world, from.host, to.host, frame.sentUs, bytes, "arrived");
    // Behind a damaged frame a receiver that is right takes no other of its connection, but those before it.
    const isHeard = !this.corruption.hasReached(to);
    this.corruption.strikes(this.#wire(from, to), from, to, bytes);
    to.host.deliverFrame(to.incarnation, { kind: "frame", connection: to.id, bytes }, isHeard);
  }

  /** Frames that nobody will see. */
  #dropped(end: ConnectionEnd, frames: readonly SentFrame[]): void {
    const { watcher, nowUs } = this.#world;
    if (watcher === null) return;
    for (const { bytes, sentUs } of frames) {
      // What a turn that never ended would have sent was not sent.
      if (sentUs > nowUs || bytes.length === 0) continue;
      watcher.frame(this.#world, end.host, end.peer.host, sentUs, bytes, "lost");
    }
  }

  #onDrain(end: ConnectionEnd): void {
    if (!end.isAboveLowWater || end.state === "closed" || !end.isLive) return;
    if (end.buffered(this.#world.nowUs) > LOW_WATER_BYTES) {
      this.#scheduleDrain(end);
      return;
    }
    end.isAboveLowWater = false;
    end.host.deliver(end.incarnation, { kind: "drained", connection: end.id });
  }

  #scheduleDrain(end: ConnectionEnd): void {
    const atUs = end.departsBelow(LOW_WATER_BYTES, this.#world.nowUs);
    if (atUs !== Infinity) this.#world.schedule(atUs, this, EventKind.Drain, end.host.id, end.id, end);
  }

  #resume(end: ConnectionEnd): void {
    const wire = this.#wire(end, end.peer);
    const delayUs = this.#latencyUs(wire) + wire.drawsOf("resume", end.id).exponential(RETRANSMIT_MEAN_US);
    end.replan(this.#world.nowUs, delayUs, wire.bytesPerMs);
    end.isStalled = false;
    this.#scheduleHead(end);
    if (end.isAboveLowWater) this.#scheduleDrain(end);
  }

  // Endings.

  #onEnding({ end, reason }: Ending): void {
    if (end.state !== "closed") this.#finish(end, reason);
  }

  /** This end is over and told so. What it sent and has left still arrives. */
  #finish(end: ConnectionEnd, reason: string): void {
    end.state = "closed";
    this.#ends.get(end.host.id)?.delete(end.id);
    if (end.isLive) end.host.deliver(end.incarnation, { kind: "closed", connection: end.id, reason });
  }

  #endSoon(end: ConnectionEnd, reason: string): void {
    if (end.state === "closed") return;
    const wire = this.#wire(end.peer, end);
    const delayUs = wire.cuts === 0
      ? this.#latencyUs(wire)
      : wire.drawsOf("unheard", end.id).exponential(HALF_OPEN_MEAN_US);
    this.#scheduleEnding(end, delayUs, reason);
  }

  /** Nobody tells this end: it finds out when it sends, by silence, or late. */
  #leaveHalfOpen(end: ConnectionEnd): void {
    if (end.state === "closed") return;
    this.counts.halfOpen += 1;
    this.#scheduleEnding(end, 60_000_000, "the connection timed out");
  }

  #scheduleEnding(end: ConnectionEnd, delayUs: number, reason: string): void {
    const ending = new Ending(end, reason);
    this.#world.schedule(this.#world.nowUs + delayUs, this, EventKind.EndClosed, end.host.id, end.id, ending);
  }

  #cut(end: ConnectionEnd): void {
    for (const one of [end, end.peer]) {
      const draws = this.#wire(one, one.peer).drawsOf("broken", one.id);
      // Half of the time what was on the wire is gone with it, else it arrives before the end is noticed.
      const isGone = draws.chance(500_000);
      this.#dropped(one, isGone ? one.dropAll() : one.dropUndeparted(this.#world.nowUs));
      this.#scheduleHead(one);
      const isLate = draws.chance(200_000);
      if (isLate) this.counts.halfOpen += 1;
      if (one.state === "closed") continue;
      const delayUs = draws.exponential(isLate ? HALF_OPEN_MEAN_US : 1_000);
      this.#scheduleEnding(one, delayUs, "the connection was lost");
    }
  }

  // Dials.

  #onDialArrived(dial: Dial): void {
    if (!this.#dialerLives(dial)) return;
    const { nowUs } = this.#world;
    const { host, target } = dial;
    const peer = this.#hostAt(target.address);
    const there = `Cannot dial ${target.address}`;
    if (peer === undefined) {
      this.#failDial(dial, nowUs + 1_000, "UNREACHABLE", `${there}: no such host`);
      return;
    }
    const backUs = this.#latencyUs(this.#topology.wire(peer.id, host.id));
    const isCut = !this.#topology.isOpen(host.id, peer.id) || !this.#topology.isOpen(peer.id, host.id);
    const wire = this.#topology.wire(host.id, peer.id);
    const isRefused = !isCut && wire.dialDraws.chance(wire.dialFailurePerMillion);
    if (isCut || !peer.isUp || isRefused) {
      const { kind, afterUs } = dial.unanswered(wire.drawsOf("dial-timeout", dial.token));
      if (kind === "again") {
        this.counts.dialsUnheard += 1;
        this.#world.schedule(nowUs + afterUs, this, EventKind.DialArrived, host.id, dial.token, dial);
        return;
      }
      this.counts.dialsFailed += 1;
      this.#failDial(dial, nowUs + afterUs, "UNREACHABLE", `${there}: no answer`);
    } else if (!this.#listeners.has(target.address)) {
      this.visits.inVain(host);
      this.#failDial(dial, nowUs + backUs, "UNREACHABLE", `${there}: nobody listens`);
    } else {
      const thereUs = this.#latencyUs(this.#topology.wire(host.id, peer.id));
      this.#world.schedule(nowUs + backUs + thereUs, this, EventKind.DialAnswered, peer.id, dial.token, dial);
    }
  }

  /** The handshake is done: the listener has the connection, if the dialler wants it. */
  #onDialAnswered(dial: Dial): void {
    if (!this.#dialerLives(dial)) return;
    const { nowUs } = this.#world;
    const { host, target } = dial;
    const listener = this.#listeners.get(target.address);
    const shown = listener === undefined ? undefined : this.#identities.get(listener.host.id);
    if (listener === undefined || shown === undefined) {
      this.#failDial(
        dial,
        nowUs + 1_000,
        "UNREACHABLE",
        `Cannot dial ${target.address}: the handshake broke off`,
      );
      return;
    }
    this.visits.found(host, listener.host, nowUs);
    const backUs = this.#latencyUs(this.#topology.wire(listener.host.id, host.id));
    const refusal = this.#refusal(dial, shown);
    if (refusal !== null) {
      this.counts.refusedPeers += 1;
      this.#failDial(dial, nowUs + backUs, "NOT_AUTHENTICATED", `${target.address}: ${refusal}`);
      return;
    }
    const here = this.#addEnd(host);
    const there = this.#addEnd(listener.host);
    here.peer = there;
    there.peer = here;
    there.state = "open";
    there.lastArriveUs = nowUs + backUs;
    dial.end = here;
    const own = this.#identities.get(host.id)!;
    const trust = shown.trust;
    there.host.deliver(there.incarnation, {
      kind: "opened",
      token: 0 as Token,
      connection: there.id,
      inbound: true,
      address: `${host.name}:0`,
      peer: this.#keys.identify(own.certificate, trust, there.host.wallMs()),
    });
    this.#world.schedule(nowUs + backUs, this, EventKind.DialOpened, host.id, dial.token, dial);
  }

  #onDialOpened(dial: Dial): void {
    const end = dial.end!;
    const { host } = dial;
    if (!this.#dialerLives(dial)) {
      end.state = "closed";
      this.#endSoon(end.peer, "the connection was lost");
      return;
    }
    const shown = this.#identities.get(end.peer.host.id);
    if (end.state !== "opening" || shown === undefined) {
      end.state = "closed";
      this.#failDial(
        dial,
        this.#world.nowUs,
        "UNREACHABLE",
        `Cannot dial ${dial.target.address}: closed before it was open`,
      );
      return;
    }
    end.state = "open";
    host.deliver(dial.incarnation, {
      kind: "opened",
      token: dial.token,
      connection: end.id,
      inbound: false,
      address: dial.target.address,
      peer: this.#keys.identify(shown.certificate, this.#identities.get(host.id)!.trust, host.wallMs()),
    });
    this.#scheduleHead(end.peer);
  }

  #dialerLives({ host, incarnation, submittedUs }: Dial): boolean {
    return host.isUp && host.incarnation === incarnation && submittedUs <= this.#world.nowUs;
  }

  /** Why the dialler does not want the peer; null where it is who was expected. */
  #refusal({ host, target }: Dial, shown: NetworkIdentity): string | null {
    const own = this.#identities.get(host.id);
    if (own === undefined) return "this node has no certificate yet";
    if (!this.#keys.holdsKey(shown) || !this.#keys.holdsKey(own)) {
      return "a key does not belong to its certificate";
    }
    const wallMs = host.wallMs();
    if (target.expect.kind === "member") {
      const { trusted } = this.#keys.identify(shown.certificate, own.trust, wallMs);
      return trusted ? null : "the certificate was not issued by an authority of this mesh";
    }
    if (this.#keys.chainHolds(shown, target.expect.authorityHash, wallMs)) return null;
    return "no valid certificate of the expected authority in its chain";
  }

  #failDial(dial: Dial, atUs: number, code: DialFailureCode, message: string): void {
    const event: NetworkEvent = { kind: "dial-failed", token: dial.token, code, message };
    this.#world.schedule(atUs, this, EventKind.DialFailed, dial.host.id, dial.incarnation, event);
  }

  // Small things.

  #bind(host: Host, address: string): { address: string } | { code: DialFailureCode; message: string } {
    const wrong = addressProblem(address, true);
    if (wrong !== null) return { code: "INVALID_ARGUMENT", message: wrong };
    if (!this.#identities.has(host.id)) {
      return { code: "INVALID_ARGUMENT", message: "this node has no certificate yet" };
    }
    const bound = address.endsWith(":0") ? `${address.slice(0, -1)}${this.#nextPort++}` : address;
    if (this.#listeners.has(bound)) {
      return { code: "ADDRESS_IN_USE", message: `Cannot listen on ${bound}: the address is in use` };
    }
    this.#listeners.set(bound, { host, incarnation: host.incarnation });
    return { address: bound };
  }

  #addEnd(host: Host): ConnectionEnd {
    const end = new ConnectionEnd(++this.#lastId as ConnectionId, host);
    let ends = this.#ends.get(host.id);
    if (ends === undefined) this.#ends.set(host.id, ends = new Map());
    ends.set(end.id, end);
    return end;
  }

  #end(host: Host, id: ConnectionId): ConnectionEnd | undefined {
    return this.#ends.get(host.id)?.get(id);
  }

  /** Listeners first: an address may be bound under a name that is no host's. */
  #hostAt(address: string): Host | undefined {
    return this.#listeners.get(address)?.host ??
      this.#world.hostByName(address.slice(0, address.lastIndexOf(":")));
  }

  #wire(from: ConnectionEnd, to: ConnectionEnd): Wire {
    return this.#topology.wire(from.host.id, to.host.id);
  }

  #latencyUs(wire: Wire): number {
    return wire.latencyUs + wire.clogUs +
      (wire.jitterMeanUs > 0 ? wire.jitterDraws.exponential(wire.jitterMeanUs) : 0);
  }

  #lossUs(wire: Wire): number {
    if (!wire.lossDraws.chance(wire.lossPerMillion)) return 0;
    this.counts.framesLost += 1;
    return RETRANSMIT_US + wire.drawsOf("loss", wire.frames).exponential(RETRANSMIT_MEAN_US);
  }
}

class Ending {
  constructor(readonly end: ConnectionEnd, readonly reason: string) {}
}

type DialFailureCode = Extract<NetworkEvent, { kind: "dial-failed" }>["code"];

function addressProblem(address: string, allowAnyPort: boolean): string | null {
  try {
    parseAddress(address, allowAnyPort);
    return null;
  } catch (error) {
    if (error instanceof SennitError) return error.message;
    throw error;
  }
}
