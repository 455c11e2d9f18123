/**
 * Who leaves the mesh stays until no stream's group counts on it any more, by a configuration that is committed: one that is
 * not may be undone, and the group would count on a member that is gone for good.
 */
import type { MemberId } from "../../src/core/ids.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import type { Removal } from "../control_log.ts";
import type { GroupLog } from "./group_logs.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** The last configuration of a group that some member knows to be committed. */
interface Committed {
  readonly index: number;
  readonly members: readonly MemberId[];
}

export class Releases implements Checker {
  readonly name = "releases";
  /** Groups of members that left. */
  inputs = 0;
  /** Configurations of groups that were seen to be committed. */
  configurationInputs = 0;
  /** The control log, or a group's, may have begun anew from an earlier entry. */
  isRecovered = false;
  readonly #committed = new Map<number, Committed>();

  check({ group, base, commit, configuration }: GroupInspection, log: GroupLog): void {
    const index = log.configurationIndexes.at(-1) ?? base;
    if (index > commit || index <= (this.#committed.get(group)?.index ?? -1)) return;
    this.configurationInputs += 1;
    const { incoming, outgoing, learners } = configuration;
    this.#committed.set(group, { index, members: [...incoming, ...outgoing, ...learners] });
  }

  /** The control log does not know the member any more. */
  removed({ member, name, index, isLeave, groups }: Removal): void {
    if (!isLeave || this.isRecovered) return;
    for (const each of groups) {
      this.inputs += 1;
      const committed = this.#committed.get(each.group);
      if (committed !== undefined && !committed.members.includes(member as MemberId)) continue;
      throw new SafetyViolation(
        this.name,
        `Entry ${index} of the control log removes member ${member} "${name}", which left, and no configuration of ` +
          `${each.name} without it is known to be committed`,
      );
    }
  }
}
