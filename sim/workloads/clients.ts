/**
 * What all simulated clients share: calls to a host under tokens, with a client's own patience, and the certainty that a
 * call to a node that dies ends too, with an outcome that nobody knows.
 */
import type { Token } from "../../src/core/ids.ts";
import type { Call, Push, Reply } from "../../src/node/calls.ts";
import { EventKind, type Target } from "../event_queue.ts";
import type { CallSink, Host } from "../host.ts";
import type { World } from "../world.ts";

/** A client that was refused or lost asks again after this long: even where no draw adds to it, not at once. */
export const RETRY_MIN_MS = 20;
export const RETRY_MEAN_MS = 80;

/** Who made a call. `lost`: the node died, or patience ended, before it answered. */
export interface Caller {
  onReply(token: Token, reply: Reply): void;
  onPush(token: Token, push: Push): void;
  onLost(token: Token, why: "down" | "patience"): void;
}

/** Told of every call, for who compares its answer with what was known when it was made. */
export interface CallObserver {
  asked(host: Host, token: Token, call: Call): void;
  answered(host: Host, token: Token, reply: Reply): void;
  lost(token: Token): void;
}

interface Pending {
  readonly host: Host;
  readonly incarnation: number;
  readonly caller: Caller;
  replied: boolean;
  /** Stays after its reply, for what is pushed. */
  readonly keeps: boolean;
}

export class Calls implements CallSink, Target {
  readonly traceId = 252;
  readonly #world: World;
  readonly #pending = new Map<Token, Pending>();
  #lastToken = 0;
  /** Calls made, replies come, pushes come. */
  readonly counts = { calls: 0, replies: 0, pushes: 0, lost: 0 };
  observer: CallObserver | null = null;

  constructor(world: World) {
    this.#world = world;
  }

  /** Makes a call; null where the node is down, so that nothing was asked. `patienceMs` 0 waits for ever. */
  make(host: Host, call: Call, caller: Caller, patienceMs: number, keeps = false): Token | null {
    if (!host.isUp || host.node === null) return null;
    host.sink = this;
    const token = ++this.#lastToken as Token;
    this.#pending.set(token, { host, incarnation: host.incarnation, caller, replied: false, keeps });
    this.counts.calls += 1;
    if (patienceMs > 0) {
      this.#world.schedule(this.#world.nowUs + 1000 * patienceMs, this, EventKind.Call, token, 0, null);
    }
    this.observer?.asked(host, token, call);
    host.call(token, call);
    return this.#pending.has(token) ? token : null;
  }

  /** A call that is not answered: `credit`. */
  tell(host: Host, call: Call): void {
    if (host.isUp && host.node !== null) host.call(++this.#lastToken as Token, call);
  }

  forget(token: Token): void {
    this.#pending.delete(token);
  }

  onReply(token: Token, reply: Reply): void {
    const pending = this.#pending.get(token);
    if (pending === undefined) return; // Patience ended before.
    if (pending.replied) throw new Error(`Token ${token} was answered twice: ${JSON.stringify(reply)}`);
    this.counts.replies += 1;
    pending.replied = true;
    this.observer?.answered(pending.host, token, reply);
    if (!pending.keeps || reply.kind === "failed") this.#pending.delete(token);
    pending.caller.onReply(token, reply);
  }

  onPush(token: Token, push: Push): void {
    const pending = this.#pending.get(token);
    if (pending === undefined) return;
    this.counts.pushes += 1;
    pending.caller.onPush(token, push);
  }

  /** The node died: nobody answers what was asked of it. */
  onDown(host: Host): void {
    for (const [token, pending] of [...this.#pending]) {
      if (pending.host === host) this.#lose(token, pending, "down");
    }
  }

  onEvent(_kind: EventKind, token: number): void {
    const pending = this.#pending.get(token as Token);
    if (pending !== undefined && !pending.replied) this.#lose(token as Token, pending, "patience");
  }

  #lose(token: Token, pending: Pending, why: "down" | "patience"): void {
    this.counts.lost += 1;
    this.#pending.delete(token);
    this.observer?.lost(token);
    pending.caller.onLost(token, why);
  }
}
