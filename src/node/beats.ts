/**
 * Whether the nodes that share this node's silent groups are there. A silent group has no heartbeats of its own: the node of its
 * leader and those of its followers send each other one beat, however many groups they share. A follower that has not
 * heard its leader's node for an election timeout, or hears that it has started anew, wakes; so does a leader that does
 * not hear one of its followers' nodes, and then steps down where no quorum answers.
 */
import type { MemberId } from "../core/ids.ts";
import { membersOf } from "../raft/mod.ts";
import type { Group } from "./group.ts";

/** Beats in an election timeout: some may be late or lost before anybody is missed. */
const BEATS_PER_ELECTION = 4;

export interface BeatsHost {
  readonly memberId: MemberId;
  /** Distinguishes this incarnation of the node from earlier ones. */
  readonly boot: number;
  readonly groups: ReadonlyMap<unknown, Group>;
  readonly settings: {
    readonly raft: { readonly electionTimeoutMs: number; readonly heartbeatIntervalMs: number };
  };
  sendBeat(to: MemberId, boot: number): void;
  wake(group: Group): void;
}

interface Heard {
  readonly boot: number;
  readonly atMs: number;
}

export class Beats {
  readonly #host: BeatsHost;
  readonly #heard = new Map<MemberId, Heard>();
  /** When each silent group was first seen so. */
  readonly #silentSinceMs = new Map<Group, number>();
  #nextMs = Infinity;

  constructor(host: BeatsHost) {
    this.#host = host;
  }

  heard(from: MemberId, boot: number, now: number): void {
    const before = this.#heard.get(from);
    this.#heard.set(from, { boot, atMs: now });
    if (before === undefined || before.boot === boot) return;
    for (const group of this.#silentSinceMs.keys()) if (group.leader === from) this.#wake(group, now);
  }

  /** Sends beats where they are due, and wakes the groups of nodes that are silent themselves. */
  work(now: number): void {
    const { groups, settings: { raft } } = this.#host;
    if (now < this.#nextMs) {
      // Nothing is silent as far as is known: look whether something has become so.
      if (this.#nextMs === Infinity && isAnySilent(groups.values())) this.#nextMs = now;
      else return;
    }
    this.#nextMs = now + Math.max(raft.heartbeatIntervalMs, raft.electionTimeoutMs / BEATS_PER_ELECTION);
    const told = new Set<MemberId>();
    let silent = 0;
    for (const group of groups.values()) {
      if (!group.raft.quiesced) {
        this.#silentSinceMs.delete(group);
        continue;
      }
      silent++;
      const others = group.isLeader ? membersOf(group.raft.configuration) : [group.leader];
      for (const member of others) told.add(member);
      this.#watch(group, others, now - raft.electionTimeoutMs, now);
    }
    told.delete(this.#host.memberId);
    for (const member of told) this.#host.sendBeat(member, this.#host.boot);
    if (silent === 0) {
      this.#silentSinceMs.clear();
      this.#nextMs = Infinity;
    }
  }

  deadline(): number {
    return this.#nextMs;
  }

  #watch(group: Group, others: readonly MemberId[], lostMs: number, now: number): void {
    let sinceMs = this.#silentSinceMs.get(group);
    if (sinceMs === undefined) this.#silentSinceMs.set(group, sinceMs = now);
    if (sinceMs > lostMs) return;
    const { memberId } = this.#host;
    const isLost = (member: MemberId) => (this.#heard.get(member)?.atMs ?? -Infinity) <= lostMs;
    if (others.some((member) => member !== memberId && isLost(member))) this.#wake(group, now);
  }

  #wake(group: Group, now: number): void {
    this.#silentSinceMs.delete(group);
    group.raft.wake(now);
    this.#host.wake(group);
  }
}

function isAnySilent(groups: Iterable<Group>): boolean {
  for (const group of groups) if (group.raft.quiesced) return true;
  return false;
}
