/**
 * How a closed stream comes to be dropped. Whoever leaves a group early may leave others behind who need it: a quorum, the
 * rest of the log, an answer to what was published. So nobody leaves by what it knows itself:
 *
 *     closed in the control log ──> the group's log says so ──> every subscription has processed everything: the end
 *       ──> each member tells the group's leader that it has applied the end, and that nobody there waits for anything
 *       ──> once all members have, the leader has the control log say that the stream is dropped
 *       ──> who applies that takes the group away (removals.ts), also where it was away meanwhile
 *
 * Nothing leads back from the end, so that what a member has said stays true over its restarts and other leaders. Where a member or
 * a subscription never gets there an operator has the stream dropped without.
 */
import type { GroupId, MemberId, Term } from "../core/ids.ts";
import { CONTROL_GROUP } from "../core/ids.ts";
import type { Origin } from "../core/origin.ts";
import { membersOf } from "../raft/mod.ts";
import { encodeControlCommand } from "./control_commands.ts";
import type { ControlState } from "./control_state.ts";
import { FOURTH_FEATURE_LEVEL } from "./feature_level.ts";
import type { NodeMessage } from "./node_messages.ts";
import type { Requests } from "./requests.ts";
import type { StreamHost } from "./stream_host.ts";

/** A leader that was told is told again after this, and then after twice as long each time: it may not have heard. */
const TELL_AGAIN_MS = 1000;
const TELL_AGAIN_LIMIT_MS = 16_000;

export interface ClosingsHost {
  readonly memberId: MemberId;
  readonly requests: Pick<Requests<unknown>, "submit">;
  readonly streams: ReadonlyMap<GroupId, StreamHost>;
  sendNode(to: MemberId, message: NodeMessage): boolean;
}

interface Told {
  readonly leader: MemberId;
  readonly term: Term;
  readonly againMs: number;
  readonly waitMs: number;
}

export class Closings {
  readonly #host: ClosingsHost;
  /** Members that have applied the end, by group. */
  readonly #ended = new Map<GroupId, Set<MemberId>>();
  readonly #told = new Map<GroupId, Told>();
  /** Groups whose drop is on its way into the control log. */
  readonly #asked = new Set<GroupId>();

  constructor(host: ClosingsHost) {
    this.#host = host;
  }

  /** A member says that it has applied the end of a group. */
  heard(from: MemberId, group: GroupId): void {
    if (!this.#host.streams.has(group)) return;
    const ended = this.#ended.get(group);
    if (ended === undefined) this.#ended.set(group, new Set([from]));
    else ended.add(from);
  }

  /** True where the stream has ended and another look is due. */
  look(stream: StreamHost, control: ControlState, now: number): boolean {
    if (!stream.hasEnded || control.featureLevel < FOURTH_FEATURE_LEVEL) return false;
    // Until then somebody at this node may still be owed an answer.
    if (!stream.isSettled) return true;
    if (stream.group.isLeader) this.#drop(stream, now);
    else this.#tell(stream, now);
    return true;
  }

  /** The group is here no longer. */
  forget(group: GroupId): void {
    this.#ended.delete(group);
    this.#told.delete(group);
    this.#asked.delete(group);
  }

  #drop({ group }: StreamHost, now: number): void {
    const { id, raft } = group;
    this.heard(this.#host.memberId, id);
    const ended = this.#ended.get(id)!;
    const { commit, configurationIndex, configuration } = raft.status();
    // Who is being removed counts until that is committed.
    if (commit < configurationIndex || this.#asked.has(id)) return;
    if (!membersOf(configuration).every((member) => ended.has(member))) return;
    this.#asked.add(id);
    const again = () => void this.#asked.delete(id);
    const encode = (origin: Origin) =>
      encodeControlCommand({ kind: "drop-stream", origin, group: id, forced: false });
    this.#host.requests.submit(CONTROL_GROUP, encode, now, again, again);
  }

  #tell({ group: { id, leader, raft: { term } } }: StreamHost, now: number): void {
    if (leader === 0) return;
    const told = this.#told.get(id);
    const isSame = told?.leader === leader && told.term === term;
    if (isSame && now < told.againMs) return;
    const waitMs = isSame ? Math.min(2 * told.waitMs, TELL_AGAIN_LIMIT_MS) : TELL_AGAIN_MS;
    if (!this.#host.sendNode(leader, { kind: "ended", group: id })) return;
    this.#told.set(id, { leader, term, againMs: now + waitMs, waitMs });
  }
}
