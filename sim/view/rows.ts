/**
 * What the engine tells the page: rows of a recorded run, moments of a re-executed one, and the words between the two. Plain
 * data that can be posted from a worker.
 */
import type { Role } from "../../src/raft/types.ts";
import type { RunResult } from "../run.ts";
import type { FrameFate } from "../watcher.ts";

/** Which run: a name, or a tape as text. */
export interface RunSource {
  readonly name: string;
  readonly tape: string | null;
}

/** One frame on a wire. Hosts are numbers from 0; `group` is -1 where a message concerns none. */
export interface MessageRow {
  readonly event: number;
  readonly sentUs: number;
  /** When it arrived, or was lost. */
  readonly atUs: number;
  readonly from: number;
  readonly to: number;
  readonly group: number;
  readonly kind: string;
  readonly text: string;
  readonly bytes: number;
  readonly fate: FrameFate;
}

/** A member of a group, whenever something of it changed. "gone": the node does not run it any more, or does not run. */
export interface GroupRow {
  readonly event: number;
  readonly atUs: number;
  readonly host: number;
  readonly group: number;
  readonly name: string;
  readonly role: Role | "gone";
  readonly memberId: number;
  readonly leader: number;
  readonly term: number;
  readonly vote: number;
  readonly base: number;
  readonly last: number;
  readonly durable: number;
  readonly commit: number;
  readonly applied: number;
}

export interface StreamRow {
  readonly name: string;
  readonly firstOffset: number;
  readonly nextOffset: number;
  readonly completedOffset: number;
}

/** A node, whenever something of it changed. */
export interface NodeRow {
  readonly event: number;
  readonly atUs: number;
  readonly host: number;
  readonly state: string;
  readonly incarnation: number;
  readonly memberId: number;
  readonly sizes: Readonly<Record<string, number>>;
  readonly streams: readonly StreamRow[];
}

export const BAND_KINDS = ["down", "paused", "disk hung", "disk full", "cut", "clogged"] as const;
export type BandKind = (typeof BAND_KINDS)[number];

/** Something is wrong from then to then with a host, or with the wire from one host to another. */
export interface BandRow {
  readonly id: number;
  readonly kind: BandKind;
  readonly host: number;
  /** -1: no wire. */
  readonly to: number;
  readonly event: number;
  readonly startUs: number;
  /** Infinity while it lasts. */
  readonly endUs: number;
}

/** A line of the run's story. Host -1: of the world. */
export interface NoteRow {
  readonly event: number;
  readonly atUs: number;
  readonly host: number;
  readonly text: string;
}

/** What was recorded since the last batch. */
export interface Batch {
  /** Events up to this one are in this batch or an earlier one. */
  readonly events: number;
  readonly timesUs: Float64Array;
  /** To what each event happened: a host from 1 on, or a part of the world. */
  readonly targets: Uint8Array;
  readonly kinds: Uint8Array;
  readonly messages: readonly MessageRow[];
  readonly groups: readonly GroupRow[];
  readonly nodes: readonly NodeRow[];
  /** Begun, and again when ended. */
  readonly bands: readonly BandRow[];
  readonly notes: readonly NoteRow[];
}

export interface EntryMoment {
  readonly index: number;
  readonly term: number;
  readonly kind: string;
  readonly crc: string;
}

export interface GroupMoment extends Omit<GroupRow, "event" | "atUs" | "host"> {
  readonly configuration: string;
  /** The log's end. */
  readonly entries: readonly EntryMoment[];
  readonly stateBytes: number;
  readonly stateCrc: string;
}

/** A host of a re-executed run: more than any recording keeps. */
export interface HostMoment {
  readonly name: string;
  readonly isUp: boolean;
  readonly isPaused: boolean;
  readonly incarnation: number;
  readonly turns: number;
  readonly wallMs: number;
  readonly diskBytes: number;
  readonly node: Omit<NodeRow, "event" | "atUs" | "host" | "incarnation"> | null;
  readonly groups: readonly GroupMoment[];
}

/** The world after an event, from node code that ran up to there just now. */
export interface Moment {
  readonly event: number;
  readonly nowUs: number;
  readonly trace: string;
  readonly isOver: boolean;
  readonly wallMs: number;
  readonly hosts: readonly HostMoment[];
}

export type Result = Omit<RunResult, "checkpoints">;

export type ToEngine =
  | { readonly kind: "record"; readonly source: RunSource }
  /** Runs on, or once more from the beginning, to after this event. A later one takes its place. */
  | { readonly kind: "go"; readonly source: RunSource; readonly event: number };

export type FromEngine =
  | { readonly kind: "hosts"; readonly names: readonly string[] }
  | { readonly kind: "batch"; readonly batch: Batch }
  | { readonly kind: "over"; readonly result: Result }
  | { readonly kind: "going"; readonly at: number; readonly to: number }
  | { readonly kind: "at"; readonly moment: Moment }
  | { readonly kind: "failed"; readonly message: string };
