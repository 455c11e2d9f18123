/** Clients that are cut off from their node for a while, by a wire that holds what passes or by one that breaks. */
import type { World } from "../world.ts";
import type { Calls } from "../workloads/clients.ts";
import { CLIENT_CUT_MODES } from "../workloads/client_wires.ts";
import type { FaultKind } from "./kinds.ts";
import type { Faults, Strike, Undo } from "./strike.ts";

/** Cuts at whose end the connections turn out to be gone, with what they held. */
const BREAKS_PER_MILLION = 400_000;

export class ClientFaults implements Faults {
  readonly #world: World;
  readonly #calls: Calls;

  constructor(world: World, calls: Calls) {
    this.#world = world;
    this.#calls = calls;
  }

  inject(_kind: FaultKind, strike: Strike): Undo | null {
    const { wires } = this.#calls;
    const host = strike.one(this.#world.hosts.filter((each) => each.isUp && !wires.isCut(each)));
    if (host === undefined) return null;
    const mode = strike.draws.pick(CLIENT_CUT_MODES);
    const breaksAtEnd = strike.draws.chance(BREAKS_PER_MILLION);
    this.#world.note(host, `clients are cut off: ${mode}`);
    const before = wires.held;
    wires.cut(host, mode);
    const broken = mode === "broken" ? this.#calls.breakOff(host) : 0;
    return () => {
      if (breaksAtEnd) this.#calls.breakOff(host);
      wires.heal(host);
      if (wires.held + broken > before) this.#world.ledger.strike("cut-clients");
    };
  }
}
