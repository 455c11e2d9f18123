/**
 * How a member learns what the control group commits where the group's leader does not tell it: because it is an observer,
 * outside the configuration, or no voter any more and does not know it yet. It asks one member at a time, by cursor, and
 * stays with whoever answers and hears of the leader; voters first, each observer beginning at another one.
 *
 * What is asked and answered is the group's (raft/pulling.ts); here is whom to ask, and when.
 */
import type { MemberId } from "../core/ids.ts";
import { NOT_FED, type RaftPayload } from "../raft/mod.ts";
import type { Group } from "./group.ts";
import type { Mark } from "./marks.ts";

/** All in election timeouts. How often whoever answers is asked again. */
const INTERVAL_ELECTIONS = 1 / 2;
/** How long a member of the configuration waits for a leader before it asks others. */
const LEADERLESS_ELECTIONS = 2;
/** How often a silent one asks whether it was left behind, and how long an observer is asked while voters may be back. */
const LOOK_ELECTIONS = 10;

export interface PullHost {
  readonly memberId: MemberId;
  readonly reachable: ReadonlySet<MemberId>;
  readonly control: { readonly group: Group } | null;
  readonly settings: { readonly raft: { readonly electionTimeoutMs: number } };
  /** True where the member's build can be pulled from. */
  answersPulls(member: MemberId): boolean;
  wake(group: Group): void;
  reach(mark: Mark): void;
}

export class Pulls {
  readonly #host: PullHost;
  /** 0: nobody is asked at present. */
  #source = 0 as MemberId;
  #sourceSinceMs = 0;
  /** How many of those who could be asked were passed over. */
  #turn = 0;
  #isAnswered = true;
  #distance = NOT_FED;
  #askedMs = -Infinity;
  #nextMs = 0;
  #leaderlessSinceMs = Infinity;
  #commit = 0;
  /** Whoever answered last has more than fitted into its answer. */
  #hasMore = false;

  constructor(host: PullHost) {
    this.#host = host;
  }

  /** Whom this member pulls from; 0 where it has no need to, or nobody to ask. */
  get source(): MemberId {
    return this.#source;
  }

  work(now: number): void {
    const group = this.#host.control?.group;
    if (group === undefined || this.#dueMs(now) > now) return;
    const source = this.#choose(group, now);
    this.#nextMs = now + this.#ms(INTERVAL_ELECTIONS);
    this.#askedMs = now;
    if (source === 0) return;
    this.#isAnswered = false;
    this.#host.reach("committed entries are pulled");
    group.raft.pull(source, now);
    this.#host.wake(group);
  }

  /** A message of the control group was taken in. */
  heard(from: MemberId, message: RaftPayload, now: number): void {
    const { kind } = message;
    if (from !== this.#source || (kind !== "pulled" && kind !== "pulled-chunk")) return;
    this.#isAnswered = true;
    if (kind === "pulled-chunk") {
      this.#nextMs = now + this.#ms(INTERVAL_ELECTIONS);
      return;
    }
    this.#distance = message.distance;
    const commit = this.#host.control?.group.raft.commit ?? 0;
    this.#hasMore = message.commit > commit;
    if (commit > this.#commit) this.#nextMs = now;
    this.#commit = commit;
  }

  /** A session came up. */
  reached(): void {
    if (this.#source === 0) this.#nextMs = 0;
  }

  deadline(now: number): number {
    return this.#dueMs(now);
  }

  #dueMs(now: number): number {
    const raft = this.#host.control?.group.raft;
    if (raft === undefined) return Infinity;
    const { leader, isMember } = raft;
    if (leader !== 0) this.#leaderlessSinceMs = Infinity;
    else if (this.#leaderlessSinceMs === Infinity) this.#leaderlessSinceMs = now;
    // Of a leader that it has only heard of a member that was left behind is told nothing: it goes on asking.
    if (!isMember || (this.#hasMore && raft.role !== "leader")) return this.#nextMs;
    if (leader === 0) {
      return Math.max(this.#nextMs, this.#leaderlessSinceMs + this.#ms(LEADERLESS_ELECTIONS));
    }
    if (raft.quiesced && raft.role !== "leader") return this.#askedMs + this.#ms(LOOK_ELECTIONS);
    this.#source = 0 as MemberId;
    return Infinity;
  }

  #choose(group: Group, now: number): MemberId {
    const { reachable } = this.#host;
    const before = this.#source;
    const serves = before !== 0 && reachable.has(before) && this.#isAnswered && this.#distance !== NOT_FED;
    const mayBeBetter = this.#distance > 1 && now - this.#sourceSinceMs >= this.#ms(LOOK_ELECTIONS);
    if (serves && !mayBeBetter) return before;
    this.#turn = serves || before === 0 ? 0 : this.#turn + 1;
    const able = [...reachable].filter((member) => this.#host.answersPulls(member)).sort((a, b) => a - b);
    const { incoming } = group.raft.configuration;
    const voters = this.#fromOwn(able.filter((member) => incoming.includes(member)));
    const others = this.#fromOwn(able.filter((member) => !incoming.includes(member)));
    this.#source = [...voters, ...others][this.#turn % able.length] ?? 0 as MemberId;
    if (this.#source !== before) this.#sourceSinceMs = now;
    return this.#source;
  }

  /** The same members, beginning at another one for each who asks. */
  #fromOwn(members: readonly MemberId[]): readonly MemberId[] {
    const at = members.length === 0 ? 0 : this.#host.memberId % members.length;
    return [...members.slice(at), ...members.slice(0, at)];
  }

  #ms(elections: number): number {
    return Math.ceil(elections * this.#host.settings.raft.electionTimeoutMs);
  }
}
