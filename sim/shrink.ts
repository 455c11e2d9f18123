/**
 * Shrinking: takes away what a failing run does not need, as long as the same checker still fails. A run of the same regime
 * that fails in less than half of the events is taken for it. Then whole strikes go, kinds of decisions, sites, and single
 * decisions by halves (delta debugging: Zeller and Hildebrandt, TSE'02); strikes move forward in time and options get
 * smaller. What counts is the events until the failure and the decisions. One tape and one budget give one result.
 */
import type { RunResult, RunSettings } from "./run.ts";
import type { RunOptions } from "./run_name.ts";
import { decisionsOf, type Tape, type Words } from "./tape.ts";
import { play, redraw } from "./taping.ts";

/** Events that all tries together may take. */
export const SHRINK_EVENTS_LIMIT = 10_000_000;
const ROUNDS_LIMIT = 8;

export interface ShrinkSettings extends RunSettings {
  readonly eventsLimit?: number;
  /** Asked before each try; true ends the shrinking with what it has. */
  readonly isOver?: () => boolean;
  readonly onProgress?: (text: string) => void;
}

export interface Size {
  readonly events: number;
  readonly decisions: number;
}

export interface Shrunk {
  readonly tape: Tape;
  readonly result: RunResult;
  readonly before: Size;
  readonly after: Size;
  readonly tries: number;
  /** False where the budget ended it. */
  readonly isMinimal: boolean;
}

/** Throws `TypeError` where the tape does not fail. */
export function shrink(tape: Tape, settings: ShrinkSettings = {}): Shrunk {
  return new Shrinker(tape, settings).perform();
}

/** Two failures are the same one where this is. */
export function signatureOf({ outcome, checker, message }: RunResult): string {
  // All crashes have one name, and so have all stops: what was thrown or is missing tells them apart, but for its numbers.
  const first = message.split("\n")[0]!;
  const what = outcome === "crash" ? first : outcome === "liveness" ? first.split(":")[0]! : "";
  return `${outcome} ${checker} ${what.replace(/\d+/g, "#")}`;
}

class Shrinker {
  readonly #settings: ShrinkSettings;
  readonly #signature: string;
  readonly #before: Size;
  #best: Tape;
  #result: RunResult;
  #tries = 0;
  #eventsLeft: number;

  constructor(tape: Tape, settings: ShrinkSettings) {
    this.#settings = settings;
    this.#eventsLeft = settings.eventsLimit ?? SHRINK_EVENTS_LIMIT;
    const { result, asked } = play(tape, settings);
    if (result.outcome === "ok" || result.outcome === "stopped") {
      throw new TypeError(`${result.name} does not fail: there is nothing to shrink`);
    }
    this.#signature = signatureOf(result);
    this.#before = { events: result.events, decisions: decisionsOf(tape.decisions) };
    this.#best = { ...tape, decisions: asked };
    this.#result = result;
  }

