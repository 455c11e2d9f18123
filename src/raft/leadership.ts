/** What a member knows only while it leads; made anew for each term that it wins. */
import { assert } from "../core/assert.ts";
import { type Index, type MemberId, NO_MEMBER } from "../core/ids.ts";
import type { TimedRound } from "./lease.ts";
import { membersOf } from "./configuration.ts";
import { SETTLED_ELECTIONS } from "./priority.ts";
import { Progress } from "./progress.ts";
import type { Configuration, RaftOptions } from "./types.ts";

/** A read that waits for a round of heartbeats. */
export interface PendingRead {
  readonly context: number;
  /** The member that asks; the leader itself for its own. */
  readonly from: MemberId;
}

/** Reads that one round confirms: whoever answers it, led by this leader, was so after they were asked. */
export interface ReadRound {
  readonly round: number;
  readonly index: Index;
  readonly reads: readonly PendingRead[];
}

export class Leadership {
  readonly progress = new Map<MemberId, Progress>();
  heartbeatDeadlineMs: number;
  /** Not before this time can the quorum turn out to be lost. */
  quorumDeadlineMs: number;

  /** When something was last proposed, asked or handed over. */
  activeMs: number;
  /** From then on leadership goes to a member of higher priority. */
  settledAtMs: number;
  transferTo: MemberId = NO_MEMBER;
  transferDeadlineMs = Infinity;

  /** Payload bytes proposed and not committed. */
  uncommittedBytes = 0;

  readRound = 0;
  /** Not yet in a round. */
  waitingReads: PendingRead[] = [];
  readonly readRounds: ReadRound[] = [];
  pendingReadCount = 0;
  /** When rounds of heartbeats were sent, oldest first: what a lease counts from. */
  readonly timedRounds: TimedRound[] = [];
  /** Somebody was told to campaign in this term; the word may arrive at any time. */
  handedOver = false;

  /** What voters have reached, as functions made once: quorum arithmetic asks them in turn. */
  readonly matchOf: (member: MemberId) => number;
  readonly contactOf: (member: MemberId) => number;
  readonly answeredRoundOf: (member: MemberId) => number;

  constructor(
    readonly self: MemberId,
    ownDurableIndex: () => Index,
    nowMs: number,
    options: RaftOptions,
  ) {
    // The first append of the term is its first sign.
    this.heartbeatDeadlineMs = nowMs + options.heartbeatIntervalMs;
    this.quorumDeadlineMs = nowMs + options.electionTimeoutMs;
    this.activeMs = nowMs;
    this.settledAtMs = nowMs + SETTLED_ELECTIONS * options.electionTimeoutMs;
    // The leader's own entries count once they are durable here, like everyone else's.
    this.matchOf = (member) => member === self ? ownDurableIndex() : this.progress.get(member)?.match ?? 0;
    this.contactOf = (member) =>
      member === self ? Infinity : this.progress.get(member)?.contactMs ?? -Infinity;
    this.answeredRoundOf = (member) =>
      member === self ? this.readRound : this.progress.get(member)?.answeredRound ?? 0;
  }

  /** Makes and drops peers so that they are those of `configuration`. */
  follow(configuration: Configuration, next: Index, nowMs: number): void {
    const members = membersOf(configuration);
    for (const member of this.progress.keys()) {
      if (!members.includes(member)) this.progress.delete(member);
    }
    for (const member of members) {
      if (member === this.self || this.progress.has(member)) continue;
      this.progress.set(member, new Progress(next, nowMs));
    }
    if (this.transferTo !== NO_MEMBER && !members.includes(this.transferTo)) this.endTransfer();
    assert(this.progress.size <= members.length, "peers are members");
    assert(!this.progress.has(this.self), "a leader is not its own peer");
  }

  endTransfer(): void {
    this.transferTo = NO_MEMBER;
    this.transferDeadlineMs = Infinity;
  }
}
