/**
 * A run as a coroutine: it yields where its driver asked it to pause (`World.pauseAtEvent`) and goes on when it is resumed. A
 * debugger stops it between any two events; who only wants the end finishes it in one go.
 */
export type Steps<Result> = Generator<void, Result, void>;

/** Goes on through every pause to the end. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
