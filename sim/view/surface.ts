/** What every part of the diagram draws on: the canvas at its size, and which time is where. */
/// <reference lib="dom" />
import type { Story } from "./story.ts";
import type { Theme } from "./theme.ts";
import type { ViewState } from "./view_state.ts";

/** Names stand to the left of time. */
export const GUTTER = 132;
/** Times stand above everything. */
export const AXIS = 22;

export class Surface {
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  readonly story: Story;
  readonly view: ViewState;
  readonly theme: Theme;
  width = 0;
  height = 0;

  constructor(canvas: HTMLCanvasElement, story: Story, view: ViewState, theme: Theme) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d")!;
    this.story = story;
    this.view = view;
    this.theme = theme;
  }

  x(timeUs: number): number {
    return GUTTER + (timeUs - this.view.startUs) / this.view.spanUs * (this.width - GUTTER);
  }
  timeAt(x: number): number {
    return this.view.startUs + (x - GUTTER) / (this.width - GUTTER) * this.view.spanUs;
  }
  /** The part of a span that is to be seen. */
  clip(startUs: number, endUs: number): [x0: number, x1: number] {
    return [
      Math.max(GUTTER, this.x(startUs)),
      Math.min(this.width, this.x(Math.min(endUs, this.story.endUs))),
    ];
  }

  resize(): void {
    const ratio = devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.canvas;
    [this.width, this.height] = [clientWidth, clientHeight];
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.font = '11px system-ui, "Segoe UI", Arial, sans-serif';
    this.context.textBaseline = "middle";
  }
}

export function drawLine(
  context: CanvasRenderingContext2D,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
): void {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}
