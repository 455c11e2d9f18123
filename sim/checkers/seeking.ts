/**
 * Who has no session with a member whose address it knows dials it, or has said when it will: that the other end may dial too is
 * no way out where both wait for it. A mesh that a cut has parted comes together again by nothing else.
 */
import type { NodeInspection } from "../../src/node/inspection.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class Seeking implements Checker {
  readonly name = "seeking";
  /** Looks at members without a session to another. */
  inputs = 0;

  /** After a node's turn. */
  check({ name, state, apart }: NodeInspection): void {
    if (state !== "member") return;
    for (const { memberId, isSought } of apart()) {
      this.inputs += 1;
      if (isSought) continue;
      throw new SafetyViolation(
        this.name,
        `${name} has no session with member ${memberId} and never dials it again`,
      );
    }
  }
}
