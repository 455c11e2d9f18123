/** Faults of clocks: monotonic time that runs fast or slow, wall time that jumps forwards or backwards. */
import type { Regime } from "../regime.ts";
import type { World } from "../world.ts";
import type { FaultKind } from "./kinds.ts";
import { type Faults, NOTHING_TO_UNDO, type Strike, type Undo } from "./strike.ts";

const JUMP_MS = 3_600_000;

export class ClockTroubles implements Faults {
  readonly #world: World;
  readonly #regime: Regime;

  constructor(world: World, regime: Regime) {
    this.#world = world;
    this.#regime = regime;
  }

  inject(kind: FaultKind, strike: Strike): Undo | null {
    const host = strike.one(this.#world.hosts);
    const limit = kind === "wall-jump" ? JUMP_MS : this.#regime.driftPerMillionLimit;
    if (host === undefined || limit === 0) return null;
    const much = strike.draws.between(1, limit);
    const signed = strike.draws.chance(500_000) ? -much : much;
    if (kind === "wall-jump") host.clockFaults.wallOffsetMs += signed;
    else host.setDrift(signed);
    this.#world.ledger.strike(kind);
    return NOTHING_TO_UNDO;
  }
}
