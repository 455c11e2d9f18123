import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ByteWriter } from "../../src/core/bytes.ts";
import { DecodeError } from "../../src/core/errors.ts";
import type { GroupId, Index, Term } from "../../src/core/ids.ts";
import {
  decodeJoinReply,
  decodeJoinRequest,
  encodeJoinReply,
  encodeJoinRequest,
  type JoinReply,
  type JoinRequest,
} from "../../src/node/enrol_messages.ts";
import { decodeNodeMessage, type NodeMessage, writeNodeMessage } from "../../src/node/node_messages.ts";
import { candidate, memberId, text } from "./control_arbitraries.ts";

const number = fc.maxSafeNat() as fc.Arbitrary<number>;
const content = fc.uint8Array({ maxLength: 30 });
const group = number as fc.Arbitrary<GroupId>;
const texts = fc.array(text, { maxLength: 4 });

const request: fc.Arbitrary<JoinRequest> = fc.record({
  candidate,
  secret: fc.uint8Array({ maxLength: 64 }),
  joinKey: text,
});
const reply: fc.Arbitrary<JoinReply> = fc.oneof(
  fc.record({
    kind: fc.constant("admitted" as const),
    meshId: text,
    meshName: text,
    memberId,
    certificate: text,
    trust: texts,
    recoveryEpoch: fc.constantFrom(0, 0x100_0001),
    peers: fc.array(fc.record({ number, memberId: number, name: text, addresses: texts }), { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant("refused" as const), code: text, message: text }),
  fc.record({ kind: fc.constant("elsewhere" as const), addresses: texts }),
);
const entryName = {
  generation: number,
  index: number as fc.Arbitrary<Index>,
  term: number as fc.Arbitrary<Term>,
};
const message: fc.Arbitrary<NodeMessage> = fc.oneof(
  fc.record({ kind: fc.constant("propose" as const), group, request: number, content }),
  fc.record({
    kind: fc.constant("proposed" as const),
    group,
    request: number,
    index: number as fc.Arbitrary<Index>,
    term: number as fc.Arbitrary<Term>,
  }),
  fc.record({ kind: fc.constant("publish" as const), group, content }),
  fc.constant({ kind: "renew" as const }),
  fc.record({ kind: fc.constant("renewed" as const), certificate: text }),
  fc.record({ kind: fc.constant("transfer" as const), group, to: memberId }),
  fc.record({ kind: fc.constant("introduce" as const), member: memberId }),
  fc.record({
    kind: fc.constant("introduced" as const),
    peer: fc.record({
      number: memberId,
      memberId,
      name: fc.string({ maxLength: 40 }),
      addresses: fc.array(fc.string({ maxLength: 20 }), { maxLength: 8 }),
    }),
  }),
  fc.record({ kind: fc.constant("fetch-entry" as const), group, ...entryName }),
  fc.record({
    kind: fc.constant("fetched-entry" as const),
    group,
    ...entryName,
    content: fc.option(content),
  }),
  fc.record({
    kind: fc.constant("fetch-snapshot" as const),
    group,
    generation: number,
    index: number as fc.Arbitrary<Index>,
  }),
  fc.record({
    kind: fc.constant("fetched-snapshot" as const),
    group,
    generation: number,
    wantedIndex: number as fc.Arbitrary<Index>,
    snapshot: fc.option(fc.record({
      index: number as fc.Arbitrary<Index>,
      term: number as fc.Arbitrary<Term>,
      configurationBytes: content,
      state: content,
    })),
  }),
);

function encodeNodeMessage(given: NodeMessage): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writeNodeMessage(writer, given);
  return writer.take();
}

interface Codec<Message> {
  readonly arbitrary: fc.Arbitrary<Message>;
  readonly encode: (message: Message) => Uint8Array<ArrayBuffer>;
  readonly decode: (bytes: Uint8Array) => Message;
  /** True where the message has an end of its own. */
  readonly ends: (message: Message) => boolean;
}

function testCodec<Message>(what: string, { arbitrary, encode, decode, ends }: Codec<Message>): void {
  Deno.test(`A ${what} is read back as it was written`, () => {
    fc.assert(fc.property(arbitrary, (given) => {
      const bytes = encode(given);
      assertEquals(decode(bytes), given);
    }));
  });

  Deno.test(`A ${what} that is cut short or goes on is refused with DecodeError`, () => {
    fc.assert(fc.property(arbitrary, fc.nat(), (given, cut) => {
      if (!ends(given)) return;
      const bytes = encode(given);
      assertThrows(() => decode(bytes.subarray(0, cut % bytes.length)), DecodeError);
      assertThrows(() => decode(new Uint8Array([...bytes, 0])), DecodeError);
    }));
  });

  Deno.test(`Garbage in place of a ${what} is a DecodeError or another one, and nothing else`, () => {
    const changed = fc.tuple(arbitrary, fc.nat(), fc.nat(255)).map(([given, at, value]) => {
      const bytes = encode(given);
      bytes[at % bytes.length] = value;
      return bytes;
    });
    const random = fc.tuple(fc.nat(4), fc.nat(4), fc.uint8Array({ maxLength: 80 }))
      .map(([one, two, rest]) => new Uint8Array([one, two, ...rest]));
    fc.assert(
      fc.property(fc.oneof(changed, random), (bytes) => {
        let decoded: Message;
        try {
          decoded = decode(bytes);
        } catch (error) {
          assertEquals((error as Error).name, "DecodeError");
          return;
        }
        assertEquals(decode(encode(decoded)), decoded);
      }),
      { numRuns: 1000 },
    );
  });
}

testCodec("join request", {
  arbitrary: request,
  encode: encodeJoinRequest,
  decode: decodeJoinRequest,
  ends: () => true,
});
testCodec("join reply", {
  arbitrary: reply,
  encode: encodeJoinReply,
  decode: decodeJoinReply,
  ends: () => true,
});
testCodec("node message", {
  arbitrary: message,
  encode: encodeNodeMessage,
  decode: decodeNodeMessage,
  ends: (given) => given.kind === "proposed",
});

Deno.test("A join request whose fields are over their limits is refused with DecodeError", () => {
  const good = { name: "a", number: 1 as never, addresses: ["h:1"], publicKey: "k" };
  const bad: Record<string, JoinRequest> = {
    "a secret": { candidate: good, secret: new Uint8Array(65), joinKey: "" },
    "a join key": { candidate: good, secret: new Uint8Array(32), joinKey: "k".repeat(4097) },
    "addresses": {
      candidate: { ...good, addresses: Array.from({ length: 9 }, () => "h:1") },
      secret: new Uint8Array(32),
      joinKey: "",
    },
    "a name": {
      candidate: { ...good, name: "n".repeat(65 * 1024) },
      secret: new Uint8Array(32),
      joinKey: "",
    },
  };
  for (const [what, each] of Object.entries(bad)) {
    assertThrows(() => decodeJoinRequest(encodeJoinRequest(each)), DecodeError, "limit", what);
  }
});
