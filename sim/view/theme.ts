/** The colours of the page's style for what is drawn on a canvas: read anew when the reader changes between light and dark. */
/// <reference lib="dom" />
import type { BandKind } from "./rows.ts";
import type { MessageClass } from "./view_state.ts";

const TERMS = 6;

export class Theme {
  #values = new Map<string, string>();

  forget(): void {
    this.#values = new Map();
  }
  color(name: string): string {
    let value = this.#values.get(name);
    if (value === undefined) {
      value = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
      this.#values.set(name, value);
    }
    return value;
  }
  term(term: number): string {
    return this.color(`term-${term % TERMS}`);
  }
  message(kind: MessageClass): string {
    return this.color(kind);
  }
  band(kind: BandKind): string {
    if (kind === "down" || kind === "paused") return this.color(kind);
    return this.color(kind.startsWith("disk") ? "disk" : "wire");
  }
}

export function termClass(term: number): string {
  return `background: var(--term-${term % TERMS})`;
}

/** Seconds with as many digits as the span on the screen deserves. */
export function formatTime(us: number, spanUs = 1): string {
  const digits = spanUs > 20_000_000
    ? 1
    : spanUs > 2_000_000
    ? 2
    : spanUs > 100_000
    ? 3
    : spanUs > 5_000
    ? 4
    : 6;
  return `${(us / 1_000_000).toFixed(digits)} s`;
}

/** The distance of ticks: 1, 2 or 5 times a power of ten, for no more than so many of them. */
export function tickUs(spanUs: number, ticks: number): number {
  for (let power = 1;; power *= 10) {
    for (const digit of [1, 2, 5]) if (spanUs / (digit * power) <= ticks) return digit * power;
  }
}
