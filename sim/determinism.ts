/**
 * Whether a run is decided by its name alone: it is run twice, in two processes, one of which has its garbage collected at
 * odd moments, and the hashes are compared. Where they differ, the checkpoints tell between which events; both run once
 * more with every event of that range kept, and the first that differs is named.
 */
import { EventKind, type Target } from "./event_queue.ts";
import { Prf } from "./prf.ts";
import { type Outcome, runOne, type RunSettings } from "./run.ts";
import { type Checkpoint, differingRange } from "./trace.ts";
import type { Watcher } from "./watcher.ts";
import type { World } from "./world.ts";

export interface EventRange {
  /** Events (from, to]. */
  readonly from: number;
  readonly to: number;
}

/** One event and what the trace's hash is when it is over. */
export interface TraceLine {
  readonly event: number;
  readonly timeUs: number;
  /** A host's name, or what of the world it happened to. */
  readonly place: string;
  readonly kind: string;
  readonly hash: string;
}

export interface Traced {
  readonly outcome: Outcome;
  readonly events: number;
  readonly trace: string;
  readonly checkpoints: readonly Checkpoint[];
  /** Of the range that was asked for. */
  readonly lines: readonly TraceLine[];
}

export interface TraceSettings extends RunSettings {
  readonly range?: EventRange;
  /** Collects garbage at odd moments; the process needs `--expose-gc`. */
  readonly disturbed?: boolean;
}

/** Performs the run once more, in its own way; keeps the lines of a range where one is given. */
export type Side = (name: string, range: EventRange | null) => Promise<Traced>;

export interface Difference {
  readonly name: string;
  /** The first event that differs; null on the side whose run was over before. */
  readonly here: TraceLine | null;
  readonly there: TraceLine | null;
  /** True where it was the same event, and its node did something else in it. */
  readonly isSameEvent: boolean;
  /** Where the two runs differed last, if every repetition differs elsewhere: then no line is known. */
  readonly range: EventRange;
}

/** So often both are repeated where they differ each time elsewhere. */
const ATTEMPTS = 4;
/** Between two collections lie at most so many events. */
const COLLECT_EVENTS_LIMIT = 1000;
/** One collection in so many is a full one. */
const FULL_COLLECTIONS = 10;

const PLACES: Readonly<Record<number, string>> = {
  250: "the network",
  251: "the nemesis",
  252: "calls",
  253: "clients",
};
const KINDS = new Map<number, string>(Object.entries(EventKind).map(([name, kind]) => [kind, name]));

export function traceOf(name: string, settings: TraceSettings = {}): Traced {
  const { range, disturbed, ...rest } = settings;
  const watchers: Watcher[] = [];
  const lines: TraceLine[] = [];
  if (range !== undefined) watchers.push(new LineWatcher(range, lines));
  if (disturbed === true) watchers.push(new Collector(name));
  if (rest.watcher !== undefined) watchers.push(rest.watcher);
  const { outcome, events, trace, checkpoints } = runOne(name, { ...rest, watcher: new Watchers(watchers) });
  return { outcome, events, trace, checkpoints, lines };
}

/** Null where both sides are one run. */
export async function compare(name: string, here: Side, there: Side): Promise<Difference | null> {
  let range: EventRange | null = null;
  let last: EventRange = { from: 0, to: 0 };
  for (let attempt = 0; attempt <= ATTEMPTS; attempt++) {
    const [a, b] = await Promise.all([here(name, range), there(name, range)]);
    const found = range === null ? null : firstDifference(name, range, a.lines, b.lines);
    if (found !== null) return found;
    if (a.trace === b.trace && a.events === b.events && attempt === 0) return null;
    range = rangeOf(a, b);
    last = range ?? last;
  }
  return { name, here: null, there: null, isSameEvent: false, range: last };
}

