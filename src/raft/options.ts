/** What options must be for the algorithm to work; a mistake is the caller's, and all are named at once. */
import { isCount } from "../core/ids.ts";
import { leaseLengthMs } from "./lease.ts";
import type { RaftOptions } from "./types.ts";

/** Throws `RangeError` unless `options` hold together. */
export function checkOptions(options: RaftOptions): void {
  const mistakes: string[] = [];
  for (
    const name of [
      "memberId",
      "electionTimeoutMs",
      "heartbeatIntervalMs",
      "inflightMessagesLimit",
      "inflightBytesLimit",
      "appendBytesLimit",
      "pendingReadsLimit",
      "uncommittedBytesLimit",
    ] as const
  ) {
    if (!isCount(options[name]) || options[name] === 0) mistakes.push(`${name} is ${options[name]}`);
  }
  if (options.heartbeatIntervalMs * 3 > options.electionTimeoutMs) {
    mistakes.push(
      `heartbeatIntervalMs ${options.heartbeatIntervalMs} is over a third of electionTimeoutMs ${options.electionTimeoutMs}`,
    );
  }
  const { leaseDriftPerMillion, heartbeatIntervalMs } = options;
  if (!isCount(leaseDriftPerMillion) || leaseDriftPerMillion >= 1_000_000) {
    mistakes.push(`leaseDriftPerMillion is ${leaseDriftPerMillion}`);
  } else if (options.leaseReads && leaseLengthMs(options) <= heartbeatIntervalMs) {
    mistakes.push(
      `a lease of ${
        leaseLengthMs(options)
      } ms ends before the next heartbeats, heartbeatIntervalMs ${heartbeatIntervalMs}`,
    );
  }
  if (mistakes.length > 0) throw new RangeError(`Cannot start a Raft member: ${mistakes.join(", ")}`);
}
