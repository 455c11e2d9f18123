/**
 * One member of one consensus group as a state machine: Raft (Ongaro and Ousterhout, "In Search of an Understandable
 * Consensus Algorithm"; Ongaro's thesis) without I/O. Events go in with the time at which they came; `ready()`
 * collects what they ask for; `deadline()` says when `tick()` is due. Nothing else happens.
 *
 *   step, propose, readIndex, tick ...   ->   Ready { to persist, to send, to apply, to answer }
 *   persisted(token)                     <-   the host, in the order of tokens, each when it is durable
 *
 * The host sends a message at once where its `afterToken` is 0 and else after that token, and applies entries in order.
 * No payload passes through here.
 */
import { assert, unreachable } from "../core/assert.ts";
import { type Index, type MemberId, NO_MEMBER, type Term } from "../core/ids.ts";
import type { Random } from "../io/mod.ts";
import { isMember } from "./configuration.ts";
import type { ConfigurationChange, ConfigurationTarget } from "./configuration.ts";
import { Core } from "./core.ts";
import {
  electionTimeout,
  leaderInOffice,
  ownVotePersisted,
  stepPreVote,
  stepPreVoteReply,
  stepTimeoutNow,
  stepVote,
  stepVoteReply,
} from "./election.ts";
import { becomeFollower, stepAppend, stepHeartbeat, stepSnapshot } from "./follower.ts";
import {
  advanceCommit,
  gatherLeader,
  leaderDeadline,
  snapshotProgress,
  snapshotSent,
  stepAppendReply,
  stepHeartbeatReply,
  tickLeader,
  transferLeadership,
} from "./leader.ts";
import { leaseEnd } from "./lease.ts";
import { Log } from "./log.ts";
import {
  type Accepted,
  type ChangeRefusal,
  type ProposalRefusal,
  proposeChange,
  proposeCommand,
  type Refused,
} from "./membership.ts";
import type { RaftMark } from "./marks.ts";
import { checkOptions } from "./options.ts";
import { Persistence } from "./persistence.ts";
import { answerPullers, pull, stepPull, stepPulled, stepPulledSnapshot } from "./pulling.ts";
import { stepQuiesce, wake, wakes } from "./quiescence.ts";
import { patienceMs } from "./priority.ts";
import { askRead, expireForwardedReads, readDeadline, stepReadIndex, stepReadIndexReply } from "./reads.ts";
import { collect } from "./ready.ts";
import { peersOf, type PeerStatus, type RaftStatus, statusOf } from "./status.ts";
import {
  type Configuration,
  EntryKind,
  type EntryMeta,
  type HardState,
  type RaftMessage,
  type RaftOptions,
  type Ready,
} from "./types.ts";

/** What a member finds on its disk: all of it is durable. */
export interface Restored {
  readonly hardState: HardState;
  /** What the snapshot covers that the log starts above; 0, 0 where there is none. */
  readonly base: { readonly index: Index; readonly term: Term };
  readonly baseConfiguration: Configuration;
  /** Consecutive from `base.index + 1`. */
  readonly entries: readonly EntryMeta[];
}

const NO_MARKS: RaftMark[] = [];

export class Raft {
  readonly #core: Core;

  /** `site` names this group's draws at the random port: `raft/election/<group>`. */
  constructor(options: RaftOptions, random: Random, site: string, restored: Restored, now: number) {
    checkOptions(options);
    const log = new Log(restored.base, restored.baseConfiguration);
    for (const entry of restored.entries) log.append(entry);
    const core = new Core(
      options,
      random,
      site,
      log,
      new Persistence(log.lastIndex),
      restored.hardState,
      now,
    );
    if (decidesAlone(core)) core.electionDeadlineMs = now;
    // Who was in some term may have promised its leader not to vote.
    else if (core.term > 0) core.leaderContactMs = now;
    this.#core = core;
  }

  /** A message from a peer. */
  step(from: MemberId, message: RaftMessage, now: number): void {
    const core = this.#core;
    core.advanceTime(now);
    if (from === core.self || from === NO_MEMBER) return;
    const asksForVote = message.kind === "vote" || message.kind === "pre-vote";
    if (core.quiesced && wakes(message)) wake(core, from);
    if (asksForVote && !message.transfer && leaderInOffice(core)) {
      core.passed.add("raft: a campaign is ignored while a leader is in office");
      return;
    }
    if (message.term > core.term && entersTerm(message)) {
      becomeFollower(core, message.term, speaksAsLeader(message) ? from : NO_MEMBER);
    }
    dispatch(core, from, message);
    assert(core.commit <= core.log.lastIndex, "what is committed is in the log");
    assert(core.term >= core.log.lastTerm, "no entry is of a later term than the member");
  }

