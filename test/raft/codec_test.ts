import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ByteWriter, fromHex, toHex } from "../../src/core/bytes.ts";
import { DecodeError } from "../../src/core/errors.ts";
import { type GroupId, type Index, MAX_NUMBER, type MemberId, type Term } from "../../src/core/ids.ts";
import {
  type Configuration,
  decodeConfiguration,
  decodeRaftFrame,
  encodeConfiguration,
  encodedConfigurationBytes,
  encodeRaftFrame,
  EntryKind,
  type EntryMeta,
  type RaftEnvelope,
  type RaftMessage,
  type RaftPayload,
} from "../../src/raft/mod.ts";

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const index = number as fc.Arbitrary<Index>;
const term = number as fc.Arbitrary<Term>;

const envelope: fc.Arbitrary<RaftEnvelope> = fc.record({
  meshId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  recoveryEpoch: fc.nat(0xffff_ffff),
  group: number as fc.Arbitrary<GroupId>,
  generation: fc.nat(0xffff_ffff),
  from: number as fc.Arbitrary<MemberId>,
  to: number as fc.Arbitrary<MemberId>,
});

const members = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 12 })
  .map((all) => all.sort((a, b) => a - b)) as fc.Arbitrary<MemberId[]>;

const configuration: fc.Arbitrary<Configuration> = fc.tuple(members, members, members)
  .map(([incoming, outgoing, others]) => ({
    incoming,
    outgoing,
    learners: others.filter((member) => !incoming.includes(member) && !outgoing.includes(member)),
  }));

interface Content {
  readonly message: RaftPayload;
  readonly entryBytes: Uint8Array[];
}

const vote = (kind: "vote" | "pre-vote"): fc.Arbitrary<Content> =>
  fc.record({
    lastIndex: index,
    lastTerm: fc.nat(1000) as fc.Arbitrary<number> as fc.Arbitrary<Term>,
    above: fc.integer({ min: 1, max: 1000 }),
    transfer: fc.boolean(),
  }).map(({ lastIndex, lastTerm, above, transfer }) => ({
    message: { kind, term: lastTerm + above as Term, lastIndex, lastTerm, transfer },
    entryBytes: [],
  }));

const entry = fc.record({
  rise: fc.nat(2),
  bytes: fc.uint8Array({ maxLength: 40 }),
  configuration: fc.option(configuration, { freq: 4 }),
  noop: fc.boolean(),
});

const append: fc.Arbitrary<Content> = fc.record({
  previousIndex: fc.oneof(fc.nat(300), fc.nat(MAX_NUMBER - 100)),
  previousTerm: fc.nat(1000),
  commit: index,
  above: fc.nat(5),
  parts: fc.array(entry, { maxLength: 8 }),
}).map(({ previousIndex, previousTerm, commit, above, parts }) => {
  let last = Math.max(1, previousTerm);
  const entryBytes: Uint8Array[] = [];
  const entries = parts.map((part, i): EntryMeta => {
    last += part.rise;
    const kind = part.configuration !== null
      ? EntryKind.Configuration
      : part.noop
      ? EntryKind.Noop
      : EntryKind.Command;
    const bytes = part.configuration !== null ? encodeConfiguration(part.configuration) : part.bytes;
    entryBytes.push(bytes);
    return {
      index: previousIndex + 1 + i as Index,
      term: last as Term,
      kind,
      lengthBytes: bytes.length,
      configuration: part.configuration,
    };
  });
  const message: RaftMessage = {
    kind: "append",
    term: last + above as Term,
    previousIndex: previousIndex as Index,
    previousTerm: previousTerm as Term,
    commit,
    entries,
  };
  return { message, entryBytes };
});

const plain = (message: fc.Arbitrary<RaftPayload>): fc.Arbitrary<Content> =>
  message.map((message) => ({ message, entryBytes: [] }));

