/**
 * Where the real ports deliver: the attached inbox and the incarnation that is current. An operation keeps the
 * incarnation in which it was submitted, so that what completes late is told apart by the inbox and dropped.
 */
import type { Inbox, IoEvent } from "../io/mod.ts";

export class Outlet {
  #incarnation = 0;
  #inbox: Inbox | null = null;

  get incarnation(): number {
    return this.#incarnation;
  }

  attach(incarnation: number, inbox: Inbox): void {
    this.#incarnation = incarnation;
    this.#inbox = inbox;
  }

  /** Nothing is delivered from now on. */
  detach(): void {
    this.#inbox = null;
  }

  deliver(incarnation: number, event: IoEvent): void {
    if (incarnation === this.#incarnation) this.#inbox?.deliver(incarnation, event);
  }

  turn(): void {
    this.#inbox?.turn(this.#incarnation);
  }
}
