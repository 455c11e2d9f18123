/**
 * Who has heard from a leader within an election timeout votes for nobody else, unless that leader itself wants it (Ongaro's
 * thesis, section 4.2.3; leases rest on it, 6.4.1), nor says that it would (9.6). A member that was started anew does not know whom
 * it heard, so that it waits as long from its start. By the member's own clock; a contact counts that an earlier turn has taken in.
 * Who is silent hears of its leader's node instead (src/raft/quiescence.ts): it would vote for nobody else while that is there.
 */
import type { MemberId } from "../../src/core/ids.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import { memberKey } from "./keys.ts";
import type { LocalClock, LocalTime } from "./lease_rule.ts";
import type { RaftFrame } from "./raft_messages.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** Clocks are read in whole milliseconds, and bent to whole ones where their drift changes. */
const CLOCK_SLACK_MS = 2;

interface Seen {
  readonly incarnation: number;
  readonly term: number;
  readonly vote: number;
  /** Since when it waits. */
  sinceMs: number;
}

interface Contact {
  readonly incarnation: number;
  /** Turns that its receiver had taken when it came. */
  readonly turns: number;
  readonly ms: number;
  readonly term: number;
  readonly from: number;
}

/** A member that is silent. */
interface Silent {
  readonly incarnation: number;
  readonly leader: MemberId;
  /** Of its leader's node, when it fell silent. */
  readonly leaderIncarnation: number | undefined;
}

/** What a member was asked, and has not judged yet as far as was seen. */
interface Asked {
  readonly by: number;
  readonly term: number;
  readonly turns: number;
  /** It was silent then, and its leader's node is the one that was there when it fell silent. */
  readonly isSilent: boolean;
}

export class StickyVotes implements Checker {
  readonly name = "sticky-votes";
  /** Votes for others, by members that might have waited. */
  inputs = 0;
  /** Times that a member was asked whether it would vote; of these, while it was silent. */
  askedInputs = 0;
  silentInputs = 0;
  readonly #seen = new Map<string, Seen>();
  readonly #contacts = new Map<string, Contact>();
  readonly #silent = new Map<string, Silent>();
  /** Turns of a member in which its leader asked it for a vote itself. */
  readonly #released = new Map<string, number>();
  readonly #asked = new Map<string, Asked[]>();
  /** By who was asked by whom for which term: whether it can have said that it would, which may come late. */
  readonly #mayGrant = new Map<string, boolean>();
  /** By group, term and candidate: whether a leader wanted it to stand. */
  readonly #isTransfer = new Map<string, boolean>();

  /** A frame arrived. */
  heard(frame: RaftFrame, clock: LocalClock): void {
    const { envelope: { group, generation, from, to }, message } = frame;
    const { kind, term } = message;
    if (kind === "vote") {
      this.#isTransfer.set(`${group}/${generation}/${term}/${from}`, message.transfer);
    }
    if (kind === "vote" || kind === "pre-vote") this.#releases(frame, clock);
    if (kind === "pre-vote") this.#asks(frame, clock);
    else if (kind === "pre-vote-reply" && message.granted) this.#checkGrant(frame);
    if (kind !== "append" && kind !== "heartbeat" && kind !== "quiesce") return;
    const now = clock(to);
    if (now !== null) this.#contacts.set(memberKey(group, generation, to), { ...now, term, from });
  }

  /** `now` by the member's clock. */
  check(
    group: GroupInspection,
    now: LocalTime,
    electionTimeoutMs: number,
    clock: LocalClock,
  ): void {
    const { incarnation, turns, ms: localMs } = now;
    const { term, vote, memberId } = group;
    const key = memberKey(group.group, group.generation, memberId);
    const before = this.#seen.get(key);
    this.#checkAsked(group, key, before, now, electionTimeoutMs);
    this.#noteSilence(group, key, incarnation, clock);
    if (before?.incarnation !== incarnation) {
      const waits = before !== undefined && term > 0 && group.configuration.incoming.length > 1;
      this.#seen.set(key, { incarnation, term, vote, sinceMs: waits ? localMs : -Infinity });
      return;
    }
    let seen = before;
    if (term !== before.term || vote !== before.vote) {
      const isNew = vote !== 0 && vote !== memberId;
      if (isNew) this.#checkVote(group, localMs - before.sinceMs, electionTimeoutMs);
      this.#seen.set(key, seen = { incarnation, term, vote, sinceMs: before.sinceMs });
    }
    const contact = this.#contacts.get(key);
    if (contact === undefined || contact.turns >= turns) return;
    this.#contacts.delete(key);
    const isTaken = contact.incarnation === incarnation && contact.term === term &&
      contact.from === group.leader && !group.isInstalling;
    if (isTaken && contact.ms > seen.sinceMs) seen.sinceMs = contact.ms;
  }

