/**
 * The world: hosts, wires, virtual time in whole microseconds, and one queue of what will happen. One step is one
 * event. Whoever needs the world is handed it; nothing of it is global but the traps of `globals.ts`.
 */
import { crc32c } from "../src/core/crc32c.ts";
import type { Observer } from "../src/node/inspection.ts";
import { KeyRegistry } from "./certificates.ts";
import { EventLog } from "./event_log.ts";
import { type EventKind, EventQueue, type Target } from "./event_queue.ts";
import { Guard } from "./globals.ts";
import { Host } from "./host.ts";
import { FaultLedger } from "./ledger.ts";
import { SimNetwork } from "./network.ts";
import { type Decisions, Prf } from "./prf.ts";
import type { NodeFactory } from "./simulated_node.ts";
import { finish, type Steps } from "./steps.ts";
import { Topology } from "./topology.ts";
import { Trace } from "./trace.ts";
import type { Watcher } from "./watcher.ts";

export interface WorldOptions {
  readonly seed: string;
  readonly factory: NodeFactory;
  /** What node code tells its checkers. */
  readonly observerOf?: (host: Host) => Observer;
  /** Node code threw: the run's to judge. Without it the error is thrown on. */
  readonly onNodeError?: (host: Host, error: unknown) => void;
  /** Runs after each event. */
  readonly afterStep?: () => void;
  /** Sees each frame as it reaches a node. */
  readonly onFrame?: (bytes: Uint8Array) => void;
  /** Sees what passes, for a picture of the run; changes nothing. */
  readonly watcher?: Watcher;
  readonly logLimit?: number;
  /** A tape to play, or a recorder. */
  readonly decisions?: Decisions;
}

export class World {
  readonly prf: Prf;
  readonly factory: NodeFactory;
  readonly queue: EventQueue = new EventQueue();
  readonly trace: Trace = new Trace();
  readonly log: EventLog;
  readonly guard: Guard = new Guard();
  readonly ledger: FaultLedger = new FaultLedger();
  readonly topology: Topology;
  readonly keys: KeyRegistry;
  readonly network: SimNetwork;
  readonly hosts: Host[] = [];
  readonly watcher: Watcher | null;
  nowUs = 0;
  /** Some host has since the last look at them. */
  haveHostsChanged = false;
  /** `advance` hands control back after each event from this one on. */
  pauseAtEvent = Infinity;
  readonly #options: WorldOptions;
  readonly #byName = new Map<string, Host>();
  readonly #afterStep: (() => void) | undefined;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#afterStep = options.afterStep;
    this.prf = new Prf(options.seed, options.decisions ?? null);
    this.watcher = options.watcher ?? null;
    this.factory = options.factory;
    this.log = new EventLog(options.logLimit);
    this.keys = new KeyRegistry(this.prf);
    this.topology = new Topology(this.prf, (id) => this.hosts[id]!.name);
    this.network = new SimNetwork(this, this.topology, this.keys);
  }

  addHost(name: string): Host {
    const host = new Host(this, this.hosts.length, name);
    this.hosts.push(host);
    this.#byName.set(name, host);
    return host;
  }

  hostByName(name: string): Host | undefined {
    return this.#byName.get(name);
  }

  schedule(atUs: number, target: Target, kind: EventKind, a: number, b: number, payload: unknown): void {
    // A whole number, and never in the past.
    this.queue.push(Math.max(this.nowUs, Math.ceil(atUs)), target, kind, a, b, payload);
  }

  /** Takes the next event; false where nothing will ever happen again. */
  step(): boolean {
    const event = this.queue.pop();
    if (event === undefined) return false;
    this.nowUs = event.timeUs;
    const { target, kind, a, b, payload } = event;
    this.queue.recycle(event);
    this.trace.event(this.nowUs, target.traceId, kind, a, b);
    this.log.add(this.nowUs, this.trace.events, target.traceId, kind, a, b, "");
    target.onEvent(kind, a, b, payload);
    this.watcher?.stepped(this, target, kind);
    this.#afterStep?.();
    return true;
  }

  /** Steps until virtual time passes `untilUs` or the condition holds. */
  runUntil(untilUs: number, condition: () => boolean = () => false): boolean {
    return finish(this.advance(untilUs, condition));
  }

  /** As `runUntil`, for a run that is driven step by step. */
  *advance(untilUs: number, condition: () => boolean = () => false): Steps<boolean> {
    while (!condition()) {
      if (this.queue.nextTimeUs > untilUs) {
        this.nowUs = Math.max(this.nowUs, Math.min(untilUs, Number.MAX_SAFE_INTEGER));
        return condition();
      }
      this.step();
      if (this.trace.events >= this.pauseAtEvent) yield;
    }
    return true;
  }

  /** Bytes that pass from one place to another are part of the trace. */
  hashBytes(bytes: Uint8Array): void {
    this.trace.add(bytes.length);
    this.trace.add(crc32c(bytes));
  }

  note(host: Host | null, text: string): void {
    this.log.add(this.nowUs, this.trace.events, host?.traceId ?? 255, 0, 0, 0, text);
    this.watcher?.noted(this, host, text);
  }

  frameArrived(bytes: Uint8Array): void {
    this.#options.onFrame?.(bytes);
  }

  observerOf(host: Host): Observer | null {
    return this.#options.observerOf?.(host) ?? null;
  }

  onNodeError(host: Host, error: unknown): void {
    if (this.#options.onNodeError === undefined) throw error;
    this.#options.onNodeError(host, error);
  }
}
