/**
 * What all simulated clients share: calls to a host under tokens, with a client's own patience, and the certainty that a
 * call to a node that dies ends too, with an outcome that nobody knows. Those that are not at their node itself may be cut off.
 */
import type { Token } from "../../src/core/ids.ts";
import { type Call, type Push, type Reply, REPLY_TO } from "../../src/node/calls.ts";
import { SafetyViolation } from "../checkers/verdict.ts";
import { EventKind, type Target } from "../event_queue.ts";
import type { CallSink, Host } from "../host.ts";
import type { World } from "../world.ts";
import { ClientWires } from "./client_wires.ts";

/** A client that was refused or lost asks again after this long: even where no draw adds to it, not at once. */
export const RETRY_MIN_MS = 20;
export const RETRY_MEAN_MS = 80;

/** Why a call has no answer: its node went down, patience ended, or the connection to the node is gone. */
export type LossReason = "down" | "patience" | "cut";

/** Who made a call. */
export interface Caller {
  /** A wire lies between it and the node, which may be cut. */
  readonly isRemote?: boolean;
  onReply(token: Token, reply: Reply): void;
  onPush(token: Token, push: Push): void;
  onLost(token: Token, why: LossReason): void;
}

/** A caller that waits for nothing. */
export const NOBODY: Caller = { onReply() {}, onPush() {}, onLost() {} };

/** Told of every call, for who compares its answer with what was known when it was made. */
export interface CallObserver {
  asked(host: Host, token: Token, call: Call): void;
  answered(host: Host, token: Token, reply: Reply): void;
  lost(token: Token): void;
  /** Also what is pushed to who has gone. */
  pushed(token: Token, push: Push): void;
}

interface Pending {
  readonly kind: Call["kind"];
  readonly host: Host;
  readonly incarnation: number;
  readonly caller: Caller;
  /** By its node, and as far as the caller knows. */
  isAnswered: boolean;
  isTold: boolean;
  /** Stays after its reply, for what is pushed. */
  readonly keeps: boolean;
}

export class Calls implements CallSink, Target {
  readonly traceId = 252;
  readonly #world: World;
  readonly #pending = new Map<Token, Pending>();
  /** Calls that their node has answered, whether anybody waited for it or not. */
  readonly #answered = new Set<Token>();
  /** Cancels by their tokens, and the targets of those that are answered. */
  readonly #cancels = new Map<Token, Token>();
  readonly #cancelled = new Set<Token>();
  #lastToken = 0;
  /** Calls made, replies come, pushes come. */
  readonly counts = { calls: 0, replies: 0, pushes: 0, lost: 0 };
  readonly wires = new ClientWires();
  observer: CallObserver | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  /** Makes a call; null where no way leads to the node, so that nothing was asked. `patienceMs` 0 waits for ever. */
  make(host: Host, call: Call, caller: Caller, patienceMs: number, keeps = false): Token | null {
    if (!host.isUp || host.node === null) return null;
    if (caller.isRemote && this.wires.refuses(host)) return null;
    host.sink = this;
    const token = ++this.#lastToken as Token;
    const { incarnation } = host;
    const { kind } = call;
    this.#pending.set(token, { kind, host, incarnation, caller, isAnswered: false, isTold: false, keeps });
    this.counts.calls += 1;
    if (patienceMs > 0) {
      this.#world.schedule(this.#world.nowUs + 1000 * patienceMs, this, EventKind.Call, token, 0, null);
    }
    if (call.kind === "cancel") this.#cancels.set(token, call.target);
    this.observer?.asked(host, token, call);
    if (caller.isRemote) this.wires.ask(host, () => host.call(token, call));
    else host.call(token, call);
    return this.#pending.has(token) ? token : null;
  }

  /** A call that is not answered: `credit`. */
  tell(host: Host, call: Call, caller: Pick<Caller, "isRemote">): void {
    if (!host.isUp || host.node === null) return;
    const token = ++this.#lastToken as Token;
    if (call.kind === "cancel") this.#cancels.set(token, call.target);
    this.observer?.asked(host, token, call);
    if (!caller.isRemote) host.call(token, call);
    else if (!this.wires.refuses(host)) this.wires.ask(host, () => host.call(token, call));
  }

  forget(token: Token): void {
    this.#pending.delete(token);
  }

  onReply(token: Token, reply: Reply): void {
    if (this.#answered.has(token)) {
      throw new SafetyViolation("api", `call ${token} is answered twice: ${JSON.stringify(reply)}`);
    }
    this.#answered.add(token);
    this.#mustGoOn(token);
    const target = this.#cancels.get(token);
    if (target !== undefined) this.#cancelled.add(target);
    const pending = this.#pending.get(token);
    if (pending === undefined) return; // Patience ended before.
    if (reply.kind !== "failed" && reply.kind !== REPLY_TO[pending.kind]) {
      throw new SafetyViolation("api", `${pending.host.name} answered ${pending.kind} with ${reply.kind}`);
    }
    pending.isAnswered = true;
    this.observer?.answered(pending.host, token, reply);
    if (pending.caller.isRemote) this.wires.answer(pending.host, () => this.#tell(token, reply));
    else this.#tell(token, reply);
  }

  #tell(token: Token, reply: Reply): void {
    const pending = this.#pending.get(token);
    if (pending === undefined) return; // Patience ended on the way.
    this.counts.replies += 1;
    pending.isTold = true;
    if (!pending.keeps || reply.kind === "failed") this.#pending.delete(token);
    pending.caller.onReply(token, reply);
  }

  onPush(token: Token, push: Push): void {
    this.#mustGoOn(token);
    this.observer?.pushed(token, push);
    const pending = this.#pending.get(token);
    if (pending === undefined) return;
    if (pending.caller.isRemote) this.wires.answer(pending.host, () => this.#show(token, push));
    else this.#show(token, push);
  }

  #show(token: Token, push: Push): void {
    const pending = this.#pending.get(token);
    if (pending === undefined) return;
    this.counts.pushes += 1;
    pending.caller.onPush(token, push);
  }

  /** Whatever became of a cancel, once it is answered nothing comes under its target: nobody would take it. */
  #mustGoOn(token: Token): void {
    if (!this.#cancelled.has(token)) return;
    throw new SafetyViolation(
      "api",
      `call ${token} was cancelled, and something came under it after that was answered`,
    );
  }

  /** The node died: nobody answers what was asked of it. */
  onDown(host: Host): void {
    this.wires.drop(host);
    for (const [token, pending] of [...this.#pending]) {
      if (pending.host === host) this.#lose(token, pending, "down");
    }
  }

  /** The connections of remote clients to a node that lives are gone: it learns that they left. Returns how many calls are lost. */
  breakOff(host: Host): number {
    this.wires.drop(host);
    let broken = 0;
    for (const [token, pending] of [...this.#pending]) {
      if (pending.host !== host || !pending.caller.isRemote) continue;
      broken += 1;
      if (pending.keeps) this.tell(host, { kind: "cancel", target: token }, {});
      this.#lose(token, pending, "cut");
    }
    return broken;
  }

  onEvent(_kind: EventKind, token: number): void {
    const pending = this.#pending.get(token as Token);
    if (pending !== undefined && !pending.isTold) this.#lose(token as Token, pending, "patience");
  }

  #lose(token: Token, pending: Pending, why: LossReason): void {
    this.counts.lost += 1;
    this.#pending.delete(token);
    this.observer?.lost(token);
    pending.caller.onLost(token, why);
  }
}
