/**
 * A read shows everything that anybody had applied when it was asked (Ongaro's thesis, section 6.4: the commit index is noted
 * before leadership is confirmed). Stronger than linearizability, which sees a read from the past only where a client knew
 * of a newer write of the same key.
 */
import { type Checker, SafetyViolation } from "./verdict.ts";

export class FreshReads implements Checker {
  readonly name = "fresh-reads";
  inputs = 0;
  /** Highest index of the control group that was applied anywhere. */
  #applied = 0;
  /** Reads under way, by call: what they must show. */
  readonly #floors = new Map<number, number>();

  applied(group: number, index: number): void {
    if (group === 0 && index > this.#applied) this.#applied = index;
  }

  asked(call: number): void {
    this.#floors.set(call, this.#applied);
  }

  /** The answer came from a state after entry `applied`. */
  answered(call: number, host: string, applied: number): void {
    const floor = this.#floors.get(call);
    if (floor === undefined) return;
    this.#floors.delete(call);
    this.inputs += 1;
    if (applied >= floor) return;
    throw new SafetyViolation(
      this.name,
      `${host} answered a read from its state after entry ${applied}, and entry ${floor} was applied before it was asked`,
    );
  }

  /** Nobody waits for it any more. */
  lost(call: number): void {
    this.#floors.delete(call);
  }
}
