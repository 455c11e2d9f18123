/**
 * Election Safety: at most one leader in a term (Ongaro and Ousterhout, "In search of an understandable consensus algorithm", figure
 * 3). And whoever follows somebody follows who leads its term: by hearsay too, which observers go by.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { groupKey } from "./keys.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class ElectionSafety implements Checker {
  readonly name = "election-safety";
  inputs = 0;
  /** Looks at members that follow somebody. */
  followerInputs = 0;
  /** By group: who led each term. */
  readonly #leaders = new Map<string, Map<number, number>>();

  check(group: GroupInspection): void {
    if (group.role !== "leader") return this.#checkFollower(group);
    this.inputs += 1;
    const key = groupKey(group.group, group.generation);
    let leaders = this.#leaders.get(key);
    if (leaders === undefined) this.#leaders.set(key, leaders = new Map());
    const leader = leaders.get(group.term);
    if (leader === undefined) leaders.set(group.term, group.memberId);
    else if (leader !== group.memberId) {
      throw new SafetyViolation(
        this.name,
        `members ${leader} and ${group.memberId} both led term ${group.term} of ${group.name}`,
      );
    }
  }

  #checkFollower({ group, generation, name, memberId, leader, term }: GroupInspection): void {
    if (leader === 0) return;
    this.followerInputs += 1;
    const led = this.#leaders.get(groupKey(group, generation))?.get(term);
    if (led === leader) return;
    throw new SafetyViolation(
      this.name,
      `member ${memberId} follows ${leader} in term ${term} of ${name}, which ${led ?? "nobody"} has led`,
    );
  }
}
