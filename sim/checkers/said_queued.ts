/**
 * Whoever is told QUEUED has its batch on the disk of the node that says so, in what a loss of power would leave. Looked at
 * when it is said: no power need go in just that moment.
 */
import type { Token } from "../../src/core/ids.ts";
import type { Reply } from "../../src/node/calls.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class SaidQueued implements Checker {
  readonly name = "said-queued";
  /** Batches that were looked for. */
  inputs = 0;
  readonly #asked = new Map<Token, Uint8Array>();

  asked(token: Token, batch: Uint8Array): void {
    this.#asked.set(token, batch.slice());
  }

  lost(token: Token): void {
    this.#asked.delete(token);
  }

  /** `durable`: the durable content of the log's files. */
  answered(host: string, token: Token, reply: Reply, durable: () => readonly Uint8Array[]): void {
    const batch = this.#asked.get(token);
    this.#asked.delete(token);
    // Of what is known to be committed its offset is said; it need not be here.
    if (batch === undefined || reply.kind !== "published" || reply.firstOffset >= 0) return;
    this.inputs += 1;
    if (durable().some((bytes) => holds(bytes, batch))) return;
    throw new SafetyViolation(
      this.name,
      `${host} says that a batch of ${batch.length} bytes is queued, and its disk does not hold it`,
    );
  }
}

/** True where all bytes of `wanted` stand somewhere in `bytes`, in a row. */
function holds(bytes: Uint8Array, wanted: Uint8Array): boolean {
  const end = bytes.length - wanted.length;
  for (let at = bytes.indexOf(wanted[0]!); at >= 0 && at <= end; at = bytes.indexOf(wanted[0]!, at + 1)) {
    let same = 1;
    while (same < wanted.length && bytes[at + same] === wanted[same]) same++;
    if (same === wanted.length) return true;
  }
  return false;
}
