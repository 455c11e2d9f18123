/**
 * What was last seen of each member's log, kept up to date by looking only at what changed since. It outlives the member's
 * crash: what was durable then is what it must come back with.
 */
import type { EntryInspection, GroupInspection } from "../../src/node/inspection.ts";
import { EntryKind } from "../../src/raft/types.ts";

export class GroupLog {
  base = 0;
  last = 0;
  durable = 0;
  isInstalling = false;
  term = 0;
  /** Where configurations stand, ascending. */
  configurationIndexes: number[] = [];
  #entries: (EntryInspection | undefined)[] = [];
  #offset = 0;

  entry(index: number): EntryInspection | undefined {
    return index > this.base && index <= this.last ? this.#entries[index - this.#offset] : undefined;
  }

  /** Takes over what is new and returns the first new index, or `last + 1` where nothing is. */
  update(group: GroupInspection): number {
    // After a crash that came before the compaction was durable the log begins where it did: all of it is read again.
    if (group.base < this.base) {
      this.#entries = [];
      this.#offset = group.base;
      this.last = group.base;
      this.configurationIndexes = [];
    }
    let first = Math.min(this.last, group.last) + 1;
    if (group.base > this.last) first = group.base + 1;
    // Entries that were replaced lie at the end: back to where the terms agree.
    while (first - 1 > group.base) {
      const here = this.entry(first - 1);
      if (here !== undefined && group.entry(first - 1 as typeof group.last)?.term === here.term) break;
      first -= 1;
    }
    this.base = group.base;
    this.#drop(group.base);
    this.#entries.length = Math.max(0, first - this.#offset);
    this.configurationIndexes = this.configurationIndexes.filter((at) => at > group.base && at < first);
    for (let index = first; index <= group.last; index++) {
      const entry = group.entry(index as typeof group.last) ?? undefined;
      this.#entries[index - this.#offset] = entry;
      if (entry?.kind === EntryKind.Configuration) this.configurationIndexes.push(index);
    }
    this.last = group.last;
    this.durable = group.durable;
    this.isInstalling = group.isInstalling;
    this.term = group.term;
    return first;
  }

  #drop(base: number): void {
    const gone = base - this.#offset;
    if (gone > 256) {
      this.#entries.splice(0, gone);
      this.#offset = base;
    }
  }
}
