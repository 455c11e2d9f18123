/**
 * What an application may ask of a node, and what it gets back. The library's face, gRPC, the command and the simulator's
 * workloads all speak this and nothing else. Plain data: a call is an input of the node like any other, so it
 * can be recorded and replayed.
 */
import type { ErrorCode, Outcome } from "../core/errors.ts";
import type { MemberId, NodeNumber, Offset, Sequence, Token } from "../core/ids.ts";

export type JoinPolicy = "OPEN" | "KEY_REQUIRED" | "CLOSED";

/** How far a publish has come when it is acknowledged. */
export type AckLevel = "QUEUED" | "COMMITTED" | "COMPLETED";

export type Call =
  | { readonly kind: "status" }
  /** Founds a mesh. Reply: `joined`. */
  | {
    readonly kind: "seed";
    readonly meshName: string;
    readonly policy: JoinPolicy;
    readonly joinKey: string;
  }
  /** A one-time token for one joiner. Reply: `text`. */
  | { readonly kind: "invite"; readonly validMs: number }
  /** Enrols with a token. Reply: `joined`. */
  | { readonly kind: "join"; readonly token: string; readonly joinKey: string }
  /** Leaves for good. Reply: `done`. */
  | { readonly kind: "leave" }
  /** Removes a member for good, by name. Reply: `done`. */
  | { readonly kind: "evict"; readonly name: string }
  | { readonly kind: "set-policy"; readonly policy: JoinPolicy; readonly joinKey: string }
  /** Pushes `mesh-event` under the call's token until `cancel`. */
  | { readonly kind: "watch-events" }
  /** Lets the mesh use what all members' builds support; 0: the highest such level. It never goes back. Reply: `done`. */
  | { readonly kind: "raise-feature-level"; readonly level: number }
  /** Issues a certificate for a client or admin, signed by this node if it holds the authority. Reply: `credentials`. */
  | { readonly kind: "issue-client"; readonly name: string; readonly role: "client" | "admin" }
  // The replicated key-value.
  /** expectedVersion: null writes always, 0 only where the key is absent, else only at that version. Reply: `version`. */
  | {
    readonly kind: "kv-put";
    readonly key: string;
    readonly value: Uint8Array;
    readonly expectedVersion: number | null;
  }
  /** Linearizable. Reply: `value`. */
  | { readonly kind: "kv-get"; readonly key: string }
  /** Reply: `version`; NOT_FOUND where the key is absent. */
  | { readonly kind: "kv-delete"; readonly key: string; readonly expectedVersion: number | null }
  /** Linearizable, sorted by key (code units). Reply: `entries`, at most `limit` and what one answer carries. */
  | { readonly kind: "kv-list"; readonly prefix: string; readonly afterKey: string; readonly limit: number }
  /**
   * Pushes `kv-change` under the call's token until `cancel` or `subscription-ended`, changes after the reply's version;
   * where a snapshot took the place of several, only what came of them. Reply: `version`.
   */
  | { readonly kind: "kv-watch"; readonly prefix: string }
  // Streams.
  | {
    readonly kind: "stream-open";
    readonly name: string;
    /** Node names; empty source: this node. */
    readonly source: string;
    readonly targets: readonly string[];
    /** Subscriptions that completion and retention wait for at every target. Empty: ["default"]. */
    readonly subscriptions: readonly string[];
    readonly retentionBytes: number;
    /** So many members that are neither source nor target hold the log and vote; within what they lend. */
    readonly borrow: number;
  }
  /** `discard`: it is dropped at once, whatever was not processed and whoever was away. */
  | { readonly kind: "stream-close"; readonly name: string; readonly discard: boolean }
  /** Reply: `streams`. */
  | { readonly kind: "stream-list" }
  /** Fences earlier sessions of that name. Reply: `producer`. */
  | { readonly kind: "producer-open"; readonly stream: string; readonly producer: string }
  /** `batch` is an encoded record batch (src/stream). Reply: `published`, once its level is reached. */
  | {
    readonly kind: "publish";
    readonly stream: string;
    readonly batch: Uint8Array<ArrayBuffer>;
    readonly level: AckLevel;
  }
  /**
   * Fences the earlier subscriber of (this node, subscription). Reply: `subscribed`; then pushes `delivery` within the
   * credit until `cancel` or until `subscription-ended` is pushed. fromOffset null: after what was acknowledged.
   */
  | {
    readonly kind: "subscribe";
    readonly stream: string;
    readonly subscription: string;
    readonly fromOffset: Offset | null;
    /** Bytes that may be pushed and not yet given back by `credit`. At least one delivery is always allowed. */
    readonly creditBytes: number;
  }
  /** Gives credit back to the subscription or the backup opened under `subscriber`. No reply. */
  | { readonly kind: "credit"; readonly subscriber: Token; readonly bytes: number }
  /** Processed: offsets in [first, next). Reply: `done` when committed. */
  | { readonly kind: "ack"; readonly subscriber: Token; readonly first: Offset; readonly next: Offset }
  // Replicated state machines of the application.
  /** Gives a state machine a group of its own with these members; again with the same ones is the same as once. Reply: `done`. */
  | { readonly kind: "machine-open"; readonly machine: string; readonly members: readonly string[] }
  /** At a member. Reply: `answer`, once the command is committed and applied here; INVALID_ARGUMENT where it threw. */
  | { readonly kind: "machine-propose"; readonly machine: string; readonly command: Uint8Array }
  /** At a member; linearizable. Reply: `answer`. */
  | { readonly kind: "machine-query"; readonly machine: string; readonly question: Uint8Array }
  /**
   * All that this node holds of its mesh, as one file's bytes: pushes `backup-part` within the credit until the last, or
   * until `subscription-ended`. Reply: `done`.
   */
  | { readonly kind: "backup"; readonly creditBytes: number }
  /** Ends a watch or a subscription opened under `target`. Reply: `done`. */
  | { readonly kind: "cancel"; readonly target: Token }
  /**
   * Hands the leadership of a group ("" or "control": the mesh's own, else a stream's name) to a member, by name; passed
   * on to the leader. Reply: `done` when asked for, not when it happened.
   */
  | { readonly kind: "transfer-leadership"; readonly stream: string; readonly to: string };

