/**
 * What a leader believes of another member's log is true: up to the match index that member holds the leader's log, durably (Raft
 * paper, figure 2, "matchIndex: known to be replicated"). A commit rests on nothing else; here the belief itself is looked at,
 * whether a majority shares it or not. And it keeps such a belief of members alone: who is none is sent nothing, and nobody waits for it.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import type { GroupLog } from "./group_logs.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class MatchRule implements Checker {
  readonly name = "match-rule";
  /** Match indexes compared. */
  inputs = 0;

  check(group: GroupInspection, log: GroupLog, logOf: (member: number) => GroupLog | undefined): void {
    if (group.role !== "leader") return;
    const { incoming, outgoing, learners } = group.configuration;
    for (const { member, match } of group.matches()) {
      if (!incoming.includes(member) && !outgoing.includes(member) && !learners.includes(member)) {
        throw new SafetyViolation(
          this.name,
          `member ${group.memberId} leads term ${group.term} of ${group.name} and still sends to ${member}, which is no member: ` +
            `[${incoming}], outgoing [${outgoing}], learners [${learners}] are`,
        );
      }
      const other = logOf(member);
      // A member that is installing a snapshot shows neither its old log nor the new one; one that has entered a later term may
      // have been given other entries, which this leader hears of last.
      if (other === undefined || other.isInstalling || other.term > group.term || match <= other.base) {
        continue;
      }
      this.inputs += 1;
      const [here, there] = [log.entry(match), other.entry(match)];
      if (match <= other.durable && (here === undefined || here.term === there?.term)) continue;
      throw new SafetyViolation(
        this.name,
        `member ${group.memberId} leads term ${group.term} of ${group.name} and takes ${member} to hold entry ${match}` +
          `${
            here === undefined ? "" : ` of term ${here.term}`
          }, which holds ${other.durable} entries durably` +
          `${there === undefined ? "" : ` and there one of term ${there.term}`}`,
      );
    }
  }
}
