/**
 * Sparse tapes: a run as the decisions of the world that did not come out benign, each under (site, n). Played whole, a tape
 * is the run that it was recorded from; with decisions taken away it is a calmer one, and nothing else of it shifts.
 */
import type { Decisions, SiteTape } from "./prf.ts";
import type { Outcome } from "./run.ts";
import { formatRunName, OPTION_KEYS, type RunName, type RunOptions } from "./run_name.ts";
import { isOfWorld } from "./sites.ts";

export const TAPE_FORMAT = 1;

/** Site to count to the 32-bit word that decides. */
export type Words = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** What a run came to. */
export interface Verdict {
  readonly outcome: Outcome;
  /** "" where all was well. */
  readonly checker: string;
}

export interface Tape {
  readonly name: string;
  /** Of what is drawn beside the tape: the nodes' own randomness. */
  readonly seed: string;
  readonly options: RunOptions;
  /** What a replay must come to. */
  readonly expectation: Verdict;
  /** What it came to when it was found, if that is another. */
  readonly found: (Verdict & { readonly commit: string }) | null;
  /** In one line: what went wrong. */
  readonly story: string;
  readonly decisions: Words;
}

/** The name of the run that a tape is of, without its decisions. */
export function runOf(tape: Tape): RunName {
  return { commit: tape.found?.commit ?? "", options: tape.options, seed: tape.seed };
}

export function decisionsOf(words: Words): number {
  let sum = 0;
  for (const site of words.values()) sum += site.size;
  return sum;
}

/** Keeps what a run decides. */
export class Recorder implements Decisions {
  readonly words = new Map<string, Map<number, number>>();

  site(name: string): SiteTape | null {
    if (!isOfWorld(name)) return null;
    // A site whose decisions are all benign leaves nothing on the tape.
    const kept = this.words.get(name);
    const site = kept ?? new Map<number, number>();
    if (kept === undefined) this.words.set(name, site);
    return { isPlayed: false, word: () => -1, keep: (n, word) => void site.set(n, word) };
  }

  /** What is to be written, without the sites that decided nothing. */
  taken(): Words {
    return new Map([...this.words].filter(([, site]) => site.size > 0));
  }
}

/** Answers from a tape, and knows what it was asked for. */
export class Player implements Decisions {
  readonly #words: Words;
  readonly #asked = new Map<string, Set<number>>();

  constructor(words: Words) {
    this.#words = words;
  }

  site(name: string): SiteTape | null {
    if (!isOfWorld(name)) return null;
    const words = this.#words.get(name);
    if (words === undefined) return BENIGN;
    let asked = this.#asked.get(name);
    if (asked === undefined) this.#asked.set(name, asked = new Set());
    return new PlayedSite(words, asked);
  }

  /** The part of the tape that the run asked for. */
  asked(): Words {
    const part = new Map<string, Map<number, number>>();
    for (const [name, counts] of this.#asked) {
      const words = this.#words.get(name)!;
      if (counts.size > 0) part.set(name, new Map([...words].filter(([n]) => counts.has(n))));
    }
    return part;
  }

  /** Decisions that stand on the tape and that nobody asked for, as `site#n`: what has gone stale. */
  stale(): string[] {
    const left: string[] = [];
    for (const [name, words] of this.#words) {
      for (const n of words.keys()) if (!this.#asked.get(name)?.has(n)) left.push(`${name}#${n}`);
    }
    return left;
  }
}

/** Plays some sites of a tape and draws all others anew, and keeps both. */
export class Redrawer implements Decisions {
  readonly #drawn = new Recorder();
  readonly #played: Player;
  readonly #isPlayed: (site: string) => boolean;

  constructor(words: Words, isPlayed: (site: string) => boolean) {
    this.#played = new Player(words);
    this.#isPlayed = isPlayed;
  }

  site(name: string): SiteTape | null {
    return this.#isPlayed(name) ? this.#played.site(name) : this.#drawn.site(name);
  }

