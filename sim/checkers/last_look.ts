/**
 * What was seen of a group on a host when it was looked at last. Most turns change nothing in most groups, and a checker that judges
 * by what it sees alone would say again what it said then: it is not asked again. Everything that such checkers read of a
 * group is compared here: the numbers one by one, the configuration as the object that it is, the log by its ends and the last
 * term, as `GroupLog.update` does. Who judges by time, by frames or by what others did meanwhile is asked at every look (mod.ts);
 * the votes that a (pre-)candidate counts are not compared, so that it is never the same.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import type { Told } from "./promises.ts";

export class LastLook {
  readonly generation: number;
  readonly memberId: number;
  /** What the member has told others, once it did. */
  told: Told | undefined;
  #group: GroupInspection | null = null;
  /** Whether its last entry could be read then. */
  #hasEnd = false;
  #incarnation = 0;
  #isSettled = false;

  constructor({ generation, memberId }: GroupInspection) {
    this.generation = generation;
    this.memberId = memberId;
  }

  /** True where all is as it was; else it is remembered as it is now. */
  isSame(incarnation: number, isSettled: boolean, now: GroupInspection): boolean {
    const before = this.#group;
    if (
      before !== null && this.#hasEnd && !isStanding(now) && incarnation === this.#incarnation &&
      isSettled === this.#isSettled && isSameState(before, now)
    ) return true;
    this.#group = now;
    // A log whose last entry cannot be read is looked at until it can.
    this.#hasEnd = now.last <= now.base || now.entry(now.last) !== null;
    this.#incarnation = incarnation;
    this.#isSettled = isSettled;
    return false;
  }
}

/** Who stands for election: the votes that it counts are not compared. */
function isStanding({ role }: GroupInspection): boolean {
  return role === "candidate" || role === "pre-candidate";
}

function isSameState(a: GroupInspection, b: GroupInspection): boolean {
  return a.term === b.term && a.vote === b.vote && a.role === b.role && a.leader === b.leader &&
    a.base === b.base && a.last === b.last && a.lastTerm === b.lastTerm && a.durable === b.durable &&
    a.commit === b.commit && a.applied === b.applied && a.isInstalling === b.isInstalling &&
    a.configuration === b.configuration && a.name === b.name;
}
