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
  /** By group, term and candidate: who granted. */
  readonly #granted = new Map<string, Set<number>>();
  readonly #judged = new Set<string>();

  heard({ envelope: { group, generation, from, to }, message }: RaftFrame): void {
    if (message.kind !== "vote-reply" || !message.granted) return;
    const key = `${group}/${generation}/${message.term}/${to}`;
    let granted = this.#granted.get(key);
    if (granted === undefined) this.#granted.set(key, granted = new Set());
    granted.add(from);
  }

  check(group: GroupInspection, log: GroupLog): void {
    const { name, memberId, term, role, configuration, commit } = group;
    if (role === "candidate" || role === "pre-candidate") {
      if (role === "candidate") this.#checkCounted(group);
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
    const key = keyOf(group);
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
    const { name, memberId, term } = group;
    const granted = this.#granted.get(keyOf(group));
    for (const voter of group.votes()) {
      if (voter === memberId || granted?.has(voter)) continue;
      throw new SafetyViolation(
        this.name,
        `member ${memberId} counts a vote of ${voter} for term ${term} of ${name}, who gave it none in that term`,
      );
    }
  }
}

function keyOf({ group, generation, term, memberId }: GroupInspection): string {
  return `${group}/${generation}/${term}/${memberId}`;
}
