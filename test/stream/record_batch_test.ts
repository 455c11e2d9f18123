import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { setU64 } from "../../src/core/bytes.ts";
import { DecodeError } from "../../src/core/errors.ts";
import { MAX_NUMBER, type Sequence } from "../../src/core/ids.ts";
import { BATCH_BYTES_LIMIT, BATCH_MESSAGES_LIMIT, MESSAGE_BYTES_LIMIT } from "../../src/core/limits.ts";
import { crc32c } from "../../src/core/crc32c.ts";
import {
  encodeRecordBatch,
  readRecordBatchHeader,
  RECORD_BATCH_HEADER_BYTES,
  recordBatchBytes,
  recordBatchMessages,
  verifyRecordBatch,
} from "../../src/stream/mod.ts";
import { batchOf, ULID } from "./batches.ts";

const fields = fc.record({
  producerId: fc.maxSafeNat(),
  epoch: fc.nat(0xffff_ffff),
  baseSequence: fc.integer({ min: 1, max: MAX_NUMBER - 10 }) as fc.Arbitrary<Sequence>,
  ulid: fc.uint8Array({ minLength: 16, maxLength: 16 }),
});
const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 8 });

Deno.test("A record batch is read back as it was written, wherever its bytes lie", () => {
  fc.assert(fc.property(fields, messages, fc.nat(9), (given, contents, shift) => {
    const encoded = encodeRecordBatch(given, contents);
    assertEquals(encoded.length, recordBatchBytes(contents));
    const buffer = new Uint8Array(encoded.length + shift + 3).fill(0xee);
    buffer.set(encoded, shift);
    const bytes = buffer.subarray(shift, shift + encoded.length);
    const { producerId, epoch, baseSequence } = given;
    const header = { producerId, epoch, baseSequence, count: contents.length };
    assertEquals(readRecordBatchHeader(bytes), header);
    assertEquals(verifyRecordBatch(bytes), header);
    assertEquals(
      recordBatchMessages(bytes).map((message) => [...message]),
      contents.map((each) => [...each]),
    );
    assertEquals(bytes.subarray(32, 48), given.ulid);
  }));
});

Deno.test("A record batch with any single byte changed is refused", () => {
  const good = encodeRecordBatch(
    { producerId: 12, epoch: 3, baseSequence: 77 as Sequence, ulid: ULID },
    [new Uint8Array([1, 2, 3]), new Uint8Array(), new Uint8Array([4])],
  );
  verifyRecordBatch(good);
  for (let at = 0; at < good.length; at++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const bad = good.slice();
      bad[at]! ^= flip;
      assertThrows(() => verifyRecordBatch(bad), DecodeError, undefined, `byte ${at} ^ ${flip} is noticed`);
    }
  }
});

Deno.test("A record batch that is cut short or has bytes after it is refused", () => {
  const good = batchOf(1, 1, 1, 3);
  for (let length = 0; length < good.length; length++) {
    assertThrows(() => verifyRecordBatch(good.subarray(0, length)), DecodeError);
  }
  const longer = new Uint8Array(good.length + 1);
  longer.set(good);
  assertThrows(() => verifyRecordBatch(longer), DecodeError);
});

/** The batch with a header field overwritten and the checksum made right again. */
function forged(change: (view: DataView) => void): Uint8Array {
  const bytes = batchOf(1, 1, 1, 2);
  const view = new DataView(bytes.buffer);
  change(view);
  view.setUint32(48, crc32c(bytes, RECORD_BATCH_HEADER_BYTES, bytes.length, crc32c(bytes, 0, 48)));
  return bytes;
}

