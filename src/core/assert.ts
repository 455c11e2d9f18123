/**
 * Assertions: the third kind of error, our own bug.
 *
 * They are on in production. A failed assertion means that an invariant that the code relies on does not
 * hold, so nothing that follows can be trusted: the node stops rather than acts on it. A simulated run may
 * install a counter instead (`onAssertionFailure`), so that a planted bug is judged by the checkers and not
 * by the assertion next to it.
 */

/** An invariant of Sennit itself does not hold. Never caught to continue: the node stops. */
export class AssertionFailure extends Error {
  override readonly name = "AssertionFailure";
}

/** Throws `AssertionFailure` unless `condition` holds. `message` states the invariant that was expected. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(`Invariant broken: ${message}`);
}

/** Marks a branch that the types say cannot be taken. */
export function unreachable(value: never, what: string): never {
  throw new AssertionFailure(`Invariant broken: unexpected ${what}: ${JSON.stringify(value)}`);
}
