/** What the control state keeps of members, streams and machines, and what applying an entry to it brings about. */
import type { ErrorCode } from "../core/errors.ts";
import type { GroupId, Index, MemberId } from "../core/ids.ts";
import type { Origin } from "../core/origin.ts";
import type { Configuration } from "../raft/mod.ts";
import type { Candidate } from "./control_commands.ts";

export interface Member extends Candidate {
  readonly memberId: MemberId;
  /** Removal goes in two steps: first out of every group, then out of the mesh. */
  readonly leaving: "no" | "left" | "evicted";
}

export interface StreamRecord {
  /** The index of the entry that created it; also its generation's name. */
  readonly group: GroupId;
  readonly name: string;
  readonly source: MemberId;
  readonly targets: readonly MemberId[];
  readonly subscriptions: readonly string[];
  readonly retentionBytes: number;
  /** The group's configuration before its first entry. */
  readonly initial: Configuration;
  readonly closed: boolean;
}

/** What was a stream's name; see tombstones.ts. */
export interface Tombstone {
  readonly name: string;
  /** Of the group that is gone. */
  readonly group: GroupId;
  /** The index of the entry that dropped it. */
  readonly droppedAt: Index;
}

/** A user's state machine that has a group of its own. */
export interface MachineRecord {
  /** The index of the entry that created it. */
  readonly group: GroupId;
  readonly name: string;
  /** The group's configuration before its first entry. */
  readonly initial: Configuration;
}

/** What applying an entry brought about; the node acts on it. */
export type ControlResult =
  & { readonly origin: Origin }
  & (
    | {
      readonly kind: "refused";
      readonly code: ErrorCode;
      readonly message: string;
      readonly version: number;
    }
    | { readonly kind: "founded"; readonly member: Member }
    /** again: the same node asked once more and was answered with what it already is. */
    | { readonly kind: "admitted"; readonly member: Member; readonly again: boolean }
    | { readonly kind: "removal-begun"; readonly member: Member }
    | { readonly kind: "removed"; readonly member: Member }
    | { readonly kind: "admission-set" }
    | { readonly kind: "invited" }
    | { readonly kind: "authority-shared"; readonly member: MemberId }
    | { readonly kind: "addresses-updated"; readonly member: Member }
    | {
      readonly kind: "kv-written";
      readonly key: string;
      readonly value: Uint8Array | null;
      readonly version: number;
    }
    | { readonly kind: "stream-created"; readonly stream: StreamRecord }
    | { readonly kind: "stream-closed"; readonly stream: StreamRecord }
    | { readonly kind: "stream-dropped"; readonly stream: StreamRecord }
    | { readonly kind: "space-lent"; readonly member: MemberId }
    | { readonly kind: "machine-created"; readonly machine: MachineRecord }
    | { readonly kind: "feature-level-raised"; readonly level: number }
    | { readonly kind: "lease-agreed" }
  );
