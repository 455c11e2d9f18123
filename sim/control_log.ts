/**
 * The control group's committed log as the world sees it: who is a member is what it says, whatever a node believes. Fed
 * with what the nodes' state machines were given, each entry once.
 */
import type { Index, MemberId } from "../src/core/ids.ts";
import { decodeControlCommand } from "../src/node/control_commands.ts";
import { type ControlResult, ControlState, type Member } from "../src/node/control_state.ts";
import { FOURTH_FEATURE_LEVEL } from "../src/node/feature_level.ts";
import { nameOf, numberOf } from "./workloads/lives.ts";
import { decodeConfiguration, EntryKind } from "../src/raft/mod.ts";
import type { Configuration } from "../src/raft/types.ts";

/** Of a stream, who of its group is still a member of the mesh. */
export interface StreamMembers {
  readonly name: string;
  readonly group: number;
  readonly closed: boolean;
  readonly members: readonly number[];
}

/** A group that the control log says is gone. */
export interface DroppedGroup {
  readonly group: number;
  readonly name: string;
  /** By the word of an operator, whoever was away. */
  readonly forced: boolean;
  /** Whom its last committed configuration counted. */
  readonly members: readonly number[];
}

/** Whom the control log does not know any more. */
export interface Removal {
  readonly member: number;
  readonly name: string;
  /** Of the entry that ended its membership. */
  readonly index: number;
  /** By itself: what counted on it was waited for. */
  readonly isLeave: boolean;
  /** Groups of streams that were opened with it and have members that stay. */
  readonly groups: readonly { readonly name: string; readonly group: number }[];
}

/** Somebody who came with an invitation. */
export interface Admission {
  readonly name: string;
  readonly invitationHash: string;
  readonly isAdmitted: boolean;
}

export class ControlLog {
  readonly #state = new ControlState();
  /** In the order in which they were removed. */
  readonly removals: Removal[] = [];
  readonly #removedAt = new Map<number, number>();
  /** In the order in which they were judged. */
  readonly admissions: Admission[] = [];
  /** By name: the groups that streams of this name had, the first life's first. */
  readonly #lives = new Map<string, number[]>();
  /** In the order in which they were dropped. */
  readonly dropped: DroppedGroup[] = [];
  /** By group: the last configuration that was committed, and its index. */
  readonly #configurations = new Map<number, { readonly index: number; readonly value: Configuration }>();

