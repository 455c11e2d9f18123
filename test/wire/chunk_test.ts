import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { ByteWriter } from "../../src/core/bytes.ts";
import {
  chunkCount,
  encodeChunk,
  Flag,
  FrameDecoder,
  FrameEncoder,
  FrameError,
  Header,
  type Metadata,
  Reassembler,
  type ReassemblyLimits,
} from "../../src/wire/mod.ts";

const LIMITS: ReassemblyLimits = {
  messageBytes: 1000,
  sourceBytes: 2000,
  totalBytes: 3000,
  sourceMessages: 3,
  timeoutMs: 100,
};

function chunks(payload: Uint8Array, chunkBytes: number, messageId = 1): Uint8Array<ArrayBuffer>[] {
  const encoder = new FrameEncoder();
  const header = new Header();
  header.messageId = messageId;
  const frames: Uint8Array<ArrayBuffer>[] = [];
  for (let position = 0; position < chunkCount(payload.length, chunkBytes); position++) {
    const writer = new ByteWriter();
    encodeChunk(encoder, writer, header, payload, position, chunkBytes);
    frames.push(writer.take());
  }
  return frames;
}

function add(reassembler: Reassembler, source: number, bytes: Uint8Array, now = 0): Uint8Array | null {
  const decoder = new FrameDecoder();
  decoder.push(bytes);
  return reassembler.add(source, decoder.next()!, now);
}

Deno.test("encodeChunk splits with CHUNKED, CHUNK_END, position, total and size (R11, R12)", () => {
  const payload = Uint8Array.from({ length: 25 }, (_, i) => i);
  const seen = chunks(payload, 10).map((bytes) => {
    const decoder = new FrameDecoder();
    decoder.push(bytes);
    const frame = decoder.next()!;
    const key = (name: string) => frame.metadata.get(name);
    return [
      frame.flags & (Flag.Chunked | Flag.ChunkEnd),
      key("no"),
      key("total"),
      key("size"),
      frame.payloadBytes,
    ];
  });
  assertEquals(seen, [[1, 0, 3, 25, 10], [1, 1, 3, 25, 10], [3, 2, 3, 25, 5]]);
});

Deno.test("Reassembler puts chunks of interleaved senders in any order back together (R11, R12)", () => {
  const message = fc.record({
    source: fc.integer({ min: 1, max: 3 }),
    payload: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  });
  fc.assert(
    fc.property(
      fc.array(message, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.nat(), { minLength: 20, maxLength: 20 }),
      (messages, chunkBytes, order) => {
        const reassembler = new Reassembler({ ...LIMITS, sourceMessages: 10, totalBytes: 9000 });
        // Two senders use the same message ids.
        let all = messages.flatMap(({ source, payload }, i) =>
          chunks(payload, chunkBytes, i).map((bytes) => ({ source, bytes, i }))
        );
        all = all.map((chunk, i) => ({ chunk, key: order[i % order.length]! * 31 % 101 }))
          .sort((a, b) => a.key - b.key).map(({ chunk }) => chunk);
        const done = new Map<number, Uint8Array>();
        for (const { source, bytes, i } of all) {
          const whole = add(reassembler, source, bytes);
          if (whole !== null) done.set(i, whole);
        }
        for (const [i, { payload }] of messages.entries()) assertEquals(done.get(i), payload);
        assertEquals(reassembler.pendingBytes, 0);
      },
    ),
  );
});

Deno.test("Reassembler keeps the same message id of two senders apart (R12)", () => {
  const reassembler = new Reassembler(LIMITS);
  const first = new Uint8Array(20).fill(1);
  const second = new Uint8Array(20).fill(2);
  const [a, b] = [chunks(first, 10), chunks(second, 10)];
  assertEquals(add(reassembler, 1, a[0]!), null);
  assertEquals(add(reassembler, 2, b[0]!), null);
  assertEquals(add(reassembler, 1, a[0]!), null); // Repeated: changes nothing.
  assertEquals(add(reassembler, 2, b[1]!), second);
  assertEquals(add(reassembler, 1, a[1]!), first);
});

Deno.test("Reassembler gives up a message whose chunk does not come in time (R12)", () => {
  const reassembler = new Reassembler(LIMITS);
  const [first, second] = chunks(new Uint8Array(20), 10);
  add(reassembler, 1, first!, 0);
  assertEquals(reassembler.deadline(), 100);
  assertEquals(reassembler.expire(99), 0);
  assertEquals(reassembler.expire(100), 1);
  assertEquals([reassembler.pendingBytes, reassembler.deadline()], [0, Infinity]);
  assertEquals(add(reassembler, 1, second!, 100), null);
});

Deno.test("Reassembler refuses what passes a limit and goes on", () => {
  const reassembler = new Reassembler(LIMITS);
  const begin = (source: number, size: number, id: number) =>
    add(reassembler, source, chunks(new Uint8Array(size), size - 1, id)[0]!);
  assertThrows(() => begin(1, 1001, 1), FrameError, "size limit exceeded: 1001");
  begin(1, 1000, 1);
  begin(1, 1000, 2);
  assertThrows(() => begin(1, 10, 3), FrameError, "size limit exceeded"); // Of the source.
  begin(2, 900, 1);
  assertThrows(() => begin(2, 900, 2), FrameError, "size limit exceeded"); // Of all.
  begin(2, 10, 3);
  begin(2, 10, 4);
  assertThrows(() => begin(2, 10, 5), FrameError, "size limit exceeded"); // Number of messages.
  reassembler.forget(1);
  assertEquals(reassembler.pendingBytes, 920);
  begin(1, 1000, 9);
});

Deno.test("Reassembler gives bytes, null or FrameError for any numbers", () => {
  const number = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 0xffff_ffff }));
  const keys = fc.record({ no: number, total: number, size: number }, { requiredKeys: [] });
  const chunk = fc.tuple(keys, fc.uint8Array({ maxLength: 8 }), fc.boolean());
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 10 }), (list) => {
      const reassembler = new Reassembler(LIMITS);
      for (const [metadata, payload, last] of list) {
        const writer = new ByteWriter();
        const header = new Header();
        header.flags = Flag.Chunked | (last ? Flag.ChunkEnd : 0);
        new FrameEncoder().encodeWith(writer, header, new Map(Object.entries(metadata)) as Metadata, payload);
        try {
          const whole = add(reassembler, 1, writer.take());
          assert(whole === null || whole.length === metadata.size);
        } catch (error) {
          assert(error instanceof FrameError, String(error));
        }
        assert(reassembler.pendingBytes <= LIMITS.sourceBytes);
      }
    }),
    { numRuns: 2000 },
  );
});
