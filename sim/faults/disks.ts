/** Faults of disks that last a while: a device that hangs, a disk that is full. */
import type { Host } from "../host.ts";
import type { Regime } from "../regime.ts";
import type { World } from "../world.ts";
import type { FaultKind } from "./kinds.ts";
import type { Faults, Strike, Undo } from "./strike.ts";

/** At most so much room is left on a disk that gets full. */
const ROOM_BYTES = 2048;
/** Disks that hang until whoever leads on them must have noticed; others may be back before. */
const LONG_HANGS_PER_MILLION = 500_000;
const LONG_HANG_ELECTIONS = 8;

export class DiskTroubles implements Faults {
  readonly #world: World;
  readonly #regime: Regime;

  constructor(world: World, regime: Regime) {
    this.#world = world;
    this.#regime = regime;
  }

  inject(kind: FaultKind, strike: Strike): Undo | null {
    const { hosts } = this.#world;
    const isLong = kind === "hung-disk" && strike.draws.chance(LONG_HANGS_PER_MILLION);
    const host = (isLong ? strike.one(hosts.filter(leads)) : undefined) ?? strike.one(hosts);
    if (host === undefined) return null;
    if (kind === "hung-disk") return this.#hang(strike, host, isLong);
    if (kind === "full-disk") return this.#fill(strike, host);
    return null;
  }

  /** The disk works as new. */
  repair(host: Host): void {
    const { faults } = host.disk;
    host.disk.release();
    faults.capacityBytes = Infinity;
    faults.stallPerMillion = 0;
    faults.syncFailurePerMillion = 0;
  }

  #hang(strike: Strike, host: Host, isLong: boolean): Undo {
    const { disk } = host;
    const before = disk.counts.hung;
    const longMs = isLong ? LONG_HANG_ELECTIONS * this.#regime.settings.raft.electionTimeoutMs : 0;
    strike.lengthMs += longMs;
    disk.faults.hungUntilUs = this.#world.nowUs +
      1000 * (50 + longMs + strike.draws.exponential(this.#regime.faultLengthMs));
    return () => {
      disk.release();
      if (disk.counts.hung > before) this.#world.ledger.strike("hung-disk");
    };
  }

  #fill(strike: Strike, host: Host): Undo {
    const { disk } = host;
    const before = disk.counts.full;
    disk.faults.capacityBytes = disk.usedBytes + strike.draws.below(ROOM_BYTES);
    return () => {
      disk.faults.capacityBytes = Infinity;
      this.#world.ledger.strike("full-disk", disk.counts.full - before);
    };
  }
}

/** True where a host leads any group. */
function leads(host: Host): boolean {
  return host.node?.inspect().groups.some((group) => group.role === "leader") ?? false;
}
