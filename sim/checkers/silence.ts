/**
 * Silence of idle groups (src/raft/quiescence.ts): a group falls silent where everything is committed and everybody has it, and
 * whatever happens to a member ends its silence. A wrong sleep costs no safety and, while nodes send each other beats, little
 * time, so that neither shows in what clients see; here each sleep is looked at.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { memberKey } from "./keys.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** A member as it fell silent. */
interface Silent {
  readonly incarnation: number;
  readonly term: number;
  readonly last: number;
  readonly commit: number;
}

export class Silence implements Checker {
  readonly name = "silence";
  /** Times that a member fell silent. */
  inputs = 0;
  readonly #silent = new Map<string, Silent>();

  check(incarnation: number, group: GroupInspection): void {
    const { memberId, term, last, commit } = group;
    const key = memberKey(group.group, group.generation, memberId);
    if (!group.isSilent) {
      this.#silent.delete(key);
      return;
    }
    const before = this.#silent.get(key);
    if (before?.incarnation !== incarnation) {
      this.#silent.set(key, { incarnation, term, last, commit });
      this.#fallsSilent(group);
    } else if (before.term !== term || before.last !== last || before.commit !== commit) {
      throw new SafetyViolation(
        this.name,
        `member ${memberId} of ${group.name} is silent and goes on: in term ${before.term} it had ${before.commit} of ` +
          `${before.last} committed, in term ${term} it has ${commit} of ${last}`,
      );
    }
  }

  #fallsSilent({ memberId, name, role, term, last, commit, matches }: GroupInspection): void {
    this.inputs += 1;
    const who = `member ${memberId} falls silent in term ${term} of ${name}`;
    if (commit !== last) {
      throw new SafetyViolation(this.name, `${who} with ${commit} of ${last} entries committed`);
    }
    if (role !== "leader") return;
    for (const { member, match } of matches()) {
      if (match === last) continue;
      throw new SafetyViolation(
        this.name,
        `${who}, which it leads, after entry ${last}, and ${member} has no more than ${match} as far as it knows`,
      );
    }
  }
}
