/**
 * A look inside a node for those who check it from outside: the simulator's checkers, status and tests. Reading it
 * changes nothing.
 */
import type { GroupId, Index, MemberId, Offset, Term } from "../core/ids.ts";
import type { Configuration, EntryKind, Role } from "../raft/types.ts";
import type { Subscription } from "../stream/mod.ts";
import type { Mark } from "./marks.ts";

export interface EntryInspection {
  readonly term: Term;
  readonly kind: EntryKind;
  /** CRC-32C of the entry's content. */
  readonly crc: number;
}

export interface GroupInspection {
  readonly group: GroupId;
  readonly generation: number;
  readonly name: string;
  readonly memberId: MemberId;
  readonly role: Role;
  readonly leader: MemberId;
  readonly term: Term;
  readonly vote: MemberId;
  /** The log holds (base, last]; entries up to `durable` are synced here. */
  readonly base: Index;
  /** A received snapshot is being made durable: the log is neither the old nor the new one. */
  readonly isInstalling: boolean;
  readonly last: Index;
  /** Of the entry at `last`, or of the snapshot that a log without entries begins with. */
  readonly lastTerm: Term;
  readonly durable: Index;
  readonly commit: Index;
  readonly applied: Index;
  readonly configuration: Configuration;
  /** Of a leader, by its monotonic clock; -Infinity where it holds no lease. */
  readonly leaseUntilMs: number;
  /** Of a leader that hands over: when it gives that up, by its monotonic clock; -Infinity where it does not. */
  readonly transferUntilMs: number;
  /** The group is idle and silent, as far as this member goes. */
  readonly isSilent: boolean;
  /** Who has granted a candidate its vote, as far as it counts: itself too. */
  votes(): readonly MemberId[];
  /** Of a leader: up to where it takes each of the others to hold its log, and which round of heartbeats to have answered. */
  matches(): readonly { readonly member: MemberId; readonly match: Index; readonly answeredRound: number }[];
  /** Of an index in (base, last], else null. */
  entry(index: Index): EntryInspection | null;
  /** The state machine's canonical bytes after `applied`: equal on all members at equal `applied`. */
  stateBytes(): Uint8Array;
}

export interface StreamInspection {
  readonly name: string;
  readonly group: GroupId;
  readonly nextOffset: Offset;
  readonly firstOffset: Offset;
  readonly completedOffset: Offset;
  /** How far each subscription is. */
  subscriptions(): readonly Subscription[];
}

export interface NodeInspection {
  readonly name: string;
  readonly memberId: MemberId;
  readonly state: string;
  /** Members that a session leads to now. */
  readonly reachable: ReadonlySet<MemberId>;
  /** Members without a session whose address is known, and whether a dial is under way or planned. */
  apart(): readonly { readonly memberId: MemberId; readonly isSought: boolean }[];
  readonly groups: readonly GroupInspection[];
  readonly streams: readonly StreamInspection[];
  /** Sizes that must stay bounded, by name. */
  readonly sizes: Readonly<Record<string, number>>;
}

/** Told of what cannot be seen by looking between turns. Must not call back into the node. */
export interface Observer {
  /** An entry was handed to a group's state machine. `bytes` is lent for the call. */
  applied(
    group: GroupId,
    generation: number,
    index: Index,
    term: Term,
    kind: EntryKind,
    bytes: Uint8Array,
  ): void;
  /** A snapshot took the place of the state machine's entries up to `index`. */
  restored(group: GroupId, generation: number, index: Index, term: Term): void;
  /** A line for the run's log: protocol events worth reading. */
  note(text: string): void;
  /** A place that runs must pass was passed. */
  reach(mark: Mark): void;
}
