/**
 * A vote goes to nobody whose log is less up to date than the voter's own: a later last term, or the same and at least the
 * length (Raft paper, section 5.4.1). The loss that follows where it is broken needs a rare sequence; the vote itself can be seen.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { memberKey } from "./keys.ts";
import type { GroupLog } from "./group_logs.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

interface End {
  readonly lastIndex: number;
  readonly lastTerm: number;
}

/** A voter as it was last looked at. */
interface Seen extends End {
  readonly incarnation: number;
  readonly term: number;
  readonly vote: number;
}

export class VoteRule implements Checker {
  readonly name = "vote-rule";
  inputs = 0;
  /** Where a candidate's log ended when it asked for votes. */
  readonly #asked = new Map<string, End>();
  readonly #seen = new Map<string, Seen>();

  /** A request for votes arrived. */
  asked(group: number, generation: number, term: number, candidate: number, end: End): void {
    const { lastIndex, lastTerm } = end;
    this.#asked.set(`${group}/${generation}/${term}/${candidate}`, { lastIndex, lastTerm });
  }

  check(incarnation: number, group: GroupInspection, log: GroupLog): void {
    const { term, vote, memberId } = group;
    const member = memberKey(group.group, group.generation, memberId);
    // Of a log that is empty above its snapshot the last term cannot be seen.
    const lastTerm = log.last === 0 ? 0 : log.entry(log.last)?.term ?? -1;
    const before = this.#seen.get(member);
    const now: Seen = { incarnation, term, vote, lastIndex: log.last, lastTerm };
    this.#seen.set(member, now);
    if (vote === 0 || vote === memberId || before === undefined || before.incarnation !== incarnation) return;
    if (before.term === term && before.vote === vote) return;
    // A log that changed in the same turn may have done so after the vote.
    if (lastTerm < 0 || before.lastIndex !== now.lastIndex || before.lastTerm !== lastTerm) return;
    const asked = this.#asked.get(`${group.group}/${group.generation}/${term}/${vote}`);
    if (asked === undefined) return;
    this.inputs += 1;
    if (asked.lastTerm > lastTerm || (asked.lastTerm === lastTerm && asked.lastIndex >= log.last)) return;
    throw new SafetyViolation(
      this.name,
      `member ${memberId} of ${group.name}, whose log ends at ${log.last} of term ${lastTerm}, voted in term ${term} ` +
        `for ${vote}, whose log ends at ${asked.lastIndex} of term ${asked.lastTerm}`,
    );
  }
}
