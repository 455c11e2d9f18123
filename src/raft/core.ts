/**
 * The state of one member of one group, and the few transitions that every part of the algorithm shares. The
 * parts (election, follower, leader, reads, transfer, membership) are functions over it; `Raft` is its face.
 */
import { assert } from "../core/assert.ts";
import { type Index, type MemberId, NO_MEMBER, type Term } from "../core/ids.ts";
import type { Random } from "../io/mod.ts";
import type { Leadership } from "./leadership.ts";
import type { Log } from "./log.ts";
import type { RaftMark } from "./marks.ts";
import { patienceMs } from "./priority.ts";
import type { Persistence } from "./persistence.ts";
import type { Configuration, EntryMeta, RaftMessage, RaftOptions, Role, SnapshotMeta } from "./types.ts";

/** An outgoing message whose token is filled in when it is collected. */
export interface Queued {
  readonly to: MemberId;
  readonly message: RaftMessage;
  afterToken: number;
}

/** A read that this member forwarded to the leader. */
export interface ForwardedRead {
  readonly context: number;
  readonly deadlineMs: number;
}

const NO_PRIORITIES: ReadonlyMap<MemberId, number> = new Map();

export class Core {
  readonly self: MemberId;
  role: Role = "follower";
  term: Term;
  vote: MemberId;
  leader: MemberId = NO_MEMBER;
  commit: Index;
  /** The last index handed out to be applied. */
  applied: Index;
  /** The latest time that was told; never goes back. */
  now: number;

  /** Not null exactly while `role` is leader. */
  leadership: Leadership | null = null;

  /** The (pre-)votes of the current campaign. */
  readonly votes = new Map<MemberId, boolean>();
  /** This member's own vote for itself is not durable yet and so not counted. */
  ownVotePending = false;
  electionDeadlineMs = Infinity;
  leaderContactMs = -Infinity;
  #electionTimeoutMs = 0;
  #draws = 0;

  /** The group is silent: no timer, no message, until something wakes this member. */
  quiesced = false;
  /** False while some member's build may be the first, which knows nothing of silence and of the promise under leases. */
  allMembersCurrent = true;

  /** Who should rather lead: by member, 0 where nothing is said. */
  priorities: ReadonlyMap<MemberId, number> = NO_PRIORITIES;

  /** What `ready()` will hand out. */
  outbox: Queued[] = [];
  snapshot: SnapshotMeta | null = null;
  reads: { readonly context: number; readonly index: Index }[] = [];
  failedReads: number[] = [];
  hardStateDirty = false;
  changed = false;
  /** The commit index in the hard state handed out last. */
  persistedCommit: Index;

  /** Who pulls what is committed here, and waits for that index; see pulling.ts. Null until anybody does. */
  pullers: Map<MemberId, Index> | null = null;
  /** What this member pulls itself: how far from the leader it was then, and when. */
  fedDistance = 0;
  fedMs = -Infinity;

  /** By the name under which they travel, oldest first. */
  readonly forwardedReads = new Map<number, ForwardedRead>();
  forwardedReadName = 0;

  /** Where the core was since somebody looked. */
  readonly passed = new Set<RaftMark>();

  constructor(
    readonly options: RaftOptions,
    readonly random: Random,
    readonly site: string,
    readonly log: Log,
    readonly persistence: Persistence,
    hardState: { readonly term: Term; readonly vote: MemberId; readonly commit: Index },
    now: number,
  ) {
    // A state that was fetched in place of what the disk has lost may be of a term that this member has not entered.
    const isBehind = hardState.term < log.baseTerm;
    assert(isBehind || hardState.term >= log.lastTerm, "no entry is of a later term than the member");
    assert(persistence.durableIndex === log.lastIndex, "a restored log is durable");
    this.self = options.memberId;
    this.term = isBehind ? log.lastTerm : hardState.term;
    this.vote = isBehind ? NO_MEMBER : hardState.vote;
    this.hardStateDirty = isBehind;
    this.commit = Math.max(log.baseIndex, Math.min(hardState.commit, log.lastIndex)) as Index;
    this.persistedCommit = this.commit;
    this.applied = log.baseIndex;
    this.now = now;
    this.restartElectionTimer();
  }

