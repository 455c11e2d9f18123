/** What clients of the key-value did and saw: the evidence that the checker of linearizability judges. */

/**
 * Values are named by the write that wrote them, each unique; 0 is "absent". `write` with an `expected` is a
 * compare-and-set; `value` 0 deletes.
 */
export interface KvOperation {
  readonly client: number;
  readonly key: string;
  readonly kind: "read" | "write" | "delete";
  /** Of a write: what it writes. */
  readonly value: number;
  /** Of a conditional write: the value that must be there; null: unconditional. */
  readonly expected: number | null;
  readonly invokedAt: number;
  /** Infinity while the outcome is unknown. */
  returnedAt: number;
  /**
   * ok: it happened; of a read, `result` was seen. mismatch: the condition did not hold (or nothing was there
   * to delete). failed: it did not happen. unknown: it may happen at any time from its invocation on.
   */
  outcome: "pending" | "ok" | "mismatch" | "failed" | "unknown";
  result: number;
}

export class KvHistory {
  readonly operations: KvOperation[] = [];
  #clock = 0;

  invoke(operation: Pick<KvOperation, "client" | "key" | "kind" | "value" | "expected">): KvOperation {
    const { client, key, kind, value, expected } = operation;
    const made: KvOperation = {
      client,
      key,
      kind,
      value,
      expected,
      invokedAt: ++this.#clock,
      returnedAt: Infinity,
      outcome: "pending",
      result: 0,
    };
    this.operations.push(made);
    return made;
  }

  return(operation: KvOperation, outcome: "ok" | "mismatch" | "failed", result = 0): void {
    operation.outcome = outcome;
    operation.result = result;
    operation.returnedAt = ++this.#clock;
  }

  lose(operation: KvOperation): void {
    operation.outcome = "unknown";
  }

  /** By key, without what is known not to have happened. */
  byKey(): Map<string, KvOperation[]> {
    const keys = new Map<string, KvOperation[]>();
    for (const operation of this.operations) {
      if (operation.outcome === "failed") continue;
      // A read that nobody answered says nothing.
      if (operation.kind === "read" && operation.outcome !== "ok") continue;
      const list = keys.get(operation.key);
      if (list === undefined) keys.set(operation.key, [operation]);
      else list.push(operation);
    }
    return keys;
  }
}
