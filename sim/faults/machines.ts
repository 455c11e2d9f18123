/** Faults of whole machines: processes that die or stop, power that goes at the worst moment, turns that do not come. */
import type { GroupInspection } from "../../src/node/inspection.ts";
import type { Host } from "../host.ts";
import { SECTOR_BYTES } from "../inode.ts";
import type { Draws } from "../prf.ts";
import type { Regime } from "../regime.ts";
import type { World } from "../world.ts";
import type { FaultKind } from "./kinds.ts";
import { type Faults, NOTHING_TO_UNDO, type Strike, type Undo } from "./strike.ts";

/** A host that is waited for to come to what is best struck in. */
interface Ambush {
  /** True once it has, judged after each of its turns. */
  readonly hasCome: () => boolean;
  readonly perform: () => void;
}

/** Strikes that wait for a sync of more than one sector. */
const LARGE_SYNCS_PER_MILLION = 700_000;
/** While power is to go in an election, whoever else leads is silent for so many election timeouts. */
const SILENT_ELECTIONS = 3;
/** So many election timeouts longer than other strikes those last that wait for something to come about. */
const LURKING_ELECTIONS = 10;

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
      case "hang-in-election":
        return this.#strikeInElection(strike, up);
      case "crash-in-overwrite":
        return this.#crashWhen(strike, up, overwrites);
      case "crash-in-install":
        return this.#crashWhen(strike, up, installs);
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
    if (ambush === undefined || !host.isUp || !ambush.hasCome()) return;
    this.#ambushes.delete(host);
    ambush.perform();
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
    // Where only a part of what is written reaches the disk, that has to have parts.
    const isLarge = this.#world.prf.site(`${strike.site}/large`).chance(LARGE_SYNCS_PER_MILLION);
    host.disk.ambush = (startUs, endUs, bytes) => {
      if (isLarge && bytes <= SECTOR_BYTES) return false;
      this.#crashLater(strike, host, strike.draws.between(startUs, endUs) - this.#world.nowUs);
      return true;
    };
    return () => {
      host.disk.ambush = null;
      this.restart(host);
    };
  }

  /**
   * Waits until the host enters a new term, and about when that becomes durable takes its power away, or its disk hangs: it has
   * voted and follows, and can acknowledge nothing. That it comes to an election is seen to: whoever else leads falls silent.
   */
  #strikeInElection(strike: Strike, up: readonly Host[]): Undo | null {
    const host = strike.one(up.filter((each) => !leads(each))) ?? strike.one(up);
    if (host === undefined || this.#ambushes.has(host)) return null;
    const silentMs = SILENT_ELECTIONS * this.#regime.settings.raft.electionTimeoutMs;
    for (const each of up) {
      if (each !== host && leads(each)) each.pause(this.#world.nowUs + 1000 * silentMs);
    }
    const afterUs = strike.draws.below(this.#withinUs + 1);
    const hangUs = 1000 * (silentMs + strike.draws.exponential(this.#regime.faultLengthMs));
    strike.lengthMs += silentMs; // The election comes within that time.
    const before = termsOf(host);
    const hang = () => {
      this.#world.ledger.strike(strike.kind);
      host.disk.faults.hungUntilUs = this.#world.nowUs + hangUs;
    };
    this.#ambushes.set(host, {
      hasCome: () => termsOf(host) > before,
      perform: () => {
        if (strike.kind === "crash-in-election") this.#crashLater(strike, host, afterUs);
        else strike.later(afterUs, hang);
      },
    });
    return () => {
      this.#ambushes.delete(host);
      if (strike.kind === "hang-in-election") host.disk.faults.hungUntilUs = 0;
      this.restart(host);
    };
  }

  /** Waits until something has come about in a group anywhere, and takes that power away about when it becomes durable. */
  #crashWhen(
    strike: Strike,
    hosts: readonly Host[],
    hasComeAbout: (before: GroupState, now: GroupState) => boolean,
  ): Undo | null {
    const watched = hosts.filter((host) => !this.#ambushes.has(host));
    if (watched.length === 0) return null;
    const afterUs = strike.draws.below(this.#withinUs + 1);
    strike.lengthMs += LURKING_ELECTIONS * this.#regime.settings.raft.electionTimeoutMs;
    const stopWatching = () => {
      for (const host of watched) this.#ambushes.delete(host);
    };
    let struck: Host | null = null;
    for (const host of watched) {
      const perform = () => {
        stopWatching();
        struck = host;
        this.#crashLater(strike, host, afterUs);
      };
      this.#ambushes.set(host, { hasCome: watch(host, hasComeAbout), perform });
    }
    return () => {
      stopWatching();
      if (struck !== null) this.restart(struck);
    };
  }

  /** In which what was just begun becomes durable. */
  get #withinUs(): number {
    return 2 * this.#regime.disk.deviceMeanUs + this.#regime.wire.latencyUs;
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
  return groupsOf(host).some((group) => group.role === "leader");
}

/** To be asked after each turn: whether one of the host's groups has changed so since the last. What a restart makes is no change. */
function watch(
  host: Host,
  hasComeAbout: (before: GroupState, now: GroupState) => boolean,
): () => boolean {
  const { incarnation } = host;
  let before = statesOf(host);
  return () => {
    if (host.incarnation !== incarnation) return false;
    const [last, now] = [before, before = statesOf(host)];
    return now.some((group) => {
      const known = last.find((each) => each.group === group.group);
      return known !== undefined && hasComeAbout(known, group);
    });
  };
}

/** The log was cut, or another entry has taken its end's place. */
function overwrites(before: GroupState, now: GroupState): boolean {
  if (now.base >= before.last || before.lastTerm === 0) return false;
  return now.last < before.last || now.termAt(before.last) !== before.lastTerm;
}

function installs(before: GroupState, now: GroupState): boolean {
  return now.isInstalling && !before.isInstalling;
}

/** What is compared of a group from one turn to the next. */
interface GroupState extends Pick<GroupInspection, "group" | "base" | "last" | "isInstalling"> {
  /** 0 where the log is empty above its base. */
  readonly lastTerm: number;
  /** As it is now. */
  readonly termAt: (index: GroupInspection["last"]) => number;
}

function statesOf(host: Host): GroupState[] {
  return groupsOf(host).map(({ group, base, last, isInstalling, entry }) => {
    const termAt = (index: GroupInspection["last"]) => entry(index)?.term ?? 0;
    return { group, base, last, isInstalling, lastTerm: termAt(last), termAt };
  });
}

function groupsOf(host: Host): readonly GroupInspection[] {
  return host.node?.inspect().groups ?? [];
}

/** Rises when a host enters a new term in any group. */
function termsOf(host: Host): number {
  let sum = 0;
  for (const group of groupsOf(host)) sum += group.term;
  return sum;
}
