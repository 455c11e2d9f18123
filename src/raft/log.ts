/**
 * The log of one group without its payloads, kept by column: five bytes per entry, plus one record per run of
 * equal terms and one per configuration. Entries lie in (base, last]; what is at and below the base is in a
 * snapshot. Objects (`EntryMeta`) are made only when asked for.
 *
 * Terms never fall from one entry to the next, so runs can be searched by halves.
 */
import { assert } from "../core/assert.ts";
import type { Index, MemberId, Term } from "../core/ids.ts";
import { assertConfiguration, isVoter } from "./configuration.ts";
import { type Configuration, EntryKind, type EntryMeta } from "./types.ts";

interface TermRun {
  first: Index;
  readonly term: Term;
}

interface PlacedConfiguration {
  readonly index: Index;
  readonly configuration: Configuration;
}

const INITIAL_CAPACITY = 16;

export class Log {
  #baseIndex: Index;
  #baseTerm: Term;
  #lengths = new Uint32Array(INITIAL_CAPACITY);
  #kinds = new Uint8Array(INITIAL_CAPACITY);
  /** Column position of the entry at base + 1. */
  #head = 0;
  #count = 0;
  #runs: TermRun[] = [];
  /** Ascending by index; the first is the one in force at the base. */
  #configurations: PlacedConfiguration[];

  constructor(base: { readonly index: Index; readonly term: Term }, configuration: Configuration) {
    assertConfiguration(configuration);
    assert(base.index > 0 || base.term === 0, "before the log there is no term");
    this.#baseIndex = base.index;
    this.#baseTerm = base.term;
    this.#configurations = [{ index: base.index, configuration }];
  }

  get baseIndex(): Index {
    return this.#baseIndex;
  }
  get baseTerm(): Term {
    return this.#baseTerm;
  }
  get lastIndex(): Index {
    return this.#baseIndex + this.#count as Index;
  }
  get lastTerm(): Term {
    const runs = this.#runs;
    return runs.length === 0 ? this.#baseTerm : runs[runs.length - 1]!.term;
  }
  /** The configuration in force: the last one appended, committed or not. */
  get configuration(): Configuration {
    return this.#configurations[this.#configurations.length - 1]!.configuration;
  }
  /** Where it was appended; at or below the base where no entry in the log changed it. */
  get configurationIndex(): Index {
    return this.#configurations[this.#configurations.length - 1]!.index;
  }
  /** The configuration as of the base: what a snapshot at the base carries. */
  get baseConfiguration(): Configuration {
    return this.#configurations[0]!.configuration;
  }

  /** True where `member` votes in the configuration in force at `index` or in any later one. */
  isVoterSince(index: Index, member: MemberId): boolean {
    for (let at = this.#configurations.length - 1; at >= 0; at--) {
      const placed = this.#configurations[at]!;
      if (isVoter(placed.configuration, member)) return true;
      if (placed.index <= index) return false;
    }
    return false;
  }

