/**
 * What the faults of a run did: a fault that never struck proves nothing. A fault is counted as tried when it was
 * injected and as struck when something came of it: a frame held, a write lost, a turn late.
 */

export interface FaultCount {
  tried: number;
  struck: number;
}

export class FaultLedger {
  readonly #counts = new Map<string, FaultCount>();

  try(fault: string): void {
    this.#of(fault).tried += 1;
  }
  strike(fault: string, times = 1): void {
    if (times > 0) this.#of(fault).struck += times;
  }
  get(fault: string): FaultCount {
    return this.#counts.get(fault) ?? { tried: 0, struck: 0 };
  }
  /** Sorted by name. */
  report(): Record<string, FaultCount> {
    const names = [...this.#counts.keys()].sort();
    return Object.fromEntries(names.map((name) => [name, { ...this.#counts.get(name)! }]));
  }

  #of(fault: string): FaultCount {
    let count = this.#counts.get(fault);
    if (count === undefined) this.#counts.set(fault, count = { tried: 0, struck: 0 });
    return count;
  }
}
