/**
 * While a leader's lease lasts nobody else can be elected (Ongaro's thesis, section 6.4.1): else its reads may miss what the
 * other one committed. Looked at by the time itself and not by what was read or who stood for election, so that a lease that is
 * too long is seen without either in just that moment: nobody else leads a later term, and of the voters so many have
 * heard of this leader within an election timeout, each by its own clock, that the others are no majority. And a leader that has
 * told another to campaign holds no lease in that term again, because its word lifts the promise whenever it arrives (3.10). Nor is
 * there a lease before an entry of the leader's own term is committed: what it knows to be committed may be behind (paper, 8).
 */
import type { MemberId } from "../../src/core/ids.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import { majorityOf } from "../../src/raft/mod.ts";
import { groupKey, memberKey } from "./keys.ts";
import type { RaftFrame } from "./raft_messages.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** Clocks are read in whole milliseconds, and bent to whole ones where their drift changes. */
const CLOCK_SLACK_MS = 2;

export interface LocalTime {
  readonly ms: number;
  /** Of the node; with each its clock begins anew. */
  readonly incarnation: number;
  /** That the node has taken. */
  readonly turns: number;
}

interface Heard {
  readonly term: number;
  readonly byMember: Map<number, LocalTime>;
}

/** What a member's clock shows; null where it is not up, so that it cannot vote. */
export type LocalClock = (member: MemberId) => LocalTime | null;

export class LeaseRule implements Checker {
  readonly name = "lease-rule";
  /** Looks at a leader that held a lease. */
  inputs = 0;
  readonly #latest = new Map<string, { readonly term: number; readonly memberId: number }>();
  /** By leader, of its latest term that was heard of: when a sign of it last came to each member, by the member's clock. */
  readonly #heard = new Map<string, Heard>();
  /** Group, term and leader where that leader has told another to campaign. */
  readonly #handedOver = new Set<string>();
  /** By leader: the term in which it was seen to have committed an entry of its own. */
  readonly #committedIn = new Map<string, number>();

  /** A frame arrived. */
  heard({ envelope: { group, generation, from, to }, message }: RaftFrame, clock: LocalClock): void {
    const { kind, term } = message;
    if (kind === "timeout-now") this.#handedOver.add(`${group}/${generation}/${term}/${from}`);
    if (kind !== "append" && kind !== "heartbeat" && kind !== "snapshot" && kind !== "quiesce") return;
    // Where it came to is not known before the group was seen there: a sign it is all the same.
    const now = clock(to) ?? { ms: 0, incarnation: -1, turns: 0 };
    const key = memberKey(group, generation, from);
    let heard = this.#heard.get(key);
    if (heard === undefined || heard.term < term) this.#heard.set(key, heard = { term, byMember: new Map() });
    if (heard.term === term) heard.byMember.set(to, now);
  }

  /** `localMs` is what the member's clock shows, `electionTimeoutMs` how long its voters promise not to vote. */
  check(group: GroupInspection, localMs: number, electionTimeoutMs: number, clock: LocalClock): void {
    if (group.role !== "leader") return;
    const { memberId, term } = group;
    const key = groupKey(group.group, group.generation);
    const latest = this.#latest.get(key);
    if (latest === undefined || latest.term < term) this.#latest.set(key, { term, memberId });
    if (localMs >= group.leaseUntilMs) return;
    this.inputs += 1;
    if (latest !== undefined && latest.term > term) {
      this.#fail(group, localMs, `member ${latest.memberId} leads term ${latest.term}`);
    }
    if (this.#handedOver.has(`${key}/${term}/${memberId}`)) {
      this.#fail(group, localMs, "another was told to campaign");
    }
    const leader = memberKey(group.group, group.generation, memberId);
    if (this.#committedIn.get(leader) !== term) {
      const committed = group.entry(group.commit);
      if (committed !== null && committed.term < term) {
        this.#fail(
          group,
          localMs,
          `it has committed ${group.commit}, of term ${committed.term}, and nothing since`,
        );
      }
      this.#committedIn.set(leader, term);
    }
    const heard = this.#heard.get(leader);
    const promises = (member: MemberId) => {
      if (member === memberId) return true;
      const now = clock(member);
      if (now === null) return true;
      const last = heard?.term === term ? heard.byMember.get(member) : undefined;
      if (last === undefined) return false;
      // Who started anew since renewed its promise then.
      return last.incarnation !== now.incarnation || now.ms - last.ms < electionTimeoutMs + CLOCK_SLACK_MS;
    };
    const { incoming, outgoing } = group.configuration;
    const bind = (voters: readonly MemberId[]) =>
      voters.length > 0 && voters.length - voters.filter(promises).length < majorityOf(voters.length);
    if (bind(incoming) || bind(outgoing)) return;
    const free = [...incoming, ...outgoing].filter((member) => !promises(member));
    this.#fail(group, localMs, `[${free}] of [${incoming}], outgoing [${outgoing}] may vote for another`);
  }

  #fail({ memberId, name, term, leaseUntilMs }: GroupInspection, localMs: number, what: string): never {
    throw new SafetyViolation(
      this.name,
      `member ${memberId} of ${name} holds a lease in term ${term} for another ${
        leaseUntilMs - localMs
      } ms, while ${what}`,
    );
  }
}