  perform(): Shrunk {
    let last = Infinity;
    for (let round = 1; round <= ROUNDS_LIMIT && this.#cost < last && !this.#isOver; round++) {
      last = this.#cost;
      if (round === 1) this.#pass(round, "shorter runs of its kind", () => this.#redraw());
      if (round === 1) this.#pass(round, "leaps", () => this.#leap());
      this.#pass(round, "strikes", () => this.#dropSites((site) => site.startsWith("nemesis/")));
      this.#pass(round, "kinds of sites", () => this.#dropKinds());
      this.#pass(round, "options", () => this.#shrinkOptions());
      this.#pass(round, "time of strikes", () => this.#advanceStrikes());
      this.#pass(round, "sites", () => this.#dropSites(() => true));
      this.#pass(round, "decisions", () => this.#dropDecisions());
    }
    const isMinimal = !this.#isOver;
    const { outcome, checker, message, events } = this.#result;
    const after = { events, decisions: decisionsOf(this.#best.decisions) };
    const story = message.split("\n")[0]!;
    const tape = { ...this.#best, expectation: { outcome, checker }, story };
    return { tape, result: this.#result, before: this.#before, after, tries: this.#tries, isMinimal };
  }

  get #cost(): number {
    return this.#result.events + decisionsOf(this.#best.decisions);
  }
  get #isOver(): boolean {
    return this.#eventsLeft <= 0 || this.#settings.isOver?.() === true;
  }

  #pass(round: number, what: string, body: () => void): void {
    if (this.#isOver) return;
    const { events } = this.#result;
    body();
    this.#settings.onProgress?.(
      `round ${round}, ${what}: ${events} -> ${this.#result.events} events, ${
        decisionsOf(this.#best.decisions)
      } decisions, ${this.#tries} tries`,
    );
  }

  /** Takes the candidate where it fails in the same way and costs less. */
  #try(candidate: Tape): boolean {
    if (this.#isOver) return false;
    // Beyond as many events as the best it would be no better.
    const { result, asked } = play(candidate, {
      ...this.#settings,
      untilEvent: this.#result.events + 1,
    });
    this.#count(result);
    const cost = result.events + decisionsOf(asked);
    if (signatureOf(result) !== this.#signature || cost >= this.#cost) return false;
    this.#best = { ...candidate, decisions: asked };
    this.#result = result;
    return true;
  }

  /**
   * What can fail late in a long run mostly can early in a short one of the same regime. The seeds of those follow from the
   * tape's own.
   */
  #redraw(): void {
    const first = this.#best;
    const enough = this.#eventsLeft * (1 - REDRAWN_SHARE);
    for (let n = 0; n < REDRAWS && this.#eventsLeft > enough && !this.#isOver; n++) {
      const untilEvent = Math.floor(this.#result.events / 2);
      if (untilEvent < REDRAWN_EVENTS_MIN) return;
      const operations = REDRAWN_OPERATIONS[n % REDRAWN_OPERATIONS.length]!;
      const options = operations === "" ? first.options : { ...first.options, operations };
      const base = { ...first, options };
      const isPlayed = n % 2 === 0 ? isOfRegime : isOfFaults;
      const { result, tape } = redraw(base, `${first.seed}-${n}`, isPlayed, {
        ...this.#settings,
        untilEvent,
      });
      this.#count(result);
      if (signatureOf(result) !== this.#signature) continue;
      this.#best = tape;
      this.#result = result;
    }
  }

  #count(result: RunResult): void {
    this.#tries += 1;
    this.#eventsLeft -= result.events;
  }

  #without(taken: (site: string, n: number) => boolean): boolean {
    const decisions = filtered(this.#best.decisions, (site, n) => !taken(site, n));
    if (decisionsOf(decisions) === decisionsOf(this.#best.decisions)) return false;
    return this.#try({ ...this.#best, decisions });
  }

  #dropSites(chosen: (site: string) => boolean): void {
    const sites = () => [...this.#best.decisions.keys()].filter(chosen);
    halve(sites, (some) => {
      const gone = new Set(some);
      return this.#without((site) => gone.has(site));
    });
  }

  /** Much at once first: a calm run is short, so that a try of one costs little. The last strikes, early, and little else. */
  #leap(): void {
    const strikes = this.#strikes();
    for (const some of [1, 2, 4, strikes.length]) {
      const last = new Map(strikes.slice(-some).map((number, i) => [number, i]));
      for (const kinds of LEAPS) {
        const kept = filtered(this.#best.decisions, (site) => {
          const number = strikeOf(site);
          return number === null ? kinds.includes(kindOf(site)) : last.has(number);
        });
        const decisions = renumbered(kept, (number) => last.get(number)!);
        if (this.#try({ ...this.#best, decisions })) return;
      }
      if (some >= strikes.length) return;
    }
  }

  /** All that turns take, all that disks decide, and so on. */
  #dropKinds(): void {
    for (const kind of new Set([...this.#best.decisions.keys()].map(kindOf))) {
      this.#without((site) => kindOf(site) === kind);
    }
  }

  #dropDecisions(): void {
    const all = () =>
      [...this.#best.decisions].flatMap(([site, words]) => [...words.keys()].map((n) => `${site}#${n}`));
    halve(all, (some) => {
      const gone = new Set(some);
      return this.#without((site, n) => gone.has(`${site}#${n}`));
    });
  }

  #shrinkOptions(): void {
    for (const [key, values] of SMALLER) {
      for (const value of values) {
        const now = this.#best.options[key];
        if (now !== undefined && Number(now) <= value) break;
        if (this.#try({ ...this.#best, options: { ...this.#best.options, [key]: String(value) } })) break;
      }
    }
  }

  /** What lies between the strikes is left out: they take the turns of those before that have gone. */
  #advanceStrikes(): void {
    const strikes = this.#strikes();
    const dense = new Map(strikes.map((number, i) => [number, i]));
    if (this.#renumber((number) => dense.get(number)!)) return;
    for (const from of strikes) {
      // All from this one on, by as much as goes.
      for (let by = from; by >= 1; by = Math.floor(by / 2)) {
        const taken = this.#strikes();
        const isFree = taken.every((number) =>
          number < from || number - by >= from || !taken.includes(number - by)
        );
        if (isFree && this.#renumber((number) => number < from ? number : number - by)) break;
      }
    }
  }

  #renumber(to: (number: number) => number): boolean {
    if (this.#strikes().every((number) => to(number) === number)) return false;
    return this.#try({ ...this.#best, decisions: renumbered(this.#best.decisions, to) });
  }

  /** The numbers of the strikes on the tape, rising. */
  #strikes(): number[] {
    const numbers = [...this.#best.decisions.keys()].flatMap((site) => strikeOf(site) ?? []);
    return [...new Set(numbers)].sort((a, b) => a - b);
  }
}

/** Runs of the same kind that are looked at. */
const REDRAWS = 300;
/** What they may take of the budget. */
const REDRAWN_SHARE = 0.5;
/** Not much shorter than it takes to form a mesh. */
const REDRAWN_EVENTS_MIN = 1_000;
/** Of clients; "": as many as before. */
const REDRAWN_OPERATIONS = ["20", "20", "80", "80", "", ""] as const;

function isOfRegime(site: string): boolean {
  return site.startsWith("regime/");
}
function isOfFaults(site: string): boolean {
  return site.startsWith("regime/fault") || site === "regime/settings" || site === "regime/disk";
}

/** Kinds of sites that a leap keeps besides strikes. */
const LEAPS: readonly (readonly string[])[] = [
  ["regime/fault"],
  ["regime/fault", "regime/settings", "regime/disk"],
  [
    "regime/fault",
    "regime/settings",
    "regime/disk",
    "regime/wire",
    "regime/work",
    "regime/shape",
    "regime/turns",
  ],
];

/** Options that are smaller runs, the smallest first. */
const SMALLER: readonly (readonly [keyof RunOptions, readonly number[]])[] = [
  ["nodes", [2, 3, 4]],
  ["operations", [1, 2, 5, 10, 20, 40, 80, 160]],
];

function kindOf(site: string): string {
  return site.split("/", site.startsWith("regime/") ? 2 : 1).join("/");
}

function strikeOf(site: string): number | null {
  const number = site.match(/^nemesis\/(\d+)/)?.[1];
  return number === undefined ? null : Number(number);
}

function renumbered(words: Words, to: (number: number) => number): Words {
  const name = (site: string) => {
    const number = strikeOf(site);
    return number === null ? site : site.replace(/^nemesis\/\d+/, `nemesis/${to(number)}`);
  };
  return new Map([...words].map(([site, counts]) => [name(site), counts]));
}

function filtered(words: Words, keep: (site: string, n: number) => boolean): Words {
  const left = new Map<string, ReadonlyMap<number, number>>();
  for (const [site, counts] of words) {
    const kept = new Map([...counts].filter(([n]) => keep(site, n)));
    if (kept.size > 0) left.set(site, kept);
  }
  return left;
}

/**
 * Offers to `drop` all items, then halves, quarters and so on down to single ones. What `items` gives is looked at anew
 * after each success, for it may take others along.
 */
function halve<Item>(items: () => Item[], drop: (some: readonly Item[]) => boolean): void {
  for (let size = items().length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0;;) {
      const all = items();
      if (at >= all.length) break;
      if (!drop(all.slice(at, at + size))) at += size;
    }
  }
}
