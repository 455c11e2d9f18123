/** Election Safety: at most one leader in a term (Ongaro and Ousterhout, "In search of an understandable consensus algorithm", figure 3). */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class ElectionSafety implements Checker {
  readonly name = "election-safety";
  inputs = 0;
  readonly #leaders = new Map<string, number>();

  check(group: GroupInspection): void {
    if (group.role !== "leader") return;
    this.inputs += 1;
    const key = `${group.group}/${group.generation}/${group.term}`;
    const leader = this.#leaders.get(key);
    if (leader === undefined) this.#leaders.set(key, group.memberId);
    else if (leader !== group.memberId) {
      throw new SafetyViolation(
        this.name,
        `members ${leader} and ${group.memberId} both led term ${group.term} of ${group.name}`,
      );
    }
  }
}
