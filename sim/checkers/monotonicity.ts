/**
 * What never goes back: within an incarnation term, commit and applied, and a vote within its term; across restarts term
 * and vote too, once they were durable (Raft paper, figure 2, "persistent state"). And base <= commit, applied <= commit <= last at all times.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { memberKey } from "./keys.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

interface Seen {
  readonly host: string;
  incarnation: number;
  term: number;
  vote: number;
  commit: number;
  applied: number;
  durableTerm: number;
  durableVote: number;
}

export class Monotonicity implements Checker {
  readonly name = "monotonicity";
  inputs = 0;
  restarts = 0;
  readonly #seen = new Map<string, Seen>();

  /** `isSettled`: nothing is under way on the host's disk, so what the node holds is what a restart finds. */
  check(host: string, incarnation: number, group: GroupInspection, isSettled: boolean): void {
    this.inputs += 1;
    const { term, vote, commit, applied, base, last } = group;
    const where = `${group.name} at ${host}`;
    // A snapshot that is being installed has moved the base and not yet the state machine.
    if (!(base <= commit && applied <= commit && commit <= last)) {
      this.#fail(`${where} has base ${base}, applied ${applied}, commit ${commit}, last ${last}`);
    }
    const key = memberKey(group.group, group.generation, group.memberId);
    const seen = this.#seen.get(key);
    if (seen?.host !== host) {
      const durable = isSettled
        ? { durableTerm: term, durableVote: vote }
        : { durableTerm: 0, durableVote: 0 };
      this.#seen.set(key, { host, incarnation, term, vote, commit, applied, ...durable });
      return;
    }
    if (seen.incarnation === incarnation) this.#within(where, seen, group);
    else this.#across(where, seen, group);
    if (isSettled) {
      seen.durableTerm = term;
      seen.durableVote = vote;
    }
    seen.incarnation = incarnation;
    seen.term = term;
    seen.vote = vote;
    seen.commit = commit;
    seen.applied = applied;
  }

  #within(where: string, seen: Seen, { term, vote, commit, applied }: GroupInspection): void {
    if (term < seen.term) this.#fail(`the term of ${where} went from ${seen.term} to ${term}`);
    if (term === seen.term && seen.vote !== 0 && vote !== seen.vote) {
      this.#fail(`${where} voted for ${seen.vote} and then for ${vote} in term ${term}`);
    }
    if (commit < seen.commit) this.#fail(`commit of ${where} went from ${seen.commit} to ${commit}`);
    if (applied < seen.applied) this.#fail(`applied of ${where} went from ${seen.applied} to ${applied}`);
  }

  #across(where: string, seen: Seen, { term, vote }: GroupInspection): void {
    this.restarts += 1;
    const { durableTerm, durableVote } = seen;
    if (term < durableTerm) {
      this.#fail(`${where} came back with term ${term} after ${durableTerm} was durable`);
    }
    if (term === durableTerm && durableVote !== 0 && vote !== durableVote) {
      this.#fail(`${where} came back with vote ${vote} in term ${term} after ${durableVote} was durable`);
    }
  }

  #fail(message: string): never {
    throw new SafetyViolation(this.name, message);
  }
}
