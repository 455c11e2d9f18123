/** What a group's entries mean: a state machine as the group that drives it sees it. */
import type { Index, Term } from "../core/ids.ts";

export interface Machine {
  /** The last index applied or skipped. */
  readonly applied: Index;
  /** Applies one Command entry; `bytes` are lent for the call. */
  apply(index: Index, term: Term, bytes: Uint8Array): void;
  /** Passes an entry that means nothing to it. */
  skip(index: Index): void;
  /** Everything, to be restored by this or another member. */
  encode(): Uint8Array<ArrayBuffer>;
  /** The replicated part alone: equal on all members at equal `applied`. */
  canonicalBytes(): Uint8Array<ArrayBuffer>;
  /** Replaces the state by what `encode` wrote; the log at hand begins after `base`. Throws `DecodeError`. */
  restore(bytes: Uint8Array, base: Index): void;
  /** Entries through here are not needed for anything but replication. */
  compactableThrough(): Index;
  /** The log no longer holds entries at and before `base`. */
  compacted(base: Index): void;
}
