/** Faults of the wires between machines: partitions of several shapes, links that flap or clog, connections that break. */
import type { Host } from "../host.ts";
import type { World } from "../world.ts";
import type { FaultKind } from "./kinds.ts";
import { type Faults, NOTHING_TO_UNDO, type Strike, type Undo } from "./strike.ts";

/** One direction that is cut. */
type Cut = readonly [from: Host, to: Host];

const FLAP_TIMES = 6;
const FLAP_MEAN_MS = 150;
const CLOG_MEAN_MS = 400;
const SWIZZLE_MEAN_MS = 400;
const GRUDGE_PER_MILLION = 500_000;
/** Half-open connections whose one end is never told: as where a router between has forgotten them. */
const FORGOTTEN_PER_MILLION = 500_000;
/** Some partitions break the connections that they cross, others let them hang. */
const BREAKS_PER_MILLION = 400_000;

export class WireFaults implements Faults {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  inject(kind: FaultKind, strike: Strike): Undo | null {
    const { hosts } = this;
    if (hosts.length < 2) return null;
    switch (kind) {
      case "clog":
        return this.#clog(strike);
      case "break-connections":
        return this.#break(strike);
      case "flap":
        return this.#flap(strike);
      case "partition-one":
        return this.#partition(strike, 1);
      case "partition-one-way":
      case "partition-halves":
        return this.#partition(strike, strike.draws.between(1, hosts.length - 1));
      case "partition-bridge":
        return this.#bridge(strike);
      case "partition-ring":
        return this.#ring(strike);
      case "partition-grudges":
        return this.#grudges(strike);
      case "swizzle":
        return this.#swizzle(strike);
      case "half-open":
        return this.#halfOpen(strike);
    }
    return null;
  }

  /** Those that are or were in use. */
  get hosts(): Host[] {
    return this.#world.hosts.filter((host) => host.settings !== null);
  }

  cut(from: Host, to: Host): void {
    this.#world.topology.wire(from.id, to.id).cuts += 1;
  }

  open(from: Host, to: Host, times: number): void {
    const wire = this.#world.topology.wire(from.id, to.id);
    if (wire.cuts === 0) return;
    wire.cuts = Math.max(0, wire.cuts - times);
    if (wire.cuts === 0) this.#world.network.onWireOpened(from, to);
  }

  /** Cuts a host off from others, both ways. */
  cutOff(host: Host, others = this.hosts.filter((other) => other !== host)): Undo {
    for (const other of others) {
      this.cut(host, other);
      this.cut(other, host);
    }
    let isOpen = false;
    return () => {
      if (isOpen) return;
      isOpen = true;
      for (const other of others) {
        this.open(host, other, 1);
        this.open(other, host, 1);
      }
    };
  }

  /** Cuts off what is outside of `core`, from the core and from each other. */
  isolate(core: ReadonlySet<Host>): void {
    for (const from of this.#world.hosts) {
      for (const to of this.#world.hosts) {
        if (from !== to && !(core.has(from) && core.has(to))) this.cut(from, to);
      }
    }
  }

  openAll(): void {
    for (const from of this.#world.hosts) {
      for (const to of this.#world.hosts) if (from !== to) this.open(from, to, Infinity);
    }
  }

  /** The wires to and from it work as new. */
  repair(host: Host): void {
    for (const other of this.#world.hosts) {
      for (
        const wire of [
          this.#world.topology.wire(host.id, other.id),
          this.#world.topology.wire(other.id, host.id),
        ]
      ) {
        wire.clogUs = 0;
        wire.lossPerMillion = 0;
        wire.cutPerMillion = 0;
        wire.dialFailurePerMillion = 0;
        wire.corruptPerMillion = 0;
      }
    }
  }

  #partition(strike: Strike, size: number): Undo {
    const side = strike.choose(this.hosts, size);
    const others = this.hosts.filter((host) => !side.includes(host));
    const cuts = side.flatMap((a) =>
      others.flatMap((b): Cut[] => strike.kind === "partition-one-way" ? [[a, b]] : [[a, b], [b, a]])
    );
    return this.#cutAll(strike, cuts);
  }

