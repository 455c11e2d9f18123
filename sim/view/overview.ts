/** The whole run in one line: how much happened when, what was wrong, who was elected, and the window that the diagram shows. */
/// <reference lib="dom" />
import { GUTTER } from "./surface.ts";
import type { Story } from "./story.ts";
import type { Theme } from "./theme.ts";
import type { ViewState } from "./view_state.ts";

const BARS_TOP = 8;
const BARS_HEIGHT = 30;

export class Overview {
  readonly canvas: HTMLCanvasElement;
  readonly #story: Story;
  readonly #view: ViewState;
  readonly #theme: Theme;

  constructor(canvas: HTMLCanvasElement, story: Story, view: ViewState, theme: Theme) {
    this.canvas = canvas;
    this.#story = story;
    this.#view = view;
    this.#theme = theme;
  }

  timeAt(x: number): number {
    return (x - GUTTER) / (this.canvas.clientWidth - GUTTER) * Math.max(1, this.#story.endUs);
  }

  draw(): void {
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d")!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const endUs = Math.max(1, this.#story.endUs);
    const x = (us: number) => GUTTER + us / endUs * (width - GUTTER);
    this.#drawBands(context, x);
    this.#drawDensity(context, width);
    this.#drawMarks(context, x, height);
    this.#drawWindow(context, x, height);
    context.fillStyle = this.#theme.color("muted");
    context.font = '11px system-ui, "Segoe UI", Arial, sans-serif';
    context.textBaseline = "middle";
    context.fillText("the whole run", 12, BARS_TOP + 8);
    context.fillText(`${(endUs / 1_000_000).toFixed(1)} s virtual`, 12, BARS_TOP + 24);
  }

  #drawBands(context: CanvasRenderingContext2D, x: (us: number) => number): void {
    for (const band of this.#story.bands.values()) {
      context.fillStyle = this.#theme.band(band.kind);
      context.globalAlpha = 0.35;
      const x0 = x(band.startUs);
      context.fillRect(
        x0,
        BARS_TOP,
        Math.max(1, x(Math.min(band.endUs, this.#story.endUs)) - x0),
        BARS_HEIGHT,
      );
    }
    context.globalAlpha = 1;
  }

  /** Events in each pixel, by differences of event numbers. */
  #drawDensity(context: CanvasRenderingContext2D, width: number): void {
    const counts: number[] = [];
    let before = 0;
    for (let pixel = GUTTER; pixel < width; pixel += 2) {
      const event = this.#story.eventAt(this.timeAt(pixel + 2));
      counts.push(event - before);
      before = event;
    }
    const most = Math.max(1, ...counts);
    context.fillStyle = this.#theme.color("muted");
    counts.forEach((count, i) => {
      const tall = Math.sqrt(count / most) * (BARS_HEIGHT - 4);
      context.fillRect(GUTTER + i * 2, BARS_TOP + BARS_HEIGHT - tall, 1.4, tall);
    });
  }

  #drawMarks(context: CanvasRenderingContext2D, x: (us: number) => number, height: number): void {
    for (const mark of this.#story.marks) {
      const color =
        { leader: "election", violation: "bad", fault: "wire", phase: "good" }[mark.kind as "leader"];
      if (color === undefined) continue;
      context.fillStyle = this.#theme.color(color);
      const isBroken = mark.kind === "violation";
      const top = isBroken ? 0 : height - 14;
      context.fillRect(x(mark.atUs) - (isBroken ? 1.5 : 0.5), top, isBroken ? 3 : 1, isBroken ? height : 8);
    }
  }

  #drawWindow(context: CanvasRenderingContext2D, x: (us: number) => number, height: number): void {
    const x0 = Math.max(GUTTER, x(this.#view.startUs));
    const x1 = Math.max(x0 + 3, x(this.#view.endUs));
    context.fillStyle = this.#theme.color("accent");
    context.globalAlpha = 0.16;
    context.fillRect(x0, 0, x1 - x0, height);
    context.globalAlpha = 1;
    context.strokeStyle = this.#theme.color("accent");
    context.strokeRect(x0 + 0.5, 0.5, x1 - x0 - 1, height - 1);
    context.fillRect(x(this.#story.timeOf(this.#view.event)) - 0.5, 0, 1, height);
  }
}
