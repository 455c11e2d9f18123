/**
 * Whom the dials of each node found, and how many found nobody at the address: who looks where nobody is any more is stranded. Who
 * found a member since it was removed was told so, and has no excuse; but a process that died soon after may have written nothing.
 */
import type { Host } from "./host.ts";

/** So many dials in vain, and none that found anybody: it knows no address that is right. */
const STRANDED_DIALS = 30;

/** Who lives on for so long after it was told has it on its disk. */
const KEPT_US = 5_000_000;

interface Visited {
  /** And when first. */
  readonly found: Map<Host, number>;
  inVain: number;
}

export class Visits {
  readonly #byHost = new Map<Host, Visited>();

  found(host: Host, there: Host, nowUs: number): void {
    const { found } = this.#of(host);
    if (!found.has(there)) found.set(there, nowUs);
  }
  /** Its wire is whole, the machine there is up, and nobody listens at the address. */
  inVain(host: Host): void {
    this.#of(host).inVain += 1;
  }
  /** It was removed: whom it found before could not tell it. */
  removed(host: Host): void {
    this.#byHost.delete(host);
  }
  died(host: Host, nowUs: number): void {
    const { found } = this.#of(host);
    for (const [there, atUs] of found) if (nowUs - atUs < KEPT_US) found.delete(there);
  }
  /** Everybody is up from now on: what was in vain before says nothing. */
  healed(): void {
    for (const visited of this.#byHost.values()) visited.inVain = 0;
  }

  /** True where a host looked for `sought` again and again and found none of them. */
  isStranded(host: Host, sought: readonly Host[]): boolean {
    const { found, inVain } = this.#of(host);
    return inVain >= STRANDED_DIALS && !sought.some((each) => found.has(each));
  }

  #of(host: Host): Visited {
    let visited = this.#byHost.get(host);
    if (visited === undefined) this.#byHost.set(host, visited = { found: new Map(), inVain: 0 });
    return visited;
  }
}
