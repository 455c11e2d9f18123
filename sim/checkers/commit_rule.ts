/**
 * A leader commits by counting only entries of its own term; earlier ones are committed with them (Raft paper, section 5.4.2
 * and figure 8). Broken, it loses committed entries only after a rare sequence of leaders; the rule itself can be
 * seen at every commit.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { memberKey } from "./keys.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

interface Seen {
  readonly host: string;
  readonly incarnation: number;
  readonly term: number;
  readonly commit: number;
}

export class CommitRule implements Checker {
  readonly name = "commit-rule";
  inputs = 0;
  /** A member as it was last seen leading. */
  readonly #leading = new Map<string, Seen>();

  check(host: string, incarnation: number, group: GroupInspection): void {
    const key = memberKey(group.group, group.generation, group.memberId);
    if (group.role !== "leader") {
      this.#leading.delete(key);
      return;
    }
    const before = this.#leading.get(key);
    const isSame = before?.host === host && before.incarnation === incarnation && before.term === group.term;
    if (isSame && group.commit > before.commit) {
      const entry = group.entry(group.commit);
      if (entry !== null) {
        this.inputs += 1;
        if (entry.term !== group.term) {
          throw new SafetyViolation(
            this.name,
            `member ${group.memberId} leads term ${group.term} of ${group.name} and committed entry ` +
              `${group.commit} of term ${entry.term} by counting`,
          );
        }
      }
    }
    this.#leading.set(key, { host, incarnation, term: group.term, commit: group.commit });
  }
}
