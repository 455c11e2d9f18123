/**
 * A simulated node as client code holds it. `inside`: of the node's own process, so that after its crash nothing is ever
 * answered to it. `outside`: of a client elsewhere, who is told that the node is gone and knows not what became of the call.
 */
import { errorOf, type Face, type OpenCall, type OpeningCall } from "../../src/client/mod.ts";
import { SennitError } from "../../src/core/errors.ts";
import type { Token } from "../../src/core/ids.ts";
import type { Call, Push, Reply } from "../../src/node/calls.ts";
import type { Host } from "../host.ts";
import type { Caller, Calls, LossReason } from "../workloads/clients.ts";
import type { SimSurroundings } from "./surroundings.ts";
import type { UserCode } from "./user_code.ts";

const PATIENCE_MS = 10_000;
const DONE: Reply = { kind: "done" };

export class SimFace implements Face {
  readonly surroundings: SimSurroundings;
  readonly #host: Host;
  readonly #calls: Calls;
  readonly #code: UserCode;
  readonly #isInside: boolean;

  constructor(
    parts: { readonly host: Host; readonly calls: Calls; readonly code: UserCode },
    surroundings: SimSurroundings,
    place: "inside" | "outside",
  ) {
    this.#host = parts.host;
    this.#calls = parts.calls;
    this.#code = parts.code;
    this.surroundings = surroundings;
    this.#isInside = place === "inside";
  }

  get isRemote(): boolean {
    return !this.#isInside;
  }

  call(call: Call): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (call.kind === "credit") {
        this.#calls.tell(this.#host, call, { isRemote: !this.#isInside });
        resolve(DONE);
      } else {
        this.#make(call, false, (reply) => {
          if (reply.kind === "failed") reject(errorOf(reply.error));
          else resolve(reply);
        }, reject);
      }
    });
  }

  open(call: OpeningCall, onPush: (push: Push) => void): Promise<OpenCall> {
    return new Promise((resolve, reject) => {
      this.#make(
        call,
        true,
        (reply, token) => {
          if (reply.kind === "failed") reject(errorOf(reply.error));
          else resolve({ reply, token, cancel: () => this.#cancel(token) });
        },
        reject,
        onPush,
      );
    });
  }

  async #cancel(token: Token): Promise<void> {
    this.#calls.forget(token);
    try {
      await this.call({ kind: "cancel", target: token });
    } catch (error) {
      // It ended by itself meanwhile, or with its node.
      if (!(error instanceof SennitError) || !["NOT_FOUND", "UNREACHABLE"].includes(error.code)) throw error;
    }
  }

  #make(
    call: Call,
    keeps: boolean,
    answer: (reply: Reply, token: Token) => void,
    lose: (error: SennitError) => void,
    onPush: (push: Push) => void = () => {},
  ): void {
    let isOpen = false;
    const caller: Caller = {
      isRemote: !this.#isInside,
      onReply: (token, reply) => {
        isOpen = reply.kind !== "failed";
        this.#code.wake();
        answer(reply, token);
      },
      onPush: (_token, push) => {
        this.#code.wake();
        onPush(push);
      },
      onLost: (_token, why) => {
        if (this.#isInside) return; // Who asked is gone with its node.
        this.#code.wake();
        const error = this.#lost(why);
        if (!isOpen) lose(error);
        else {
          const { code, message, outcome, details } = error;
          onPush({ kind: "subscription-ended", error: { code, message, outcome, details } });
        }
      },
    };
    const made = this.#calls.make(this.#host, call, caller, this.#isInside ? 0 : PATIENCE_MS, keeps);
    if (made === null && !this.#isInside) {
      lose(new SennitError("UNREACHABLE", `Node ${this.#host.name} is not reached`));
    }
  }

  #lost(why: LossReason): SennitError {
    const { name } = this.#host;
    if (why !== "patience") {
      const what = why === "down" ? "went down" : "was cut off";
      return new SennitError("UNREACHABLE", `Node ${name} ${what} before it answered`, {
        outcome: "UNKNOWN",
      });
    }
    return new SennitError("TIMEOUT", `Node ${name} did not answer within ${PATIENCE_MS} ms`, {
      outcome: "UNKNOWN",
    });
  }
}
