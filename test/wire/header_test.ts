import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { toHex } from "../../src/core/bytes.ts";
import { DecodeError } from "../../src/core/errors.ts";
import {
  decodeHeader,
  decrementTtl,
  encodeHeader,
  Flag,
  FrameError,
  FrameType,
  Header,
  HEADER_BYTES,
  packRoute,
  StatusCode,
  unpackRoute,
} from "../../src/wire/mod.ts";

function headerBytes(change: (header: Header) => void = () => {}, hintBytes = 0): Uint8Array {
  const header = new Header();
  change(header);
  const bytes = new Uint8Array(HEADER_BYTES);
  encodeHeader(new DataView(bytes.buffer), 0, header, hintBytes);
  return bytes;
}

function decode(bytes: Uint8Array): Header {
  const header = new Header();
  decodeHeader(new DataView(bytes.buffer), 0, header);
  return header;
}

Deno.test("encodeHeader writes 48 bytes, big-endian, at the stated offsets (R1)", () => {
  const bytes = headerBytes((header) => {
    header.type = FrameType.Bye;
    header.flags = Flag.Chunked | Flag.HeaderChecksum;
    header.code = StatusCode.Busy;
    header.ttl = 7;
    header.messageId = 0x0102030405060;
    header.correlationHigh = 0xa1a2a3a4;
    header.correlationLow = 0xb1b2b3b4;
    header.source = 0x11;
    header.destination = Number.MAX_SAFE_INTEGER;
    header.route = 0xdeadbeef;
  }, 5);
  assertEquals(
    toHex(bytes),
    "01080021" + "03070000" + "0000102030405060" + "a1a2a3a4b1b2b3b4" + "0000000000000011" +
      "001fffffffffffff" + "deadbeef" + "00000005",
  );
});

Deno.test("decodeHeader reads back what encodeHeader wrote (R1)", () => {
  const count = fc.maxSafeNat();
  const word = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(FrameType)),
      fc.integer({ min: 0, max: 0x3f }),
      fc.constantFrom(...Object.values(StatusCode)),
      fc.integer({ min: 1, max: 255 }),
      fc.tuple(count, word, word, count, count, word),
      (type, flags, code, ttl, [messageId, high, low, source, destination, route]) => {
        const wanted = Object.assign(new Header(), {
          type,
          flags,
          code,
          ttl,
          messageId,
          source,
          destination,
          route,
        });
        wanted.correlationHigh = high;
        wanted.correlationLow = low;
        assertEquals(decode(headerBytes((header) => Object.assign(header, wanted))), wanted);
      },
    ),
  );
});

const BAD_HEADERS: readonly [string, (bytes: Uint8Array) => void, string][] = [
  ["another version", (bytes) => bytes[0] = 2, "version unsupported: 2"],
  ["an unknown type", (bytes) => bytes[1] = 0xff, "unknown type 255"],
  ["an unknown flag bit", (bytes) => bytes[3] = 0x40, "reserved bits nonzero"],
  ["an unknown code", (bytes) => bytes[4] = 5, "unknown code 5"],
  ["ttl 0", (bytes) => bytes[5] = 0, "invalid ttl"],
  ["a reserved field that is not 0", (bytes) => bytes[7] = 1, "reserved bits nonzero"],
  ["a hint over 128 bytes", (bytes) => bytes[47] = 129, "size limit exceeded: 129"],
  ["a source of 2^53", (bytes) => bytes[25] = 0x20, "Number is 2^53 or larger"],
];

for (const [what, spoil, message] of BAD_HEADERS) {
  Deno.test(`decodeHeader refuses ${what} (R5)`, () => {
    const bytes = headerBytes();
    spoil(bytes);
    const error = assertThrows(() => decode(bytes), DecodeError);
    assertEquals(error.message, message);
  });
}

Deno.test("encodeHeader throws for what the caller set wrongly", () => {
  const wrong: ((header: Header) => void)[] = [
    (header) => header.ttl = 0,
    (header) => header.flags = 0x40,
    (header) => header.type = 0x55 as FrameType,
    (header) => header.source = 2 ** 53,
    (header) => header.messageId = -1,
  ];
  for (const change of wrong) assertThrows(() => headerBytes(change), RangeError);
  assertThrows(() => headerBytes(() => {}, 129), RangeError);
});

Deno.test("packRoute round-trips its maxima and masks what is too large (R6)", () => {
  assertEquals(unpackRoute(packRoute(7, 31, 1023, 16383)), {
    priority: 7,
    class: 31,
    partition: 1023,
    epoch: 16383,
  });
  assertEquals(packRoute(7, 31, 1023, 16383), 0xffff_ffff);
  assertEquals(packRoute(3, 5, 10, 14), 3 * 2 ** 29 + 5 * 2 ** 24 + 10 * 2 ** 14 + 14);
  assertEquals(unpackRoute(packRoute(8, 32, 1024, 16384)), { priority: 0, class: 0, partition: 0, epoch: 0 });
});

Deno.test("decrementTtl goes from 2 to 1 and refuses the last hop (R7)", () => {
  assertEquals(decrementTtl(2), 1);
  assertThrows(() => decrementTtl(1), FrameError, "invalid ttl");
});

Deno.test("FrameType, Flag and StatusCode have the stated values (R8)", () => {
  const { Data, Ack, Credit, Ping, Pong, Hello, Resume, Drain, Bye, TopologyUpdate, TopologyRequest } =
    FrameType;
  assertEquals(
    [Data, Ack, Credit, Ping, Pong, Hello, Resume, Drain, Bye, TopologyUpdate, TopologyRequest],
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  assertEquals([FrameType.Raft, FrameType.Node, FrameType.Enrol, FrameType.Gossip], [0x20, 0x21, 0x22, 0x23]);
  assertEquals(
    [
      Flag.Chunked,
      Flag.ChunkEnd,
      Flag.EndToEndEncrypted,
      Flag.Compressed,
      Flag.RouteLock,
      Flag.HeaderChecksum,
    ],
    [1, 2, 4, 8, 16, 32],
  );
  assertEquals(StatusCode, { Ok: 0, Retryable: 1, Fatal: 2, Busy: 3, Unsupported: 4 });
});
