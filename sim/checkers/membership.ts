/**
 * A node is a member until the control log says otherwise. No node may come to believe that it was removed before its removal is
 * committed: such a belief is final, and one wrong word would cost the mesh a member. And no two members share a name, or a
 * number (DESIGN section 4).
 */
import type { NodeInspection } from "../../src/node/inspection.ts";
import type { ControlLog } from "../control_log.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class MembershipCheck implements Checker {
  readonly name = "membership";
  inputs = 0;
  /** Nodes that were right to believe that they were removed. */
  removedInputs = 0;
  readonly #control: ControlLog;
  readonly #removed = new Set<number>();

  constructor(control: ControlLog) {
    this.#control = control;
  }

  check(host: string, inspection: NodeInspection): void {
    this.inputs += 1;
    if (inspection.state !== "evicted") return;
    if (this.#control.member(inspection.memberId) !== null) {
      throw new SafetyViolation(this.name, `${host} believes that it was removed, and nobody removed it`);
    }
    if (!this.#removed.has(inspection.memberId)) this.removedInputs += 1;
    this.#removed.add(inspection.memberId);
  }

  checkFinal(): void {
    const members = this.#control.members();
    for (const what of ["name", "number"] as const) {
      const taken = new Set(members.map((member) => member[what]));
      if (taken.size < members.length) throw new SafetyViolation(this.name, `Two members share a ${what}`);
    }
  }
}