  /** Appends a command whose payload the host keeps under (index, term). */
  propose(kind: typeof EntryKind.Command, lengthBytes: number): Accepted | Refused<ProposalRefusal> {
    assert(kind === EntryKind.Command, "only commands are proposed; the core makes the others");
    return proposeCommand(this.#core, lengthBytes);
  }

  /**
   * Appends a change of one member, or the way to a whole configuration: that itself where it differs by at most one voter,
   * else a joint configuration, which the leader (this one or a later one) leaves by itself once it is committed. Until
   * then every other change is refused as CHANGE_IN_PROGRESS. The entry's payload is `encodeConfiguration` of its
   * configuration.
   */
  proposeConfiguration(change: ConfigurationChange | ConfigurationTarget): Accepted | Refused<ChangeRefusal> {
    return proposeChange(this.#core, change);
  }

  /** Asks for an index after whose application a read is linearizable; answered by `reads` or `failedReads`. */
  readIndex(context: number, now: number): void {
    this.#core.advanceTime(now);
    wake(this.#core);
    askRead(this.#core, context);
  }

  /** Hands leadership to a voter; false where this member does not lead or `to` cannot. */
  transferLeadership(to: MemberId, now: number): boolean {
    this.#core.advanceTime(now);
    wake(this.#core);
    return transferLeadership(this.#core, to);
  }

  /**
   * Says who should rather lead: the higher a voter's number the more so; 0 where nothing is said. Whoever is not among the
   * first waits an election timeout longer before it campaigns, and hands over after a while where it leads.
   */
  setPriorities(priorities: ReadonlyMap<MemberId, number>): void {
    const core = this.#core;
    assert(!core.quiesced, "priorities are said before a group falls silent");
    const before = patienceMs(core);
    core.priorities = priorities;
    const waits = core.role === "follower" && core.electionDeadlineMs < Infinity;
    if (waits && patienceMs(core) !== before) core.restartElectionTimer();
  }

  /**
   * False while some member's build may be the first: then reads go by rounds of heartbeats and idle groups are not silent,
   * whatever the options say.
   */
  get allMembersCurrent(): boolean {
    return this.#core.allMembersCurrent;
  }
  set allMembersCurrent(current: boolean) {
    this.#core.allMembersCurrent = current;
  }

  /** Gives leadership up, where the host knows that this member should not lead: its disk hangs, it shuts down. */
  resign(now: number): void {
    this.#core.advanceTime(now);
    if (this.#core.role === "leader") becomeFollower(this.#core, this.#core.term, NO_MEMBER);
  }

  /** Asks a member for what is committed beyond what is known to be so here; for who is outside the configuration. */
  pull(from: MemberId, now: number): void {
    this.#core.advanceTime(now);
    pull(this.#core, from);
  }

  /**
   * Ends the silence of an idle group; does nothing where there is none. To be called before a proposal, and where the leader
   * `isMissed`: nothing was heard of its node for an election timeout.
   */
  wake(now: number, isMissed = false): void {
    this.#core.advanceTime(now);
    wake(this.#core, NO_MEMBER, isMissed);
  }

  /** All that was handed out up to and with `persistToken` is durable. */
  persisted(persistToken: number): void {
    const core = this.#core;
    if (core.persistence.complete(persistToken)) {
      core.passed.add("raft: a write completes after its entries were replaced");
    }
    ownVotePersisted(core);
    if (core.leadership !== null) advanceCommit(core, core.leadership);
    assert(core.persistence.durableIndex <= core.log.lastIndex, "only what is there is durable");
  }

  /** Does what time has made due. */
  tick(now: number): void {
    const core = this.#core;
    core.advanceTime(now);
    if (core.leadership !== null) tickLeader(core, core.leadership);
    else if (core.now >= core.electionDeadlineMs) electionTimeout(core);
    if (core.forwardedReads.size > 0) expireForwardedReads(core);
  }

  /** When `tick` is due next; Infinity where nothing waits for time. */
  deadline(): number {
    const core = this.#core;
    if (core.leadership !== null) return leaderDeadline(core, core.leadership);
    return Math.min(core.electionDeadlineMs, readDeadline(core));
  }

  /** What is to be done now, or null. Leaves nothing behind: call it once per turn, after all inputs. */
  ready(): Ready | null {
    const core = this.#core;
    if (core.leadership !== null) gatherLeader(core, core.leadership);
    answerPullers(core);
    return collect(core);
  }

  /** Drops the log up to `index`, which was applied and of which the host has a durable snapshot. */
  compact(index: Index): void {
    const { log, applied, persistence } = this.#core;
    assert(index <= applied, "only what was applied is compacted");
    assert(index <= persistence.durableIndex, "only what is durable is compacted");
    if (index > log.baseIndex) log.compact(index);
  }

  /** The transfer of a snapshot to `to` has begun or got on; where it stands still for long, it is begun again. */
  snapshotProgress(to: MemberId, now: number): void {
    this.#core.advanceTime(now);
    snapshotProgress(this.#core, to);
  }

  /** What became of the snapshot that `to` was to be sent. */
  snapshotSent(to: MemberId, ok: boolean, now: number): void {
    this.#core.advanceTime(now);
    snapshotSent(this.#core, to, ok);
  }

  /** Where the core was since this was called last. */
  takeMarks(): RaftMark[] {
    const { passed } = this.#core;
    if (passed.size === 0) return NO_MARKS;
    const marks = [...passed];
    passed.clear();
    return marks;
  }

  status(): RaftStatus {
    return statusOf(this.#core);
  }
  /** Of a leader: its peers, ascending. */
  peers(): readonly PeerStatus[] {
    return peersOf(this.#core);
  }

  get role() {
    return this.#core.role;
  }
  get leader(): MemberId {
    return this.#core.leader;
  }
  get term(): Term {
    return this.#core.term;
  }
  /** 0 where it has voted for nobody in this term. */
  get vote(): MemberId {
    return this.#core.vote;
  }
  get commit(): Index {
    return this.#core.commit;
  }
  get durableIndex(): Index {
    return this.#core.persistence.durableIndex;
  }
  /** Who has granted a candidate its vote, as far as it counts. */
  get votes(): readonly MemberId[] {
    return [...this.#core.votes].filter(([, granted]) => granted).map(([member]) => member);
  }
  /** Of a leader that hands over: when it gives that up; -Infinity where it does not. */
  get transferUntilMs(): number {
    const { leadership } = this.#core;
    return leadership === null || leadership.transferTo === NO_MEMBER
      ? -Infinity
      : leadership.transferDeadlineMs;
  }
  /** Of a leader, by its clock; -Infinity where it holds no lease. */
  get leaseUntilMs(): number {
    return leaseEnd(this.#core);
  }
  get lastIndex(): Index {
    return this.#core.log.lastIndex;
  }
  /** Of the last entry, or of the snapshot that a log without entries begins with. */
  get lastTerm(): Term {
    return this.#core.log.lastTerm;
  }
  get baseIndex(): Index {
    return this.#core.log.baseIndex;
  }
  /** The configuration in force. */
  get configuration(): Configuration {
    return this.#core.configuration;
  }
  /** True while the group is silent, as far as this member goes. */
  get quiesced(): boolean {
    return this.#core.quiesced;
  }
  get isMember(): boolean {
    return isMember(this.#core.configuration, this.#core.self);
  }

  /** The term at an index in [base, last], else null. */
  termAt(index: Index): Term | null {
    return this.#core.log.termAt(index);
  }

  /** The entry at an index in (base, last], else null. */
  entryAt(index: Index): EntryMeta | null {
    return this.#core.log.entryAt(index);
  }
}

/** Who is known to be the only voter waits for nobody: whoever led before has stepped down with the commit of that. */
function decidesAlone({ configuration: { incoming, outgoing }, log, commit, self }: Core): boolean {
  return outgoing.length === 0 && incoming.length === 1 && incoming[0] === self &&
    log.configurationIndex <= commit;
}

/** A pre-vote and a grant of one name a term that nobody has entered yet. */
function entersTerm(message: RaftMessage): boolean {
  return message.kind !== "pre-vote" && !(message.kind === "pre-vote-reply" && message.granted);
}

function speaksAsLeader(message: RaftMessage): boolean {
  const { kind } = message;
  return kind === "append" || kind === "heartbeat" || kind === "snapshot" || kind === "quiesce";
}

function dispatch(core: Core, from: MemberId, message: RaftMessage): void {
  switch (message.kind) {
    case "pre-vote":
      return stepPreVote(core, from, message);
    case "pre-vote-reply":
      return stepPreVoteReply(core, from, message);
    case "vote":
      return stepVote(core, from, message);
    case "vote-reply":
      return stepVoteReply(core, from, message);
    case "append":
      return stepAppend(core, from, message);
    case "append-reply":
      return stepAppendReply(core, from, message);
    case "heartbeat":
      return stepHeartbeat(core, from, message);
    case "heartbeat-reply":
      return stepHeartbeatReply(core, from, message);
    case "snapshot":
      return stepSnapshot(core, from, message);
    case "timeout-now":
      return stepTimeoutNow(core, message);
    case "quiesce":
      return stepQuiesce(core, from, message);
    case "wake":
      return; // It has been woken by then.
    case "read-index":
      return stepReadIndex(core, from, message);
    case "read-index-reply":
      return stepReadIndexReply(core, message);
    case "pull":
      return stepPull(core, from, message);
    case "pulled":
      return stepPulled(core, message);
    case "pulled-snapshot":
      return stepPulledSnapshot(core, message);
    default:
      return unreachable(message, "kind of Raft message");
  }
}
