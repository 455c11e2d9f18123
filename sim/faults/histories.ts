/**
 * Misfortunes that cost a well-liked message system acknowledged data or split its replicas (Jepsen, "NATS 2.12.1",
 * December 2025), each as one strike: power that goes everywhere at once, and one crash while the others hear each other late.
 */
import type { Host } from "../host.ts";
import type { World } from "../world.ts";
import type { FaultKind } from "./kinds.ts";
import type { MachineFaults } from "./machines.ts";
import type { Faults, Strike, Undo } from "./strike.ts";

/** How late the others hear each other, in the mean. */
const LATE_MEAN_MS = 1_000;

export class Histories implements Faults {
  readonly #world: World;
  readonly #machines: MachineFaults;

  constructor(world: World, machines: MachineFaults) {
    this.#world = world;
    this.#machines = machines;
  }

  inject(kind: FaultKind, strike: Strike): Undo | null {
    const up = this.#world.hosts.filter((host) => host.isUp);
    if (kind === "power-everywhere") return this.#powerEverywhere(strike, up);
    if (kind === "crash-with-late-peers") return this.#crashWithLatePeers(strike, up);
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

  #losePower(strike: Strike, host: Host): void {
    this.#machines.crash(host, true, this.#world.prf.site(`${strike.site}/crash/${host.name}`));
  }
}
