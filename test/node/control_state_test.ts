import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { assert, AssertionFailure } from "../../src/core/assert.ts";
import { DecodeError } from "../../src/core/errors.ts";
import type { GroupId, Index, MemberId } from "../../src/core/ids.ts";
import { NO_ORIGIN } from "../../src/core/origin.ts";
import { TOMBSTONES_LIMIT } from "../../src/core/limits.ts";
import { encodeControlCommand } from "../../src/node/control_commands.ts";
import { ControlState } from "../../src/node/control_state.ts";
import { FOURTH_FEATURE_LEVEL } from "../../src/node/feature_level.ts";
import { admission, type Body, candidate, ControlLog } from "./control_log.ts";

function stream(name: string, source: string, targets: string[], subscriptions = ["default"]): Body {
  return { kind: "create-stream", name, source, targets, subscriptions, retentionBytes: 1000, borrow: 0 };
}

Deno.test("G11 G12: a member leaves in two steps, and its share of the authority goes with it", () => {
  for (const evicted of [false, true]) {
    const log = new ControlLog().found();
    const member = log.member("b", 12);
    log.apply({ kind: "share-authority", member, sealed: new Uint8Array([3]) });
    const begun = log.apply({ kind: "begin-removal", member, evicted });
    assert(begun.kind === "removal-begun", "first it is marked");
    assertEquals(begun.member.leaving, evicted ? "evicted" : "left");
    assertEquals(log.state.member(member)?.leaving, evicted ? "evicted" : "left");
    assertEquals(log.state.members().length, 2, "it is there until it is out of every group");
    const removed = log.apply({ kind: "finish-removal", member });
    assert(removed.kind === "removed" && removed.member.name === "b", "then it is gone");
    assertEquals([log.state.member(member), log.state.share(member)], [null, null]);
    assertEquals(log.refusal({ kind: "finish-removal", member }), "UNKNOWN_MEMBER");
    assertEquals(log.refusal({ kind: "begin-removal", member, evicted }), "UNKNOWN_MEMBER");
  }
});

Deno.test("The last member cannot leave, nor the last that is not leaving", () => {
  const log = new ControlLog().found();
  const founder = 1 as MemberId;
  assertEquals(log.refusal({ kind: "begin-removal", member: founder, evicted: false }), "LAST_VOTER");
  const member = log.member("b", 12);
  assertEquals(log.apply({ kind: "begin-removal", member, evicted: false }).kind, "removal-begun");
  assertEquals(log.refusal({ kind: "begin-removal", member: founder, evicted: true }), "LAST_VOTER");
  assertEquals(log.refusal({ kind: "begin-removal", member, evicted: true }), "", "asking twice is no harm");
});

Deno.test("What is asked of a member that is not there is refused", () => {
  const log = new ControlLog().found();
  const member = 99 as MemberId;
  const asked: Body[] = [
    { kind: "begin-removal", member, evicted: true },
    { kind: "finish-removal", member },
    { kind: "share-authority", member, sealed: new Uint8Array([1]) },
    { kind: "update-addresses", member, addresses: ["x:1"] },
  ];
  for (const body of asked) assertEquals(log.refusal(body), "UNKNOWN_MEMBER", body.kind);
});

Deno.test("A member's addresses are replaced and nothing else of it", () => {
  const log = new ControlLog().found();
  const member = log.member("b", 12);
  log.apply({ kind: "update-addresses", member, addresses: ["x:1", "y:2"] });
  const expected = {
    ...candidate("b", 12),
    memberId: member,
    leaving: "no" as const,
    addresses: ["x:1", "y:2"],
  };
  assertEquals(log.state.member(member), expected);
});

