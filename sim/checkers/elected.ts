/**
 * Who leads was elected: a majority of the voters, of both halves of a joint configuration, gave it their votes in this term (Raft
 * paper, section 5.2; Ongaro's thesis, section 4.3). Who stands for election or leads has a vote itself (a leader that is not part of
 * what it has committed steps down, section 6), and counts nobody's but what
 * was given it in this term; and it enters the term because as many would vote for it (9.6), or at a leader's word (3.10). Seen in
 * the replies as they arrived: two leaders of one term, which may follow where it is broken, need more.
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
  /** Group, term and member that a leader has told to campaign. */
  readonly #told = new Set<string>();

  heard({ envelope: { group, generation, from, to }, message }: RaftFrame): void {
    const { kind } = message;
    if (kind === "timeout-now") this.#told.add(`${group}/${generation}/${message.term}/${to}`);
    if ((kind !== "vote-reply" && kind !== "pre-vote-reply") || !message.granted) return;
    const key = keyOf(kind === "vote-reply", group, generation, message.term, to);
    let granted = this.#granted.get(key);
    if (granted === undefined) this.#granted.set(key, granted = new Set());
    granted.add(from);
  }

  check(group: GroupInspection, log: GroupLog): void {
    const { name, memberId, term, role, configuration, commit } = group;
    if (role === "follower") return;
    // A member whose removal is not committed yet may be the only one that can still win, and to commit that leads until then.
    if ((log.configurationIndexes.at(-1) ?? 0) <= commit) this.#checkVoter(group);
    if (role !== "leader") {
      this.#checkCounted(group);
      if (role === "candidate") this.#checkCampaign(group);
      return;
    }
    const key = keyOf(true, group.group, group.generation, term, memberId);
    if (this.#judged.has(key)) return;
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

  #checkVoter({ name, memberId, role, configuration: { incoming, outgoing } }: GroupInspection): void {
    if (role !== "leader") this.candidates += 1;
    if (incoming.includes(memberId) || outgoing.includes(memberId)) return;
    throw new SafetyViolation(
      this.name,
      `member ${memberId} ${
        role === "leader" ? "leads" : "stands for election in"
      } ${name} and has no vote: ` +
        `[${incoming}], outgoing [${outgoing}] have`,
    );
  }

  /** A member that was cut off would else end a leadership when it returns. */
  #checkCampaign({ group, generation, name, memberId, term, configuration }: GroupInspection): void {
    const key = keyOf(false, group, generation, term, memberId);
    if (this.#judged.has(key)) return;
    this.#judged.add(key);
    const granted = this.#granted.get(key);
    const holds = (member: number) => member === memberId || (granted?.has(member) ?? false);
    const isTold = this.#told.has(`${group}/${generation}/${term - 1}/${memberId}`);
    if (isTold || hasMajorities(configuration, holds)) return;
    throw new SafetyViolation(
      this.name,
      `member ${memberId} enters term ${term} of ${name} to be elected, for which only [${[
        ...granted ?? [],
      ]}] would vote of ` +
        `[${configuration.incoming}], outgoing [${configuration.outgoing}], and no leader wants it`,
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
