/**
 * Log Matching: two logs with an entry of the same index and term are equal up to it (Raft paper, figure 3). Kept as
 * one table for each group: (index, term) names one content and one predecessor, for ever and everywhere.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { groupKey } from "./keys.ts";
import type { GroupLog } from "./group_logs.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

interface Known {
  readonly crc: number;
  readonly kind: number;
  /** -1 where the predecessor was never seen. */
  previousTerm: number;
}

export class LogMatching implements Checker {
  readonly name = "log-matching";
  inputs = 0;
  readonly #known = new Map<string, Map<number, Map<number, Known>>>();

  /** The entries from `first` on are new to this member's log. */
  check(group: GroupInspection, log: GroupLog, first: number): void {
    const key = groupKey(group.group, group.generation);
    let known = this.#known.get(key);
    if (known === undefined) this.#known.set(key, known = new Map());
    for (let index = first; index <= log.last; index++) this.#entry(group, log, known, index);
  }

  #entry(
    group: GroupInspection,
    log: GroupLog,
    known: Map<number, Map<number, Known>>,
    index: number,
  ): void {
    const entry = log.entry(index);
    if (entry === undefined) return;
    this.inputs += 1;
    let terms = known.get(index);
    if (terms === undefined) known.set(index, terms = new Map());
    const previousTerm = log.entry(index - 1)?.term ?? -1;
    const before = terms.get(entry.term);
    if (before === undefined) {
      terms.set(entry.term, { crc: entry.crc, kind: entry.kind, previousTerm });
      return;
    }
    const where = `entry ${index} of term ${entry.term} of ${group.name}`;
    if (before.crc !== entry.crc || before.kind !== entry.kind) {
      throw new SafetyViolation(this.name, `${where} has another content at member ${group.memberId}`);
    }
    if (before.previousTerm < 0) before.previousTerm = previousTerm;
    else if (previousTerm >= 0 && before.previousTerm !== previousTerm) {
      throw new SafetyViolation(
        this.name,
        `${where} follows term ${previousTerm} at member ${group.memberId}, elsewhere term ${before.previousTerm}`,
      );
    }
  }
}
