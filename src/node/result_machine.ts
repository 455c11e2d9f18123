/**
 * What the machines of both kinds of group have in common: they count what is applied and keep each entry's result until the
 * node acts on it, so that applying calls nobody.
 */
import { DecodeError, SennitError } from "../core/errors.ts";
import type { Index, Term } from "../core/ids.ts";
import type { Machine } from "./machine.ts";

/** A state that entries are applied to. */
export interface AppliedState<Result> {
  readonly applied: Index;
  apply(index: Index, bytes: Uint8Array): Result;
  skip(index: Index): void;
  encode(): Uint8Array<ArrayBuffer>;
}

/** What was there before a snapshot took its place, and what had been applied to it and not acted on yet. */
export interface Replaced<State, Result> {
  readonly state: State;
  readonly results: readonly Result[];
}

/** What this build does not know was written by a later one: leaving it out would make another state of it. */
function unreadable(what: string, error: unknown): unknown {
  if (!(error instanceof DecodeError)) return error;
  const text =
    `This build cannot read ${what} of the log: ${error.message}. Start the build that the mesh runs`;
  return new SennitError("VERSION_MISMATCH", text, { cause: error });
}

export abstract class ResultMachine<State extends AppliedState<Result>, Result> implements Machine {
  state: State;
  #results: Result[] = [];
  #replaced: Replaced<State, Result> | null = null;

  constructor(state: State) {
    this.state = state;
  }

  abstract canonicalBytes(): Uint8Array<ArrayBuffer>;
  abstract compactableThrough(): Index;
  abstract compacted(base: Index): void;
  /** The state that `encode` wrote; the log at hand begins after `base`. */
  protected abstract decode(bytes: Uint8Array, base: Index): State;

  get applied(): Index {
    return this.state.applied;
  }
  apply(index: Index, _term: Term, bytes: Uint8Array): void {
    try {
      this.#results.push(this.state.apply(index, bytes));
    } catch (error) {
      throw unreadable(`entry ${index}`, error);
    }
  }
  skip(index: Index): void {
    this.state.skip(index);
  }
  encode(): Uint8Array<ArrayBuffer> {
    return this.state.encode();
  }
  restore(bytes: Uint8Array, base: Index): void {
    let state: State;
    try {
      state = this.decode(bytes, base);
    } catch (error) {
      throw unreadable("a snapshot", error);
    }
    this.#replaced ??= { state: this.state, results: this.#results };
    this.#results = [];
    this.state = state;
  }

  takeResults(): Result[] {
    const results = this.#results;
    this.#results = [];
    return results;
  }
  /** Once after a restore: what waited for skipped entries has to look at the state. */
  takeRestored(): Replaced<State, Result> | null {
    const replaced = this.#replaced;
    this.#replaced = null;
    return replaced;
  }
}