const content: fc.Arbitrary<Content> = fc.oneof(
  vote("vote"),
  vote("pre-vote"),
  append,
  plain(fc.record({ kind: fc.constant("vote-reply"), term, granted: fc.boolean() })),
  plain(fc.record({ kind: fc.constant("pre-vote-reply"), term, granted: fc.boolean() })),
  plain(fc.record({
    kind: fc.constant("append-reply"),
    term,
    success: fc.boolean(),
    index,
    hintIndex: index,
    hintTerm: term,
  })),
  plain(fc.record({ kind: fc.constant("heartbeat"), term, commit: index, readRound: number })),
  plain(fc.record({ kind: fc.constant("heartbeat-reply"), term, readRound: number })),
  plain(fc.record({ kind: fc.constant("timeout-now"), term })),
  plain(fc.record({ kind: fc.constant("wake"), term })),
  plain(fc.record({ kind: fc.constant("quiesce"), term, commit: index })),
  plain(fc.record({ kind: fc.constant("read-index"), term, context: number })),
  plain(
    fc.record({ kind: fc.constant("read-index-reply"), term, context: number, index, ok: fc.boolean() }),
  ),
  plain(
    fc.record({
      index: fc.integer({ min: 1, max: MAX_NUMBER }),
      term: fc.integer({ min: 1, max: 1000 }),
      above: fc.nat(9),
      configuration,
    })
      .map(({ index, term, above, configuration }) => ({
        kind: "snapshot",
        term: term + above as Term,
        snapshot: { index: index as Index, term: term as Term, configuration },
      })),
  ),
  plain(
    fc.record({
      index: fc.integer({ min: 1, max: MAX_NUMBER }),
      term: fc.integer({ min: 1, max: 1000 }),
      above: fc.nat(9),
      configuration,
      stateBytes: number,
      stateCrc: fc.nat(0xffff_ffff),
      offset: number,
    })
      .map(({ index, term, above, configuration, ...rest }) => ({
        kind: "snapshot-chunk",
        term: term + above as Term,
        snapshot: { index: index as Index, term: term as Term, configuration },
        ...rest,
      })),
  ),
  plain(fc.record({
    kind: fc.constant("snapshot-chunk-reply"),
    term,
    index,
    stateCrc: fc.nat(0xffff_ffff),
    nextOffset: number,
  })),
);

function encode(envelope: RaftEnvelope, { message, entryBytes }: Content): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  encodeRaftFrame(writer, envelope, message, entryBytes);
  return writer.take();
}

/** Decodes; anything thrown but `DecodeError` fails the test. */
function decodesOrRefuses(bytes: Uint8Array): boolean {
  try {
    decodeRaftFrame(bytes);
    return true;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return false;
  }
}

Deno.test("decodeRaftFrame returns what encodeRaftFrame was given, for every kind of message", () => {
  const met = new Set<string>();
  fc.assert(
    fc.property(envelope, content, (envelope, given) => {
      met.add(given.message.kind);
      const frame = decodeRaftFrame(encode(envelope, given));
      assertEquals(frame.envelope, envelope);
      assertEquals(frame.message, given.message);
      assertEquals(frame.entryBytes, given.entryBytes);
      assertEquals(frame.tail.length, 0);
    }),
    { numRuns: 1000 },
  );
  assertEquals(met.size, 16);
});

Deno.test("decodeRaftFrame gives the bytes after a snapshot message, and refuses bytes after any other", () => {
  fc.assert(
    fc.property(
      envelope,
      content,
      fc.uint8Array({ minLength: 1, maxLength: 30 }),
      (envelope, given, more) => {
        const writer = new ByteWriter();
        encodeRaftFrame(writer, envelope, given.message, given.entryBytes);
        writer.raw(more);
        if (given.message.kind === "snapshot" || given.message.kind === "snapshot-chunk") {
          assertEquals(decodeRaftFrame(writer.take()).tail, more);
        } else assertThrows(() => decodeRaftFrame(writer.take()), DecodeError);
      },
    ),
  );
});

Deno.test("decodeRaftFrame refuses every truncation of a frame with DecodeError", () => {
  fc.assert(fc.property(envelope, content, (envelope, given) => {
    const bytes = encode(envelope, given);
    for (let length = 0; length < bytes.length; length++) {
      assert(!decodesOrRefuses(bytes.subarray(0, length)), `${length} of ${bytes.length} bytes decoded`);
    }
  }));
});

