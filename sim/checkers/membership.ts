/**
 * A node is a member until the control log says otherwise. No node may come to believe that it was removed before its removal is
 * committed: such a belief is final, and one wrong word would cost the mesh a member. And no two members share a name, or a
 * number (DESIGN section 4). Whom it removed, a node that has applied as much speaks with no more. An invitation lets one in.
 */
import type { MemberId } from "../../src/core/ids.ts";
import type { NodeInspection } from "../../src/node/inspection.ts";
import type { Admission, ControlLog } from "../control_log.ts";
import type { LocalTime } from "./lease_rule.ts";
import { Lasting } from "./lasting.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class MembershipCheck implements Checker {
  readonly name = "membership";
  inputs = 0;
  /** Nodes that were right to believe that they were removed. */
  removedInputs = 0;
  /** Who came with an invitation that had let somebody in. */
  usedInputs = 0;
  /** Looks at sessions where somebody had been removed. */
  sessionInputs = 0;
  /** The control log may have begun anew from an earlier entry. */
  isRecovered = false;
  readonly #control: ControlLog;
  readonly #sessions = new Lasting<string>();
  /** Invitations that let somebody in, and whom. */
  readonly #used = new Map<string, string>();
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

  /** Looks at whom the node speaks with. `now`: by its own clock. */
  checkSessions(host: string, { reachable, groups }: NodeInspection, now: LocalTime): void {
    if (this.#control.removals.length === 0 || this.isRecovered) return;
    this.sessionInputs += 1;
    const applied = groups.find(({ group }) => group === 0)?.applied ?? 0;
    for (const { member, name, index } of this.#control.removals) {
      const sign = index <= applied && reachable.has(member as MemberId) ? index : null;
      if (!this.#sessions.lasts(`${host}/${member}`, sign, now, 0)) continue;
      throw new SafetyViolation(
        this.name,
        `${host} has applied that member ${member} "${name}" was removed, and goes on to speak with it`,
      );
    }
  }

  /** The control log has judged who came with an invitation. */
  admission({ name, invitationHash, isAdmitted }: Admission): void {
    const before = this.#used.get(invitationHash);
    if (before !== undefined) this.usedInputs += 1;
    if (!isAdmitted) return;
    if (before !== undefined) {
      throw new SafetyViolation(this.name, `${name} was let in by the invitation that had let in ${before}`);
    }
    this.#used.set(invitationHash, name);
  }

  checkFinal(): void {
    const members = this.#control.members();
    for (const what of ["name", "number"] as const) {
      const taken = new Set(members.map((member) => member[what]));
      if (taken.size < members.length) throw new SafetyViolation(this.name, `Two members share a ${what}`);
    }
  }
}
