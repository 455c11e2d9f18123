/** What every holder of a node offers, wherever the node runs: calls that are answered, and calls that stay open. */
import { SennitError } from "../core/errors.ts";
import type { Token } from "../core/ids.ts";
import type { Call, CallFailure, Push, Reply } from "../node/calls.ts";
import type { Surroundings } from "./surroundings.ts";

export type CallKind = Call["kind"];
export type CallOf<Kind extends CallKind> = Extract<Call, { kind: Kind }>;
export type ReplyOf<Kind extends Reply["kind"]> = Extract<Reply, { kind: Kind }>;
/** Calls after whose reply pushes follow. */
export type OpeningCall = CallOf<"watch-events" | "kv-watch" | "subscribe" | "backup">;

/** A watch or a subscription that is under way. */
export interface OpenCall {
  readonly reply: Reply;
  /** What `credit` and `ack` name as their subscriber. */
  readonly token: Token;
  /** Ends it; nothing is pushed afterwards. Cancelling twice is the same as once. */
  cancel(): Promise<void>;
}

export interface Face {
  /** Where the holder of this face lives; the machine where it is left out. */
  readonly surroundings?: Surroundings;
  /** True where the node is a process elsewhere: that it stops is no end, it may be started again. */
  readonly isRemote?: boolean;
  /** The reply; throws `SennitError` where it is `failed`. */
  call(call: Call): Promise<Reply>;
  /**
   * Opens a watch or a subscription; throws `SennitError` where that is refused. `onPush` is called in order, never
   * before the reply is there, but maybe before the caller's `await` goes on. Where the connection to the node is
   * lost, or the node stops, `subscription-ended` is pushed, whatever was opened.
   */
  open(call: OpeningCall, onPush: (push: Push) => void): Promise<OpenCall>;
}

/** The error that a failure is, for those who live with exceptions. */
export function errorOf(failure: CallFailure): SennitError {
  return new SennitError(failure.code, failure.message, {
    outcome: failure.outcome,
    details: { ...failure.details },
  });
}

/** The failure that an error is, for those who answer with data. An unforeseen one is passed on. */
export function failureOf(error: unknown): CallFailure {
  if (!(error instanceof SennitError)) throw error;
  return { code: error.code, message: error.message, outcome: error.outcome, details: error.details };
}

/** The reply where it is of the kind that the call's contract names; another one is the node's bug. */
export function expectReply<Kind extends Reply["kind"]>(reply: Reply, kind: Kind): ReplyOf<Kind> {
  if (reply.kind === "failed") throw errorOf(reply.error);
  if (reply.kind !== kind) throw new TypeError(`Expected a reply of kind "${kind}": got "${reply.kind}"`);
  return reply as ReplyOf<Kind>;
}
