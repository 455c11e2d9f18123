/**
 * No node keeps a connection over which nothing comes: a peer that lives answers a ping, so that one of which nothing was heard
 * for the idle timeout is gone, and what is sent there meanwhile is lost. The transport says so late, or never.
 */
import type { ConnectionEnd } from "../connection.ts";
import { Lasting } from "./lasting.ts";
import type { LocalTime } from "./lease_rule.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** What is looked at of a connection's end. */
export type SilentEnd = Pick<ConnectionEnd, "id" | "state" | "arrivals">;

export class DeadSessions implements Checker {
  readonly name = "dead-sessions";
  /** Looks at a connection. */
  inputs = 0;
  readonly #silence = new Lasting<number>();

  /** After a turn in which the node has taken in all that had come. `now`: by its own clock. */
  check(host: string, ends: Iterable<SilentEnd>, now: LocalTime, idleTimeoutMs: number): void {
    for (const { id, state, arrivals } of ends) {
      const isOpen = state === "open";
      if (isOpen) this.inputs += 1;
      if (!this.#silence.lasts(id, isOpen ? arrivals : null, now, idleTimeoutMs)) continue;
      throw new SafetyViolation(
        this.name,
        `${host} keeps connection ${id}, over which nothing has come for more than ${idleTimeoutMs} ms`,
      );
    }
  }
}
