/**
 * Misfortunes that cost a well-liked message system acknowledged data or split its replicas (Jepsen, "NATS 2.12.1",
 * December 2025), each as one strike: power that goes everywhere at once, and one crash while the others hear each other late.
 * And one that takes several things in a row: a leader with much that nobody else has comes back to a log that begins within that.
 */
import { encodeText } from "../../src/core/bytes.ts";
import { CONTROL_GROUP } from "../../src/core/ids.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import type { Host } from "../host.ts";
import type { Regime } from "../regime.ts";
import { type Calls, NOBODY } from "../workloads/clients.ts";
import { NOISE_KEY } from "../workloads/noise.ts";
import type { World } from "../world.ts";
import type { FaultKind } from "./kinds.ts";
import type { MachineFaults } from "./machines.ts";
import type { Faults, Strike, Undo } from "./strike.ts";
import type { WireFaults } from "./wires.ts";

/** How late the others hear each other, in the mean. */
const LATE_MEAN_MS = 1_000;
/** Asked of a leader that is cut off. */
const STRANDED_WRITES_LIMIT = 250;
const STRANDED_PATIENCE_MS = 30;
/** In a whole run: with many more a member that was away has more to catch up with than slow wires carry in time. */
const RUN_WRITES_LIMIT = 1_200;
/** Of whoever leads then, so that its log gets on. */
const STRANDED_WRITES_PER_LOOK = 2;
/** Whose snapshots are further apart does not get there. */
const STRANDED_SNAPSHOT_ENTRIES_LIMIT = 64;
/** How long it stays away for its log to be overtaken, in election timeouts, and how often it is looked at. */
const STRANDED_ELECTIONS = 15;
const LOOK_MS = 5;

/** As many are far more than an election that is lost leaves behind. */
const OVERTAKEN_WRITES_LIMIT = 20;
/** In which two are elected, one after the other. */
const TWO_LEADERS_ELECTIONS = 10;

export class Histories implements Faults {
  readonly #world: World;
  readonly #regime: Regime;
  readonly #machines: MachineFaults;
  readonly #wires: WireFaults;
  readonly #calls: Calls;
  #writesLeft = RUN_WRITES_LIMIT;

  constructor(world: World, regime: Regime, machines: MachineFaults, wires: WireFaults, calls: Calls) {
    this.#world = world;
    this.#regime = regime;
    this.#machines = machines;
    this.#wires = wires;
    this.#calls = calls;
  }

  inject(kind: FaultKind, strike: Strike): Undo | null {
    const up = this.#world.hosts.filter((host) => host.isUp);
    if (kind === "power-everywhere") return this.#powerEverywhere(strike, up);
    if (kind === "crash-with-late-peers") return this.#crashWithLatePeers(strike, up);
    if (kind === "stranded-leader") return this.#strandLeader(strike, up);
    if (kind === "figure-8") return this.#leadTwice(strike, up);
    return null;
  }