  get configuration(): Configuration {
    return this.log.configuration;
  }

  /**
   * Only a voter campaigns. Whoever waits to be added or listens does not; nor does a removed member, once it knows
   * its removal to be committed. Before, it may be the only one that can still win (Ongaro's thesis, 4.2.2).
   */
  get promotable(): boolean {
    return this.log.isVoterSince(this.commit, this.self);
  }

  /** True once an entry of the current term is committed: from then on `commit` is up to date (paper, 6.4 and 8). */
  get committedInTerm(): boolean {
    return this.log.termAt(this.commit) === this.term;
  }

  advanceTime(now: number): void {
    if (now > this.now) this.now = now;
    assert(this.now >= now, "time never goes back");
  }

  draw(site: string): number {
    return this.random.draw(`${this.site}${site}`, this.#draws++);
  }

  /**
   * Draws a new timeout in [T, 2T), so that members rarely campaign at once (paper, 5.2). A follower that is not the first to
   * lead waits for another T; who campaigns again has waited for that.
   */
  restartElectionTimer(): void {
    const { electionTimeoutMs } = this.options;
    this.#electionTimeoutMs = electionTimeoutMs + this.draw("") % electionTimeoutMs;
    if (this.role === "follower") this.#electionTimeoutMs += patienceMs(this);
    assert(this.#electionTimeoutMs < 3 * electionTimeoutMs, "an election timeout is below 3T");
    this.electionDeadlineMs = this.now + this.#electionTimeoutMs;
  }

  /** Gives the leader, or the candidate just voted for, the whole timeout once more. */
  postponeElection(): void {
    this.electionDeadlineMs = this.now + this.#electionTimeoutMs;
  }

  send(to: MemberId, message: RaftMessage): void {
    assert(to !== this.self, "a member does not send to itself");
    assert(to !== NO_MEMBER, "a message has a receiver");
    this.outbox.push({ to, message, afterToken: 0 });
  }

  setTerm(term: Term, vote: MemberId): void {
    assert(term >= this.term, "the term never falls");
    assert(term > this.term || this.vote === NO_MEMBER || vote === this.vote, "one vote per term");
    if (term === this.term && vote === this.vote) return;
    if (term > this.term) this.#dropAcknowledgements();
    this.term = term;
    this.vote = vote;
    this.hardStateDirty = true;
    this.changed = true;
  }

  setRole(role: Role, leader: MemberId): void {
    assert((role === "leader") === (leader === this.self), "a leader leads itself and nobody else does");
    if (role === this.role && leader === this.leader) return;
    this.role = role;
    this.leader = leader;
    this.changed = true;
  }

  /** `index` is committed. Entries up to it are in the log. */
  commitTo(index: Index): void {
    assert(index <= this.log.lastIndex, "what is committed is in the log");
    if (index <= this.commit) return;
    this.commit = index;
    assert(this.commit >= this.applied, "only what is committed is applied");
  }

  append(entry: EntryMeta): void {
    assert(entry.term <= this.term, "no entry is of a later term than the member");
    this.log.append(entry);
    assert(this.persistence.nextIndex <= entry.index, "an appended entry waits to be persisted");
  }

  /**
   * Acknowledgements of an older term that were not collected yet may speak of entries that are replaced
   * before they are ever written.
   */
  #dropAcknowledgements(): void {
    const collected = this.outbox.length;
    this.outbox = this.outbox.filter(({ message }) =>
      message.kind !== "append-reply" || !message.success || message.term > this.term
    );
    if (this.outbox.length < collected) {
      this.passed.add("raft: acknowledgements of an earlier term are dropped");
    }
  }
}