  taken(): Words {
    return new Map([...this.#played.asked(), ...this.#drawn.taken()]);
  }
}

const BENIGN: SiteTape = { isPlayed: true, word: () => -1, keep() {} };

class PlayedSite implements SiteTape {
  readonly isPlayed = true;
  readonly #words: ReadonlyMap<number, number>;
  readonly #asked: Set<number>;

  constructor(words: ReadonlyMap<number, number>, asked: Set<number>) {
    this.#words = words;
    this.#asked = asked;
  }

  word(n: number): number {
    const word = this.#words.get(n);
    if (word === undefined) return -1;
    this.#asked.add(n);
    return word;
  }
  keep(): void {}
}

// Text.

/** One line for each site, so that a difference between two tapes reads. */
export function formatTape(tape: Tape): string {
  const { decisions, ...head } = tape;
  const lines = Object.entries({ format: TAPE_FORMAT, ...head })
    .map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
  const sites = [...decisions].map(([site, words]) =>
    `    ${JSON.stringify(site)}: ${JSON.stringify(Object.fromEntries(words))}`
  );
  lines.push(sites.length === 0 ? '  "decisions": {}' : `  "decisions": {\n${sites.join(",\n")}\n  }`);
  return `{\n${lines.join(",\n")}\n}\n`;
}

/** Throws `TypeError` with what is wrong. */
export function parseTape(text: string, where = "the tape"): Tape {
  const fail = (what: string): never => {
    throw new TypeError(`Cannot read ${where}: ${what}`);
  };
  let value: Record<string, unknown>;
  try {
    value = record(JSON.parse(text)) ?? fail("not an object");
  } catch (error) {
    if (error instanceof SyntaxError) return fail(error.message);
    throw error;
  }
  if (value.format !== TAPE_FORMAT) {
    return fail(`format ${JSON.stringify(value.format)}, this simulator reads ${TAPE_FORMAT}`);
  }
  const { name, seed, story } = value;
  if (typeof name !== "string" || typeof seed !== "string" || typeof story !== "string") {
    return fail("name, seed and story are texts");
  }
  const options = record(value.options) ?? fail("options is an object");
  for (const [key, option] of Object.entries(options)) {
    if (!OPTION_KEYS.includes(key as never) || typeof option !== "string") fail(`unknown option ${key}`);
  }
  const decisions = new Map<string, ReadonlyMap<number, number>>();
  for (const [site, words] of Object.entries(record(value.decisions) ?? fail("decisions is an object"))) {
    const entries = Object.entries(record(words) ?? fail(`${site} is an object`));
    decisions.set(site, new Map(entries.map(([n, word]) => [count(n), word32(word)])));
  }
  return {
    name,
    seed,
    options: options as RunOptions,
    expectation: verdict(value.expectation) ?? fail("expectation is an outcome and a checker"),
    found: value.found === null ? null : foundAt(value.found) ?? fail("found is a verdict with its commit"),
    story,
    decisions,
  };

  function count(n: string): number {
    return /^\d{1,15}$/.test(n) ? Number(n) : fail(`${JSON.stringify(n)} is no count`);
  }
  function word32(word: unknown): number {
    return typeof word === "number" && Number.isInteger(word) && word >= 0 && word < 2 ** 32
      ? word
      : fail(`${JSON.stringify(word)} is no word of 32 bits`);
  }
}

const OUTCOMES: readonly Outcome[] = ["ok", "crash", "liveness", "safety"];

function record(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Record<string, unknown>
    : null;
}

function verdict(value: unknown): Verdict | null {
  const { outcome, checker } = record(value) ?? {};
  return OUTCOMES.includes(outcome as Outcome) && typeof checker === "string"
    ? { outcome: outcome as Outcome, checker }
    : null;
}

function foundAt(value: unknown): (Verdict & { readonly commit: string }) | null {
  const found = verdict(value);
  const { commit } = record(value) ?? {};
  return found !== null && typeof commit === "string" ? { ...found, commit } : null;
}

/** For a story or a report: `safety (log-matching)`. */
export function describeVerdict({ outcome, checker }: Verdict): string {
  return checker === "" || checker === outcome ? outcome : `${outcome} (${checker})`;
}

export function nameOfTape(tape: Tape): string {
  return `${tape.name} (${formatRunName(runOf(tape))})`;
}
