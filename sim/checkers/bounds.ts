/** Nothing in a node grows without a limit (DESIGN section 13): the sizes that it tells of stay below theirs. */
import { KEY_VALUE_BYTES_LIMIT, OUTBOX_BATCHES_LIMIT, PENDING_CALLS_LIMIT } from "../../src/core/limits.ts";
import type { NodeInspection } from "../../src/node/inspection.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** By name; what is not named here may be so much. */
const LIMITS: Readonly<Record<string, number>> = {
  inputs: 20_000,
  requests: PENDING_CALLS_LIMIT,
  reads: PENDING_CALLS_LIMIT,
  flows: 64,
  appendLoads: 1_024,
  walSegments: 4_096,
  // Bytes are what `accounts` is about.
  walBytes: Infinity,
  walLiveBytes: Infinity,
  walPendingBytes: Infinity,
  keyValueBytes: KEY_VALUE_BYTES_LIMIT,
  removals: 64,
  outboxBatches: 16 * OUTBOX_BATCHES_LIMIT,
};
const OTHERWISE = 100_000;

export class Bounds implements Checker {
  readonly name = "bounded-sizes";
  inputs = 0;
  /** The largest seen, by name. */
  readonly peaks: Record<string, number> = {};

  check(node: NodeInspection): void {
    for (const name in node.sizes) {
      const size = node.sizes[name]!;
      this.inputs += 1;
      // What does not pass the largest so far was judged with it.
      if (size <= (this.peaks[name] ?? -1)) continue;
      this.peaks[name] = size;
      const limit = LIMITS[name] ?? OTHERWISE;
      if (!(size <= limit)) {
        throw new SafetyViolation(this.name, `${name} of ${node.name} is ${size}, its limit is ${limit}`);
      }
    }
  }
}
