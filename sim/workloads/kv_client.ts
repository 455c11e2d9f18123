/**
 * One client of the replicated key-value: puts, gets, deletes and compare-and-sets through any node, one at a time, each
 * value unique. What it is not told about it records as unknown; it never repeats a write.
 */
import { encodeText } from "../../src/core/bytes.ts";
import type { Token } from "../../src/core/ids.ts";
import type { Call, Reply } from "../../src/node/calls.ts";
import { SafetyViolation } from "../checkers/verdict.ts";
import { EventKind, type Target } from "../event_queue.ts";
import type { Draws } from "../prf.ts";
import type { Regime } from "../regime.ts";
import type { World } from "../world.ts";
import type { Caller, Calls } from "./clients.ts";
import type { KvHistory, KvOperation } from "./history.ts";

/** Spent by all clients together. */
export class Budget {
  left: number;
  constructor(operations: number) {
    this.left = operations;
  }
  spend(): boolean {
    if (this.left <= 0) return false;
    this.left -= 1;
    return true;
  }
}

export class KvClient implements Target, Caller {
  readonly traceId = 253;
  readonly isRemote = true;
  readonly #world: World;
  readonly #calls: Calls;
  readonly #history: KvHistory;
  readonly #budget: Budget;
  readonly #regime: Regime;
  readonly #draws: Draws;
  readonly #id: number;
  /** What this client has seen: key to value and its version. */
  readonly #seen = new Map<string, { readonly value: number; readonly version: number }>();
  #writes = 0;
  #current: KvOperation | null = null;
  #version = 0;

  constructor(
    world: World,
    calls: Calls,
    history: KvHistory,
    budget: Budget,
    regime: Regime,
    id: number,
  ) {
    this.#world = world;
    this.#calls = calls;
    this.#history = history;
    this.#budget = budget;
    this.#regime = regime;
    this.#id = id;
    this.#draws = world.prf.site(`kv-client/${id}`);
  }

  begin(): void {
    this.#think();
  }

  onEvent(): void {
    if (this.#current !== null || !this.#budget.spend()) return;
    this.#next();
  }

  onReply(_token: Token, reply: Reply): void {
    const operation = this.#current!;
    this.#current = null;
    if (reply.kind === "failed") this.#failed(operation, reply);
    else this.#succeeded(operation, reply);
    this.#think();
  }

  onPush(): void {}

  onLost(): void {
    this.#history.lose(this.#current!);
    this.#current = null;
    this.#think();
  }

  #think(): void {
    const waitUs = 1000 * this.#draws.exponential(this.#regime.work.thinkMeanMs) + 1;
    this.#world.schedule(this.#world.nowUs + waitUs, this, EventKind.Client, this.#id, 0, null);
  }

  #next(): void {
    const key = `key-${this.#draws.below(this.#regime.work.keys)}`;
    const host = this.#draws.pick(this.#world.hosts.filter((each) => each.settings !== null));
    const { call, operation } = this.#draw(key);
    this.#current = operation;
    // A client's patience is longer than the node's, mostly: the node's own answer says more.
    const patienceMs = this.#regime.settings.callTimeoutMs * this.#draws.pick([1, 2, 2, 4]);
    if (this.#calls.make(host, call, this, patienceMs) !== null) return;
    if (this.#current === null) return; // The node died of it, and that was told.
    this.#history.return(operation, "failed");
    this.#current = null;
    this.#think();
  }

  #draw(key: string): { readonly call: Call; readonly operation: KvOperation } {
    const client = this.#id;
    const what = this.#draws.below(100);
    const seen = this.#seen.get(key);
    const conditional = seen !== undefined && this.#draws.chance(400_000) ? seen : null;
    const expectedVersion = conditional?.version ?? null;
    const expected = conditional?.value ?? null;
    if (what < 40) {
      const operation = this.#history.invoke({ client, key, kind: "read", value: 0, expected: null });
      return { call: { kind: "kv-get", key }, operation };
    }
    if (what < 90 || (conditional !== null && conditional.version === 0)) {
      const value = ++this.#writes * 16 + client + 1;
      const operation = this.#history.invoke({ client, key, kind: "write", value, expected });
      return { call: { kind: "kv-put", key, value: encodeText(`v${value}`), expectedVersion }, operation };
    }
    const operation = this.#history.invoke({ client, key, kind: "delete", value: 0, expected });
    return { call: { kind: "kv-delete", key, expectedVersion }, operation };
  }

  #succeeded(operation: KvOperation, reply: Reply): void {
    if (reply.kind === "value") {
      const value = valueOf(reply.value);
      this.#seen.set(operation.key, { value, version: reply.version });
      this.#history.return(operation, "ok", value);
    } else if (reply.kind === "version") {
      this.#version = reply.version;
      const version = operation.kind === "delete" ? 0 : this.#version;
      this.#seen.set(operation.key, { value: operation.value, version });
      this.#history.return(operation, "ok");
    } else throw new Error(`The node answered a ${operation.kind} with ${reply.kind}`);
  }

  #failed(operation: KvOperation, reply: Reply & { readonly kind: "failed" }): void {
    const { code, outcome } = reply.error;
    if (code === "COMPARE_FAILED" || code === "NOT_FOUND") this.#history.return(operation, "mismatch");
    else if (outcome === "NOT_APPLIED") this.#history.return(operation, "failed");
    else if (outcome === "APPLIED") this.#history.return(operation, "ok");
    else this.#history.lose(operation);
  }
}

/** The number in a value that a client wrote; throws where no client can have written it. */
export function valueOf(bytes: Uint8Array | null): number {
  if (bytes === null) return 0;
  const text = new TextDecoder().decode(bytes);
  const value = /^v\d+$/.test(text) ? Number(text.slice(1)) : NaN;
  if (!(value > 0)) {
    const what = `the key-value returned bytes that nobody wrote: ${JSON.stringify(text)}`;
    throw new SafetyViolation("linearizability", what);
  }
  return value;
}
