/**
 * Flows: sequences of port operations written as generators, for the cold paths that need several in a row
 * (recovery, enrolment, writing a snapshot aside). A flow yields a function that submits one operation under
 * the token it is given, and is resumed with that operation's completion. Nothing runs but inside `start` and
 * `resume`, so a flow is as deterministic as the events it is fed, and it dies with its node.
 */

import { assert } from "./assert.ts";
import type { Token } from "./ids.ts";

/** Submits exactly one operation, whose completion carries `token`. */
export type Submit = (token: Token) => void;

/** A sequence of operations with completions of type `Completion` that ends with `Result`. */
export type Flow<Result, Completion> = Generator<Submit, Result, Completion>;

/** Hands out tokens; one per node incarnation, so that no two operations share one. */
export class TokenSource {
  #next = 1;
  next(): Token {
    return this.#next++ as Token;
  }
}

/** Runs flows side by side and routes completions to them. */
export class Flows<Completion> {
  readonly #tokens: TokenSource;
  readonly #waiting = new Map<Token, (completion: Completion) => void>();

  constructor(tokens: TokenSource) {
    this.#tokens = tokens;
  }

  /** How many flows wait for a completion. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Starts `flow`; `done` gets its result, `failed` what it threw. An `AssertionFailure` is for `failed`
   * to pass on.
   */
  start<Result>(
    flow: Flow<Result, Completion>,
    done: (result: Result) => void,
    failed: (error: unknown) => void,
  ): void {
    this.#advance(flow, () => flow.next(), done, failed);
  }

  /** Resumes the flow that waits for `token`; false where none does. */
  resume(token: Token, completion: Completion): boolean {
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return false;
    this.#waiting.delete(token);
    waiting(completion);
    return true;
  }

  #advance<Result>(
    flow: Flow<Result, Completion>,
    step: () => IteratorResult<Submit, Result>,
    done: (result: Result) => void,
    failed: (error: unknown) => void,
  ): void {
    let result: IteratorResult<Submit, Result>;
    try {
      result = step();
    } catch (error) {
      failed(error);
      return;
    }
    if (result.done) {
      done(result.value);
      return;
    }
    const token = this.#tokens.next();
    assert(!this.#waiting.has(token), "a token is used once");
    this.#waiting.set(
      token,
      (completion) => this.#advance(flow, () => flow.next(completion), done, failed),
    );
    result.value(token);
  }
}
