/**
 * A machine of the world: a disk and a place on the network that stay, and a node that comes and goes. Each start is an
 * incarnation with ports of its own; what an earlier one left under way is told to nobody.
 *
 * A turn takes virtual time. What the node does in it takes effect when that time is over, no other turn begins before, and
 * a crash in between means that it was never done.
 */
import type { Token } from "../src/core/ids.ts";
import type { Inbox, Io, IoEvent, NetworkEvent, Platform } from "../src/io/mod.ts";
import type { Call, Callers, Push, Reply } from "../src/node/calls.ts";
import type { NodeSettings } from "../src/node/settings.ts";
import { type ClockFaults, SimClock, WALL_START_MS } from "./clock.ts";
import { SimCrypto } from "./crypto.ts";
import { type DiskCrash, SimDisk } from "./disk.ts";
import { EventKind, type Target } from "./event_queue.ts";
import { NetworkPort } from "./network_port.ts";
import { poison } from "./poison.ts";
import type { Draws } from "./prf.ts";
import { RandomPort } from "./random.ts";
import { NODE_SITES } from "./sites.ts";
import type { SimulatedNode } from "./simulated_node.ts";
import type { World } from "./world.ts";

/** How long turns of a node take. */
export interface TurnCosts {
  meanUs: number;
  /** Turns that take as long as a collector's pause or a busy machine makes them. */
  slowPerMillion: number;
  slowMeanUs: number;
}

/** Where the answers to a client's calls go. */
export interface CallSink {
  onReply(token: Token, reply: Reply): void;
  onPush(token: Token, push: Push): void;
}

export class Host implements Target, Platform, Callers {
  readonly world: World;
  readonly id: number;
  readonly traceId: number;
  readonly name: string;
  readonly disk: SimDisk;
  readonly clockFaults: ClockFaults = { driftPerMillion: 0, startMs: 0, wallOffsetMs: 0 };
  readonly turnCosts: TurnCosts = { meanUs: 40, slowPerMillion: 0, slowMeanUs: 0 };
  settings: NodeSettings | null = null;
  node: SimulatedNode | null = null;
  sink: CallSink | null = null;
  incarnation = 0;
  isUp = false;
  /** Turns and calls since the last look at this host. */
  hasChanged = false;
  turns = 0;
  io: Io;
  #inbox: Inbox | null = null;
  #clock: SimClock;
  readonly #costDraws: Draws;
  readonly #slowDraws: Draws;
  #isTurnRequested = false;
  /** The running turn's effects happen then; no other turn begins before. */
  #busyUntilUs = 0;
  #pausedUntilUs = 0;
  /** Frames lent to the node until its next turn ends. */
  readonly #lent: Uint8Array[] = [];

  /** Turns in a row after which the node wanted another one at once, by its clock. */
  get overdueWishes(): number {
    return this.#clock.overdueWishes;
  }

  constructor(world: World, id: number, name: string) {
    this.world = world;
    this.id = id;
    this.traceId = id + 1;
    this.name = name;
    this.disk = new SimDisk(this);
    this.#costDraws = world.prf.site(`turn/${name}`);
    this.#slowDraws = world.prf.site(`slow-turn/${name}`);
    this.#clock = new SimClock(this, 0);
    this.io = this.#makeIo();
  }

  get isPaused(): boolean {
    return this.#pausedUntilUs > this.world.nowUs;
  }

  /** Starts a node of the world's factory on what is on the disk. */
  boot(settings: NodeSettings): void {
    this.settings = settings;
    this.#begin(this.incarnation + 1);
    const { world } = this;
    world.guard.enter();
    try {
      const node = world.factory(this.io, settings, this, world.observerOf(this));
      this.node = node;
      this.#inbox = node;
      node.start(this.incarnation);
    } catch (error) {
      world.onNodeError(this, error);
    } finally {
      world.guard.leave();
    }
    this.#change();
  }

  /** Starts a tool in a node's place, on what is on the disk. */
  lend<Tool extends Inbox>(make: (io: Io) => Tool): Tool {
    this.#begin(this.incarnation + 1);
    const tool = make(this.io);
    this.#inbox = tool;
    return tool;
  }

  /** As a platform for anything with an inbox, in place of a node. */
  attach(incarnation: number, inbox: Inbox): void {
    this.#inbox = inbox;
    this.incarnation = incarnation;
    this.isUp = true;
    this.#isTurnRequested = false;
    this.#busyUntilUs = 0;
    this.#clock.adopt(incarnation);
  }

  /** The process dies. With the machine's power goes what was not synced; `draws` says what of it. */
  crash(isPowerLost: boolean, draws: Draws = this.#ownCrashDraws()): DiskCrash | null {
    this.world.network.onCrash(this, isPowerLost);
    let effect: DiskCrash | null = null;
    if (isPowerLost) effect = this.disk.losePower(draws);
    else this.disk.killProcess(draws);
    this.#end();
    return effect;
  }

  /** The node is told to stop; its process goes on until somebody ends it. */
  stop(): void {
    this.#run((node) => node.stop());
  }

