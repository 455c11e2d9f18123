/** The clock port: time, and the two ways in which a node asks to be given a turn. */
export interface Clock {
  /** Milliseconds with fractions from an arbitrary zero; never goes back. What protocols measure with. */
  monotonicMs(): number;
  /** Milliseconds since 1970 UTC; may jump. Only stamped into records and certificates, never compared. */
  wallMs(): number;
  /** Asks for one turn soon, after the inputs that have already arrived. Repeated requests collapse. */
  requestTurn(): void;
  /** Asks for a turn at `atMs` of the monotonic clock; replaces the earlier wish, Infinity takes it back. */
  wakeAt(atMs: number): void;
}
