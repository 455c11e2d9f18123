/**
 * A node that has nothing to do sleeps: it does not turn after turn want to be woken at a time that has passed. Such a
 * deadline is one that nobody acts on; it breaks no promise, and a real node burns a whole processor with it.
 */
import { type Checker, SafetyViolation } from "./verdict.ts";

/** Turns in a row: what many inputs at once leave behind is done in far fewer. */
const OVERDUE_TURNS_LIMIT = 500;

export class TurnsEnd implements Checker {
  readonly name = "turns-end";
  inputs = 0;

  /** `overdue`: turns in a row after which the node wanted another one at once, by its clock. */
  check(host: string, overdue: number): void {
    this.inputs += 1;
    if (overdue <= OVERDUE_TURNS_LIMIT) return;
    throw new SafetyViolation(
      this.name,
      `${host} wanted to be woken at a time that had passed after each of its last ${overdue} turns`,
    );
  }
}
