/**
 * Puts a user's class on a group of its own: every member has a copy and gives it the same commands in the same order, so all
 * copies are equal. The class must know nothing but its commands: no time, no chance, nothing from outside.
 */
import { decodeData, encodeData } from "../client/mod.ts";
import type { UserStateMachine } from "../node/mod.ts";

export interface StateMachine<Command = never, Question = never> {
  /** Changes the state and returns the result, both JSON data. What it throws is told to who proposed; it must not wait. */
  apply(command: Command): unknown;
  /** Answers from the state, and must not change it. */
  query?(question: Question): unknown;
  /** The whole state; equal bytes for equal states. */
  snapshot(): Uint8Array;
  /** Replaces the state of a new instance. */
  restore(snapshot: Uint8Array): void;
}

/** What an app's `machines` holds. */
export type ReplicatedMachine = () => UserStateMachine;

/** `create` makes an empty one. */
export function replicate<Command, Question>(
  create: () => StateMachine<Command, Question>,
): ReplicatedMachine {
  return () => {
    const machine = create();
    return {
      apply: (bytes) => encodeNow("apply", machine.apply(decodeData(bytes) as Command)),
      query(bytes) {
        if (machine.query === undefined) throw new TypeError("This machine has no query()");
        return encodeNow("query", machine.query(decodeData(bytes) as Question));
      },
      snapshot: () => machine.snapshot(),
      restore: (snapshot) => machine.restore(snapshot),
    };
  };
}

function encodeNow(what: string, data: unknown): Uint8Array {
  if (typeof (data as { then?: unknown } | null)?.then === "function") {
    throw new TypeError(`${what}() returned a promise: a state machine must not wait`);
  }
  return encodeData(data);
}
