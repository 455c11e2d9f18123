/**
 * The number spaces. Each is a branded `number` below 2^53 in memory and a u64 on the wire; a larger one is
 * refused where it enters. The brand keeps a Raft index from being used as a stream offset.
 */

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** Position in a group's Raft log; the first entry is 1, 0 means "before the log". */
export type Index = Branded<"Index">;
/** Raft term; 0 means "before the first election". */
export type Term = Branded<"Term">;
/** Dense position of a message in a stream; the first message is 0. Never a Raft index. */
export type Offset = Branded<"Offset">;
/** Position of a message in its producer's own count; the first is 1, 0 means "none yet". */
export type Sequence = Branded<"Sequence">;
/** Sequence number of a batch in the write-ahead log; the first is 1. */
export type Lsn = Branded<"Lsn">;
/** What frames carry to address a node; 0 is broadcast. Hashed from the name unless configured. */
export type NodeNumber = Branded<"NodeNumber">;
/** Index of the control-log entry that admitted a node: its identity in every Raft group; 0 means "none". */
export type MemberId = Branded<"MemberId">;
/** 0 is the control group; a stream's group is the control-log index of the entry that created it. */
export type GroupId = Branded<"GroupId">;
/** Names a submitted operation; its completion carries it. Never reused while the process lives. */
export type Token = Branded<"Token">;

/** The largest number that any of these spaces may hold. */
export const MAX_NUMBER = Number.MAX_SAFE_INTEGER;

/** True for an integer from 0 to 2^53 - 1: what may be branded. */
export function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

export const CONTROL_GROUP = 0 as GroupId;
export const NO_MEMBER = 0 as MemberId;
