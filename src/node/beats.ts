/**
 * Whether the nodes that share this node's silent groups are there. A silent group has no heartbeats of its own: the node of its
 * leader and those of its followers send each other one beat, however many groups they share. A follower that has not
 * heard its leader's node for an election timeout, or hears that it has started anew, wakes; so does a leader that does
 * not hear one of its followers' nodes, and then steps down where no quorum answers.
 *
 * What is silent is known by the node of each other member, so that a round costs as much as there are nodes, and not groups.
 */
import type { MemberId } from "../core/ids.ts";
import type { Configuration } from "../raft/mod.ts";
import type { Group } from "./group.ts";

/** Beats in an election timeout: some may be late or lost before anybody is missed. */
const BEATS_PER_ELECTION = 4;

export interface BeatsHost {
  readonly memberId: MemberId;
  /** Distinguishes this incarnation of the node from earlier ones. */
  readonly boot: number;
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

/** A group as it fell silent. */
interface Silent {
  readonly sinceMs: number;
  readonly leader: MemberId;
  readonly configuration: Configuration;
}

export class Beats {
  readonly #host: BeatsHost;
  readonly #heard = new Map<MemberId, Heard>();
  readonly #silent = new Map<Group, Silent>();
  /** Silent groups by those whose nodes have to be there: the leader, and at the leader everyone else. */
  readonly #sharing = new Map<MemberId, Set<Group>>();
  #nextMs = Infinity;

  constructor(host: BeatsHost) {
    this.#host = host;
  }

  /** The group had something to do: it may have fallen silent, or be silent no longer. */
  look(group: Group, now: number): void {
    const { raft: { quiesced, configuration }, leader } = group;
    const silent = this.#silent.get(group);
    if (silent === undefined && !quiesced) return;
    const isSame = quiesced && silent?.leader === leader && silent.configuration === configuration;
    if (isSame) return;
    this.forget(group);
    if (!quiesced) return;
    const entry = { sinceMs: now, leader, configuration };
    this.#silent.set(group, entry);
    for (const member of othersOf(entry, this.#host.memberId)) {
      const groups = this.#sharing.get(member);
      if (groups === undefined) this.#sharing.set(member, new Set([group]));
      else groups.add(group);
    }
    if (this.#nextMs === Infinity) this.#nextMs = now;
  }

  /** The group is silent no longer, or is there no longer. */
  forget(group: Group): void {
    const silent = this.#silent.get(group);
    if (silent === undefined) return;
    this.#silent.delete(group);
    for (const member of othersOf(silent, this.#host.memberId)) {
      const groups = this.#sharing.get(member);
      groups?.delete(group);
      if (groups?.size === 0) this.#sharing.delete(member);
    }
  }

  clear(): void {
    this.#silent.clear();
    this.#sharing.clear();
    this.#nextMs = Infinity;
  }

  heard(from: MemberId, boot: number, now: number): void {
    const before = this.#heard.get(from);
    this.#heard.set(from, { boot, atMs: now });
    if (before === undefined || before.boot === boot) return;
    for (const group of this.#sharing.get(from) ?? []) if (group.leader === from) this.#wake(group, now);
  }

  /** Sends beats where they are due, and wakes the groups of nodes that are silent themselves. */
  work(now: number): void {
    if (now < this.#nextMs) return;
    if (this.#silent.size === 0) {
      this.#nextMs = Infinity;
      return;
    }
    const { boot, settings: { raft } } = this.#host;
    this.#nextMs = now + Math.max(raft.heartbeatIntervalMs, raft.electionTimeoutMs / BEATS_PER_ELECTION);
    const lostMs = now - raft.electionTimeoutMs;
    for (const [member, groups] of this.#sharing) {
      this.#host.sendBeat(member, boot);
      if ((this.#heard.get(member)?.atMs ?? -Infinity) <= lostMs) this.#wakeAll(groups, lostMs, now);
    }
  }

  deadline(): number {
    return this.#nextMs;
  }

  /** Those that fell silent long enough ago for the node to have been heard of since. */
  #wakeAll(groups: ReadonlySet<Group>, lostMs: number, now: number): void {
    for (const group of groups) if (this.#silent.get(group)!.sinceMs <= lostMs) this.#wake(group, now);
  }

  #wake(group: Group, now: number): void {
    this.forget(group);
    group.raft.wake(now, true);
    this.#host.wake(group);
  }
}

/** Whose nodes have to be there. */
function othersOf({ leader, configuration }: Silent, self: MemberId): readonly MemberId[] {
  if (leader !== self) return [leader];
  const { incoming, outgoing, learners } = configuration;
  return [...new Set([...incoming, ...outgoing, ...learners])].filter((member) => member !== self);
}
