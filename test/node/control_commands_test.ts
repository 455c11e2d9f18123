import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { DecodeError, SennitError } from "../../src/core/errors.ts";
import type { Index, MemberId } from "../../src/core/ids.ts";
import { ADDRESSES_PER_MEMBER_LIMIT, STREAM_MEMBERS_LIMIT } from "../../src/core/limits.ts";
import { NO_ORIGIN } from "../../src/core/origin.ts";
import {
  changesIn,
  type ControlCommand,
  decodeControlCommand,
  encodeControlCommand,
} from "../../src/node/control_commands.ts";
import { EntryKind } from "../../src/raft/mod.ts";
import { candidate, controlCommand, controlCommands } from "./control_arbitraries.ts";

for (const [kind, arbitrary] of controlCommands) {
  Deno.test(`A command ${kind} is read back as it was written`, () => {
    fc.assert(
      fc.property(arbitrary, (command) => {
        assertEquals(decodeControlCommand(encodeControlCommand(command)), command);
      }),
      { numRuns: 50 },
    );
  });
}

Deno.test("A decoded control command holds nothing of the bytes that it was read from", () => {
  fc.assert(fc.property(controlCommand, (command) => {
    const bytes = encodeControlCommand(command);
    const decoded = decodeControlCommand(bytes);
    bytes.fill(0xee);
    assertEquals(decoded, command);
  }));
});

/** The command where the bytes are exactly what it is written as. */
function wholeCommand(bytes: Uint8Array): ControlCommand | null {
  try {
    const command = decodeControlCommand(bytes);
    assertEquals(encodeControlCommand(command), bytes);
    return command;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return null;
  }
}

Deno.test("A control command that is cut short or goes on is refused, or is all that an earlier build says", () => {
  fc.assert(
    fc.property(controlCommand, fc.nat(), (command, cut) => {
      const bytes = encodeControlCommand(command);
      const earlier = wholeCommand(bytes.slice(0, cut % bytes.length));
      assert(earlier === null || earlier.kind === "genesis" || earlier.kind === "create-stream");
      assertEquals(wholeCommand(new Uint8Array([...bytes, 0])), null);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("Garbage is a DecodeError or another command, and nothing else", () => {
  const changed = fc.tuple(controlCommand, fc.nat(), fc.nat(255)).map(([command, at, value]) => {
    const bytes = encodeControlCommand(command);
    bytes[at % bytes.length] = value;
    return bytes;
  });
  const random = fc.tuple(fc.nat(14), fc.uint8Array({ maxLength: 120 })).map(([kind, rest]) =>
    new Uint8Array([kind, ...rest])
  );
  fc.assert(
    fc.property(fc.oneof(changed, random), (bytes) => {
      let decoded: ControlCommand;
      try {
        decoded = decodeControlCommand(bytes);
      } catch (error) {
        assertEquals((error as Error).name, "DecodeError");
        return;
      }
      assertEquals(decodeControlCommand(encodeControlCommand(decoded)), decoded);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("A kind of control command of a later version is a DecodeError that names it", () => {
  const bytes = encodeControlCommand({ kind: "close-stream", origin: NO_ORIGIN, name: "s" });
  for (const kind of [0, 18, 255]) {
    bytes[0] = kind;
    assertThrows(() => decodeControlCommand(bytes), DecodeError, `Control command ${kind} is unknown`);
  }
});

const LONG = "x".repeat(64 * 1024 + 1);
const stream = {
  kind: "create-stream",
  origin: NO_ORIGIN,
  name: "s",
  source: "a",
  targets: ["b"],
  subscriptions: ["default"],
  retentionBytes: 1,
  borrow: 0,
} as const;
const UNREADABLE: Record<string, ControlCommand> = {
  "a stream with too many targets": {
    ...stream,
    targets: Array.from({ length: STREAM_MEMBERS_LIMIT + 1 }, (_, at) => `t${at}`),
  },
  "a stream whose source has an endless name": { ...stream, source: LONG },
  "a stream one of whose targets has an endless name": { ...stream, targets: ["b", LONG] },
  "a stream with an endless name": { ...stream, name: "s".repeat(256) },
  "a member with too many addresses": {
    kind: "update-addresses",
    origin: NO_ORIGIN,
    member: 1 as MemberId,
    addresses: Array.from({ length: ADDRESSES_PER_MEMBER_LIMIT + 1 }, (_, at) => `h:${at + 1}`),
  },
  "a key over its limit": {
    kind: "kv-delete",
    origin: NO_ORIGIN,
    key: "k".repeat(1025),
    expectedVersion: null,
  },
  "a value over its limit": {
    kind: "kv-put",
    origin: NO_ORIGIN,
    key: "k",
    value: new Uint8Array(1024 * 1024 + 1),
    expectedVersion: null,
  },
};

for (const [what, command] of Object.entries(UNREADABLE)) {
  Deno.test(`What no member could read from the log again is refused where it is written: ${what}`, () => {
    const error = assertThrows(() => encodeControlCommand(command), SennitError) as SennitError;
    assertEquals(error.code, "INVALID_ARGUMENT");
  });
}

Deno.test("changesIn names those whom admissions would make members, by the entry's index", () => {
  fc.assert(fc.property(fc.array(fc.option(candidate), { maxLength: 8 }), (candidates) => {
    const entries = candidates.map((each, at) => ({
      index: at + 5 as Index,
      kind: EntryKind.Command,
      bytes: encodeControlCommand(
        each === null ? { kind: "close-stream", origin: NO_ORIGIN, name: "s" } : {
          kind: "admit",
          origin: NO_ORIGIN,
          candidate: each,
          invitationHash: "",
          verifiedKeyHash: "",
          wallMs: 0,
        },
      ),
    }));
    const noise = { index: 4, kind: EntryKind.Noop, bytes: new Uint8Array() };
    // Of a later build: whether it is ever committed is not known yet.
    const later = { index: 99, kind: EntryKind.Command, bytes: new Uint8Array([200, 0, 0, 0]) };
    const expected = candidates.flatMap((each, at) => {
      if (each === null) return [];
      const { number, name, addresses } = each;
      return [{ number: number as number, memberId: at + 5, name, addresses }];
    });
    assertEquals(changesIn([noise, ...entries, later]).candidates, expected);
  }));
});
