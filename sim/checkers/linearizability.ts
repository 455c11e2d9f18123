/**
 * Linearizability of the key-value, key by key (Herlihy and Wing, TOPLAS 1990, locality theorem). The search is Wing
 * and Gong's with Lowe's cache of (operations placed, state) pairs, as in Porcupine: an operation that nobody was told about
 * may take effect at any time after its invocation, or never.
 */
import type { KvHistory, KvOperation } from "../workloads/history.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** Steps of the search for one key, after which it is undecided. */
const STEPS_LIMIT = 2_000_000;

export type LinearizabilityVerdict = "linearizable" | "violated" | "undecided";

export class Linearizability implements Checker {
  readonly name = "linearizability";
  inputs = 0;
  undecided = 0;

  check(history: KvHistory): void {
    for (const [key, operations] of history.byKey()) {
      this.inputs += operations.length;
      const { verdict, stuck } = judge(operations);
      if (verdict === "undecided") this.undecided += 1;
      if (verdict === "violated") {
        throw new SafetyViolation(this.name, `no order explains what was seen of ${key}: ${describe(stuck)}`);
      }
    }
  }
}

/** Calls and returns in the order of time, as a doubly linked list that operations are lifted out of. */
interface Node {
  readonly operation: number;
  readonly isCall: boolean;
  /** Of a call whose outcome is known: its return. */
  match: Node | null;
  previous: Node;
  next: Node | null;
}

interface Placed {
  readonly call: Node;
  readonly stateBefore: number;
}

/** Whether the operations of one key are linearizable; where not, the one that no order reaches. */
export function judge(
  operations: readonly KvOperation[],
): { readonly verdict: LinearizabilityVerdict; readonly stuck: KvOperation | null } {
  const head = link(operations);
  const placed = new Bits(operations.length);
  const cache = new Set<string>();
  const stack: Placed[] = [];
  let state = 0;
  let entry = head.next;
  let stuck: KvOperation | null = null;
  let deepest = -1;
  for (let steps = 0; steps < STEPS_LIMIT; steps++) {
    if (entry === null) return { verdict: "linearizable", stuck: null };
    if (entry.isCall) {
      const operation = operations[entry.operation]!;
      const next = apply(state, operation);
      if (next >= 0) {
        placed.add(entry.operation);
        const seen = placed.key(next);
        if (!cache.has(seen)) {
          cache.add(seen);
          stack.push({ call: entry, stateBefore: state });
          state = next;
          lift(entry);
          entry = head.next;
          if (isDone(head)) return { verdict: "linearizable", stuck: null };
          continue;
        }
        placed.remove(entry.operation);
      }
      entry = entry.next;
      continue;
    }
    // A return: its operation should have been placed by now, so what was placed last was wrong.
    if (stack.length > deepest) {
      deepest = stack.length;
      stuck = operations[entry.operation]!;
    }
    const last = stack.pop();
    if (last === undefined) return { verdict: "violated", stuck };
    state = last.stateBefore;
    placed.remove(last.call.operation);
    unlift(last.call);
    entry = last.call.next;
  }
  return { verdict: "undecided", stuck: null };
}

/** Only calls are left whose outcome nobody knows: they may never have happened. */
function isDone(head: Node): boolean {
  for (let node = head.next; node !== null; node = node.next) {
    if (!node.isCall || node.match !== null) return false;
  }
  return true;
}

/** The state after the operation, or -1 where it cannot have had its outcome in this state. */
function apply(state: number, operation: KvOperation): number {
  const { kind, outcome, value, expected, result } = operation;
  if (kind === "read") return state === result ? state : -1;
  const holds = expected === null
    ? kind === "write" || state !== 0
    : state === expected && (kind === "write" || state !== 0);
  if (outcome === "ok") return holds ? value : -1;
  if (outcome === "mismatch") return holds ? -1 : state;
  return holds ? value : state; // Unknown: without its condition it changed nothing.
}

function link(operations: readonly KvOperation[]): Node {
  const nodes: { readonly at: number; readonly node: Node }[] = [];
  const make = (operation: number, isCall: boolean): Node => {
    const node = { operation, isCall, match: null, next: null } as unknown as Node;
    node.previous = node;
    return node;
  };
  for (const [i, operation] of operations.entries()) {
    const call = make(i, true);
    nodes.push({ at: operation.invokedAt, node: call });
    if (operation.outcome === "unknown" || operation.outcome === "pending") continue;
    call.match = make(i, false);
    nodes.push({ at: operation.returnedAt, node: call.match });
  }
  nodes.sort((a, b) => a.at - b.at);
  const head = make(-1, true);
  let last = head;
  for (const { node } of nodes) {
    last.next = node;
    node.previous = last;
    last = node;
  }
  return head;
}

function lift(call: Node): void {
  unlink(call);
  if (call.match !== null) unlink(call.match);
}

function unlift(call: Node): void {
  if (call.match !== null) relink(call.match);
  relink(call);
}

function unlink(node: Node): void {
  node.previous.next = node.next;
  if (node.next !== null) node.next.previous = node.previous;
}

function relink(node: Node): void {
  node.previous.next = node;
  if (node.next !== null) node.next.previous = node;
}

class Bits {
  readonly #words: Uint16Array;
  constructor(size: number) {
    this.#words = new Uint16Array((size + 15) >> 4);
  }
  add(bit: number): void {
    this.#words[bit >> 4]! |= 1 << (bit & 15);
  }
  remove(bit: number): void {
    this.#words[bit >> 4]! &= ~(1 << (bit & 15));
  }
  /** The set and a state as one text: exact, unlike a hash. */
  key(state: number): string {
    return String.fromCharCode(...this.#words) + state;
  }
}

function describe(operation: KvOperation | null): string {
  if (operation === null) return "";
  const { client, kind, value, expected, result, outcome } = operation;
  const what = kind === "read"
    ? `read of ${result}`
    : `${kind} of ${value}${expected === null ? "" : ` if ${expected}`}`;
  return `client ${client}'s ${what} (${outcome}) fits nowhere`;
}
