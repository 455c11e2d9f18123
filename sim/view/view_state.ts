/** What the reader looks at: the window of time, the cursor, and what is filtered away. */
import type { MessageRow } from "./rows.ts";
import { classOf } from "./story.ts";

export const MESSAGE_CLASSES = [
  "election",
  "append",
  "reply",
  "heartbeat",
  "snapshot",
  "work",
  "link",
] as const;
export type MessageClass = (typeof MESSAGE_CLASSES)[number];

/** What the reader calls them. */
export const CLASS_NAMES: Readonly<Record<MessageClass, string>> = {
  election: "elections",
  append: "appends",
  reply: "append replies",
  heartbeat: "heartbeats, reads",
  snapshot: "snapshots",
  work: "calls, proposals",
  link: "link upkeep",
};

export class ViewState {
  startUs = 0;
  endUs = 1_000_000;
  /** The world is looked at after this event. */
  event = 0;
  /** The node whose story is told. */
  host = 0;
  selected: MessageRow | null = null;
  search = "";
  readonly hiddenHosts = new Set<number>();
  readonly hiddenGroups = new Set<number>();
  readonly hiddenClasses = new Set<MessageClass>(["link"]);

  get spanUs(): number {
    return this.endUs - this.startUs;
  }

  shows(message: MessageRow): boolean {
    if (this.hiddenHosts.has(message.from) || this.hiddenHosts.has(message.to)) return false;
    if (message.group >= 0 && this.hiddenGroups.has(message.group)) return false;
    if (this.hiddenClasses.has(classOf(message.kind))) return false;
    return this.search === "" || `${message.kind} ${message.text}`.includes(this.search);
  }

  show(startUs: number, endUs: number, limitUs: number): void {
    const span = Math.min(Math.max(endUs - startUs, 200), Math.max(limitUs * 1.05, 1_000));
    const start = Math.min(Math.max(startUs, -span * 0.05), Math.max(0, limitUs - span * 0.5));
    this.startUs = start;
    this.endUs = start + span;
  }

  zoom(factor: number, aroundUs: number, limitUs: number): void {
    const span = this.spanUs * factor;
    const share = (aroundUs - this.startUs) / this.spanUs;
    this.show(aroundUs - span * share, aroundUs + span * (1 - share), limitUs);
  }

  /** Moves the window so that the time is in it, with room to both sides. */
  reveal(timeUs: number, limitUs: number): void {
    const room = this.spanUs * 0.12;
    if (timeUs >= this.startUs + room && timeUs <= this.endUs - room) return;
    const isFar = timeUs < this.startUs - this.spanUs || timeUs > this.endUs + this.spanUs;
    const at = isFar ? 0.5 : timeUs > this.endUs - room ? 0.7 : 0.3;
    this.show(timeUs - this.spanUs * at, timeUs + this.spanUs * (1 - at), limitUs);
  }
}
