/**
 * A leader commits by counting only entries of its own term; earlier ones are committed with them (Raft paper, section 5.4.2
 * and figure 8). Broken, it loses committed entries only after a rare sequence of leaders; the rule itself can be
 * seen at every commit.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

interface Seen {
  readonly term: number;
  readonly commit: number;
}

export class CommitRule implements Checker {
  readonly name = "commit-rule";
  inputs = 0;
  /** A member as it was last seen leading, by member and incarnation. */
  readonly #leading = new Map<string, Seen>();

  check(host: string, incarnation: number, group: GroupInspection): void {
    const key = `${host}/${incarnation}/${group.group}/${group.generation}`;
    if (group.role !== "leader") {
      this.#leading.delete(key);
      return;
    }
    const before = this.#leading.get(key);
    if (before !== undefined && before.term === group.term && group.commit > before.commit) {
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
    this.#leading.set(key, { term: group.term, commit: group.commit });
  }
}
