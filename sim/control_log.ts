/**
 * The control group's committed log as the world sees it: who is a member is what it says, whatever a node believes. Fed
 * with what the nodes' state machines were given, each entry once.
 */
import type { Index, MemberId } from "../src/core/ids.ts";
import { ControlState, type Member } from "../src/node/control_state.ts";
import { decodeConfiguration, EntryKind } from "../src/raft/mod.ts";
import type { Configuration } from "../src/raft/types.ts";

/** Of an open stream, who of its group is still a member of the mesh. */
export interface StreamMembers {
  readonly name: string;
  readonly group: number;
  readonly members: readonly number[];
}

export class ControlLog {
  readonly #state = new ControlState();
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
    if (kind === EntryKind.Command) this.#state.apply(index as Index, bytes.slice());
    else this.#state.skip(index as Index);
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
    return this.#state.streams().filter((stream) => !stream.closed).map(({ name, group, initial }) => ({
      name,
      group,
      members: initial.incoming.filter((id) => this.#state.member(id) !== null),
    }));
  }
  hasStream(name: string): boolean {
    return this.#state.stream(name) !== null;
  }

  /** What still counts on this member, by name: the mesh itself, the control group, groups of streams. */
  countsOn(id: number): string[] {
    const left = this.#state.member(id as MemberId) === null ? [] : ["the control log"];
    if (this.#isIn(0, [], id)) left.push("control");
    for (const { name, group, initial, closed } of this.#state.streams()) {
      if (!closed && initial.incoming.includes(id as MemberId) && this.#isIn(group, initial.incoming, id)) {
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
    const configuration = this.#configurations.get(group)?.value;
    if (configuration === undefined) return initial.includes(id);
    const { incoming, outgoing, learners } = configuration;
    return [...incoming, ...outgoing, ...learners].includes(id as MemberId);
  }
}
