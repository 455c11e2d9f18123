/** What was wrong, above the lanes: the strikes of the nemesis by name, and the wires that were cut or clogged. */
/// <reference lib="dom" />
import type { BandRow } from "./rows.ts";
import type { Strike } from "./story.ts";
import { AXIS, type Surface } from "./surface.ts";

const STRIKE_ROW = 14;
const STRIKE_ROWS = 3;
const WIRE_ROW = 5;
const WIRE_ROWS = 4;
export const FAULTS_HEIGHT: number = STRIKE_ROWS * STRIKE_ROW + WIRE_ROWS * WIRE_ROW + 10;

/** What lasted a while, in the rows above the lanes. */
interface Bar {
  readonly what: BandRow | Strike;
  readonly x0: number;
  readonly x1: number;
  readonly y0: number;
  readonly y1: number;
}

export class FaultTrack {
  readonly #on: Surface;
  #bars: Bar[] = [];

  constructor(on: Surface) {
    this.#on = on;
  }

  at(x: number, y: number): BandRow | Strike | null {
    const isUnder = (bar: Bar) => x >= bar.x0 - 2 && x <= bar.x1 + 2 && y >= bar.y0 && y <= bar.y1;
    return this.#bars.find(isUnder)?.what ?? null;
  }

  draw(): void {
    this.#bars = [];
    this.#drawStrikes();
    this.#drawWires();
    const { context } = this.#on;
    const { startUs, endUs } = this.#on.view;
    for (const mark of this.#on.story.marks) {
      if (mark.atUs < startUs || mark.atUs > endUs || mark.kind !== "phase") continue;
      const x = this.#on.x(mark.atUs);
      context.fillStyle = this.#on.theme.color("good");
      context.fillRect(x - 0.5, AXIS, 1, FAULTS_HEIGHT - 4);
      context.fillText(mark.text, x + 4, AXIS + FAULTS_HEIGHT - 10);
    }
  }

  #drawStrikes(): void {
    const { context } = this.#on;
    const inWindow = this.#on.story.strikes.filter((strike) => this.#isInWindow(strike));
    this.#stack(inWindow, STRIKE_ROWS, 3, (strike, row, x0, x1) => {
      const y = AXIS + 2 + row * STRIKE_ROW;
      context.fillStyle = this.#on.theme.color("wire");
      context.globalAlpha = strike.isVain ? 0.15 : 0.3;
      context.fillRect(x0, y, Math.max(2, x1 - x0), STRIKE_ROW - 2);
      context.globalAlpha = 1;
      context.fillRect(x0, y, 2, STRIKE_ROW - 2);
      this.#bars.push({ what: strike, x0, x1, y0: y, y1: y + STRIKE_ROW });
      if (x1 - x0 < context.measureText(strike.kind).width + 8) return;
      context.fillStyle = this.#on.theme.color("ink");
      context.fillText(strike.kind, x0 + 5, y + STRIKE_ROW / 2 - 0.5);
    });
  }

  #drawWires(): void {
    const { context } = this.#on;
    const bands = [...this.#on.story.bands.values()].filter((band) => band.to >= 0 && this.#isInWindow(band));
    this.#stack(bands, WIRE_ROWS, 1, (band, row, x0, x1) => {
      const y = AXIS + 4 + STRIKE_ROWS * STRIKE_ROW + row * WIRE_ROW;
      context.fillStyle = this.#on.theme.band(band.kind);
      context.globalAlpha = band.kind === "cut" ? 1 : 0.5;
      context.fillRect(x0, y, Math.max(1.5, x1 - x0), WIRE_ROW - 1.5);
      context.globalAlpha = 1;
      this.#bars.push({ what: band, x0, x1, y0: y, y1: y + WIRE_ROW });
    });
  }

  #isInWindow({ startUs, endUs }: { readonly startUs: number; readonly endUs: number }): boolean {
    return endUs >= this.#on.view.startUs && startUs <= this.#on.view.endUs;
  }

  /** Each in the first row that is free; what finds none is left out. */
  #stack<Item extends { readonly startUs: number; readonly endUs: number }>(
    items: readonly Item[],
    rows: number,
    gap: number,
    draw: (item: Item, row: number, x0: number, x1: number) => void,
  ): void {
    const free: number[] = new Array(rows).fill(-Infinity);
    for (const item of items) {
      const [x0, x1] = this.#on.clip(item.startUs, item.endUs);
      const row = free.findIndex((until) => until <= x0);
      if (row < 0) continue;
      free[row] = Math.max(x1, x0 + 2) + gap;
      draw(item, row, x0, x1);
    }
  }
}
