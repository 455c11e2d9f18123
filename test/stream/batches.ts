/** Record batches for tests: what a producer would send, with contents that do not matter. */
import type { Sequence } from "../../src/core/ids.ts";
import { encodeRecordBatch } from "../../src/stream/mod.ts";

export const ULID = new Uint8Array(16).fill(7);

/** `count` messages of `bytes` bytes each, from sequence `first` on. */
export function batchOf(
  producerId: number,
  epoch: number,
  first: number,
  count: number,
  bytes = 3,
): Uint8Array<ArrayBuffer> {
  const messages = Array.from({ length: count }, (_, at) => new Uint8Array(bytes).fill(first + at));
  return encodeRecordBatch({ producerId, epoch, baseSequence: first as Sequence, ulid: ULID }, messages);
}
