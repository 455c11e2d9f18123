/**
 * Whoever is told QUEUED has its batch on the disk of the node that says so, in what a loss of power would leave. Looked at
 * when it is said: no power need go in just that moment.
 */
import type { Token } from "../../src/core/ids.ts";
import type { Reply } from "../../src/node/calls.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

interface Asked {
  readonly stream: string;
  readonly batch: Uint8Array;
}

export class SaidQueued implements Checker {
  readonly name = "said-queued";
  /** Batches that were looked for. */
  inputs = 0;
  readonly #asked = new Map<Token, Asked>();

  asked(token: Token, stream: string, batch: Uint8Array): void {
    this.#asked.set(token, { stream, batch: batch.slice() });
  }

  lost(token: Token): void {
    this.#asked.delete(token);
  }

  /** `durable`: the durable content of the log's files. Returns what was said to be queued, null where it was not. */
  answered(host: string, token: Token, reply: Reply, durable: () => readonly Uint8Array[]): Asked | null {
    const asked = this.#asked.get(token);
    this.#asked.delete(token);
    // Of what is known to be committed its offset is said; it need not be here.
    if (asked === undefined || reply.kind !== "published" || reply.firstOffset >= 0) return null;
    this.inputs += 1;
    const { batch } = asked;
    if (durable().findLast((bytes) => holds(bytes, batch)) !== undefined) return asked;
    throw new SafetyViolation(
      this.name,
      `${host} says that a batch of ${batch.length} bytes is queued, and its disk does not hold it`,
    );
  }
}

/** True where all bytes of `wanted` stand somewhere in `bytes`, in a row. */
function holds(bytes: Uint8Array, wanted: Uint8Array): boolean {
  // What was queued last stands at the end; and of its bytes the last ones tell batches apart.
  const last = wanted.length - 1;
  const end = wanted[last]!;
  for (let at = bytes.lastIndexOf(end); at >= last; at = bytes.lastIndexOf(end, at - 1)) {
    let same = 1;
    while (same <= last && bytes[at - same] === wanted[last - same]) same++;
    if (same > last) return true;
  }
  return false;
}