  /** Takes no turn before then: a stopped process, a collector, a moving virtual machine. */
  pause(untilUs: number): void {
    this.#pausedUntilUs = Math.max(this.#pausedUntilUs, untilUs);
  }
  resume(): void {
    this.#pausedUntilUs = 0;
  }
  setDrift(perMillion: number): void {
    this.clockFaults.driftPerMillion = perMillion;
    this.#clock.setDrift(perMillion);
  }

  wallMs(): number {
    return WALL_START_MS + Math.floor(this.world.nowUs / 1000) + this.clockFaults.wallOffsetMs;
  }

  /** When what the node does now takes effect. */
  effectAtUs(): number {
    return Math.max(this.world.nowUs, this.#busyUntilUs);
  }

  requestTurn(): void {
    if (this.#isTurnRequested) return;
    this.#isTurnRequested = true;
    const atUs = Math.max(this.world.nowUs + 1, this.#freeAtUs());
    this.world.schedule(atUs, this, EventKind.Turn, this.incarnation, 0, null);
  }

  deliver(incarnation: number, event: IoEvent): void {
    if (incarnation !== this.incarnation || !this.isUp || this.#inbox === null) return;
    const { guard } = this.world;
    guard.enter();
    try {
      this.#inbox.deliver(incarnation, event);
    } catch (error) {
      this.world.onNodeError(this, error);
    } finally {
      guard.leave();
    }
  }

  /** `isHeard`: nothing that came before it on its connection was damaged. */
  deliverFrame(
    incarnation: number,
    event: NetworkEvent & { readonly kind: "frame" },
    isHeard: boolean,
  ): void {
    this.#lent.push(event.bytes);
    if (isHeard) this.world.frameArrived(event.bytes);
    this.deliver(incarnation, event);
  }

  call(token: Token, call: Call): void {
    this.#run((node) => node.call(token, call));
  }

  reply(token: Token, reply: Reply): void {
    this.world.schedule(this.effectAtUs(), this, EventKind.Reply, this.incarnation, token, reply);
  }
  push(token: Token, push: Push): void {
    this.world.schedule(this.effectAtUs(), this, EventKind.Push, this.incarnation, token, push);
  }

  onEvent(kind: EventKind, incarnation: number, token: number, payload: unknown): void {
    if (incarnation !== this.incarnation || !this.isUp) return;
    switch (kind) {
      case EventKind.Turn:
        this.#onTurn();
        break;
      case EventKind.Wake:
        if (this.#clock.onWake()) this.requestTurn();
        break;
      case EventKind.CryptoDone:
        this.deliver(incarnation, payload as IoEvent);
        break;
      case EventKind.Reply:
        this.sink?.onReply(token as Token, payload as Reply);
        break;
      case EventKind.Push:
        this.sink?.onPush(token as Token, payload as Push);
        break;
    }
  }

  #onTurn(): void {
    const { world } = this;
    const freeAtUs = this.#freeAtUs();
    if (freeAtUs > world.nowUs) {
      world.schedule(freeAtUs, this, EventKind.Turn, this.incarnation, 0, null);
      return;
    }
    this.#isTurnRequested = false;
    this.#busyUntilUs = world.nowUs + this.#turnCostUs();
    this.turns += 1;
    this.#change();
    const { guard } = world;
    guard.enter();
    try {
      this.#inbox?.turn(this.incarnation);
    } catch (error) {
      world.onNodeError(this, error);
    } finally {
      guard.leave();
    }
    for (const bytes of this.#lent) poison(bytes);
    this.#lent.length = 0;
  }

  #turnCostUs(): number {
    const costs = this.turnCosts;
    let cost = 1 + this.#costDraws.exponential(costs.meanUs);
    if (this.#slowDraws.chance(costs.slowPerMillion)) {
      this.world.ledger.strike("slow-turn");
      cost += this.world.prf.site(`slow-turn/${this.name}/${this.turns}`).exponential(costs.slowMeanUs);
    }
    return cost;
  }

  #freeAtUs(): number {
    return Math.max(this.#busyUntilUs, this.#pausedUntilUs);
  }

  #run(body: (node: SimulatedNode) => void): void {
    if (this.node === null) return;
    const { guard } = this.world;
    guard.enter();
    try {
      body(this.node);
    } catch (error) {
      this.world.onNodeError(this, error);
    } finally {
      guard.leave();
    }
    this.#change();
  }

  /** It is to be looked at after this event. */
  #change(): void {
    this.hasChanged = true;
    this.world.haveHostsChanged = true;
  }

  #ownCrashDraws(): Draws {
    return this.world.prf.site(`crash/${this.name}/${this.incarnation}`);
  }

  #begin(incarnation: number): void {
    this.incarnation = incarnation;
    this.isUp = true;
    this.#isTurnRequested = false;
    this.#busyUntilUs = 0;
    this.#clock = new SimClock(this, incarnation);
    this.io = this.#makeIo();
  }

  #end(): void {
    this.isUp = false;
    this.node = null;
    this.#inbox = null;
    this.#pausedUntilUs = 0;
    this.#lent.length = 0;
    this.#change();
  }

  #makeIo(): Io {
    return {
      clock: this.#clock,
      random: new RandomPort(this.world.prf, `${NODE_SITES}${this.name}/${this.incarnation}`),
      network: new NetworkPort(this.world.network, this),
      disk: this.disk,
      crypto: new SimCrypto(this, this.world.keys),
    };
  }
}
