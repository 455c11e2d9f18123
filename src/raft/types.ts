/**
 * The words of one consensus group: what goes into the core and what comes out of it.
 *
 * The core never holds a payload. It knows an entry by (index, term), which by the Log Matching property names its content
 * within a group; whoever hosts the core finds the bytes by that name.
 */
import type { Index, MemberId, Term } from "../core/ids.ts";

/** Numbers are part of the disk and wire formats. */
export const EntryKind = { Command: 0, Noop: 1, Configuration: 2 } as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

/**
 * Who votes and who listens. While `outgoing` is not empty the configuration is joint: decisions need a
 * majority of both (Ongaro's thesis, section 4.3). A learner may then still vote in `outgoing`: it only listens
 * once that is left. All lists are sorted and without duplicates.
 */
export interface Configuration {
  readonly incoming: readonly MemberId[];
  readonly outgoing: readonly MemberId[];
  readonly learners: readonly MemberId[];
}

/** One log entry without its payload. */
export interface EntryMeta {
  readonly index: Index;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly lengthBytes: number;
  /** Of a Configuration entry, else null. Active from append on, rolled back when the entry is truncated. */
  readonly configuration: Configuration | null;
}

/** What must be durable before any message that depends on it leaves. */
export interface HardState {
  readonly term: Term;
  /** The member voted for in `term`, 0 for none. */
  readonly vote: MemberId;
  /** A hint that saves replay after a restart; never ahead of what is durable in the log. */
  readonly commit: Index;
}

/** Identifies a snapshot: the state after applying `index`, and the configuration as of then. */
export interface SnapshotMeta {
  readonly index: Index;
  readonly term: Term;
  readonly configuration: Configuration;
}

export type Role = "follower" | "pre-candidate" | "candidate" | "leader";

export type RaftMessage =
  | {
    readonly kind: "pre-vote";
    readonly term: Term;
    readonly lastIndex: Index;
    readonly lastTerm: Term;
    readonly transfer: boolean;
  }
  | { readonly kind: "pre-vote-reply"; readonly term: Term; readonly granted: boolean }
  | {
    readonly kind: "vote";
    readonly term: Term;
    readonly lastIndex: Index;
    readonly lastTerm: Term;
    readonly transfer: boolean;
  }
  | { readonly kind: "vote-reply"; readonly term: Term; readonly granted: boolean }
  | {
    readonly kind: "append";
    readonly term: Term;
    readonly previousIndex: Index;
    readonly previousTerm: Term;
    readonly commit: Index;
    /** May be empty: a probe. Consecutive from `previousIndex + 1`. */
    readonly entries: readonly EntryMeta[];
  }
  | {
    readonly kind: "append-reply";
    readonly term: Term;
    readonly success: boolean;
    /** Success: the last index known to match and to be durable at the sender. Refusal: the refused previousIndex. */
    readonly index: Index;
    /** Refusal: where the leader should try next (the conflict hint), with the term found there. */
    readonly hintIndex: Index;
    readonly hintTerm: Term;
  }
  | { readonly kind: "heartbeat"; readonly term: Term; readonly commit: Index; readonly readRound: number }
  | { readonly kind: "heartbeat-reply"; readonly term: Term; readonly readRound: number }
  /** The host reads its bytes from the snapshot's file, and sends them in chunks. */
  | { readonly kind: "snapshot"; readonly term: Term; readonly snapshot: SnapshotMeta }
  | { readonly kind: "timeout-now"; readonly term: Term }
  /** Everything up to `commit`, the end of the log, is committed and everybody has it: the leader falls silent. */
  | { readonly kind: "quiesce"; readonly term: Term; readonly commit: Index }
  /** To a leader that fell silent: there is something to do. */
  | { readonly kind: "wake"; readonly term: Term }
  /** A follower's read, forwarded; `context` is the asker's own name for it. */
  | { readonly kind: "read-index"; readonly term: Term; readonly context: number }
  | {
    readonly kind: "read-index-reply";
    readonly term: Term;
    readonly context: number;
    readonly index: Index;
    readonly ok: boolean;
  }
  /** An observer asks for what is committed from `next` on, and for what is committed later, once. */
  | { readonly kind: "pull"; readonly term: Term; readonly next: Index }
  /** Committed entries, consecutive from `previousIndex + 1`; none where the asker has all, or more than the sender. */
  | {
    readonly kind: "pulled";
    readonly term: Term;
    /** Of that term, as far as the sender knows; 0 where it knows none. */
    readonly leader: MemberId;
    /** How many members lie between the sender and the leader; NOT_FED where it does not hear of one. */
    readonly distance: number;
    readonly previousIndex: Index;
    readonly previousTerm: Term;
    readonly commit: Index;
    readonly entries: readonly EntryMeta[];
  }
  /** In place of entries that the sender has no more. */
  | { readonly kind: "pulled-snapshot"; readonly term: Term; readonly snapshot: SnapshotMeta };

