/** The messages of the window as arrows between lanes: which are drawn when there are too many, and which is under the pointer. */
/// <reference lib="dom" />
import type { MessageRow } from "./rows.ts";
import { classOf } from "./story.ts";
import { drawLine, type Surface } from "./surface.ts";
import { MESSAGE_CLASSES } from "./view_state.ts";

/** More arrows than this are thinned out, elections last. */
const ARROWS_LIMIT = 5_000;
/** Messages that are on their way when the window ends are looked for among so many arrivals after it. */
const UNDER_WAY_LIMIT = 4_000;
const HIT_PIXELS = 5;

export interface Lane {
  readonly host: number;
  readonly top: number;
  readonly height: number;
  /** The line itself. */
  readonly y: number;
}

interface Arrow {
  readonly message: MessageRow;
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

export class Arrows {
  readonly #on: Surface;
  #arrows: Arrow[] = [];
  /** Messages of the window that were too many to draw. */
  thinned = 0;

  constructor(on: Surface) {
    this.#on = on;
  }

  /** The message under the pointer. */
  at(x: number, y: number): MessageRow | null {
    let best: MessageRow | null = null;
    let bestDistance = HIT_PIXELS;
    for (const arrow of this.#arrows) {
      const distance = distanceTo(arrow, x, y);
      if (distance < bestDistance) [best, bestDistance] = [arrow.message, distance];
    }
    return best;
  }
  draw(lanes: readonly Lane[]): void {
    const chosen = this.#messages();
    const ys = new Map(lanes.map((lane) => [lane.host, lane.y]));
    this.#arrows = chosen.map((message) => ({
      message,
      x0: this.#on.x(message.sentUs),
      y0: ys.get(message.from)!,
      x1: this.#on.x(message.atUs),
      y1: ys.get(message.to)!,
    }));
    const heads = this.#arrows.length < 1_200;
    for (const kind of [...MESSAGE_CLASSES].reverse()) this.#drawClass(kind, heads);
    const selected = this.#arrows.find((arrow) => arrow.message === this.#on.view.selected);
    if (selected !== undefined) this.#drawArrow(selected, this.#on.theme.color("ink"), 2.5, true);
  }

  #messages(): MessageRow[] {
    const { messages } = this.#on.story;
    const { startUs, endUs } = this.#on.view;
    const chosen: MessageRow[] = [];
    let late = 0;
    for (let at = this.#on.story.firstMessage(startUs); at < messages.length; at++) {
      const message = messages[at]!;
      if (message.atUs > endUs && ++late > UNDER_WAY_LIMIT) break;
      if (message.sentUs <= endUs && this.#on.view.shows(message)) chosen.push(message);
    }
    this.thinned = Math.max(0, chosen.length - ARROWS_LIMIT);
    if (this.thinned === 0) return chosen;
    const rare = chosen.filter((message) => isRare(message));
    const others = chosen.filter((message) => !isRare(message));
    const keep = Math.max(1, ARROWS_LIMIT - rare.length);
    const stride = others.length / keep;
    return [
      ...rare.slice(0, ARROWS_LIMIT),
      ...Array.from({ length: keep }, (_, i) => others[Math.floor(i * stride)]!),
    ];
  }

  #drawClass(kind: (typeof MESSAGE_CLASSES)[number], heads: boolean): void {
    const { context } = this.#on;
    const color = this.#on.theme.message(kind);
    context.strokeStyle = color;
    context.lineWidth = kind === "election" || kind === "snapshot" ? 1.5 : 1;
    context.globalAlpha = heads ? 0.95 : isRareClass(kind) ? 0.9 : 0.16 + 300 / this.#arrows.length;
    context.beginPath();
    const lost: Arrow[] = [];
    for (const arrow of this.#arrows) {
      if (classOf(arrow.message.kind) !== kind) continue;
      if (arrow.message.fate === "lost") {
        lost.push(arrow);
        continue;
      }
      context.moveTo(arrow.x0, arrow.y0);
      context.lineTo(arrow.x1, arrow.y1);
      if (heads) arrowHead(context, arrow);
    }
    context.stroke();
    context.globalAlpha = 1;
    for (const arrow of lost) this.#drawArrow(arrow, this.#on.theme.color("bad"), 1, heads);
  }

  #drawArrow(arrow: Arrow, color: string, width: number, heads: boolean): void {
    const { context } = this.#on;
    context.strokeStyle = color;
    context.lineWidth = width;
    context.beginPath();
    if (arrow.message.fate === "lost") {
      // Nobody saw it arrive: it ends on its way.
      const [x, y] = [arrow.x0 + (arrow.x1 - arrow.x0) * 0.6, arrow.y0 + (arrow.y1 - arrow.y0) * 0.6];
      context.setLineDash([3, 3]);
      drawLine(context, arrow.x0, arrow.y0, x, y);
      context.setLineDash([]);
      drawLine(context, x - 3, y - 3, x + 3, y + 3);
      drawLine(context, x - 3, y + 3, x + 3, y - 3);
      return;
    }
    context.moveTo(arrow.x0, arrow.y0);
    context.lineTo(arrow.x1, arrow.y1);
    if (heads) arrowHead(context, arrow);
    context.stroke();
  }
}

function isRareClass(kind: string): boolean {
  return kind === "election" || kind === "snapshot";
}

function isRare(message: MessageRow): boolean {
  return isRareClass(classOf(message.kind)) || message.fate === "lost";
}

function arrowHead(context: CanvasRenderingContext2D, { x0, y0, x1, y1 }: Arrow): void {
  const length = Math.sqrt((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0)) || 1;
  const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
  context.moveTo(x1 - 7 * ux - 3 * uy, y1 - 7 * uy + 3 * ux);
  context.lineTo(x1, y1);
  context.lineTo(x1 - 7 * ux + 3 * uy, y1 - 7 * uy - 3 * ux);
}

function distanceTo({ x0, y0, x1, y1 }: Arrow, x: number, y: number): number {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const along = Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1)));
  const [ex, ey] = [x - x0 - along * dx, y - y0 - along * dy];
  return Math.sqrt(ex * ex + ey * ey);
}
