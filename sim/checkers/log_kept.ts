/**
 * What a log may lose, and when. In a running member an entry gives way only to another one in its place, of the leader's
 * log: an append that brings nothing new takes nothing away, however late it comes (Raft paper, section 5.3: "if an existing
 * entry conflicts"). And what a member knew to be durable it has after any crash (figure 2, "persistent state").
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { memberKey } from "./keys.ts";
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

  /** Before `log`, what was seen last of it, takes over what is new. */
  check(incarnation: number, group: GroupInspection, log: GroupLog): void {
    const { base, last, durable } = group;
    const key = keyOf(group);
    const before = this.#seen.get(key);
    this.#seen.set(key, { incarnation, base, last, durable });
    if (before === undefined) return;
    if (before.incarnation !== incarnation) this.#checkRestart(before, group, log);
    else if (last < before.last) this.#checkCut(before, group, log);
  }

  /** A restarted member against what was durable. */
  #checkRestart(before: Seen, group: GroupInspection, log: GroupLog): void {
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

  /**
   * A log that became shorter ends with another entry than stood there. So does one that a snapshot takes the place of: where
   * the log holds the snapshot's last entry it goes on from there (figure 13, step 6).
   */
  #checkCut(before: Seen, group: GroupInspection, log: GroupLog): void {
    const { last, lastTerm } = group;
    this.inputs += 1;
    if (log.entry(last)?.term !== lastTerm) return;
    throw new SafetyViolation(
      this.name,
      `member ${group.memberId} of ${group.name} cut its log from ${before.last} to ${last} and got nothing instead`,
    );
  }
}

function keyOf({ group, generation, memberId }: GroupInspection): string {
  return memberKey(group, generation, memberId);
}
