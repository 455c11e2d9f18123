import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { ByteWriter, concatBytes, toHex } from "../../src/core/bytes.ts";
import { crc32c } from "../../src/core/crc32c.ts";
import { DecodeError } from "../../src/core/errors.ts";
import {
  Flag,
  type Frame,
  FrameDecoder,
  FrameEncoder,
  FrameError,
  FrameType,
  Header,
  MAX_FRAME_BYTES,
  type MetadataValue,
  ORDINARY_OVERHEAD_BYTES,
} from "../../src/wire/mod.ts";

const HINT = new Uint8Array([9, 8, 7]);
const PAYLOAD = new Uint8Array([1, 2, 3, 4, 5]);

function ordinary(
  payload: Uint8Array = PAYLOAD,
  change: (header: Header) => void = () => {},
): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  const header = new Header();
  change(header);
  new FrameEncoder().encode(writer, header, payload);
  return writer.take();
}

function general(
  metadata: ReadonlyMap<string, MetadataValue>,
  payload = PAYLOAD,
  hint = HINT,
): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  new FrameEncoder().encodeWith(writer, new Header(), metadata, payload, hint);
  return writer.take();
}

function only(bytes: Uint8Array): Frame {
  const decoder = new FrameDecoder();
  decoder.push(bytes);
  const frame = decoder.next();
  if (frame === null) throw new Error("No whole frame");
  return frame;
}

Deno.test("Frame is length, header, hint, metadata length, metadata, payload (R2)", () => {
  const bytes = ordinary();
  const view = new DataView(bytes.buffer);
  assertEquals(view.getUint32(0), bytes.length - 4);
  assertEquals(view.getUint32(52), 29);
  assertEquals(toHex(bytes.subarray(56, 67)), "a2" + "686864725f6373756d" + "1a");
  assertEquals(view.getUint32(67), crc32c(bytes, 4, 52));
  assertEquals(toHex(bytes.subarray(71, 81)), "687061795f6373756d" + "1a");
  assertEquals(view.getUint32(81), crc32c(PAYLOAD));
  assertEquals(bytes.subarray(85), PAYLOAD);
  assertEquals(ORDINARY_OVERHEAD_BYTES, 85);
});

Deno.test("Frame with hint, metadata and payload round-trips (R2)", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 128 }),
      fc.dictionary(fc.string(), fc.string(), { maxKeys: 5 }),
      fc.uint8Array({ maxLength: 500 }),
      (hint, keys, payload) => {
        const frame = only(general(new Map(Object.entries(keys)), payload.slice(), hint.slice()));
        assertEquals(frame.hint, hint);
        assertEquals(frame.payload, payload);
        for (const [key, value] of Object.entries(keys)) assertEquals(frame.metadata.get(key), value);
        assertEquals(frame.metadata.get("pay_csum"), crc32c(payload));
      },
    ),
  );
});

Deno.test("Frame lends views into the bytes it was read from", () => {
  const bytes = ordinary();
  const frame = only(bytes);
  assert(frame.payload.buffer === bytes.buffer);
  assertEquals([...frame.metadata.keys()], ["hdr_csum", "pay_csum"]);
});

Deno.test("FrameEncoder writes many frames into one buffer", () => {
  const encoder = new FrameEncoder();
  const writer = new ByteWriter(16);
  const header = new Header();
  for (let i = 0; i < 100; i++) {
    header.messageId = i;
    encoder.encode(writer, header, PAYLOAD, i % 5, 5);
  }
  const decoder = new FrameDecoder();
  decoder.push(writer.view());
  for (let i = 0; i < 100; i++) {
    const frame = decoder.next()!;
    assertEquals([frame.messageId, frame.payload], [i, PAYLOAD.subarray(i % 5)]);
  }
  assertEquals(decoder.next(), null);
});

Deno.test("FrameDecoder wants more for partial input and yields two frames of one buffer (R3)", () => {
  const bytes = concatBytes([ordinary(PAYLOAD), general(new Map([["k", "v"]]))]);
  const decoder = new FrameDecoder();
  decoder.push(bytes);
  assertEquals(decoder.next()?.payload, PAYLOAD);
  assertEquals(decoder.next()?.metadata.get("k"), "v");
  assertEquals(decoder.next(), null);
  decoder.end();
  decoder.push(bytes.subarray(0, 30));
  assertEquals(decoder.next(), null);
  assertThrows(() => decoder.end(), FrameError, "incomplete frame");
});

Deno.test("FrameDecoder yields the same frames however the stream is cut (R3)", () => {
  const payloads = [0, 1, 300, 5000].map((length) => new Uint8Array(length).fill(length));
  const bytes = concatBytes(payloads.map((payload) => ordinary(payload)));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 10 }), (cuts) => {
      const decoder = new FrameDecoder();
      const seen: Uint8Array[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const lent = bytes.slice(at, at + cuts[i % cuts.length]!);
        at += lent.length;
        decoder.push(lent);
        for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
          seen.push(frame.payload.slice());
        }
        lent.fill(0xee); // Lent only until next() returned null.
      }
      assertEquals(seen, payloads);
      assertEquals(decoder.pendingBytes, 0);
    }),
  );
});

const BAD_LENGTHS: readonly [string, () => Uint8Array, string][] = [
  ["a frame over 16 MiB", () => frameOfLength(MAX_FRAME_BYTES + 1), "size limit exceeded: 16777217"],
  ["a frame shorter than its header", () => frameOfLength(51), "malformed frame"],
  ["metadata over 64 KiB", () => withMetadataLength(65_537, 70_000), "size limit exceeded: 65537"],
  ["metadata beyond the frame", () => withMetadataLength(1000, 5), "malformed frame"],
  ["a hint beyond the frame", () => withHintLength(100), "malformed frame"],
];