Deno.test("A record batch whose checksum is right but whose contents are not is refused", () => {
  verifyRecordBatch(forged(() => {}));
  const forgeries: Record<string, (view: DataView) => void> = {
    "an unknown format": (view) => view.setUint8(0, 2),
    "flags": (view) => view.setUint8(1, 1),
    "reserved bits": (view) => view.setUint16(2, 1),
    "another length": (view) => view.setUint32(4, 53),
    "a producer id of 2^53": (view) => view.setUint32(8, 0x20_0000),
    "a sequence of 2^53": (view) => view.setUint32(20, 0x20_0000),
    "a last sequence of 2^53": (view) => setU64(view, 20, MAX_NUMBER),
    "sequence 0": (view) => view.setUint32(24, 0),
    "no messages": (view) => view.setUint32(28, 0),
    "too many messages": (view) => view.setUint32(28, BATCH_MESSAGES_LIMIT + 1),
    "one message fewer than there are": (view) => view.setUint32(28, 1),
    "one message more than there are": (view) => view.setUint32(28, 3),
    "a message beyond the end": (view) => view.setUint32(RECORD_BATCH_HEADER_BYTES, 1000),
    "a message over its limit": (view) => view.setUint32(RECORD_BATCH_HEADER_BYTES, MESSAGE_BYTES_LIMIT + 1),
  };
  for (const [what, change] of Object.entries(forgeries)) {
    assertThrows(() => verifyRecordBatch(forged(change)), DecodeError, undefined, what);
  }
});

Deno.test("Garbage is never anything but a DecodeError to the reader of record batches", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
    assertThrows(() => verifyRecordBatch(garbage), DecodeError);
  }));
  // Garbage that is well formed up to its checksum reaches the walk over the messages.
  const body = fc.uint8Array({ minLength: 1, maxLength: 60 });
  fc.assert(fc.property(body, fc.integer({ min: 1, max: 5 }), (garbage, count) => {
    const bytes = new Uint8Array(RECORD_BATCH_HEADER_BYTES + garbage.length);
    bytes.set(batchOf(1, 1, 1, 1).subarray(0, RECORD_BATCH_HEADER_BYTES));
    bytes.set(garbage, RECORD_BATCH_HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(4, bytes.length);
    view.setUint32(28, count);
    view.setUint32(48, crc32c(bytes, RECORD_BATCH_HEADER_BYTES, bytes.length, crc32c(bytes, 0, 48)));
    let total = 0;
    try {
      verifyRecordBatch(bytes);
      for (const message of recordBatchMessages(bytes)) total += 4 + message.length;
    } catch (error) {
      assert(error instanceof DecodeError);
      return;
    }
    assertEquals(total, garbage.length, "what is accepted is filled by its messages");
  }));
});

Deno.test("The limits of messages and batches are refused where a batch is written and allowed right at them", () => {
  const empty = new Uint8Array();
  const largest = new Uint8Array(MESSAGE_BYTES_LIMIT);
  assertEquals(recordBatchBytes([largest]), RECORD_BATCH_HEADER_BYTES + 4 + MESSAGE_BYTES_LIMIT);
  assertThrows(() => recordBatchBytes([new Uint8Array(MESSAGE_BYTES_LIMIT + 1)]), RangeError);
  assertThrows(() => recordBatchBytes([]), RangeError, "current value is 0");
  const many = new Array<Uint8Array>(BATCH_MESSAGES_LIMIT).fill(empty);
  assertEquals(recordBatchBytes(many), RECORD_BATCH_HEADER_BYTES + 4 * BATCH_MESSAGES_LIMIT);
  assertThrows(() => recordBatchBytes([...many, empty]), RangeError);
  const rest = BATCH_BYTES_LIMIT - RECORD_BATCH_HEADER_BYTES - 3 * (4 + MESSAGE_BYTES_LIMIT) - 4;
  const full = [largest, largest, largest, new Uint8Array(rest)];
  assertEquals(recordBatchBytes(full), BATCH_BYTES_LIMIT);
  assertThrows(() => recordBatchBytes([...full.slice(0, 3), new Uint8Array(rest + 1)]), RangeError);
  verifyRecordBatch(
    encodeRecordBatch({ producerId: 1, epoch: 1, baseSequence: 1 as Sequence, ulid: ULID }, full),
  );
});
