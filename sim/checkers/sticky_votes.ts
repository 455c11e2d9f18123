/**
 * Who has heard from a leader within an election timeout votes for nobody else, unless that leader itself wants it (Ongaro's
 * thesis, section 4.2.3; leases rest on it, 6.4.1). A member that was started anew does not know whom it heard, so that it
 * waits as long from its start. By the member's own clock; a contact counts that an earlier turn has taken in.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { memberKey } from "./keys.ts";
import type { LocalClock, LocalTime } from "./lease_rule.ts";
import type { RaftFrame } from "./raft_messages.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** Clocks are read in whole milliseconds, and bent to whole ones where their drift changes. */
const CLOCK_SLACK_MS = 2;

interface Seen {
  readonly incarnation: number;
  readonly term: number;
  readonly vote: number;
  /** Since when it waits. */
  sinceMs: number;
}

interface Contact {
  readonly incarnation: number;
  /** Turns that its receiver had taken when it came. */
  readonly turns: number;
  readonly ms: number;
  readonly term: number;
  readonly from: number;
}

export class StickyVotes implements Checker {
  readonly name = "sticky-votes";
  /** Votes for others, by members that might have waited. */
  inputs = 0;
  readonly #seen = new Map<string, Seen>();
  readonly #contacts = new Map<string, Contact>();
  /** By group, term and candidate: whether a leader wanted it to stand. */
  readonly #isTransfer = new Map<string, boolean>();

  /** A frame arrived. */
  heard({ envelope: { group, generation, from, to }, message }: RaftFrame, clock: LocalClock): void {
    const { kind, term } = message;
    if (kind === "vote") {
      this.#isTransfer.set(`${group}/${generation}/${term}/${from}`, message.transfer);
    }
    if (kind !== "append" && kind !== "heartbeat" && kind !== "quiesce") return;
    const now = clock(to);
    if (now !== null) this.#contacts.set(memberKey(group, generation, to), { ...now, term, from });
  }

  /** `now` by the member's clock. */
  check(
    group: GroupInspection,
    { incarnation, turns, ms: localMs }: LocalTime,
    electionTimeoutMs: number,
  ): void {
    const { term, vote, memberId } = group;
    const key = memberKey(group.group, group.generation, memberId);
    const before = this.#seen.get(key);
    if (before?.incarnation !== incarnation) {
      const waits = before !== undefined && term > 0 && group.configuration.incoming.length > 1;
      this.#seen.set(key, { incarnation, term, vote, sinceMs: waits ? localMs : -Infinity });
      return;
    }
    let seen = before;
    if (term !== before.term || vote !== before.vote) {
      const isNew = vote !== 0 && vote !== memberId;
      if (isNew) this.#checkVote(group, localMs - before.sinceMs, electionTimeoutMs);
      this.#seen.set(key, seen = { incarnation, term, vote, sinceMs: before.sinceMs });
    }
    const contact = this.#contacts.get(key);
    if (contact === undefined || contact.turns >= turns) return;
    this.#contacts.delete(key);
    const isTaken = contact.incarnation === incarnation && contact.term === term &&
      contact.from === group.leader && !group.isInstalling;
    if (isTaken && contact.ms > seen.sinceMs) seen.sinceMs = contact.ms;
  }

  #checkVote(group: GroupInspection, waitedMs: number, electionTimeoutMs: number): void {
    const { term, vote, memberId, name } = group;
    const isTransfer = this.#isTransfer.get(`${group.group}/${group.generation}/${term}/${vote}`);
    if (isTransfer !== false || waitedMs === Infinity) return;
    this.inputs += 1;
    if (waitedMs + CLOCK_SLACK_MS >= electionTimeoutMs) return;
    throw new SafetyViolation(
      this.name,
      `member ${memberId} of ${name} voted for ${vote} in term ${term}, ${
        Math.floor(waitedMs)
      } ms after it heard from a ` +
        `leader or was started, where it waits for ${electionTimeoutMs} ms`,
    );
  }
}
