/** The reader's hands: pointer, wheel and keys. */
/// <reference lib="dom" />
import type { App } from "./app.ts";
import { GUTTER } from "./surface.ts";
import { byId } from "./elements.ts";

const ZOOM = 1.3;
/** A pointer that moved less was a click. */
const DRAG_PIXELS = 4;

export function listenToPointer(app: App): void {
  listenToDiagram(app);
  const { canvas } = app.overview;
  const center = (event: PointerEvent) => {
    const at = app.overview.timeAt(event.offsetX);
    const half = app.view.spanUs / 2;
    app.view.show(at - half, at + half, app.story.endUs);
    app.draw();
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    const span = app.story.endUs / 12;
    if (app.view.spanUs > app.story.endUs * 0.9) app.view.show(0, span, app.story.endUs);
    center(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons === 1 && center(event));
}

function listenToDiagram(app: App): void {
  const { canvas } = app.diagram;
  let from: { readonly x: number; readonly startUs: number } | null = null;
  let isDragged = false;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    from = { x: event.offsetX, startUs: app.view.startUs };
    isDragged = false;
  });
  canvas.addEventListener("pointermove", (event) => {
    app.diagram.hoverX = event.offsetX;
    if (from !== null && Math.abs(event.offsetX - from.x) > DRAG_PIXELS) isDragged = true;
    if (from !== null && isDragged) {
      const movedUs = (event.offsetX - from.x) / (canvas.clientWidth - GUTTER) * app.view.spanUs;
      app.view.show(from.startUs - movedUs, from.startUs - movedUs + app.view.spanUs, app.story.endUs);
    }
    app.showTip(event.offsetX, event.offsetY);
    app.draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    from = null;
    if (!isDragged) click(app, event.offsetX, event.offsetY);
  });
  canvas.addEventListener("pointerleave", () => {
    app.diagram.hoverX = -1;
    byId("tip").hidden = true;
    app.draw();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { view, story } = app;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      const by = view.spanUs * (event.deltaX + (event.shiftKey ? event.deltaY : 0)) / 1000;
      view.show(view.startUs + by, view.endUs + by, story.endUs);
    } else {
      const factor = event.deltaY > 0 ? ZOOM : 1 / ZOOM;
      view.zoom(factor, app.diagram.timeAt(event.offsetX), story.endUs);
    }
    app.draw();
  }, { passive: false });
}

function click(app: App, x: number, y: number): void {
  const host = app.diagram.hostAt(y);
  if (x < GUTTER) return app.choose(host);
  const message = app.diagram.arrows.at(x, y);
  app.view.selected = message;
  if (message !== null) {
    app.view.host = message.to;
    return app.goTo(message.event, false);
  }
  if (host >= 0) app.view.host = host;
  app.goToTime(app.diagram.timeAt(x));
}

export function listenToKeys(app: App): void {
  addEventListener("keydown", (event) => {
    const { target, key, shiftKey } = event;
    if (target instanceof HTMLInputElement) {
      if (key === "Escape") target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || (byId("help") as HTMLDialogElement).open) return;
    const action = actionOf(app, key, shiftKey);
    if (action === null) return;
    event.preventDefault();
    action();
  });
}

function actionOf(app: App, key: string, isShifted: boolean): (() => void) | null {
  const { view, story } = app;
  const zoom = (factor: number) => () => {
    view.zoom(factor, story.timeOf(view.event), story.endUs);
    app.draw();
  };
  if (/^[1-9]$/.test(key)) return () => app.choose(Number(key) - 1);
  switch (key) {
    case "ArrowRight":
      return () => app.step(1, isShifted);
    case "ArrowLeft":
      return () => app.step(-1, isShifted);
    case " ":
      return () => app.play();
    case "n":
      return () => app.jump(1);
    case "p":
      return () => app.jump(-1);
    case "Home":
      return () => app.goTo(0);
    case "End":
      return () => app.goTo(story.events);
    case "+":
    case "=":
      return zoom(1 / ZOOM);
    case "-":
      return zoom(ZOOM);
    case "0":
      return () => app.showAll();
    case "/":
      return () => byId("search").focus();
    case "?":
      return () => (byId("help") as HTMLDialogElement).showModal();
    default:
      return null;
  }
}
