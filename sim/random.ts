/** The simulated randomness port of one incarnation: the run's function of (seed, site, n), under the node's own prefix. */
import type { Random } from "../src/io/mod.ts";
import type { Draws, Prf } from "./prf.ts";

export class RandomPort implements Random {
  readonly #prf: Prf;
  readonly #prefix: string;
  readonly #sites = new Map<string, Draws>();

  constructor(prf: Prf, prefix: string) {
    this.#prf = prf;
    this.#prefix = prefix;
  }

  draw(site: string, n: number): number {
    let draws = this.#sites.get(site);
    if (draws === undefined) this.#sites.set(site, draws = this.#prf.site(`${this.#prefix}/${site}`));
    return draws.at(n);
  }
}