const CREATIONS = [
  ["a source and a target", stream("s", "a", ["b"]), ""],
  ["a source that is a target as well", stream("s", "a", ["a", "b"]), ""],
  ["a target named twice", stream("s", "a", ["b", "b"]), ""],
  ["nine targets", stream("s", "a", ["b", "c", "d", "e", "f", "g", "h", "i", "j"]), ""],
  [
    "ten targets that are not the source",
    stream("s", "k", ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]),
    "INVALID_ARGUMENT",
  ],
  ["the source alone", stream("s", "a", ["a"]), "INVALID_ARGUMENT"],
  ["no target", stream("s", "a", []), "INVALID_ARGUMENT"],
  ["a source that is no member", stream("s", "z", ["b"]), "UNKNOWN_MEMBER"],
  ["a target that is no member", stream("s", "a", ["b", "z"]), "UNKNOWN_MEMBER"],
  ["a target that is leaving", stream("s", "a", ["gone"]), "UNKNOWN_MEMBER"],
  ["a name that is taken", stream("taken", "a", ["b"]), "STREAM_EXISTS"],
] as const;

for (const [what, body, expected] of CREATIONS) {
  Deno.test(`G71: creating a stream with ${what} is ${expected === "" ? "allowed" : `refused: ${expected}`}`, () => {
    const log = new ControlLog().found();
    "bcdefghijk".split("").forEach((name, at) => log.member(name, 20 + at));
    const member = log.member("gone", 50);
    log.apply({ kind: "begin-removal", member, evicted: true });
    log.apply(stream("taken", "b", ["c"]));
    assertEquals(log.refusal(body), expected);
    assertEquals(log.state.stream("s") !== null, expected === "");
  });
}

Deno.test("A stream's group is the index of its entry, its configuration its members, sorted, each once", () => {
  const log = new ControlLog().found();
  const b = log.member("b", 12);
  const c = log.member("c", 13);
  const result = log.apply(stream("s", "c", ["b", "c", "b"], ["x", "y"]));
  assert(result.kind === "stream-created", "it is created");
  assertEquals(result.stream, {
    group: 4 as GroupId,
    name: "s",
    source: c,
    targets: [b, c],
    subscriptions: ["x", "y"],
    retentionBytes: 1000,
    initial: { incoming: [b, c], outgoing: [], learners: [] },
    closed: false,
  });
  assertEquals(log.state.stream("s"), result.stream);
});

Deno.test("A closed stream keeps its name, and closing twice is no harm", () => {
  const log = new ControlLog().found();
  log.member("b", 12);
  log.apply(stream("s", "a", ["b"]));
  for (let i = 0; i < 2; i++) {
    const result = log.apply({ kind: "close-stream", name: "s" });
    assert(result.kind === "stream-closed" && result.stream.closed, "it is closed");
  }
  assertEquals(log.refusal(stream("s", "a", ["b"])), "STREAM_EXISTS");
  assertEquals(log.refusal({ kind: "close-stream", name: "t" }), "UNKNOWN_STREAM");
});

Deno.test("A dropped stream is gone, its name says so until it is given again, and its group never comes back", () => {
  const log = new ControlLog().found();
  log.member("b", 12);
  log.apply(stream("s", "a", ["b"]));
  const { group } = log.state.stream("s")!;
  const drop = (forced: boolean): Body => ({ kind: "drop-stream", group, forced });
  assertEquals(
    log.refusal(drop(true)),
    "INVALID_ARGUMENT",
    "an earlier build could not read what comes of it",
  );
  log.apply({ kind: "raise-feature-level", level: FOURTH_FEATURE_LEVEL });
  assertEquals(log.refusal(drop(false)), "INVALID_ARGUMENT", "it is open");
  log.apply({ kind: "close-stream", name: "s" });
  assertEquals(log.refusal(stream("s", "a", ["b"])), "STREAM_EXISTS", "it may hold something still");
  const dropped = log.apply(drop(false));
  assert(dropped.kind === "stream-dropped" && dropped.stream.group === group, "it is dropped");
  assertEquals([log.state.stream("s"), log.state.groups().has(group)], [null, false]);
  assertEquals(log.state.tombstone("s"), { name: "s", group, droppedAt: log.state.applied });
  assertEquals(log.refusal(drop(true)), "UNKNOWN_STREAM", "what came late");
  assertEquals(log.refusal({ kind: "close-stream", name: "s" }), "STREAM_CLOSED");
  const read = ControlState.decode(log.state.encode());
  assertEquals([read.tombstone("s"), read.encode()], [log.state.tombstone("s"), log.state.encode()]);
  const again = log.apply(stream("s", "a", ["b"]));
  assert(again.kind === "stream-created" && again.stream.group > group, "it is another group");
  assertEquals(log.state.tombstone("s"), null);
  assertEquals(
    log.refusal(drop(true)),
    "UNKNOWN_STREAM",
    "what is said of the old group does not concern the new one",
  );
  assert(log.state.stream("s") !== null, "it is there");
});

