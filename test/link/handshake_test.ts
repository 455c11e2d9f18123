import { assert, assertEquals } from "@std/assert";
import { ByteWriter } from "../../src/core/bytes.ts";
import type { MemberId, NodeNumber, Token } from "../../src/core/ids.ts";
import { encodeHello, type Hello } from "../../src/link/hello.ts";
import { meshIdBytes } from "../../src/link/mesh_id.ts";
import { FrameDecoder, FrameEncoder, FrameType, Header } from "../../src/wire/mod.ts";
import { decodeBye, encodeBye } from "../../src/link/bye.ts";
import { MESH, type NodeConfiguration, pair, PortNetwork, TestNode, World } from "./pair.ts";

const OTHER_MESH = "ff".repeat(16);

interface RefusedCase {
  readonly what: string;
  /** How node b, dialled by a, differs from what a good peer would be. */
  readonly b: Partial<NodeConfiguration>;
  readonly code: string;
  readonly message?: string;
}

const REFUSED: readonly RefusedCase[] = [
  { what: "another mesh", b: { meshId: OTHER_MESH }, code: "WRONG_MESH" },
  { what: "another recovery epoch", b: { recoveryEpoch: 3 }, code: "WRONG_MESH" },
  {
    what: "a certificate of no authority of ours",
    b: { identity: { trusted: false } },
    code: "NOT_AUTHENTICATED",
  },
  {
    what: "a certificate of another number",
    b: { identity: { number: 9 } },
    code: "NOT_AUTHENTICATED",
    message: 'Node ID verification failed: "node-2" (2) shows the certificate of node "node-2" (9)',
  },
  { what: "a certificate of another name", b: { identity: { name: "eve" } }, code: "NOT_AUTHENTICATED" },
  { what: "a client's certificate", b: { identity: { role: "client" } }, code: "NOT_AUTHENTICATED" },
  { what: "a node that has not joined", b: { meshId: "", memberId: 0 }, code: "NOT_READY" },
];

for (const { what, b, code, message } of REFUSED) {
  Deno.test(`Links refuses ${what} (R17, R22)`, () => {
    const { world, a, b: nodeB } = pair({}, b);
    world.run(500);
    const refusals = a.of("refused");
    assertEquals(refusals.map((event) => event.code).slice(0, 1), [code]);
    assertEquals([refusals[0]!.name, refusals[0]!.address], ["node-2", "node-2:1"]);
    if (message !== undefined) assertEquals(refusals[0]!.message, message);
    assertEquals([a.of("up"), nodeB.of("up")], [[], []]);
    assertEquals(a.openConnections, 0);
  });
}

Deno.test("Links refuses an evicted member, which never sees itself connected", () => {
  const { world, a, b } = pair();
  b.links.setPeers([], 101);
  world.run(500);
  assertEquals(a.of("refused").map(({ by, code, message }) => [by, code, message]), [
    [102, "EVICTED", 'Member 101 "node-1" is no longer a member'],
  ]);
  assertEquals(a.of("up"), []);
});

Deno.test("Links that refuse a removed member were refused by nobody", () => {
  const { world, a } = pair();
  // The member that a dials now is another, which came back under the name and at the address of the one that is there.
  a.links.setPeers([{ ...world.nodes[1]!.member, memberId: 105 as MemberId }], 110);
  world.run(500);
  assertEquals(a.of("refused").map(({ by, code, message }) => [by, code, message]), [
    [0, "EVICTED", 'Member 102 "node-2" is no longer a member'],
  ]);
});

Deno.test("Links refuses the new member id of a name whose old one it still holds, until it learns of it", () => {
  const world = new World();
  const a = new TestNode(world, { number: 1, memberId: 300 });
  const b = new TestNode(world, { number: 2 });
  a.links.setPeers([b.member]);
  b.links.setPeers([{ ...a.member, memberId: 101 as MemberId, addresses: [] }]);
  world.run(500);
  assertEquals(a.of("refused").map((event) => event.code).slice(0, 1), ["NOT_READY"]);
  b.links.setPeers([a.member]);
  world.run(5000);
  assertEquals([a.of("up").length, b.of("up").length], [1, 1]);
});

