/** A record batch of 256 messages of 128 bytes: written once, verified at the source and where it becomes state. */
import type { Sequence } from "../../src/core/ids.ts";
import { encodeRecordBatch, recordBatchMessages, verifyRecordBatch } from "../../src/stream/mod.ts";

const messages = Array.from({ length: 256 }, () => new Uint8Array(128).fill(0x61));
const fields = { producerId: 1, epoch: 1, baseSequence: 1 as Sequence, ulid: new Uint8Array(16) };
const batch = encodeRecordBatch(fields, messages);

Deno.bench("encodeRecordBatch", () => {
  encodeRecordBatch(fields, messages);
});
Deno.bench("verifyRecordBatch", () => {
  verifyRecordBatch(batch);
});
Deno.bench("recordBatchMessages", () => {
  recordBatchMessages(batch);
});
