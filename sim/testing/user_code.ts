/**
 * Lets a user's promises run inside a world that is otherwise synchronous. Users' code runs between two events and never
 * within one: what an event settles (a reply, a slept time) is noted, and before the next event everything that
 * became runnable by it runs to where it waits again. All that it can wait for comes from the world; and the order of promise
 * jobs is the language's own. So the run stays a function of its seed.
 *
 * The microtask queue is empty exactly when a macrotask begins: that is how the end of a round is known, however long its chains
 * of promises are. Of the machine's time nothing is seen.
 */
import { setImmediate } from "node:timers";
import type { Guard } from "../globals.ts";

export class UserCode {
  readonly #guard: Guard;
  #isRunnable = false;
  /** What escaped a promise that nobody looks at. */
  escaped: { readonly reason: unknown } | null = null;
  readonly counts = { rounds: 0 };
  readonly #onRejection = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    this.escaped ??= { reason: event.reason };
  };

  constructor(guard: Guard) {
    this.#guard = guard;
  }

  install(): void {
    addEventListener("unhandledrejection", this.#onRejection);
  }

  remove(): void {
    removeEventListener("unhandledrejection", this.#onRejection);
  }

  get isRunnable(): boolean {
    return this.#isRunnable;
  }

  /** Something that users' code may wait for was settled. */
  wake(): void {
    this.#isRunnable = true;
  }

  /** Runs `body` with the next round, as users' code. */
  begin<Result>(body: () => Result | Promise<Result>): Promise<Result> {
    this.wake();
    return Promise.resolve().then(body);
  }

  /** Runs users' code until all of it waits for the world. */
  async settle(): Promise<void> {
    this.counts.rounds += 1;
    this.#guard.enterApp();
    while (this.#isRunnable) {
      this.#isRunnable = false;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.#guard.leaveApp();
  }
}