  /** All machines in the same instant, as when a data centre goes dark, while one of them is syncing. */
  #powerEverywhere(strike: Strike, up: readonly Host[]): Undo | null {
    const syncing = strike.one(up.filter((host) => host.disk.ambush === null));
    const inUse = this.#world.hosts.filter((host) => host.settings !== null && !this.#machines.off.has(host));
    if (syncing === undefined || up.length < inUse.length) return null;
    syncing.disk.ambush = (startUs, endUs) => {
      strike.later(strike.draws.between(startUs, endUs) - this.#world.nowUs, () => {
        for (const host of up) if (host.isUp) this.#losePower(strike, host);
        this.#world.ledger.strike("power-everywhere");
      });
      return true;
    };
    return () => {
      syncing.disk.ambush = null;
      for (const host of up) this.#machines.restart(host);
    };
  }

  /** What was acknowledged may be with the one that is gone and with others that are far behind each other. */
  #crashWithLatePeers(strike: Strike, up: readonly Host[]): Undo | null {
    const victim = strike.one(up);
    if (victim === undefined || up.length < 3) return null;
    const clogged: (() => void)[] = [];
    for (const from of up) {
      for (const to of up) {
        if (from === to) continue;
        const wire = this.#world.topology.wire(from.id, to.id);
        const addedUs = 1000 * strike.draws.exponential(LATE_MEAN_MS);
        wire.clogUs += addedUs;
        clogged.push(() => wire.clogUs = Math.max(0, wire.clogUs - addedUs));
      }
    }
    strike.later(1000 * strike.draws.exponential(LATE_MEAN_MS), () => {
      if (!victim.isUp) return;
      this.#losePower(strike, victim);
      this.#world.ledger.strike("crash-with-late-peers");
    });
    strike.lengthMs += 2 * LATE_MEAN_MS;
    return () => {
      for (const undo of clogged) undo();
      this.#machines.restart(victim);
    };
  }

  /**
   * A leader is cut off with entries that nobody else has, and back as soon as the log of the next one begins within them: what it
   * has of its own then lies before and after the snapshot that it is given.
   */
  #strandLeader(strike: Strike, up: readonly Host[]): Undo | null {
    const leader = strike.one(up.filter((host) => !host.isPaused && controlOf(host)?.role === "leader"));
    const others = this.#wires.hosts.filter((host) => host !== leader);
    const { snapshotEntries } = this.#regime.settings;
    if (this.#writesLeft === 0) return null;
    if (leader === undefined || others.length < 2 || snapshotEntries > STRANDED_SNAPSHOT_ENTRIES_LIMIT) {
      return null;
    }
    const comeBack = this.#wires.cutOff(leader);
    for (let left = strike.draws.between(10, STRANDED_WRITES_LIMIT); left > 0; left--) this.#write(leader);
    const look = () => {
      const own = controlOf(leader);
      const next = own === undefined ? undefined : others.find((other) => isLater(own, controlOf(other)));
      if (next !== undefined && isOvertaken(own!, controlOf(next)!)) {
        this.#world.ledger.strike("stranded-leader");
        comeBack();
        return;
      }
      for (let left = next === undefined ? 0 : STRANDED_WRITES_PER_LOOK; left > 0; left--) this.#write(next!);
      strike.later(1000 * LOOK_MS, look);
    };
    look();
    strike.lengthMs += STRANDED_ELECTIONS * this.#regime.settings.raft.electionTimeoutMs;
    return comeBack;
  }

  /**
   * A leader is cut off with entries that nobody else has; as soon as the next one is elected that is cut off in its place, with
   * an entry of its term that nobody else has. The first leads once more, and its older entries take the place of the
   * newer one (Raft paper, figure 8).
   */
  #leadTwice(strike: Strike, up: readonly Host[]): Undo | null {
    const first = strike.one(up.filter((host) => !host.isPaused && controlOf(host)?.role === "leader"));
    const others = up.filter((host) => host !== first);
    if (first === undefined || others.length < 2) return null;
    let comeBack = this.#wires.cutOff(first);
    for (let left = strike.draws.between(1, OVERTAKEN_WRITES_LIMIT); left > 0; left--) this.#write(first);
    const { term } = controlOf(first)!;
    const leadsAfter = (host: Host, before: number) => {
      const control = controlOf(host);
      return control?.role === "leader" && control.term > before;
    };
    const stopWatching = this.#machines.awaitFirst(others, (host) => leadsAfter(host, term), (next) => {
      const openFirst = comeBack;
      comeBack = this.#wires.cutOff(next);
      openFirst();
      const between = controlOf(next)!.term;
      const look = () => {
        if (!up.some((host) => leadsAfter(host, between))) return strike.later(1000 * LOOK_MS, look);
        if (leadsAfter(first, between)) this.#world.ledger.strike(strike.kind);
        strike.end();
      };
      look();
    });
    strike.lengthMs += TWO_LEADERS_ELECTIONS * this.#regime.settings.raft.electionTimeoutMs;
    return () => {
      stopWatching();
      comeBack();
    };
  }

  #write(host: Host): void {
    if (this.#writesLeft === 0) return;
    this.#writesLeft -= 1;
    const value = encodeText(`stranded at ${host.name}`);
    const call = { kind: "kv-put", key: NOISE_KEY, value, expectedVersion: null } as const;
    this.#calls.make(host, call, NOBODY, STRANDED_PATIENCE_MS);
  }

  #losePower(strike: Strike, host: Host): void {
    this.#machines.crash(host, true, this.#world.prf.site(`${strike.site}/crash/${host.name}`));
  }
}

function controlOf(host: Host): GroupInspection | undefined {
  return host.node?.inspect().groups.find(({ group }) => group === CONTROL_GROUP);
}

function isLater(own: GroupInspection, next: GroupInspection | undefined): boolean {
  return next?.role === "leader" && next.term > own.term;
}

/** True where a later leader's log begins after what the member knows to be committed and before the end of its own log. */
function isOvertaken(own: GroupInspection, next: GroupInspection): boolean {
  return next.base > own.commit && next.base < own.last;
}