  /** The term of an index in [base, last], else null. */
  termAt(index: Index): Term | null {
    if (index === this.#baseIndex) return this.#baseTerm;
    if (index < this.#baseIndex || index > this.lastIndex) return null;
    return this.#runs[this.#runOf(index)]!.term;
  }

  /** True where the log is known to hold exactly this entry. */
  matches(index: Index, term: Term): boolean {
    return this.termAt(index) === term;
  }

  /** Payload bytes of an index in (base, last]. */
  lengthAt(index: Index): number {
    return this.#lengths[this.#column(index)]!;
  }

  entryAt(index: Index): EntryMeta | null {
    if (index <= this.#baseIndex || index > this.lastIndex) return null;
    const column = this.#column(index);
    const kind = this.#kinds[column]! as EntryKind;
    return {
      index,
      term: this.termAt(index)!,
      kind,
      lengthBytes: this.#lengths[column]!,
      configuration: kind === EntryKind.Configuration ? this.#configurationAt(index) : null,
    };
  }

  /** The entries of [first, last]. */
  slice(first: Index, last: Index): EntryMeta[] {
    assert(first > this.#baseIndex, "a slice starts above the base");
    assert(last <= this.lastIndex, "a slice ends in the log");
    const entries: EntryMeta[] = [];
    for (let index = first; index <= last; index++) entries.push(this.entryAt(index)!);
    return entries;
  }

  /** Payload bytes of all entries after `index`. */
  bytesAfter(index: Index): number {
    let bytes = 0;
    for (let at = Math.max(index, this.#baseIndex) + 1; at <= this.lastIndex; at++) {
      bytes += this.lengthAt(at as Index);
    }
    return bytes;
  }

  /**
   * The largest index in [base, `index`] whose term is at most `term`: where a repair goes on that was refused
   * at `index` (Raft paper, end of section 5.3). `index` itself where all that is known is above that term.
   */
  lastIndexOfTermAtMost(index: Index, term: Term): Index {
    if (index < this.#baseIndex) return index;
    const from = Math.min(index, this.lastIndex) as Index;
    let run = from === this.#baseIndex ? -1 : this.#runOf(from);
    if (run >= 0 && this.#runs[run]!.term <= term) return from;
    while (run >= 0 && this.#runs[run]!.term > term) run--;
    if (run >= 0) return this.#runs[run + 1]!.first - 1 as Index;
    return this.#baseTerm <= term ? this.#baseIndex : Math.max(0, this.#baseIndex - 1) as Index;
  }

  append(entry: EntryMeta): void {
    assert(entry.index === this.lastIndex + 1, "entries are appended without gaps");
    assert(entry.term >= this.lastTerm, "terms never fall in a log");
    assert(entry.term > 0, "an entry has a term");
    assert(entry.lengthBytes >>> 0 === entry.lengthBytes, "a payload's length fits 32 bits");
    assert(
      (entry.kind === EntryKind.Configuration) === (entry.configuration !== null),
      "exactly configuration entries carry a configuration",
    );
    if (this.#runs.length === 0 || entry.term > this.lastTerm) {
      this.#runs.push({ first: entry.index, term: entry.term });
    }
    this.#makeRoom();
    const column = this.#head + this.#count;
    this.#lengths[column] = entry.lengthBytes;
    this.#kinds[column] = entry.kind;
    this.#count++;
    if (entry.configuration !== null) {
      assertConfiguration(entry.configuration);
      this.#configurations.push({ index: entry.index, configuration: entry.configuration });
    }
  }

  /** Drops every entry after `index`, and with them their configurations. */
  truncateAfter(index: Index): void {
    assert(index >= this.#baseIndex, "what a snapshot holds is never truncated");
    assert(index <= this.lastIndex, "only what exists is truncated");
    this.#count = index - this.#baseIndex;
    while (this.#runs.length > 0 && this.#runs[this.#runs.length - 1]!.first > index) this.#runs.pop();
    while (this.configurationIndex > index) this.#configurations.pop();
    assert(this.#configurations.length > 0, "the base configuration stays");
  }

  /** Moves the base up to `index`, whose term and configuration are kept. */
  compact(index: Index): void {
    const term = this.termAt(index);
    assert(term !== null, "only what is in the log is compacted");
    assert(index >= this.#baseIndex, "the base never moves back");
    const dropped = index - this.#baseIndex;
    this.#head += dropped;
    this.#count -= dropped;
    this.#baseIndex = index;
    this.#baseTerm = term;
    const next = index + 1 as Index;
    let run = 0;
    while (run + 1 < this.#runs.length && this.#runs[run + 1]!.first <= next) run++;
    this.#runs.splice(0, this.#count === 0 ? this.#runs.length : run);
    if (this.#count > 0) this.#runs[0]!.first = next;
    let kept = 0;
    while (kept + 1 < this.#configurations.length && this.#configurations[kept + 1]!.index <= index) kept++;
    this.#configurations.splice(0, kept);
    assert(this.#configurations[0]!.index <= index, "the base has a configuration");
  }

  /** Starts anew above a received snapshot. */
  reset(base: { readonly index: Index; readonly term: Term }, configuration: Configuration): void {
    assert(base.index > this.#baseIndex, "a snapshot takes the log forward");
    assert(base.term >= this.#baseTerm, "terms never fall in a log");
    assertConfiguration(configuration);
    this.#baseIndex = base.index;
    this.#baseTerm = base.term;
    this.#head = 0;
    this.#count = 0;
    this.#runs = [];
    this.#configurations = [{ index: base.index, configuration }];
  }

  #column(index: Index): number {
    assert(index > this.#baseIndex, "a column is of an entry above the base");
    assert(index <= this.lastIndex, "a column is of an entry in the log");
    return this.#head + (index - this.#baseIndex - 1);
  }

  #runOf(index: Index): number {
    const runs = this.#runs;
    let low = 0;
    let high = runs.length - 1;
    if (runs[high]!.first <= index) return high;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (runs[middle]!.first <= index) low = middle;
      else high = middle - 1;
    }
    assert(runs[low]!.first <= index, "every entry lies in a run of its term");
    return low;
  }

  #configurationAt(index: Index): Configuration {
    for (let at = this.#configurations.length - 1; at >= 0; at--) {
      const placed = this.#configurations[at]!;
      if (placed.index === index) return placed.configuration;
    }
    assert(false, "a configuration entry has its configuration");
  }

  /** One more column. Grows by doubling; where compaction has freed half of it, moves down instead. */
  #makeRoom(): void {
    const end = this.#head + this.#count;
    if (end < this.#lengths.length) return;
    if (this.#head >= this.#lengths.length / 2) {
      this.#lengths.copyWithin(0, this.#head, end);
      this.#kinds.copyWithin(0, this.#head, end);
    } else {
      const lengths = new Uint32Array(this.#lengths.length * 2);
      const kinds = new Uint8Array(lengths.length);
      lengths.set(this.#lengths.subarray(this.#head, end));
      kinds.set(this.#kinds.subarray(this.#head, end));
      this.#lengths = lengths;
      this.#kinds = kinds;
    }
    this.#head = 0;
  }
}
