/** What one stopped node's disk holds of its mesh: what a recovery is planned from. Plain data. */
import type { GroupId, Index, MemberId, NodeNumber, Term } from "../core/ids.ts";
import type { Configuration } from "../raft/mod.ts";

export interface GroupSurvey {
  readonly group: GroupId;
  readonly generation: number;
  /** "control" or the stream's name. */
  readonly name: string;
  /** The highest term that the member promised something in. */
  readonly term: Term;
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  /** Known to be committed. */
  readonly commit: Index;
  /** In force at the end of the log. */
  readonly configuration: Configuration;
  /** Of a stream: the offset after its last message, committed or not; else 0. */
  readonly nextOffset: number;
}

export interface MemberSurvey {
  readonly memberId: MemberId;
  readonly name: string;
  readonly number: NodeNumber;
  readonly addresses: readonly string[];
  readonly leaving: boolean;
  /** It has a share of the authority's key. */
  readonly holdsAuthority: boolean;
}

export interface StreamSurvey {
  readonly group: GroupId;
  readonly name: string;
  readonly members: readonly MemberId[];
}

export interface Survey {
  readonly name: string;
  readonly memberId: MemberId;
  readonly meshId: string;
  readonly meshName: string;
  readonly recoveryEpoch: number;
  /** False where the members' certificates come from outside. */
  readonly hasAuthority: boolean;
  /** As its control log says with all that is in it, committed or not: those who are no members are not among them. */
  readonly members: readonly MemberSurvey[];
  readonly streams: readonly StreamSurvey[];
  /** The control group first, then by number. */
  readonly groups: readonly GroupSurvey[];
}
