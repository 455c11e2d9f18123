/** Faults of whole machines: processes that die or stop, power that goes at the worst moment, turns that do not come. */
import type { MemberId } from "../../src/core/ids.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import { majorityOf } from "../../src/raft/mod.ts";
import type { Host } from "../host.ts";
import { SECTOR_BYTES } from "../inode.ts";
import type { Draws } from "../prf.ts";
import type { Regime } from "../regime.ts";
import type { World } from "../world.ts";
import type { FaultKind } from "./kinds.ts";
import { type Faults, NOTHING_TO_UNDO, type Strike, type Undo } from "./strike.ts";

/** Who is no member has this id. */
const NOBODY = 0 as MemberId;

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

/** Processes that end before their node has said goodbye to anybody; the others end so much later. */
const STOPS_AT_ONCE_PER_MILLION = 300_000;
const GOODBYE_MEAN_MS = 200;
/** Between two of a rolling restart. */
const RESTART_MS = 500;

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
        return this.#stopFor(strike, strike.one(up));
      case "rolling-restart":
        return this.#restartAll(strike, strike.choose(up, up.length));
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
        return this.#strikeWhen(strike, up, overwrites);
      case "crash-in-install":
        return this.#strikeWhen(strike, up, installs);
      case "stall-in-change":
        return this.stallNextChange(strike);
    }
    return null;
  }

  /** The next change of who counts in a group does not get on for a while. */
  stallNextChange(strike: Strike): Undo | null {
    return this.#strikeWhen(strike, this.#world.hosts.filter((host) => host.isUp && leads(host)), changes);
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

  /** A node that is told to stop, by a process that does not wait for it. */
  stop(host: Host): void {
    host.stop();
    host.crash(false);
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

  /**
   * Calls `perform` with the first of these hosts to which it has come, right after that turn; where something is waited for at a
   * host already it is not looked at.
   */
  awaitFirst(
    hosts: readonly Host[],
    hasCome: (host: Host) => boolean,
    perform: (host: Host) => void,
  ): Undo {
    const watched = hosts.filter((host) => !this.#ambushes.has(host));
    const stop = () => {
      for (const host of watched.splice(0)) this.#ambushes.delete(host);
    };
    for (const host of watched) {
      const act = () => {
        stop();
        perform(host);
      };
      this.#ambushes.set(host, { hasCome: () => hasCome(host), perform: act });
    }
    return stop;
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
      if (strike.kind === "hang-in-election") host.disk.release();
      this.restart(host);
    };
  }

  /**
   * Waits until something has come about in a group anywhere, and takes that power away about when it becomes durable; or where it
   * is a change of who counts, keeps those from hearing of it who could make it one for good.
   */
  #strikeWhen(
    strike: Strike,
    hosts: readonly Host[],
    hasComeAbout: (before: GroupState, now: GroupState) => boolean,
  ): Undo | null {
    const watched = hosts.filter((host) => !this.#ambushes.has(host));
    if (watched.length === 0) return null;
    const afterUs = strike.draws.below(this.#withinUs + 1);
    strike.lengthMs += LURKING_ELECTIONS * this.#regime.settings.raft.electionTimeoutMs;
    const watches = new Map(watched.map((host) => [host, watch(host, hasComeAbout)]));
    const found = new Map<Host, GroupState>();
    const hasCome = (host: Host) => {
      const group = watches.get(host)!();
      if (group !== undefined) found.set(host, group);
      return group !== undefined;
    };
    let undo = NOTHING_TO_UNDO;
    const stopWatching = this.awaitFirst(watched, hasCome, (host) => {
      if (strike.kind === "crash-in-overwrite" || strike.kind === "crash-in-install") {
        undo = () => this.restart(host);
        this.#crashLater(strike, host, afterUs);
      } else undo = this.#stallChange(strike, host, found.get(host)!);
    });
    return () => {
      stopWatching();
      undo();
    };
  }

  /** So many voters of the group fall silent that those who are left with its leader are no majority. */
  #stallChange(strike: Strike, leader: Host, { configuration: { incoming } }: GroupState): Undo {
    const votes = (host: Host) =>
      host !== leader && incoming.includes(host.node?.inspect().memberId ?? NOBODY);
    const others = this.#world.hosts.filter((host) => host.isUp && votes(host));
    const silent = strike.choose(others, Math.max(0, others.length + 2 - majorityOf(incoming.length)));
    if (silent.length === 0) return NOTHING_TO_UNDO;
    this.#world.ledger.strike("stall-in-change");
    const { electionTimeoutMs } = this.#regime.settings.raft;
    const forMs = SILENT_ELECTIONS * electionTimeoutMs + strike.draws.exponential(this.#regime.faultLengthMs);
    for (const host of silent) host.pause(this.#world.nowUs + 1000 * forMs);
    return () => {
      for (const host of silent) host.resume();
    };
  }

  /** In which what was just begun becomes durable. */
  get #withinUs(): number {
    return 2 * this.#regime.disk.deviceMeanUs + this.#regime.wire.latencyUs;
  }

  /** One after the other is stopped and started again, as for a new version: in the end each has seen others leave and come. */
  #restartAll(strike: Strike, hosts: readonly Host[]): Undo {
    strike.lengthMs += hosts.length * RESTART_MS;
    let undo = NOTHING_TO_UNDO;
    const next = (at: number) => {
      undo();
      undo = NOTHING_TO_UNDO;
      const host = hosts[at];
      if (host === undefined) return;
      if (host.isUp) undo = this.#stopFor(strike, host) ?? NOTHING_TO_UNDO;
      if (undo !== NOTHING_TO_UNDO) this.#world.ledger.strike("rolling-restart");
      strike.later(1000 * RESTART_MS, () => next(at + 1));
    };
    next(0);
    return () => undo();
  }

  /** The node says goodbye, and its process ends a while later or at once, whether all of that has left or not. */
  #stopFor(strike: Strike, host: Host | undefined): Undo | null {
    if (host === undefined) return null;
    const { incarnation } = host;
    host.stop();
    this.#world.ledger.strike("stop");
    const end = () => {
      if (!host.isUp || host.incarnation !== incarnation) return;
      host.crash(false);
      this.#onDown(host);
    };
    if (strike.draws.chance(STOPS_AT_ONCE_PER_MILLION)) end();
    else strike.later(1000 * strike.draws.exponential(GOODBYE_MEAN_MS), end);
    return () => {
      end();
      this.restart(host);
    };
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
export function leads(host: Host): boolean {
  return groupsOf(host).some((group) => group.role === "leader");
}

/** To be asked after each turn: which of the host's groups has changed so since the last. What a restart makes is no change. */
function watch(
  host: Host,
  hasComeAbout: (before: GroupState, now: GroupState) => boolean,
): () => GroupState | undefined {
  const { incarnation } = host;
  let before = statesOf(host);
  return () => {
    if (host.incarnation !== incarnation) return undefined;
    const [last, now] = [before, before = statesOf(host)];
    return now.find((group) => {
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

/** A leader counts by another configuration than before, which is not committed yet. */
function changes(before: GroupState, now: GroupState): boolean {
  if (now.role !== "leader" || before.role !== "leader") return false;
  return JSON.stringify(now.configuration) !== JSON.stringify(before.configuration);
}

/** What is compared of a group from one turn to the next. */
interface GroupState
  extends Pick<GroupInspection, "group" | "role" | "base" | "last" | "isInstalling" | "configuration"> {
  /** 0 where the log is empty above its base. */
  readonly lastTerm: number;
  /** As it is now. */
  readonly termAt: (index: GroupInspection["last"]) => number;
}

function statesOf(host: Host): GroupState[] {
  return groupsOf(host).map(({ group, role, base, last, isInstalling, configuration, entry }) => {
    const termAt = (index: GroupInspection["last"]) => entry(index)?.term ?? 0;
    return { group, role, base, last, isInstalling, configuration, lastTerm: termAt(last), termAt };
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
