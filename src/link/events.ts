/** What the links tell the node, collected by `take()`, and how they look from outside. */
import type { MemberId, NodeNumber } from "../core/ids.ts";
import type { PeerIdentity } from "../io/mod.ts";
import type { FrameType } from "../wire/mod.ts";
import type { ByeReason } from "./bye.ts";
import type { EnrolId } from "./enrol_session.ts";

export type LinkEvent =
  /** Both sides have accepted each other. `rttMs` is 0 where a message came before the first PONG. */
  | {
    readonly kind: "up";
    readonly number: NodeNumber;
    readonly memberId: MemberId;
    /** What its build supports. */
    readonly featureLevel: number;
    readonly rttMs: number;
  }
  /** No session is left; what was queued is dropped. */
  | {
    readonly kind: "down";
    readonly number: NodeNumber;
    readonly memberId: MemberId;
    readonly reason: string;
  }
  | {
    readonly kind: "message";
    readonly from: NodeNumber;
    readonly fromMember: MemberId;
    readonly type: FrameType;
    /** Lent until the turn ends. */
    readonly payload: Uint8Array;
  }
  /** One end did not accept the other. "" as name: nobody in particular was dialled. */
  | {
    readonly kind: "refused";
    readonly address: string;
    readonly name: string;
    /**
     * The member that does not accept this node, which said so in a session in which it had proved who it is. 0 where this
     * node refused the other end, and where anybody may have said it.
     */
    readonly by: MemberId;
    readonly code: ByeReason;
    readonly message: string;
  }
  /** A node with this mesh's certificate was met that is at another recovery epoch; it was refused. */
  | { readonly kind: "other-epoch"; readonly name: string; readonly epoch: number }
  /** Of `dialEnrol`: both sides have accepted each other. */
  | { readonly kind: "enrol-opened"; readonly id: EnrolId }
  | {
    readonly kind: "enrol-message";
    readonly id: EnrolId;
    readonly peer: PeerIdentity;
    /** Lent until the turn ends. */
    readonly bytes: Uint8Array;
    readonly inbound: boolean;
  }
  /** `code`: why a dial failed, "" for anything else. */
  | { readonly kind: "enrol-closed"; readonly id: EnrolId; readonly code: string; readonly reason: string }
  | { readonly kind: "listening"; readonly address: string }
  | { readonly kind: "listen-failed"; readonly code: string; readonly message: string };

/** One peer as `status()` shows it. */
export interface PeerStatus {
  readonly number: NodeNumber;
  readonly memberId: MemberId;
  readonly name: string;
  /** What its build supports, as it said last; 0 before it was met. */
  readonly featureLevel: number;
  readonly connected: boolean;
  readonly rttMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly framesIn: number;
  readonly framesOut: number;
  /** Queued bytes by traffic class. */
  readonly queueBytes: readonly number[];
  /** Open connections to the peer. */
  readonly lanes: number;
  readonly draining: boolean;
}
