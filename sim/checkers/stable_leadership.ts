/**
 * Where nothing is broken nobody stands for election: a leader's word postpones the next one (Raft paper, section 5.2). Looked
 * at only while the mesh is whole and at rest; a leader may still hand over, which needs no timeout.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class StableLeadership implements Checker {
  readonly name = "stable-leadership";
  inputs = 0;
  isAtRest = false;

  check({ memberId, name, role, term }: GroupInspection): void {
    if (!this.isAtRest) return;
    this.inputs += 1;
    if (role !== "pre-candidate") return;
    throw new SafetyViolation(
      this.name,
      `member ${memberId} of ${name} lost patience in term ${term} although nothing keeps its leader from it`,
    );
  }
}
