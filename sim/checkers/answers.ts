/**
 * What a leader believes of another member rests on that member's own word in the leader's term: up to where it acknowledged the
 * log, which round of heartbeats it answered (Raft paper, figure 2: both are "reinitialized after election"). What came late from
 * an earlier term may be true all the same, so that it seldom shows in logs and reads that they were counted.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { memberKey } from "./keys.ts";
import type { RaftFrame } from "./raft_messages.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** What a member has said to another in one term. */
interface Said {
  readonly term: number;
  index: number;
  round: number;
}

export class Answers implements Checker {
  readonly name = "answers";
  /** Beliefs compared with what was said. */
  inputs = 0;
  /** By who was told, and then by who told. */
  readonly #said = new Map<string, Map<number, Said>>();

  /** A frame arrived. */
  heard({ envelope: { group, generation, from, to }, message }: RaftFrame): void {
    const isAppend = message.kind === "append-reply" && message.success;
    if (!isAppend && message.kind !== "heartbeat-reply") return;
    const key = memberKey(group, generation, to);
    let told = this.#said.get(key);
    if (told === undefined) this.#said.set(key, told = new Map());
    let said = told.get(from);
    if (said !== undefined && said.term > message.term) return;
    if (said?.term !== message.term) told.set(from, said = { term: message.term, index: 0, round: 0 });
    if (message.kind === "heartbeat-reply") said.round = Math.max(said.round, message.readRound);
    else if (message.kind === "append-reply") said.index = Math.max(said.index, message.index);
  }

  check({ group, generation, name, memberId, role, term, matches }: GroupInspection): void {
    if (role !== "leader") return;
    const told = this.#said.get(memberKey(group, generation, memberId));
    for (const { member, match, answeredRound } of matches()) {
      if (match === 0 && answeredRound === 0) continue;
      this.inputs += 1;
      const said = told?.get(member);
      const [index, round] = said?.term === term ? [said.index, said.round] : [0, 0];
      if (match <= index && answeredRound <= round) continue;
      throw new SafetyViolation(
        this.name,
        `member ${memberId} leads term ${term} of ${name} and takes ${member} to hold entry ${match} and to have answered ` +
          `round ${answeredRound}, which has said ${index} and ${round} in that term`,
      );
    }
  }
}