Deno.test("decodeRaftFrame takes garbage and damaged frames without anything but DecodeError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    decodesOrRefuses(bytes);
  }));
  let refused = 0;
  fc.assert(
    fc.property(
      envelope,
      content,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (envelope, given, at, flip) => {
        const bytes = encode(envelope, given);
        const position = at % bytes.length;
        bytes[position] = bytes[position]! ^ flip;
        if (!decodesOrRefuses(bytes)) refused++;
      },
    ),
    { numRuns: 2000 },
  );
  assert(refused > 100, "some damage is seen");
});

Deno.test("encodeRaftFrame keeps its layout: a heartbeat and an append as they were first released", () => {
  const envelope: RaftEnvelope = {
    meshId: fromHex("000102030405060708090a0b0c0d0e0f"),
    recoveryEpoch: 1,
    group: 2 as GroupId,
    generation: 3,
    from: 4 as MemberId,
    to: 5 as MemberId,
  };
  const head = "000102030405060708090a0b0c0d0e0f" + "00000001" + "0000000000000002" + "00000003" +
    "0000000000000004" + "0000000000000005";
  const heartbeat: RaftMessage = { kind: "heartbeat", term: 6 as Term, commit: 7 as Index, readRound: 8 };
  assertEquals(
    toHex(encode(envelope, { message: heartbeat, entryBytes: [] })),
    "0107" + head + "0000000000000006" + "0000000000000007" + "0000000000000008",
  );
  const message: RaftMessage = {
    kind: "append",
    term: 6 as Term,
    previousIndex: 9 as Index,
    previousTerm: 5 as Term,
    commit: 8 as Index,
    entries: [
      { index: 10 as Index, term: 6 as Term, kind: EntryKind.Command, lengthBytes: 2, configuration: null },
    ],
  };
  assertEquals(
    toHex(encode(envelope, { message, entryBytes: [fromHex("abcd")] })),
    "0105" + head + "0000000000000006" + "0000000000000009" + "0000000000000005" + "0000000000000008" +
      "0001" + "0000000000000006" + "00" + "00000002" + "abcd",
  );
});

Deno.test("encodeRaftFrame refuses payloads that are not those of the entries", () => {
  const message: RaftMessage = { kind: "timeout-now", term: 1 as Term };
  const envelope: RaftEnvelope = {
    meshId: new Uint8Array(16),
    recoveryEpoch: 0,
    group: 0 as GroupId,
    generation: 0,
    from: 1 as MemberId,
    to: 2 as MemberId,
  };
  assertThrows(() => encode(envelope, { message, entryBytes: [new Uint8Array(1)] }), RangeError);
  assertThrows(
    () => encode({ ...envelope, meshId: new Uint8Array(15) }, { message, entryBytes: [] }),
    RangeError,
  );
});

Deno.test("decodeConfiguration returns what encodeConfiguration was given and refuses all else", () => {
  fc.assert(fc.property(configuration, (configuration) => {
    const bytes = encodeConfiguration(configuration);
    assertEquals(bytes.length, encodedConfigurationBytes(configuration));
    assertEquals(decodeConfiguration(bytes), configuration);
    for (let length = 0; length < bytes.length; length++) {
      assertThrows(() => decodeConfiguration(bytes.subarray(0, length)), DecodeError);
    }
  }));
  const bad: [string, string][] = [
    ["00" + "0000" + "0000" + "0000", "another format"],
    ["01" + "0000" + "0000" + "0000" + "00", "left-over bytes"],
    ["01" + "0001" + "0000000000000000" + "0000" + "0000", "member 0"],
    ["01" + "0002" + "0000000000000002" + "0000000000000001" + "0000" + "0000", "not ascending"],
    ["01" + "0002" + "0000000000000002" + "0000000000000002" + "0000" + "0000", "twice"],
    ["01" + "0001" + "0000000000000002" + "0000" + "0001" + "0000000000000002", "voter and learner"],
    ["01" + "0001" + "0020000000000000" + "0000" + "0000", "2^53"],
    ["01" + "ffff" + "0000" + "0000", "too many"],
  ];
  for (const [hex, what] of bad) assertThrows(() => decodeConfiguration(fromHex(hex)), DecodeError, "", what);
});