  #noteSilence(
    { isSilent, leader, memberId }: GroupInspection,
    key: string,
    incarnation: number,
    clock: LocalClock,
  ): void {
    if (!isSilent || leader === memberId) this.#silent.delete(key);
    else if (this.#silent.get(key)?.incarnation !== incarnation) {
      this.#silent.set(key, { incarnation, leader, leaderIncarnation: clock(leader)?.incarnation });
    }
  }

  /** Whom its own leader asks for a vote may do as it likes, whatever else comes before it has turned. */
  #releases({ envelope: { group, generation, from, to } }: RaftFrame, clock: LocalClock): void {
    const key = memberKey(group, generation, to);
    if (this.#silent.get(key)?.leader === from) this.#released.set(key, clock(to)?.turns ?? 0);
  }

  #asks(
    { envelope: { group, generation, from, to }, message: { term } }: RaftFrame,
    clock: LocalClock,
  ): void {
    const now = clock(to);
    if (now === null) return;
    const key = memberKey(group, generation, to);
    const silent = this.#silent.get(key);
    const isSilent = silent?.incarnation === now.incarnation && this.#released.get(key) !== now.turns &&
      silent.leaderIncarnation !== undefined &&
      clock(silent.leader)?.incarnation === silent.leaderIncarnation;
    const asked = { by: from, term, turns: now.turns, isSilent };
    const others = this.#asked.get(key);
    if (others === undefined) this.#asked.set(key, [asked]);
    else others.push(asked);
  }

  /** What was asked before this turn is answered in it, if at all: as of now, by what was known before. */
  #checkAsked(
    { group, generation, memberId }: GroupInspection,
    key: string,
    before: Seen | undefined,
    { incarnation, turns, ms }: LocalTime,
    electionTimeoutMs: number,
  ): void {
    const asked = this.#asked.get(key);
    if (asked === undefined || asked.every((each) => each.turns >= turns)) return;
    const left = asked.filter((each) => each.turns >= turns);
    if (left.length > 0) this.#asked.set(key, left);
    else this.#asked.delete(key);
    const isSame = before?.incarnation === incarnation;
    const waits = isSame && ms - before.sinceMs + CLOCK_SLACK_MS < electionTimeoutMs;
    for (const { by, term, turns: askedIn, isSilent } of asked) {
      if (askedIn >= turns) continue;
      const name = `${group}/${generation}/${term}/${by}/${memberId}`;
      this.askedInputs += 1;
      if (isSame && isSilent) this.silentInputs += 1;
      const isBound = isSame && (waits || isSilent);
      this.#mayGrant.set(name, !isBound || (this.#mayGrant.get(name) ?? false));
    }
  }

  #checkGrant({ envelope: { group, generation, from, to }, message: { term } }: RaftFrame): void {
    if (this.#mayGrant.get(`${group}/${generation}/${term}/${to}/${from}`) !== false) return;
    throw new SafetyViolation(
      this.name,
      `member ${from} of group ${group} would vote for ${to} in term ${term}, and was asked when it took its leader to be there`,
    );
  }

  #checkVote(group: GroupInspection, waitedMs: number, electionTimeoutMs: number): void {
    const { term, vote, memberId, name } = group;
    const isTransfer = this.#isTransfer.get(`${group.group}/${group.generation}/${term}/${vote}`);
    if (isTransfer !== false || waitedMs === Infinity) return;
    this.inputs += 1;
    if (waitedMs + CLOCK_SLACK_MS >= electionTimeoutMs) return;
    throw new SafetyViolation(
      this.name,
      `member ${memberId} of ${name} voted for ${vote} in term ${term}, ${
        Math.floor(waitedMs)
      } ms after it heard from a ` +
        `leader or was started, where it waits for ${electionTimeoutMs} ms`,
    );
  }
}