Deno.test("An operator has an open stream dropped with force, and the oldest of too many names is forgotten", () => {
  const log = new ControlLog().found();
  log.member("b", 12);
  log.apply({ kind: "raise-feature-level", level: FOURTH_FEATURE_LEVEL });
  const names = Array.from({ length: TOMBSTONES_LIMIT + 1 }, (_, at) => `s${at}`);
  for (const name of names) {
    log.apply(stream(name, "a", ["b"]));
    const { group } = log.state.stream(name)!;
    assertEquals(log.apply({ kind: "drop-stream", group, forced: true }).kind, "stream-dropped");
  }
  assertEquals(names.filter((name) => log.state.tombstone(name) === null), ["s0"]);
});

Deno.test("A compare-and-set that fails says the version that is there", () => {
  const log = new ControlLog().found();
  const put = (expectedVersion: number | null): Body => (
    { kind: "kv-put", key: "k", value: new Uint8Array([1]), expectedVersion }
  );
  const written = log.apply(put(0));
  assert(written.kind === "kv-written" && written.version === 2, "the version is the entry's index");
  const failed = log.apply(put(0));
  assert(failed.kind === "refused", "it is there already");
  assertEquals([failed.code, failed.version], ["COMPARE_FAILED", 2]);
  assertEquals(log.refusal(put(2)), "");
  assertEquals(log.refusal({ kind: "kv-delete", key: "k", expectedVersion: 2 }), "COMPARE_FAILED");
  assertEquals(log.refusal({ kind: "kv-delete", key: "k", expectedVersion: 4 }), "");
  assertEquals(log.refusal({ kind: "kv-delete", key: "k", expectedVersion: null }), "NOT_FOUND");
});

Deno.test("Entries are applied in order, each once, and the genesis only first", () => {
  const log = new ControlLog().found();
  const bytes = encodeControlCommand({ kind: "close-stream", origin: NO_ORIGIN, name: "s" });
  for (const index of [0, 1, 3]) {
    assertThrows(() => log.state.apply(index as Index, bytes), AssertionFailure);
    assertThrows(() => log.state.skip(index as Index), AssertionFailure);
  }
  assertThrows(() => log.found(), AssertionFailure);
});

