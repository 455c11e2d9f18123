/**
 * Who leads was elected: a majority of the voters, of both halves of a joint configuration, gave it their votes in this term (Raft
 * paper, section 5.2; Ongaro's thesis, section 4.3). And who stands for election has a vote itself, and counts nobody's but what
 * was given it in this term. Seen in the replies as they arrived: two leaders of one term, which may follow where it is
 * broken, need more.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { hasMajorities } from "./commitment.ts";
import type { GroupLog } from "./group_logs.ts";
import type { RaftFrame } from "./raft_messages.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class Elected implements Checker {
  readonly name = "elected";
  /** Leaders. */
  inputs = 0;
  /** Looks at members that stood for election. */
  candidates = 0;
  /** By group, term and candidate: who granted; what was granted a pre-candidate is for the term after its own. */
  readonly #granted = new Map<string, Set<number>>();
  readonly #judged = new Set<string>();

  heard({ envelope: { group, generation, from, to }, message }: RaftFrame): void {
    const { kind } = message;
    if ((kind !== "vote-reply" && kind !== "pre-vote-reply") || !message.granted) return;
    const key = keyOf(kind === "vote-reply", group, generation, message.term, to);
    let granted = this.#granted.get(key);
    if (granted === undefined) this.#granted.set(key, granted = new Set());
    granted.add(from);
  }

  check(group: GroupInspection, log: GroupLog): void {
    const { name, memberId, term, role, configuration, commit } = group;
    if (role === "candidate" || role === "pre-candidate") {
      this.#checkCounted(group);
      // A member whose removal is not committed yet may be the only one that can still win.
      if ((log.configurationIndexes.at(-1) ?? 0) > commit) return;
      this.candidates += 1;
      if (configuration.incoming.includes(memberId) || configuration.outgoing.includes(memberId)) return;
      throw new SafetyViolation(
        this.name,
        `member ${memberId} stands for election in ${name} and has no vote: [${configuration.incoming}], outgoing ` +
          `[${configuration.outgoing}] have`,
      );
    }
    const key = keyOf(true, group.group, group.generation, term, memberId);
    if (role !== "leader" || this.#judged.has(key)) return;
    this.#judged.add(key);
    this.inputs += 1;
    const granted = this.#granted.get(key);
    const holds = (member: number) => member === memberId || (granted?.has(member) ?? false);
    if (hasMajorities(configuration, holds)) return;
    throw new SafetyViolation(
      this.name,
      `member ${memberId} leads term ${term} of ${name} by the votes of [${[
        ...granted ?? [],
      ]}] and its own, where ` +
        `[${configuration.incoming}], outgoing [${configuration.outgoing}] vote`,
    );
  }

  #checkCounted(group: GroupInspection): void {
    const { name, memberId, role } = group;
    const isVote = role === "candidate";
    const term = isVote ? group.term : group.term + 1;
    const granted = this.#granted.get(keyOf(isVote, group.group, group.generation, term, memberId));
    for (const voter of group.votes()) {
      if (voter === memberId || granted?.has(voter)) continue;
      throw new SafetyViolation(
        this.name,
        `member ${memberId} counts a vote of ${voter} for term ${term} of ${name}, who gave it none in that term`,
      );
    }
  }
}

function keyOf(isVote: boolean, group: number, generation: number, term: number, candidate: number): string {
  return `${isVote ? "vote" : "pre-vote"}/${group}/${generation}/${term}/${candidate}`;
}
