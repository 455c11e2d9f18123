/** Nothing in a node grows without a limit (DESIGN section 13): the sizes that it tells of stay below theirs. */
import { CONTROL_GROUP } from "../../src/core/ids.ts";
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
  /** Changes of how many vote in the control group. */
  voterInputs = 0;
  #voters = 0;
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

  /** More of them than the setting allows make every commit wait for more. A joint configuration's are counted by halves. */
  checkVoters(node: NodeInspection, votersLimit: number): void {
    const control = node.groups.find(({ group }) => group === CONTROL_GROUP);
    if (control === undefined) return;
    const voters = control.configuration.incoming.length;
    if (voters === this.#voters) return;
    this.#voters = voters;
    this.voterInputs += 1;
    if (voters <= votersLimit) return;
    throw new SafetyViolation(
      this.name,
      `${voters} members vote in the control group of ${node.name}, the limit is ${votersLimit}`,
    );
  }
}