const names = ["b", "c", "d"];
const member = fc.integer({ min: 1, max: 12 }) as fc.Arbitrary<number> as fc.Arbitrary<MemberId>;
const key = fc.constantFrom("k", "l", "kk");
const expectedVersion = fc.option(fc.nat(20), { nil: null });
const small = fc.uint8Array({ maxLength: 3 });
const body: fc.Arbitrary<Body> = fc.oneof(
  fc.record({
    name: fc.constantFrom(...names),
    number: fc.integer({ min: 1, max: 4 }),
    invitation: fc.constantFrom("", "", "i", "j"),
    key: fc.constantFrom("", "h"),
  }).map(({ name, number, ...shown }) => admission(candidate(name, number), shown)),
  fc.record({ kind: fc.constant("begin-removal" as const), member, evicted: fc.boolean() }),
  fc.record({ kind: fc.constant("finish-removal" as const), member }),
  fc.record({
    kind: fc.constant("set-admission" as const),
    admission: fc.record({
      policy: fc.constantFrom("OPEN" as const, "OPEN" as const, "KEY_REQUIRED" as const, "CLOSED" as const),
      joinKeyHash: fc.constantFrom("", "h"),
    }),
  }),
  fc.record({
    kind: fc.constant("add-invitation" as const),
    invitationHash: fc.constantFrom("i", "j"),
    expiresWallMs: fc.integer({ min: 900, max: 1100 }),
  }),
  fc.record({ kind: fc.constant("share-authority" as const), member, sealed: small }),
  fc.record({
    kind: fc.constant("update-addresses" as const),
    member,
    addresses: fc.array(key, { maxLength: 2 }),
  }),
  fc.record({ kind: fc.constant("kv-put" as const), key, value: small, expectedVersion }),
  fc.record({ kind: fc.constant("kv-delete" as const), key, expectedVersion }),
  fc.record({
    name: fc.constantFrom("s", "t"),
    source: fc.constantFrom("a", ...names),
    target: fc.constantFrom(...names),
  })
    .map(({ name, source, target }) => stream(name, source, [target])),
  fc.record({ kind: fc.constant("close-stream" as const), name: fc.constantFrom("s", "t") }),
);

Deno.test("G61: members that apply the same log are equal byte for byte, whenever they restarted", () => {
  fc.assert(fc.property(fc.array(body, { maxLength: 60 }), fc.nat(60), (bodies, restartAt) => {
    const log = new ControlLog().found();
    let other = new ControlState();
    other.apply(1 as Index, log.entries[0]!);
    for (const each of bodies) {
      const result = log.apply(each);
      const index = log.entries.length as Index;
      if (index === restartAt) other = ControlState.decode(other.encode());
      assertEquals(other.apply(index, log.entries[index - 1]!), result);
      assertEquals(other.encode(), log.state.encode());
    }
    const copy = ControlState.decode(log.state.encode());
    assertEquals(copy.encode(), log.state.encode());
    assertEquals([copy.members(), copy.streams()], [log.state.members(), log.state.streams()]);
    assertEquals([copy.admission, copy.trust], [log.state.admission, log.state.trust]);
    assertEquals(copy.keyValues.list("", "", 9), log.state.keyValues.list("", "", 9));
    assertEquals(copy.keyValues.bytes, log.state.keyValues.bytes);
  }));
});

Deno.test("Names and numbers are unique and somebody stays, whatever is asked", () => {
  fc.assert(fc.property(fc.array(body, { maxLength: 60 }), (bodies) => {
    const log = new ControlLog().found();
    for (const each of bodies) {
      // Only who was marked is removed: that is how the group's leader proposes it.
      if (each.kind === "finish-removal" && (log.state.member(each.member)?.leaving ?? "no") === "no") {
        continue;
      }
      log.apply(each);
      const members = log.state.members();
      assertEquals(new Set(members.map(({ name }) => name)).size, members.length);
      assertEquals(new Set(members.map(({ number }) => number)).size, members.length);
      assert(members.some(({ leaving }) => leaving === "no"), "a mesh is never empty");
    }
  }));
});

Deno.test("A stored control state that is damaged is read as some state or is a DecodeError, never another error", () => {
  const log = new ControlLog().found();
  log.member("b", 12);
  log.apply({ kind: "add-invitation", invitationHash: "i", expiresWallMs: 5 });
  log.apply(stream("s", "a", ["b"]));
  log.apply({ kind: "kv-put", key: "k", value: new Uint8Array([1]), expectedVersion: null });
  const good = log.state.encode();
  for (let length = 0; length < good.length; length++) {
    assertThrows(() => ControlState.decode(good.subarray(0, length)), DecodeError);
  }
  assertThrows(() => ControlState.decode(new Uint8Array([...good, 0])), DecodeError);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
      const bytes = good.slice();
      bytes[at] = value;
      try {
        ControlState.decode(bytes);
      } catch (error) {
        assertEquals((error as Error).name, "DecodeError");
      }
    }),
    { numRuns: 2000 },
  );
});