for (const [what, make, message] of BAD_LENGTHS) {
  Deno.test(`FrameDecoder refuses ${what} (R4)`, () => {
    const decoder = new FrameDecoder();
    decoder.push(make());
    assertEquals(assertThrows(() => decoder.next(), FrameError).message, message);
    decoder.push(ordinary());
    assertThrows(() => decoder.next(), FrameError, message);
  });
}

Deno.test("FrameEncoder refuses what is over its limit (R4)", () => {
  const encoder = new FrameEncoder(100);
  encoder.encode(new ByteWriter(), new Header(), new Uint8Array(15));
  assertThrows(
    () => encoder.encode(new ByteWriter(), new Header(), new Uint8Array(16)),
    FrameError,
    "size limit",
  );
  const hint = new Uint8Array(129);
  assertThrows(
    () => encoder.encodeWith(new ByteWriter(), new Header(), new Map(), PAYLOAD, hint),
    RangeError,
  );
});

Deno.test("Frame refuses every changed bit of header, hint and checksum (R10)", () => {
  const bytes = general(new Map([["k", "v"]]));
  for (let at = 4; at < 55; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const spoilt = bytes.slice();
      spoilt[at]! ^= 1 << bit;
      assertThrows(() => only(spoilt), DecodeError);
    }
  }
  const spoilt = bytes.slice();
  spoilt[35]! ^= 1; // The last byte of the source: a valid header, but another one.
  assertThrows(() => only(spoilt), FrameError, "hdr checksum mismatch");
});

Deno.test("Frame refuses a payload that was changed", () => {
  for (const bytes of [ordinary(), general(new Map())]) {
    bytes[bytes.length - 1]! ^= 0x80;
    assertThrows(() => only(bytes), FrameError, "payload checksum mismatch");
  }
});

Deno.test("Frame without checksums is read where the flag does not promise one (R10)", () => {
  const bytes = ordinary(new Uint8Array(0));
  const bare = concatBytes([bytes.subarray(0, 52), new Uint8Array(4)]);
  new DataView(bare.buffer).setUint32(0, bare.length - 4);
  assertThrows(() => only(bare), FrameError, "hdr checksum mismatch");
  bare[7]! &= ~Flag.HeaderChecksum;
  assertEquals(only(bare).metadata.size, 0);
});

Deno.test("FrameDecoder gives frames or DecodeError for any bytes", () => {
  const start = ordinary(PAYLOAD, (header) => header.type = FrameType.Raft);
  const spoilt = fc.array(fc.tuple(fc.nat({ max: start.length - 1 }), fc.nat({ max: 255 })), { maxLength: 3 })
    .map((changes) => {
      const bytes = start.slice();
      for (const [at, value] of changes) bytes[at] = value;
      return bytes as Uint8Array;
    });
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.uint8Array({ maxLength: 200 }), spoilt), { maxLength: 5 }), (pieces) => {
      const decoder = new FrameDecoder();
      try {
        for (const piece of pieces) {
          decoder.push(piece);
          while (decoder.next() !== null);
        }
        const pushed = pieces.reduce((sum, piece) => sum + piece.length, 0);
        assert(decoder.pendingBytes <= pushed);
      } catch (error) {
        assert(error instanceof DecodeError, String(error));
        assertEquals(decoder.pendingBytes, 0);
      }
    }),
    { numRuns: 1000 },
  );
});

function frameOfLength(length: number): Uint8Array {
  const bytes = ordinary();
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}

function withMetadataLength(length: number, payloadBytes: number): Uint8Array {
  const bytes = ordinary(new Uint8Array(payloadBytes));
  new DataView(bytes.buffer).setUint32(52, length);
  return bytes;
}

function withHintLength(length: number): Uint8Array {
  const bytes = ordinary(new Uint8Array(0));
  new DataView(bytes.buffer).setUint32(48, length);
  return bytes;
}

Deno.test("no flip of one, two or three bits within four bytes leaves a frame that is believed", () => {
  const refused = (bytes: Uint8Array): boolean => {
    const decoder = new FrameDecoder();
    try {
      decoder.push(bytes);
      return decoder.next() === null; // The length says that more is to come.
    } catch (error) {
      if (error instanceof DecodeError) return true;
      throw error;
    }
  };
  const metadata: [string, MetadataValue][][] = [
    [["i", 3], ["who", "n1"]],
    // All that the first build could have written without a checksum of it.
    [["content-type", "application/x-hello"], ["version", 1]],
  ];
  for (const frame of [ordinary(), ...metadata.map((each) => general(new Map(each)))]) {
    assert(!refused(frame.slice()));
    assertNoFlipPasses(frame, refused);
  }
});

function assertNoFlipPasses(frame: Uint8Array, refused: (bytes: Uint8Array) => boolean): void {
  for (let bit = 0; bit < 8 * frame.length; bit++) {
    // All of one flip; of two and three those that a few steps reach.
    for (const others of [[], [1], [7], [8, 9], [3, 30], [31]]) {
      const bytes = frame.slice();
      for (const at of [bit, ...others.map((step) => bit + step)]) {
        if (at < 8 * bytes.length) bytes[at >> 3]! ^= 1 << (at & 7);
      }
      assert(refused(bytes), `bits ${bit} and ${others} further are flipped and nobody notices`);
    }
  }
}