  /** Two groups that see only one node in common. */
  #bridge(strike: Strike): Undo | null {
    const hosts = strike.choose(this.hosts, this.hosts.length);
    if (hosts.length < 3) return null;
    const middle = Math.floor(hosts.length / 2);
    const [left, right] = [hosts.slice(0, middle), hosts.slice(middle + 1)];
    return this.#cutAll(strike, left.flatMap((a) => right.flatMap((b): Cut[] => [[a, b], [b, a]])));
  }

  /** Everybody hears a majority, and no two the same one (Jepsen's `majorities-ring`): of three, each hears one other. */
  #ring(strike: Strike): Undo | null {
    const hosts = strike.choose(this.hosts, this.hosts.length);
    const heard = Math.floor(hosts.length / 2);
    const before = Math.floor(heard / 2);
    const cuts: Cut[] = [];
    for (const [i, from] of hosts.entries()) {
      for (const [j, to] of hosts.entries()) {
        // How far `from` stands after the first that `to` hears.
        const after = (i - j + before + hosts.length) % hosts.length;
        if (after > heard) cuts.push([from, to]);
      }
    }
    return cuts.length === 0 ? null : this.#cutAll(strike, cuts);
  }

  /** Each direction of each pair for itself (Jepsen's `complete-grudge`, at random). */
  #grudges(strike: Strike): Undo | null {
    const pairs = this.hosts.flatMap((a) => this.hosts.map((b): Cut => [a, b])).filter(([a, b]) => a !== b);
    const cuts = pairs.filter(() => strike.draws.chance(GRUDGE_PER_MILLION));
    return cuts.length === 0 ? null : this.#cutAll(strike, cuts);
  }

  /** Some are cut off one after the other, and come back in another order (FoundationDB's swizzle-clog). */
  #swizzle(strike: Strike): Undo {
    const chosen = strike.choose(this.hosts, strike.draws.between(2, this.hosts.length));
    const reopen = new Map<Host, Undo>();
    let afterMs = 0;
    for (const host of chosen) {
      strike.later(1000 * afterMs, () => {
        const others = this.hosts.filter((other) => other !== host);
        reopen.set(
          host,
          this.#cutAll(strike, others.flatMap((other): Cut[] => [[host, other], [other, host]])),
        );
      });
      afterMs += 1 + strike.draws.exponential(SWIZZLE_MEAN_MS);
    }
    for (const host of strike.choose(chosen, chosen.length)) {
      afterMs += 1 + strike.draws.exponential(SWIZZLE_MEAN_MS);
      strike.later(1000 * afterMs, () => {
        reopen.get(host)?.();
        reopen.delete(host);
      });
    }
    strike.lengthMs = afterMs + 1;
    return () => {
      for (const open of reopen.values()) open();
    };
  }

  /** One end is told that the connection is over, the other sends into the void. */
  #halfOpen(strike: Strike): Undo | null {
    const [a, b] = strike.choose(this.hosts, 2) as [Host, Host];
    const { network, ledger } = this.#world;
    const vanished = network.counts.framesVanished;
    if (network.forgetConnections(a, b) === 0) return null;
    const isForGood = strike.draws.chance(FORGOTTEN_PER_MILLION);
    return () => {
      if (!isForGood) network.rememberConnections(a, b);
      if (network.counts.framesVanished > vanished) ledger.strike("half-open");
    };
  }

  #cutAll(strike: Strike, cuts: readonly Cut[]): Undo {
    const { ledger, network } = this.#world;
    const breaks = strike.draws.chance(BREAKS_PER_MILLION);
    const held = network.counts.framesHeldByCut;
    let broken = 0;
    for (const [from, to] of cuts) {
      this.cut(from, to);
      if (breaks) broken += network.breakConnections(from, to);
    }
    this.#world.note(null, `${strike.kind}: ${cuts.map(([a, b]) => `${a.name}>${b.name}`).join(" ")}`);
    return () => {
      for (const [from, to] of cuts) this.open(from, to, 1);
      const heldNow = network.counts.framesHeldByCut - held;
      if (heldNow + broken > 0) ledger.strike(strike.kind);
      ledger.strike("frames-held", heldNow);
      ledger.strike("connections-broken", broken);
    };
  }

  /** Cut and whole again, several times in a row. */
  #flap(strike: Strike): Undo {
    const [a, b] = strike.choose(this.hosts, 2) as [Host, Host];
    let reopen: Undo | null = null;
    const toggle = () => {
      if (reopen === null) reopen = this.#cutAll(strike, [[a, b], [b, a]]);
      else {
        reopen();
        reopen = null;
      }
    };
    toggle();
    let afterMs = 0;
    for (let i = 1; i < 2 * FLAP_TIMES; i++) {
      afterMs += 20 + strike.draws.exponential(FLAP_MEAN_MS);
      strike.later(1000 * afterMs, toggle);
    }
    strike.lengthMs = afterMs + 1;
    return () => reopen?.();
  }

  #clog(strike: Strike): Undo {
    const [from, to] = strike.choose(this.hosts, 2) as [Host, Host];
    const wire = this.#world.topology.wire(from.id, to.id);
    const addedUs = 1000 * (10 + strike.draws.exponential(CLOG_MEAN_MS));
    wire.clogUs += addedUs;
    const slowed = this.#world.network.counts.framesClogged;
    return () => {
      wire.clogUs = Math.max(0, wire.clogUs - addedUs);
      if (this.#world.network.counts.framesClogged > slowed) this.#world.ledger.strike("clog");
    };
  }

  #break(strike: Strike): Undo | null {
    const [a, b] = strike.choose(this.hosts, 2) as [Host, Host];
    const broken = this.#world.network.breakConnections(a, b);
    this.#world.ledger.strike("break-connections", broken);
    return broken === 0 ? null : NOTHING_TO_UNDO;
  }
}