/** In words, both sides. */
export function describeDifference({ name, here, there, isSameEvent, range }: Difference): string {
  if (here === null && there === null) {
    return `${name}: each pair of runs differs elsewhere, the last between events ${range.from} and ${range.to}`;
  }
  const event = (here ?? there)!.event;
  const what = isSameEvent
    ? `event ${event} begins alike and does something else`
    : `event ${event} is another one`;
  return `${name}: ${what}\n  here:  ${describeLine(here)}\n  there: ${describeLine(there)}`;
}

function describeLine(line: TraceLine | null): string {
  if (line === null) return "the run is over";
  return `${(line.timeUs / 1_000_000).toFixed(6)} s  ${line.place}  ${line.kind}  (trace ${line.hash})`;
}

function rangeOf(a: Traced, b: Traced): EventRange | null {
  const between = differingRange(a.checkpoints, b.checkpoints);
  if (between !== null) return between;
  if (a.trace === b.trace) return null;
  // They differ after the last checkpoint of either.
  const known = new Set(b.checkpoints.map(({ event }) => event));
  const from = a.checkpoints.findLast(({ event }) => known.has(event))?.event ?? 0;
  return { from, to: Math.max(a.events, b.events) };
}

function firstDifference(
  name: string,
  range: EventRange,
  a: readonly TraceLine[],
  b: readonly TraceLine[],
): Difference | null {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [here, there] = [a[i] ?? null, b[i] ?? null];
    const isSameEvent = here?.timeUs === there?.timeUs && here?.place === there?.place &&
      here?.kind === there?.kind;
    if (isSameEvent && here?.hash === there?.hash) continue;
    return { name, here, there, isSameEvent, range };
  }
  return null;
}

class Watchers implements Watcher {
  readonly #all: readonly Watcher[];
  constructor(all: readonly Watcher[]) {
    this.#all = all;
  }
  stepped(...args: Parameters<Watcher["stepped"]>): void {
    for (const one of this.#all) one.stepped(...args);
  }
  frame(...args: Parameters<Watcher["frame"]>): void {
    for (const one of this.#all) one.frame(...args);
  }
  noted(...args: Parameters<Watcher["noted"]>): void {
    for (const one of this.#all) one.noted(...args);
  }
}

/** Keeps the events of a range. */
class LineWatcher implements Watcher {
  readonly #range: EventRange;
  readonly #lines: TraceLine[];

  constructor(range: EventRange, lines: TraceLine[]) {
    this.#range = range;
    this.#lines = lines;
  }

  stepped(world: World, { traceId }: Target, kind: EventKind): void {
    const event = world.trace.events;
    if (event <= this.#range.from || event > this.#range.to) return;
    const place = world.hosts[traceId - 1]?.name ?? PLACES[traceId] ?? String(traceId);
    this.#lines.push({
      event,
      timeUs: world.nowUs,
      place,
      kind: KINDS.get(kind) ?? String(kind),
      hash: world.trace.hash,
    });
  }
  frame(): void {}
  noted(): void {}
}

/** Has garbage collected when nobody expects it: at events drawn from a function of its own, not the run's. */
class Collector implements Watcher {
  readonly #collect: (options: { readonly type: "major" | "minor" }) => void;
  readonly #draws;
  #nextEvent = 1;

  constructor(name: string) {
    const { gc } = globalThis as { gc?: (options: { readonly type: "major" | "minor" }) => void };
    if (gc === undefined) {
      throw new TypeError("This process cannot collect garbage: start it with --v8-flags=--expose-gc");
    }
    this.#collect = gc;
    this.#draws = new Prf(`collector ${name}`).site("collections");
  }

  stepped(world: World): void {
    if (world.trace.events < this.#nextEvent) return;
    this.#nextEvent += this.#draws.between(1, COLLECT_EVENTS_LIMIT);
    this.#collect({ type: this.#draws.below(FULL_COLLECTIONS) === 0 ? "major" : "minor" });
  }
  frame(): void {}
  noted(): void {}
}
