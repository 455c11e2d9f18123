/**
 * The last events of a run, for the one who reads a failure: a ring of numbers and references, put into words only
 * when asked. One line for each event, one column for each node, so that a node's story reads downwards.
 */
import { EventKind } from "./event_queue.ts";

const NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(EventKind).map(([name, kind]) => [kind, name]),
);

interface Line {
  timeUs: number;
  event: number;
  column: number;
  kind: number;
  a: number;
  b: number;
  note: string;
}

export class EventLog {
  readonly #lines: Line[] = [];
  readonly #limit: number;
  #at = 0;

  constructor(limit = 4096) {
    this.#limit = limit;
  }

  add(timeUs: number, event: number, column: number, kind: number, a: number, b: number, note: string): void {
    const line = this.#lines[this.#at];
    if (line === undefined) {
      this.#lines.push({ timeUs, event, column, kind, a, b, note });
    } else {
      line.timeUs = timeUs;
      line.event = event;
      line.column = column;
      line.kind = kind;
      line.a = a;
      line.b = b;
      line.note = note;
    }
    this.#at = (this.#at + 1) % this.#limit;
  }

  /** The last `count` lines that `chosen` takes, oldest first. */
  format(names: readonly string[], count: number, chosen: (kind: number, note: string) => boolean): string[] {
    const lines = [...this.#lines.slice(this.#at), ...this.#lines.slice(0, this.#at)]
      .filter((line) => chosen(line.kind, line.note)).slice(-count);
    const width = Math.max(14, ...names.map((name) => name.length));
    const head = `${"event".padStart(9)} ${"seconds".padStart(12)}  ${
      names.map((name) => name.padEnd(width)).join(" ")
    }`;
    return [head, ...lines.map((line) => describe(line, names, width))];
  }
}

function describe(line: Line, names: readonly string[], width: number): string {
  const what = line.kind === 0 ? "note" : NAMES[line.kind] ?? String(line.kind);
  const cells = names.map((_, i) => (i + 1 === line.column ? what : ".").padEnd(width));
  const place = line.column > names.length ? `[${what}] ` : "";
  const numbers = line.kind === 0 ? "" : `${line.a}/${line.b} `;
  const seconds = (line.timeUs / 1_000_000).toFixed(6).padStart(12);
  return `${String(line.event).padStart(9)} ${seconds}  ${cells.join(" ")} ${place}${numbers}${line.note}`
    .trimEnd();
}