  applied(group: number, index: number, kind: number, bytes: Uint8Array): void {
    if (kind === EntryKind.Configuration && index > (this.#configurations.get(group)?.index ?? 0)) {
      this.#configurations.set(group, { index, value: decodeConfiguration(bytes) });
    }
    if (group !== 0 || index <= this.#state.applied) return;
    if (index !== this.#state.applied + 1) {
      throw new Error(`Nobody applied entry ${this.#state.applied + 1} of the control log before ${index}`);
    }
    if (kind !== EntryKind.Command) return this.#state.skip(index as Index);
    const result = this.#state.apply(index as Index, bytes.slice());
    this.#noteMembers(index, bytes, result);
    if (result.kind === "stream-created") {
      const { name, group } = result.stream;
      this.#lives.set(name, [...this.#lives.get(name) ?? [], group]);
    } else if (result.kind === "stream-dropped") {
      const { name, group, initial } = result.stream;
      const members = this.#membersOf(group, initial.incoming);
      const command = decodeControlCommand(bytes);
      this.dropped.push({
        group,
        name,
        forced: command.kind === "drop-stream" && command.forced,
        members: members.filter((id) => this.#state.member(id)?.leaving === "no"),
      });
    }
  }

  #noteMembers(index: number, bytes: Uint8Array, result: ControlResult): void {
    const command = decodeControlCommand(bytes);
    if (result.kind === "removed") {
      const { memberId, name, leaving } = result.member;
      const groups = this.#state.streams().filter(({ initial: { incoming } }) =>
        incoming.includes(memberId) && incoming.some((other) => this.#state.member(other)?.leaving === "no")
      );
      this.#removedAt.set(memberId, index);
      this.removals.push({ member: memberId, name, index, isLeave: leaving === "left", groups });
    } else if (command.kind === "admit" && command.invitationHash !== "") {
      const { candidate: { name }, invitationHash } = command;
      // Who asks again for what it was granted is granted it again.
      if (result.kind === "admitted" && result.again) return;
      this.admissions.push({ name, invitationHash, isAdmitted: result.kind === "admitted" });
    }
  }

  /** The entry that ended the membership; null for who is a member, or was never. */
  removedAt(id: number): number | null {
    return this.#removedAt.get(id) ?? null;
  }

  /** How far it goes. */
  get index(): number {
    return this.#state.applied;
  }
  /** In the order of admission; those who are being removed too. */
  members(): readonly Member[] {
    return this.#state.members();
  }
  member(id: number): Member | null {
    return this.#state.member(id as MemberId);
  }
  memberByName(name: string): Member | null {
    return this.#state.memberByName(name);
  }
  /** A member that nobody has asked to be removed. */
  stays(name: string): boolean {
    return this.memberByName(name)?.leaving === "no";
  }
  streams(): readonly StreamMembers[] {
    return this.#state.streams().map(({ name, group, closed, initial }) => ({
      name,
      group,
      closed,
      members: initial.incoming.filter((id) => this.#state.member(id) !== null),
    }));
  }
  /** Subscriptions that a stream has from its begin on, for completion waits for them. */
  requiredOf(group: number): readonly { readonly member: number; readonly name: string }[] {
    const record = this.#state.streams().find((each) => each.group === group);
    const { targets, subscriptions } = record ?? { targets: [], subscriptions: [] };
    return targets.flatMap((member) => subscriptions.map((name) => ({ member, name })));
  }
  hasStream(name: string): boolean {
    return this.#state.stream(name) !== null;
  }
  /** How many streams had this name so far. */
  lives(name: string): number {
    return this.#lives.get(name)?.length ?? 0;
  }
  /** The group of a stream's life (workloads/lives.ts). */
  groupOf(life: string): number {
    return this.#lives.get(nameOf(life))?.[numberOf(life) - 1] ?? -1;
  }
  isDropped(group: number): boolean {
    return this.dropped.some((each) => each.group === group);
  }
  get dropsClosed(): boolean {
    return this.#state.featureLevel >= FOURTH_FEATURE_LEVEL;
  }

  /** What still counts on this member, by name: the mesh itself, the control group, groups of streams. */
  countsOn(id: number): string[] {
    const left = this.#state.member(id as MemberId) === null ? [] : ["the control log"];
    if (this.#isIn(0, [], id)) left.push("control");
    for (const { name, group, initial } of this.#state.streams()) {
      if (initial.incoming.includes(id as MemberId) && this.#isIn(group, initial.incoming, id)) {
        left.push(name);
      }
    }
    return left;
  }

  /** True where the control group has a majority of its voters without this member, as its log says last. */
  decidesWithout(id: number): boolean {
    const configuration = this.#configurations.get(0)?.value;
    if (configuration === undefined) return false;
    const decides = (voters: readonly MemberId[]) =>
      2 * voters.filter((voter) => voter !== id).length > voters.length || voters.length === 0;
    return decides(configuration.incoming) && decides(configuration.outgoing);
  }

  #isIn(group: number, initial: readonly number[], id: number): boolean {
    return this.#membersOf(group, initial as readonly MemberId[]).includes(id as MemberId);
  }

  #membersOf(group: number, initial: readonly MemberId[]): readonly MemberId[] {
    const configuration = this.#configurations.get(group)?.value;
    if (configuration === undefined) return initial;
    const { incoming, outgoing, learners } = configuration;
    return [...incoming, ...outgoing, ...learners];
  }
}
