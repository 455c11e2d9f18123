/** A look at one member: plain data for status pages, metrics and checkers. */
import type { Index, MemberId, Term } from "../core/ids.ts";
import type { Core } from "./core.ts";
import { leaseEnd } from "./lease.ts";
import type { ProgressState } from "./progress.ts";
import type { Configuration, Role } from "./types.ts";

export interface PeerStatus {
  readonly member: MemberId;
  readonly state: ProgressState;
  readonly match: Index;
  readonly next: Index;
  readonly inflightMessages: number;
  readonly inflightBytes: number;
  /** When it last answered in this term, or when this member began to count. */
  readonly contactMs: number;
  /** The highest round of heartbeats that it has answered in this term. */
  readonly answeredRound: number;
}

export interface RaftStatus {
  readonly memberId: MemberId;
  readonly role: Role;
  /** 0 where none is known. */
  readonly leader: MemberId;
  readonly term: Term;
  readonly vote: MemberId;
  readonly commit: Index;
  /** The last index handed out to be applied. */
  readonly applied: Index;
  /** The log holds [firstIndex, lastIndex]; it is empty where the first is above the last. */
  readonly firstIndex: Index;
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  readonly durableIndex: Index;
  readonly configuration: Configuration;
  readonly configurationIndex: Index;
  /** Of a leader: its peers, ascending. */
  readonly peers: readonly PeerStatus[];
  readonly transferTo: MemberId;
  readonly uncommittedBytes: number;
  readonly pendingReads: number;
  readonly electionDeadlineMs: number;
  /** Of a leader, by its clock; -Infinity where it holds no lease. */
  readonly leaseUntilMs: number;
}

/** Ascending. */
export function peersOf({ leadership }: Core): PeerStatus[] {
  const peers: PeerStatus[] = [];
  for (const [member, progress] of leadership?.progress ?? []) {
    const { state, match, next, inflightMessages, inflightBytes, contactMs, answeredRound } = progress;
    peers.push({ member, state, match, next, inflightMessages, inflightBytes, contactMs, answeredRound });
  }
  return peers.sort((a, b) => a.member - b.member);
}

export function statusOf(core: Core): RaftStatus {
  const { log, leadership } = core;
  return {
    memberId: core.self,
    role: core.role,
    leader: core.leader,
    term: core.term,
    vote: core.vote,
    commit: core.commit,
    applied: core.applied,
    firstIndex: log.baseIndex + 1 as Index,
    lastIndex: log.lastIndex,
    lastTerm: log.lastTerm,
    durableIndex: core.persistence.durableIndex,
    configuration: log.configuration,
    configurationIndex: log.configurationIndex,
    peers: peersOf(core),
    transferTo: leadership?.transferTo ?? 0 as MemberId,
    uncommittedBytes: leadership?.uncommittedBytes ?? 0,
    pendingReads: leadership?.pendingReadCount ?? core.forwardedReads.size,
    electionDeadlineMs: core.electionDeadlineMs,
    leaseUntilMs: leaseEnd(core),
  };
}
