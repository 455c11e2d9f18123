/**
 * What a log may lose, and when. In a running member an entry gives way only to another one in its place, of the leader's
 * log: an append that brings nothing new takes nothing away, however late it comes (Raft paper, section 5.3: "if an existing
 * entry conflicts"). And what a member knew to be durable it has after any crash (figure 2, "persistent state").
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import type { GroupLog } from "./group_logs.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

interface Seen {
  readonly incarnation: number;
  readonly base: number;
  readonly last: number;
  readonly durable: number;
}

export class LogKept implements Checker {
  readonly name = "log-kept";
  /** Times that a log became shorter. */
  inputs = 0;
  /** Durable entries that a restarted member was asked for. */
  restarted = 0;
  readonly #seen = new Map<string, Seen>();

  /** Before `log` takes over what is new: a restarted member against what was durable. */
  checkRestart(incarnation: number, group: GroupInspection, log: GroupLog): void {
    const before = this.#seen.get(keyOf(group));
    if (before === undefined || before.incarnation === incarnation) return;
    for (let index = Math.max(before.base, group.base) + 1; index <= before.durable; index++) {
      const known = log.entry(index);
      if (known === undefined) continue;
      this.restarted += 1;
      const here = index <= group.last ? group.entry(index as typeof group.last) : null;
      if (here?.term === known.term) continue;
      throw new SafetyViolation(
        this.name,
        `member ${group.memberId} of ${group.name} came back with ${
          here === null ? "nothing" : `term ${here.term}`
        } ` +
          `at entry ${index}, where term ${known.term} was durable`,
      );
    }
  }

  /** After it did; `first` is the first index that is new. */
  check(incarnation: number, group: GroupInspection, first: number): void {
    const { base, last, durable, commit } = group;
    const key = keyOf(group);
    const before = this.#seen.get(key);
    this.#seen.set(key, { incarnation, base, last, durable });
    if (before === undefined || before.incarnation !== incarnation || last >= before.last) return;
    // A snapshot takes the place of a whole log; one that is being installed shows by a log that ends at the commit.
    if (commit >= last) return;
    this.inputs += 1;
    if (first > last) {
      throw new SafetyViolation(
        this.name,
        `member ${group.memberId} of ${group.name} cut its log from ${before.last} to ${last} and got nothing instead`,
      );
    }
  }
}

function keyOf({ group, generation, memberId }: GroupInspection): string {
  return `${group}/${generation}/${memberId}`;
}
