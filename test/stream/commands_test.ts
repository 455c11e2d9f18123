import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { DecodeError } from "../../src/core/errors.ts";
import type { MemberId, Offset } from "../../src/core/ids.ts";
import { decodeStreamCommand, encodeStreamCommand, type StreamCommand } from "../../src/stream/mod.ts";

const member = fc.maxSafeNat() as fc.Arbitrary<number> as fc.Arbitrary<MemberId>;
const name = fc.string({ maxLength: 15, unit: "binary" });
const origin = fc.record({ member, boot: fc.nat(0xffff_ffff), request: fc.maxSafeNat() });
const move = fc.record({
  member,
  subscription: name,
  epoch: fc.nat(0xffff_ffff),
  offset: fc.maxSafeNat() as fc.Arbitrary<number> as fc.Arbitrary<Offset>,
});
const command: fc.Arbitrary<StreamCommand> = fc.oneof(
  fc.record({ kind: fc.constant("open-producer" as const), origin, producer: name }),
  fc.record({ kind: fc.constant("open-subscription" as const), origin, member, subscription: name }),
  fc.record({ kind: fc.constant("move-offsets" as const), origin, moves: fc.array(move, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant("close" as const), origin }),
  fc.record({ kind: fc.constant("remove-member" as const), origin, member }),
  fc.record({ kind: fc.constant("take-over" as const), origin, member }),
);

Deno.test("Every stream command is read back as it was written", () => {
  fc.assert(fc.property(command, (given) => {
    assertEquals(decodeStreamCommand(encodeStreamCommand(given)), given);
  }));
});

Deno.test("A stream command that is cut short or goes on is refused with DecodeError", () => {
  fc.assert(fc.property(command, fc.nat(), (given, cut) => {
    const bytes = encodeStreamCommand(given);
    assertThrows(() => decodeStreamCommand(bytes.subarray(0, cut % bytes.length)), DecodeError);
    assertThrows(() => decodeStreamCommand(new Uint8Array([...bytes, 0])), DecodeError);
  }));
});

Deno.test("Garbage is a DecodeError or another command, and nothing else", () => {
  const kind = fc.integer({ min: 125, max: 140 });
  fc.assert(fc.property(kind, fc.uint8Array({ maxLength: 80 }), (first, garbage) => {
    let decoded: StreamCommand;
    try {
      decoded = decodeStreamCommand(new Uint8Array([first, ...garbage]));
    } catch (error) {
      assertEquals((error as Error).name, "DecodeError");
      return;
    }
    assertEquals(decodeStreamCommand(encodeStreamCommand(decoded)), decoded);
  }));
});

Deno.test("A kind of stream command of a later version is a DecodeError that names it", () => {
  const bytes = encodeStreamCommand({
    kind: "close",
    origin: { member: 1 as MemberId, boot: 2, request: 3 },
  });
  for (const kind of [0, 2, 128, 135, 255]) {
    bytes[0] = kind;
    assertThrows(() => decodeStreamCommand(bytes), DecodeError, `Stream command ${kind} is unknown`);
  }
});