export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  /** The control-log index of the write: rises with every change of the key. */
  readonly version: number;
}

export interface MemberStatus {
  readonly memberId: MemberId;
  readonly name: string;
  readonly number: NodeNumber;
  readonly addresses: readonly string[];
  /** In the control group. An observer pulls what is committed; none: a learner of an older build's mesh that is to be one. */
  readonly role: "voter" | "learner" | "observer" | "none";
  readonly self: boolean;
  /** True where a session is up, or for oneself. */
  readonly reachable: boolean;
  readonly rttMs: number;
  /** What its build supports; 0 where it was not met since this node's start. */
  readonly featureLevel: number;
}

/** What a leader knows of another member of its group. */
export interface GroupPeerStatus {
  readonly member: string;
  /** probe: it is asked where its log stands; replicate; snapshot: it is sent one. */
  readonly state: string;
  /** Through where its log is durable and equal to the leader's. */
  readonly match: number;
}

export interface GroupStatus {
  readonly group: number;
  readonly generation: number;
  /** "control" or the stream's name. */
  readonly name: string;
  readonly role: string;
  readonly leader: string;
  readonly term: number;
  readonly commit: number;
  readonly applied: number;
  /** The log at hand is [first, last]; through `durable` it is synced here. */
  readonly first: number;
  readonly last: number;
  readonly durable: number;
  /** Whom this member voted for in `term`, "" for nobody. */
  readonly vote: string;
  readonly voters: readonly string[];
  /** The voters of the configuration that is being left, while a change is under way. */
  readonly outgoing: readonly string[];
  readonly learners: readonly string[];
  /** Of the control group: members that are outside its configuration and pull what is committed. */
  readonly observers: readonly string[];
  /** Whom this member pulls from, "" where it is told or has nobody to ask. */
  readonly source: string;
  /** Of a leader. */
  readonly peers: readonly GroupPeerStatus[];
  /** Of a leader: whom it is handing over to, else "". */
  readonly transferTo: string;
  /** Why the group cannot commit, or not everything of it can be read here; "" where all is well as far as is known. */
  readonly trouble: string;
}

export interface SubscriptionStatus {
  readonly member: string;
  readonly subscription: string;
  readonly offset: number;
}

export interface StreamStatus {
  readonly name: string;
  readonly group: number;
  readonly state: "open" | "closed";
  readonly source: string;
  readonly targets: readonly string[];
  /** Members that hold the log and vote, and are neither source nor target. */
  readonly borrowed: readonly string[];
  /** What an operator should know of it beforehand, "" for nothing. */
  readonly advice: string;
  /** Of members only, else 0 and empty. */
  readonly firstOffset: number;
  readonly nextOffset: number;
  readonly completedOffset: number;
  readonly retainedBytes: number;
  readonly outboxBatches: number;
  readonly subscriptions: readonly SubscriptionStatus[];
}

export interface NodeStatus {
  readonly state: "empty" | "joining" | "member" | "evicted" | "failed";
  readonly name: string;
  readonly number: number;
  readonly memberId: number;
  readonly meshId: string;
  readonly meshName: string;
  /** 0 unless the mesh was recovered from a lost quorum. */
  readonly recoveryEpoch: number;
  /** What the mesh uses; 0 where this node is in none. */
  readonly featureLevel: number;
  readonly policy: string;
  /** HEALTHY, DEGRADED (some members away) or CRITICAL (half or more away): advice only, quorum decides. */
  readonly health: "HEALTHY" | "DEGRADED" | "CRITICAL";
  readonly members: readonly MemberStatus[];
  readonly groups: readonly GroupStatus[];
  readonly streams: readonly StreamStatus[];
  /** What an operator has to look at, in words. */
  readonly warnings: readonly string[];
  readonly wal: { readonly segments: number; readonly bytes: number; readonly durableLsn: number };
}

