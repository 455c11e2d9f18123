/**
 * A leader's lease (Ongaro's thesis, section 6.4.1): while it lasts nobody else can have been elected, so that a read needs no
 * round of heartbeats. It rests on a promise that every member keeps, whatever its own options say: for a whole
 * `electionTimeoutMs` of its own clock after a leader's sign it neither votes nor campaigns, unless that leader hands
 * over; and for as long after a restart, since what it promised before is forgotten.
 *
 *   leader    send round r at s ........................ lease ends at s + T / (1 + drift)
 *   follower        take it at t > s ....................... votes again at t + T of its own clock
 *
 * The lease counts from the time at which a round was sent, before it was written anywhere, and holds once a quorum has
 * answered that round or a later one. A handover ends it first; once someone was told to campaign, it is over for the
 * rest of the term, for that word may arrive at any time.
 */
import { assert } from "../core/assert.ts";
import { NO_MEMBER } from "../core/ids.ts";
import type { Core } from "./core.ts";
import type { Leadership } from "./leadership.ts";
import { quorumValue } from "./quorum.ts";
import type { RaftOptions } from "./types.ts";

/** A clock may be read up to a millisecond too low: once by the leader, once by who promised. */
const CLOCK_GRANULARITY_MS = 2;
/** Rounds whose time of sending is kept. Beyond that a later round's answer counts for an earlier round. */
const TIMED_ROUNDS_LIMIT = 64;
const MILLION = 1_000_000;

/** When a round of heartbeats was sent, by the leader's clock. */
export interface TimedRound {
  readonly round: number;
  readonly sentMs: number;
}

/** How long a lease lasts from the time its round was sent. */
export function leaseLengthMs(
  { electionTimeoutMs, leaseDriftPerMillion }: Pick<
    RaftOptions,
    "electionTimeoutMs" | "leaseDriftPerMillion"
  >,
): number {
  const length = Math.floor(electionTimeoutMs * MILLION / (MILLION + leaseDriftPerMillion));
  assert(length <= electionTimeoutMs, "a lease is never longer than the promise that it rests on");
  return length - CLOCK_GRANULARITY_MS;
}

/** Heartbeats are about to be sent to everyone: whoever answers them has heard of this leader no earlier than now. */
export function startTimedRound(core: Core, leadership: Leadership): void {
  const { timedRounds } = leadership;
  leadership.readRound++;
  const endedMs = core.now - leaseLengthMs(core.options);
  while (timedRounds.length > 0 && timedRounds[0]!.sentMs <= endedMs) timedRounds.shift();
  if (timedRounds.length === TIMED_ROUNDS_LIMIT) return;
  timedRounds.push({ round: leadership.readRound, sentMs: core.now });
}

/** When the lease of whoever leads here ends, by its clock; -Infinity where nobody leads or holds one. */
export function leaseEnd(core: Core): number {
  return core.leadership === null ? -Infinity : leaseUntilMs(core, core.leadership);
}

/** When the lease ends, by this leader's clock; -Infinity where there is none. */
export function leaseUntilMs(core: Core, leadership: Leadership): number {
  if (
    !core.options.leaseReads || !core.allMembersCurrent || leadership.transferTo !== NO_MEMBER ||
    leadership.handedOver
  ) {
    return -Infinity;
  }
  // Before, a commit of the earlier leader may be missing here (paper, section 8).
  if (!core.committedInTerm) return -Infinity;
  const confirmed = quorumValue(core.configuration, leadership.answeredRoundOf);
  const { timedRounds } = leadership;
  for (let at = timedRounds.length - 1; at >= 0; at--) {
    const { round, sentMs } = timedRounds[at]!;
    if (round <= confirmed) return sentMs + leaseLengthMs(core.options);
  }
  return -Infinity;
}

/** True where nobody else can have been elected so far. */
export function holdsLease(core: Core, leadership: Leadership): boolean {
  return core.now < leaseUntilMs(core, leadership);
}
