/**
 * What of a member's state is durable. Everything handed out for persisting carries a token; completions come
 * in the order of tokens. An overwritten entry must never be reported durable by the completion of the write that
 * carried its predecessor at the same index: therefore a truncation also takes back what is still under way.
 */
import { assert } from "../core/assert.ts";
import type { Index } from "../core/ids.ts";

interface Pending {
  readonly token: number;
  /** The log is durable up to here once `token` completes, as far as this write goes. 0: nothing of the log. */
  through: Index;
  isTakenBack: boolean;
}

export class Persistence {
  readonly #pending: Pending[] = [];
  #lastToken = 0;
  #completedToken = 0;
  #hardStateToken = 0;
  #durableIndex: Index;
  #nextIndex: Index;

  /** All of the log up to `durableIndex` was read from disk. */
  constructor(durableIndex: Index) {
    this.#durableIndex = durableIndex;
    this.#nextIndex = durableIndex + 1 as Index;
  }

  /** Entries up to here, of the log as it is now, are durable. */
  get durableIndex(): Index {
    return this.#durableIndex;
  }
  /** The first entry not yet handed out for persisting. */
  get nextIndex(): Index {
    return this.#nextIndex;
  }
  /** The token that must complete before anything that tells of the current term or vote may leave; 0: none. */
  get hardStateGate(): number {
    return this.#hardStateToken > this.#completedToken ? this.#hardStateToken : 0;
  }

  /** Hands out a write that takes the log to `lastIndex`, and the hard state where `hardState` says so. */
  begin(lastIndex: Index, withLog: boolean, hardState: boolean): number {
    assert(withLog || hardState, "a write has a content");
    assert(lastIndex + 1 >= this.#nextIndex, "a write does not shorten the log");
    const token = ++this.#lastToken;
    this.#pending.push({ token, through: withLog ? lastIndex : 0 as Index, isTakenBack: false });
    if (withLog) this.#nextIndex = lastIndex + 1 as Index;
    if (hardState) this.#hardStateToken = token;
    return token;
  }

  /** The write of `token`, and every one before it, is durable. True where some of it had been replaced meanwhile. */
  complete(token: number): boolean {
    assert(token <= this.#lastToken, "only what was handed out completes");
    assert(token > this.#completedToken, "completions come once and in order");
    this.#completedToken = token;
    let done = 0;
    let wasTakenBack = false;
    for (; done < this.#pending.length && this.#pending[done]!.token <= token; done++) {
      wasTakenBack ||= this.#pending[done]!.isTakenBack;
      const through = this.#pending[done]!.through;
      if (through > this.#durableIndex) this.#durableIndex = through;
    }
    this.#pending.splice(0, done);
    assert(this.#durableIndex < this.#nextIndex, "only what was handed out is durable");
    return wasTakenBack;
  }

  /** The token after which the log is durable up to `index`; 0 where it is already. */
  tokenCovering(index: Index): number {
    if (index <= this.#durableIndex) return 0;
    for (const pending of this.#pending) if (pending.through >= index) return pending.token;
    assert(false, "what is not durable is under way");
  }

  /** Entries after `index` were dropped; whatever is written in their place needs a write of its own. */
  truncateAfter(index: Index): void {
    this.#takeBack(index);
    if (this.#nextIndex > index + 1) this.#nextIndex = index + 1 as Index;
    assert(this.#durableIndex <= index, "nothing that was dropped is durable");
  }

  /** A snapshot at `index` took the place of the log, of which only what was committed is known to agree. */
  replaceBySnapshot(index: Index, committed: Index): void {
    assert(committed < index, "a snapshot takes the commit forward");
    this.#takeBack(committed);
    this.#nextIndex = index + 1 as Index;
  }

  #takeBack(index: Index): void {
    if (this.#durableIndex > index) this.#durableIndex = index;
    for (const pending of this.#pending) {
      if (pending.through <= index) continue;
      pending.through = index;
      pending.isTakenBack = true;
    }
  }
}