export interface CallFailure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly outcome: Outcome;
  readonly details: Readonly<Record<string, string | number>>;
}

export type Reply =
  | { readonly kind: "failed"; readonly error: CallFailure }
  | { readonly kind: "done" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "status"; readonly status: NodeStatus }
  | {
    readonly kind: "joined";
    readonly meshId: string;
    readonly meshName: string;
    readonly memberId: MemberId;
  }
  | {
    readonly kind: "credentials";
    readonly certificate: string;
    readonly privateKey: string;
    readonly trust: readonly string[];
  }
  | { readonly kind: "version"; readonly version: number }
  /** value null: the key is absent, version 0. */
  | { readonly kind: "value"; readonly value: Uint8Array | null; readonly version: number }
  | { readonly kind: "entries"; readonly entries: readonly KeyValue[]; readonly more: boolean }
  | { readonly kind: "stream"; readonly stream: StreamStatus }
  | { readonly kind: "streams"; readonly streams: readonly StreamStatus[] }
  | {
    readonly kind: "producer";
    readonly producerId: number;
    readonly epoch: number;
    readonly nextSequence: Sequence;
  }
  /** What a state machine said after it had applied entry `index` of its log. */
  | { readonly kind: "answer"; readonly bytes: Uint8Array; readonly index: number }
  /** firstOffset is -1 at level QUEUED, and for an old duplicate whose offset is no longer remembered. */
  | { readonly kind: "published"; readonly firstOffset: number; readonly duplicate: boolean }
  | { readonly kind: "subscribed"; readonly epoch: number; readonly nextOffset: Offset };

/** What a call is answered with where it does not fail. A call that is not answered (`credit`) counts as done. */
export const REPLY_TO = {
  "status": "status",
  "seed": "joined",
  "invite": "text",
  "join": "joined",
  "leave": "done",
  "evict": "done",
  "set-policy": "done",
  "watch-events": "done",
  "raise-feature-level": "done",
  "issue-client": "credentials",
  "kv-put": "version",
  "kv-get": "value",
  "kv-delete": "version",
  "kv-list": "entries",
  "kv-watch": "version",
  "stream-open": "stream",
  "stream-close": "done",
  "stream-list": "streams",
  "producer-open": "producer",
  "publish": "published",
  "subscribe": "subscribed",
  "credit": "done",
  "ack": "done",
  "machine-open": "done",
  "machine-propose": "answer",
  "machine-query": "answer",
  "backup": "done",
  "cancel": "done",
  "transfer-leadership": "done",
} as const satisfies Record<Call["kind"], Reply["kind"]>;

/** What comes unasked under a call's token. */
export type Push =
  | { readonly kind: "mesh-event"; readonly event: MeshEvent }
  | {
    readonly kind: "kv-change";
    readonly key: string;
    readonly value: Uint8Array | null;
    readonly version: number;
  }
  /**
   * One record batch as it was published, with the offset of its first message. `skip`: that many messages at its head
   * lie before the position asked for and are not for this subscriber. The bytes belong to the receiver.
   */
  | {
    readonly kind: "delivery";
    readonly baseOffset: Offset;
    readonly skip: number;
    readonly count: number;
    readonly batch: Uint8Array<ArrayBuffer>;
  }
  /** The bytes belong to the receiver. */
  | { readonly kind: "backup-part"; readonly bytes: Uint8Array<ArrayBuffer>; readonly last: boolean }
  | { readonly kind: "subscription-ended"; readonly error: CallFailure };

export interface MeshEvent {
  readonly type:
    | "MEMBER_JOINED"
    | "MEMBER_LEFT"
    | "MEMBER_EVICTED"
    | "MEMBER_REACHABLE"
    | "MEMBER_UNREACHABLE"
    | "LEADER_CHANGED"
    /** This node began or ended to lead the group: `detail` is "leader" or "follower". */
    | "ROLE_CHANGED"
    | "STREAM_OPENED"
    | "STREAM_CLOSED"
    /** A closed stream is gone for good, and its name is free. */
    | "STREAM_DROPPED"
    | "POLICY_CHANGED"
    | "FEATURE_LEVEL_RAISED"
    /** A node of this mesh at another recovery epoch was met: left behind by a recovery, or recovered apart. */
    | "OTHER_EPOCH";
  /** The member or stream that it is about. */
  readonly subject: string;
  /** Control-log index, 0 for what only this node saw. */
  readonly version: number;
  readonly detail: string;
}

/** Where a node's answers go: each call's token gets exactly one reply while the node lives, and any pushes after it. */
export interface Callers {
  reply(token: Token, reply: Reply): void;
  push(token: Token, push: Push): void;
}