Deno.test("Links tells a member that is not known here yet to come again, and then accepts it", () => {
  const { world, a, b } = pair();
  b.links.setPeers([]);
  const late = new TestNode(world, { number: 3, memberId: 500 });
  late.links.setPeers([b.member]);
  world.run(1500);
  assertEquals(late.of("refused").map((event) => event.code).slice(0, 1), ["NOT_READY"]);
  b.links.setPeers([a.member, { ...late.member, addresses: [] }]);
  world.run(10_000);
  assertEquals(late.of("up").length, 1);
});

Deno.test("Links ends sessions of members that are no longer there at once", () => {
  const { world, a, b } = pair();
  world.run(100);
  b.links.setPeers([], 101);
  world.run(110);
  assertEquals(b.of("down").map((event) => event.reason), ['Member 101 "node-1" is no longer a member']);
  assertEquals(a.of("refused").map(({ by, code }) => [by, code]), [[102, "EVICTED"]]);
  assertEquals(a.of("down").length, 1);
  assertEquals([a.openConnections, b.openConnections], [0, 0]);
});

Deno.test("Links setSelf ends sessions that knew the node as somebody else", () => {
  const { world, a } = pair();
  world.run(100);
  a.links.setSelf({ ...a.self, recoveryEpoch: 1 });
  world.run(2000);
  assertEquals(a.of("down").length, 1);
  assert(a.of("refused").every((event) => event.code === "WRONG_MESH"));
});

const GOOD_HELLO: Hello = {
  versionMin: 1,
  versionMax: 1,
  featureLevel: 1,
  meshId: meshIdBytes(MESH),
  recoveryEpoch: 0,
  number: 2 as NodeNumber,
  memberId: 102 as MemberId,
  role: "node",
  lane: 0,
  name: "node-2",
};

/** Dials a listening node by hand with a good certificate and sends `frames`; what comes back, type and payload. */
function converse(frames: (encoder: FrameEncoder, writer: ByteWriter) => void) {
  const { world, a } = pair();
  const raw = new PortNetwork(world, { trusted: true, role: "node", name: "node-2", number: 2, keyHash: "" });
  a.links.setPeers([{
    ...a.member,
    number: 2 as NodeNumber,
    memberId: 102 as MemberId,
    name: "node-2",
    addresses: [],
  }]);
  const seen: { type: FrameType; payload: Uint8Array }[] = [];
  let closed = false;
  raw.deliver = (event) => {
    if (event.kind === "closed") closed = true;
    if (event.kind === "opened") {
      const writer = new ByteWriter();
      frames(new FrameEncoder(), writer);
      raw.send(event.connection, writer.take());
    }
    if (event.kind !== "frame") return;
    const decoder = new FrameDecoder();
    decoder.push(event.bytes);
    for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
      seen.push({ type: frame.type, payload: frame.payload.slice() });
    }
  };
  raw.dial({ address: a.address, expect: { kind: "member" } }, 1 as Token);
  world.run(100);
  return {
    a,
    seen,
    closed,
    bye: seen.filter(({ type }) => type === FrameType.Bye).map((f) => decodeBye(f.payload)),
  };
}

function header(type: FrameType): Header {
  return Object.assign(new Header(), { type, source: 2, destination: 1 });
}

Deno.test("Links ends a session on which DATA comes before HELLO (R17)", () => {
  const { a, bye, closed } = converse((encoder, writer) => {
    encoder.encode(writer, header(FrameType.Data), new Uint8Array(3));
    encoder.encode(writer, header(FrameType.Hello), encodeHello(GOOD_HELLO));
  });
  assertEquals(bye, [{ reason: "MALFORMED", message: "Frame type 0 came before HELLO" }]);
  assert(closed);
  assertEquals(a.of("up").length + a.of("message").length, 0);
});

Deno.test("Links reports a BYE of who did not say who it is as nobody's word, and a member's as that member's", () => {
  const words = [[], [encodeHello(GOOD_HELLO)]].map((hellos) => {
    const { a, closed } = converse((encoder, writer) => {
      for (const hello of hellos) encoder.encode(writer, header(FrameType.Hello), hello);
      encoder.encode(writer, header(FrameType.Bye), encodeBye("EVICTED", "Gone"));
    });
    assert(closed);
    return a.of("refused").map(({ by, code }) => [by, code]);
  });
  assertEquals(words, [[[0, "EVICTED"]], [[102, "EVICTED"]]]);
});

