/**
 * A leader hands over (Ongaro's thesis, section 3.10): it takes no proposals until the other campaigns, gives that up after an
 * election timeout, and its word counts in its own term alone. A leader that never gave up would serve nobody and still be
 * heard; and who campaigns as one that was told to is voted for by those who hear a leader.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { EntryKind } from "../../src/raft/mod.ts";
import { memberKey } from "./keys.ts";
import { Lasting } from "./lasting.ts";
import type { LocalTime } from "./lease_rule.ts";
import type { RaftFrame } from "./raft_messages.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** Clocks are read in whole milliseconds, and bent to whole ones where their drift changes. */
const CLOCK_SLACK_MS = 2;

export class Handovers implements Checker {
  readonly name = "handovers";
  /** Looks at leaders that were handing over. */
  inputs = 0;
  /** Campaigns in the name of a leader. */
  campaignInputs = 0;
  /** Group, term and member that was told to campaign in it. */
  readonly #told = new Set<string>();
  readonly #overdue = new Lasting<string>();
  /** By leader that hands over: until when, and the end of its log. */
  readonly #ends = new Map<string, { readonly transferUntilMs: number; readonly last: number }>();

  /** A frame arrived. */
  heard({ envelope: { group, generation, from, to }, message }: RaftFrame): void {
    const { kind, term } = message;
    if (kind === "timeout-now") this.#told.add(`${group}/${generation}/${term}/${to}`);
    if (kind !== "vote" || !message.transfer) return;
    this.campaignInputs += 1;
    if (this.#told.has(`${group}/${generation}/${term - 1}/${from}`)) return;
    throw new SafetyViolation(
      this.name,
      `member ${from} of group ${group} asks for votes in term ${term} because a leader wants it, and none of term ` +
        `${term - 1} told it so`,
    );
  }

  check(group: GroupInspection, now: LocalTime, electionTimeoutMs: number): void {
    const { memberId, name, term, transferUntilMs } = group;
    const key = memberKey(group.group, group.generation, memberId);
    if (transferUntilMs === -Infinity) {
      this.#overdue.lasts(key, null, now, 0);
      this.#ends.delete(key);
      return;
    }
    this.inputs += 1;
    this.#checkEnd(key, group);
    const who = `member ${memberId} hands ${name} over in term ${term}`;
    if (transferUntilMs > now.ms + electionTimeoutMs + CLOCK_SLACK_MS) {
      throw new SafetyViolation(this.name, `${who} and gives up in ${transferUntilMs - now.ms} ms`);
    }
    const isOver = now.ms >= transferUntilMs + CLOCK_SLACK_MS;
    if (!this.#overdue.lasts(key, isOver ? transferUntilMs : null, now, 0)) return;
    throw new SafetyViolation(
      this.name,
      `${who} and should have given up ${now.ms - transferUntilMs} ms ago`,
    );
  }

  /** What is proposed after the other was told to campaign it would have to throw away. A joint configuration is left all the same. */
  #checkEnd(key: string, { name, memberId, term, last, transferUntilMs, entry }: GroupInspection): void {
    // The first build does not tell.
    if (transferUntilMs === undefined) return;
    const before = this.#ends.get(key);
    if (before?.transferUntilMs === transferUntilMs && before.last === last) return;
    this.#ends.set(key, { transferUntilMs, last });
    if (before?.transferUntilMs !== transferUntilMs || last < before.last) return;
    const kind = entry(last)?.kind ?? EntryKind.Configuration;
    if (kind === EntryKind.Configuration) return;
    throw new SafetyViolation(
      this.name,
      `member ${memberId} hands ${name} over in term ${term} and takes proposals: its log ended with entry ` +
        `${before.last} and ends with ${last}`,
    );
  }
}
