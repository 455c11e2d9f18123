/** Faults of whole machines: processes that die or stop, power that goes at the worst moment, turns that do not come. */
import type { Host } from "../host.ts";
import type { Draws } from "../prf.ts";
import type { Regime } from "../regime.ts";
import type { World } from "../world.ts";
import type { FaultKind } from "./kinds.ts";
import { type Faults, NOTHING_TO_UNDO, type Strike, type Undo } from "./strike.ts";

/** A host that is waited for to enter a new term. */
interface Ambush {
  /** The sum of its terms when the wait began. */
  readonly terms: number;
  readonly onElection: () => void;
}

/** While power is to go in an election, whoever else leads is silent for so many election timeouts. */
const SILENT_ELECTIONS = 3;

export class MachineFaults implements Faults {
  readonly #world: World;
  readonly #regime: Regime;
  /** Told after a host went down, so that who waits for its answers learns that none will come. */
  readonly #onDown: (host: Host) => void;
  readonly #ambushes = new Map<Host, Ambush>();
  /** Machines that are switched off, and not to be started by whoever took them down. */
  readonly off = new Set<Host>();

  constructor(world: World, regime: Regime, onDown: (host: Host) => void) {
    this.#world = world;
    this.#regime = regime;
    this.#onDown = onDown;
  }

  inject(kind: FaultKind, strike: Strike): Undo | null {
    const up = this.#world.hosts.filter((host) => host.isUp);
    switch (kind) {
      case "pause":
        return this.#pause(strike, up.filter((host) => !host.isPaused));
      case "stop":
        return this.#stopFor(strike.one(up));
      case "crash-process":
        return this.#crashSome(strike, strike.choose(up, 1));
      case "crash-power":
        return this.#crashSome(strike, strike.choose(up, 1));
      case "crash-many":
        return this.#crashMany(strike, up);
      case "crash-in-sync":
        return this.#crashInSync(strike, strike.one(up));
      case "crash-in-election":
        return this.#crashInElection(strike, up);
    }
    return null;
  }

  crash(host: Host, isPowerLost: boolean, draws: Draws): void {
    const { ledger } = this.#world;
    const effect = host.crash(isPowerLost, draws);
    ledger.strike(isPowerLost ? "crash-power" : "crash-process");
    if (effect !== null) {
      ledger.strike("write-lost", effect.lost);
      ledger.strike("write-kept", effect.kept);
      ledger.strike("write-torn", effect.torn);
      ledger.strike("write-vanished", effect.vanished);
      ledger.strike("name-lost", effect.namesLost);
      ledger.strike("sync-silently-durable", effect.silentSyncs);
    }
    this.#world.note(host, effect === null ? "crash" : `power lost: ${JSON.stringify(effect)}`);
    this.#onDown(host);
  }

  stop(host: Host): void {
    host.stop();
    this.#onDown(host);
  }

  restart(host: Host): void {
    if (host.isUp || host.settings === null || this.off.has(host)) return;
    this.#world.note(host, "restart");
    this.#world.ledger.strike("restart");
    host.boot(host.settings);
  }

  repair(host: Host): void {
    host.resume();
    host.turnCosts.slowPerMillion = 0;
    this.restart(host);
  }

  /** Looks at a host after its turn, for what waits for something to happen to it. */
  look(host: Host): void {
    const ambush = this.#ambushes.get(host);
    if (ambush === undefined || !host.isUp || termsOf(host) <= ambush.terms) return;
    this.#ambushes.delete(host);
    ambush.onElection();
  }

  #crashMany(strike: Strike, up: readonly Host[]): Undo | null {
    if (up.length < 2) return null;
    this.#world.ledger.strike("crash-many");
    return this.#crashSome(strike, strike.choose(up, strike.draws.between(2, up.length)));
  }

  #crashSome(strike: Strike, hosts: readonly Host[]): Undo | null {
    if (hosts.length === 0) return null;
    for (const host of hosts) this.#crashBy(strike, host);
    return () => {
      for (const host of hosts) this.restart(host);
    };
  }

  /** What becomes of the disk is drawn at a site of the strike and the host. */
  #crashBy(strike: Strike, host: Host): void {
    const draws = this.#world.prf.site(`${strike.site}/crash/${host.name}`);
    this.crash(host, strike.kind !== "crash-process", draws);
  }

  #crashLater(strike: Strike, host: Host, afterUs: number): void {
    strike.later(afterUs, () => {
      if (!host.isUp) return;
      this.#world.ledger.strike(strike.kind);
      this.#crashBy(strike, host);
    });
  }

  /** Power goes while the next sync is under way: what it was to make durable is lost, torn, or durable unsaid. */
  #crashInSync(strike: Strike, host: Host | undefined): Undo | null {
    if (host === undefined || host.disk.ambush !== null) return null;
    host.disk.ambush = (startUs, endUs) => {
      this.#crashLater(strike, host, strike.draws.between(startUs, endUs) - this.#world.nowUs);
    };
    return () => {
      host.disk.ambush = null;
      this.restart(host);
    };
  }

  /**
   * Waits until the host enters a new term, and takes its power away about when that becomes durable. That it comes to an
   * election is seen to: whoever else leads falls silent.
   */
  #crashInElection(strike: Strike, up: readonly Host[]): Undo | null {
    const host = strike.one(up.filter((each) => !leads(each))) ?? strike.one(up);
    if (host === undefined || this.#ambushes.has(host)) return null;
    const silentMs = SILENT_ELECTIONS * this.#regime.settings.raft.electionTimeoutMs;
    for (const each of up) {
      if (each !== host && leads(each)) each.pause(this.#world.nowUs + 1000 * silentMs);
    }
    const withinUs = 2 * this.#regime.disk.deviceMeanUs + this.#regime.wire.latencyUs;
    const afterUs = strike.draws.below(withinUs + 1);
    strike.lengthMs += silentMs; // The election comes within that time.
    this.#ambushes.set(host, {
      terms: termsOf(host),
      onElection: () => this.#crashLater(strike, host, afterUs),
    });
    return () => {
      this.#ambushes.delete(host);
      this.restart(host);
    };
  }

  #stopFor(host: Host | undefined): Undo | null {
    if (host === undefined) return null;
    this.stop(host);
    this.#world.ledger.strike("stop");
    return () => this.restart(host);
  }

  #pause(strike: Strike, hosts: readonly Host[]): Undo | null {
    const host = strike.one(hosts);
    if (host === undefined) return null;
    host.pause(this.#world.nowUs + 1000 * (50 + strike.draws.exponential(this.#regime.faultLengthMs)));
    this.#world.ledger.strike("pause");
    return NOTHING_TO_UNDO;
  }
}

/** True where a host leads any group. */
function leads(host: Host): boolean {
  return host.node?.inspect().groups.some((group) => group.role === "leader") ?? false;
}

/** Rises when a host enters a new term in any group. */
function termsOf(host: Host): number {
  let sum = 0;
  for (const group of host.node?.inspect().groups ?? []) sum += group.term;
  return sum;
}