const SPOILT_HELLOS: readonly [string, Partial<Hello>, string][] = [
  ["only later versions", { versionMin: 2, versionMax: 5 }, "VERSION_MISMATCH"],
  ["only earlier versions", { versionMin: 0, versionMax: 0 }, "VERSION_MISMATCH"],
  ["a client", { role: "client" }, "UNSUPPORTED"],
  ["no member id", { memberId: 0 as MemberId }, "NOT_A_MEMBER"],
  ["our own number", { number: 1 as NodeNumber }, "NOT_AUTHENTICATED"],
  ["our own member id", { memberId: 101 as MemberId }, "NOT_A_MEMBER"],
];

for (const [what, change, reason] of SPOILT_HELLOS) {
  Deno.test(`Links answers a HELLO of ${what} with BYE ${reason} (R17)`, () => {
    const { a, bye, closed } = converse((encoder, writer) =>
      encoder.encode(writer, header(FrameType.Hello), encodeHello({ ...GOOD_HELLO, ...change }))
    );
    assertEquals(bye.map((each) => each.reason), [reason]);
    assert(closed);
    assertEquals(a.of("up"), []);
  });
}

Deno.test("Links accepts a HELLO whose version range reaches ours and answers its PING (R17, R18)", () => {
  const { a, seen } = converse((encoder, writer) => {
    encoder.encode(writer, header(FrameType.Hello), encodeHello({ ...GOOD_HELLO, versionMax: 9 }));
    encoder.encode(writer, header(FrameType.Ping), new Uint8Array(0));
    encoder.encode(writer, header(FrameType.Data), new Uint8Array([5]));
  });
  assertEquals(seen.map((frame) => frame.type), [FrameType.Hello, FrameType.Ping, FrameType.Pong]);
  assertEquals(a.of("up").length, 1);
  assertEquals(a.of("message").map((event) => event.payload), [new Uint8Array([5])]);
});

const BAD_SECOND_FRAMES: readonly [string, (encoder: FrameEncoder, writer: ByteWriter) => void, string][] = [
  [
    "HELLO again",
    (e, w) => e.encode(w, header(FrameType.Hello), encodeHello(GOOD_HELLO)),
    "HELLO came twice",
  ],
  [
    "ENROL",
    (e, w) => e.encode(w, header(FrameType.Enrol), new Uint8Array(1)),
    "Frame type 34 from 2 on a member's session",
  ],
  [
    "another source",
    (e, w) => e.encode(w, Object.assign(header(FrameType.Data), { source: 7 }), new Uint8Array(1)),
    "Frame type 0 from 7 on a member's session",
  ],
  ["half a frame", (_, w) => w.u32(60).u32(0x01000000), "incomplete frame"],
  ["a frame over 64 KiB", (_, w) => w.u32(70_000).u32(0), "size limit exceeded: 70000"],
];

for (const [what, write, message] of BAD_SECOND_FRAMES) {
  Deno.test(`Links ends a member's session at ${what} with BYE that names it`, () => {
    const { bye, closed } = converse((encoder, writer) => {
      encoder.encode(writer, header(FrameType.Hello), encodeHello(GOOD_HELLO));
      write(encoder, writer);
    });
    assertEquals(bye, [{ reason: "MALFORMED", message }]);
    assert(closed);
  });
}

Deno.test("meshIdBytes reads a ULID as its 128 bits", () => {
  assertEquals(meshIdBytes("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), new Uint8Array(16).fill(255));
  const one = new Uint8Array(16);
  one[15] = 33;
  assertEquals(meshIdBytes("00000000000000000000000011"), one);
});

Deno.test("Links closes a connection on which nobody introduces himself, and bounds how many there are", () => {
  const world = new World();
  const node = new TestNode(world, { number: 1 });
  world.run(0);
  const raw = new PortNetwork(world, { trusted: false, role: "none", name: "", number: 0, keyHash: "" });
  for (let i = 1; i <= 100; i++) raw.dial({ address: node.address, expect: { kind: "member" } }, i as Token);
  world.run(100);
  assertEquals(node.openConnections, 64);
  world.run(10_000);
  assertEquals(node.openConnections, 0);
});
