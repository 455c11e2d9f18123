/**
 * Holds a node of the same process: gives calls their tokens and routes replies and pushes to who waits for them. It
 * is the node's `Callers`; there is one for each node, because a token is used once.
 *
 * `submit` is the plain form, with callbacks, for adapters that carry many calls; `call` and `open` are promises.
 */
import { assert } from "../core/assert.ts";
import { SennitError } from "../core/errors.ts";
import { TokenSource } from "../core/flow.ts";
import type { Token } from "../core/ids.ts";
import type { Call, Callers, CallFailure, Push, Reply } from "../node/calls.ts";
import { errorOf, type Face, type OpenCall, type OpeningCall } from "./face.ts";

/** The part of a node that is called. */
export interface Callable {
  call(token: Token, call: Call): void;
}

export interface Answers {
  reply(reply: Reply): void;
  /** For calls that stay open. */
  push?(push: Push): void;
}

interface Waiting {
  readonly answers: Answers;
  replied: boolean;
}

const STOPPED: CallFailure = {
  code: "SHUTTING_DOWN",
  message: "The node has stopped",
  outcome: "NOT_APPLIED",
  details: {},
};
const DONE: Reply = { kind: "done" };

export class NodeFace implements Face, Callers {
  readonly #tokens = new TokenSource();
  readonly #waiting = new Map<Token, Waiting>();
  #node: Callable | null = null;

  /** The node wants its `Callers` when it is made, and so comes second. */
  attach(node: Callable): void {
    assert(this.#node === null, "a face holds one node");
    this.#node = node;
  }

  /** Calls without an answer yet, and calls that stay open. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Hands a call to the node. `answers.reply` is called exactly once, unless the call is `credit`. */
  submit(call: Call, answers: Answers): Token {
    const token = this.#tokens.next();
    if (this.#node === null) {
      answers.reply({ kind: "failed", error: STOPPED });
      return token;
    }
    if (call.kind !== "credit") this.#waiting.set(token, { answers, replied: false });
    this.#node.call(token, call);
    return token;
  }

  call(call: Call): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const settle = (reply: Reply) => {
        if (reply.kind === "failed") reject(errorOf(reply.error));
        else resolve(reply);
      };
      this.submit(call, { reply: settle });
      if (call.kind === "credit") resolve(DONE);
    });
  }

  open(call: OpeningCall, onPush: (push: Push) => void): Promise<OpenCall> {
    return new Promise((resolve, reject) => {
      const token = this.submit(call, {
        reply: (reply) => {
          if (reply.kind === "failed") reject(errorOf(reply.error));
          // The node may answer inside `submit`, before the token is known here.
          else queueMicrotask(() => resolve({ reply, token, cancel: () => this.cancel(token) }));
        },
        push: onPush,
      });
    });
  }

  /** Ends what was opened under `token`. */
  async cancel(token: Token): Promise<void> {
    if (!this.#waiting.delete(token) || this.#node === null) return;
    try {
      await this.call({ kind: "cancel", target: token });
    } catch (error) {
      // It ended by itself meanwhile.
      if (!(error instanceof SennitError) || error.code !== "NOT_FOUND") throw error;
    }
  }

  /** The node answers no more: everything that waits fails, everything open ends. */
  end(): void {
    this.#node = null;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { answers, replied } of waiting) {
      const error: CallFailure = { ...STOPPED, outcome: replied ? "NOT_APPLIED" : "UNKNOWN" };
      if (replied) answers.push?.({ kind: "subscription-ended", error });
      else answers.reply({ kind: "failed", error });
    }
  }

  reply(token: Token, reply: Reply): void {
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) {
      // Cancelled meanwhile; the node could not know yet what it was about to open.
      if (reply.kind === "subscribed") this.submit({ kind: "cancel", target: token }, { reply() {} });
      return;
    }
    assert(!waiting.replied, "a call is answered once");
    waiting.replied = true;
    if (waiting.answers.push === undefined || reply.kind === "failed") this.#waiting.delete(token);
    waiting.answers.reply(reply);
  }

  push(token: Token, push: Push): void {
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return; // Cancelled meanwhile.
    assert(waiting.replied, "nothing is pushed before the reply");
    const isOver = push.kind === "subscription-ended" || (push.kind === "backup-part" && push.last);
    if (isOver) this.#waiting.delete(token);
    waiting.answers.push?.(push);
  }
}