/**
 * How the bytes of a snapshot travel: between hosts, beside the core. A chunk's bytes follow it; one without bytes asks where the
 * receiver stands. When all has come, its host steps the core with the message that the sender's core had sent: "snapshot" of
 * a leader, "pulled-snapshot" of whom an observer pulls from.
 */
export type SnapshotChunk =
  & ChunkBody
  & ({ readonly kind: "snapshot-chunk" } | { readonly kind: "pulled-chunk" });

interface ChunkBody {
  readonly term: Term;
  readonly snapshot: SnapshotMeta;
  /** Of the whole state. */
  readonly stateBytes: number;
  readonly stateCrc: number;
  /** Where in the state the chunk's bytes begin. */
  readonly offset: number;
}

export interface SnapshotChunkReply {
  readonly kind: "snapshot-chunk-reply";
  readonly term: Term;
  readonly index: Index;
  readonly stateCrc: number;
  /** The receiver has everything before. */
  readonly nextOffset: number;
}

/** What travels in frames of consensus. */
export type RaftPayload = RaftMessage | SnapshotChunk | SnapshotChunkReply;

export interface Outgoing {
  readonly to: MemberId;
  readonly message: RaftMessage;
  /** 0: may leave at once. Otherwise only after `persisted(afterToken)`. */
  readonly afterToken: number;
}

/** What the core wants done; collected by `ready()`, which leaves nothing behind. */
export interface Ready {
  /** Monotone; covers hardState, entries, truncation and snapshot of this Ready. 0: nothing to persist. */
  readonly persistToken: number;
  readonly hardState: HardState | null;
  /** Entries to persist, in order; whatever was in the log at and after the first of them is replaced. */
  readonly entries: readonly EntryMeta[];
  /** A received snapshot to persist and to restore the state machine from; replaces the log up to its index. */
  readonly snapshot: SnapshotMeta | null;
  readonly messages: readonly Outgoing[];
  /** Committed and durable here: to be applied in order, each index exactly once. 0,0: none. */
  readonly applyFirst: Index;
  readonly applyLast: Index;
  /** Reads that may be answered once `index` is applied. */
  readonly reads: readonly { readonly context: number; readonly index: Index }[];
  /** Reads that cannot be answered: leadership was lost or no leader is known. */
  readonly failedReads: readonly number[];
  /** True where role, leader or term changed since the last Ready. */
  readonly changed: boolean;
}

export interface RaftOptions {
  readonly memberId: MemberId;
  /**
   * An election starts after [T, 2T) ms without a leader's sign, the exact time drawn anew each time; T later at a member of
   * lower priority.
   */
  readonly electionTimeoutMs: number;
  /** Must be well below electionTimeoutMs; at most a third of it. */
  readonly heartbeatIntervalMs: number;
  /** Appends in flight per peer. */
  readonly inflightMessagesLimit: number;
  readonly inflightBytesLimit: number;
  /** Payload bytes of one append; one entry larger than this still travels alone. */
  readonly appendBytesLimit: number;
  /** Reads that wait for a round of heartbeats. */
  readonly pendingReadsLimit: number;
  /** Bytes proposed and not yet committed; more are refused. */
  readonly uncommittedBytesLimit: number;
  /**
   * A leader answers reads at once while it holds a lease, and else by a round of heartbeats. Linearizable only where every
   * member has the same `electionTimeoutMs`, and no member's monotonic clock runs faster than another's by more than
   * `leaseDriftPerMillion`, nor stands still while the machine sleeps.
   */
  readonly leaseReads: boolean;
  /** By how many millionths one member's monotonic clock may run faster than another's; below a million. */
  readonly leaseDriftPerMillion: number;
  /**
   * An idle group falls silent. The host must then `wake` it where the leader's node was not heard of for an election timeout,
   * and before it proposes.
   */
  readonly quiesceIdle: boolean;
}
