/**
 * A disk that decays while nobody looks: in a mesh at rest much of what one node's log holds is damaged, its last batch among it,
 * which then is no torn write. Half of the time the node finds out as it starts, else as somebody reads. All of it was
 * committed, and whole elsewhere: in the end the node has and delivers what it had.
 */
import type { Nemesis } from "./faults/nemesis.ts";
import type { Host } from "./host.ts";
import type { Regime } from "./regime.ts";
import type { Steps } from "./steps.ts";
import type { Workload } from "./workload.ts";
import { LateReader } from "./workloads/late_reader.ts";
import type { World } from "./world.ts";

/** Within which a log comes to rest, or is left alone. */
const REST_MS = 4_000;
const LOOK_MS = 100;

export class Decay {
  readonly #world: World;
  readonly #workload: Workload;
  readonly #regime: Regime;
  readonly #nemesis: Nemesis;

  constructor(world: World, workload: Workload, regime: Regime, nemesis: Nemesis) {
    this.#world = world;
    this.#workload = workload;
    this.#regime = regime;
    this.#nemesis = nemesis;
  }

  /** Resolves to the host whose disk has decayed; null where none came to rest. */
  *strike(members: readonly Host[]): Steps<Host | null> {
    const host = this.#nemesis.rottenHost;
    if (!members.includes(host)) return null;
    const untilUs = this.#world.nowUs + 1000 * REST_MS;
    while (this.#world.nowUs < untilUs) {
      yield* this.#world.advance(this.#world.nowUs + 1000 * LOOK_MS);
      if (this.#nemesis.decay()) return host;
    }
    return null;
  }

  /** Reads every stream of which the host is a target. `groupOf`: by the stream's name. */
  *read(host: Host, members: readonly Host[], groupOf: (life: string) => number): Steps<void> {
    const { calls, effects } = this.#workload;
    for (const { ledger, host: at } of [...this.#workload.consumers]) {
      if (at !== host || ledger.isRetired || effects.closed.has(ledger.stream)) continue;
      const reader = new LateReader(this.#world, calls, effects, host, ledger.stream);
      yield* reader.read(members, groupOf(ledger.stream), this.#regime.convergenceMs);
      this.#world.ledger.strike("late-reader", reader.count > 0 ? 1 : 0);
    }
  }
}
