import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { ByteWriter } from "../../src/core/bytes.ts";
import { DecodeError } from "../../src/core/errors.ts";
import type { NodeNumber, Token } from "../../src/core/ids.ts";
import { decodeBye, encodeBye } from "../../src/link/bye.ts";
import { decodeHello, encodeHello, type Hello } from "../../src/link/hello.ts";
import { meshIdBytes } from "../../src/link/mesh_id.ts";
import { DEFAULT_LIMITS, TrafficClass } from "../../src/link/mod.ts";
import { FrameEncoder, FrameType, Header } from "../../src/wire/mod.ts";
import { bytesOf, MESH, pair, PortNetwork, TestNode, World } from "./pair.ts";

const A = 1 as NodeNumber;
const B = 2 as NodeNumber;

Deno.test("Links send is refused when a class's queue is full, and accepted again when the peer has read", () => {
  const limits = { ...DEFAULT_LIMITS, queueBytes: [10_000, 10_000, 10_000, 10_000, 100_000] as const };
  const { world, a, b } = pair({ options: { limits } });
  world.run(100);
  world.bandwidth = 100;
  let taken = 0;
  while (a.links.send(B, FrameType.Data, TrafficClass.Bulk, bytesOf(1000))) taken++;
  assert(taken > 80 && taken < 100, `${taken}`);
  assert(
    a.links.send(B, FrameType.Raft, TrafficClass.RaftControl, bytesOf(10)),
    "other classes are not full",
  );
  world.run(10_000);
  assertEquals(b.of("message").length, taken + 1);
  assert(a.links.send(B, FrameType.Data, TrafficClass.Bulk, bytesOf(1000)));
});

Deno.test("Links hands a connection at most 256 KiB and goes on when it drains", () => {
  const { world, a, b } = pair();
  world.run(100);
  world.bandwidth = 1000;
  assert(a.links.send(B, FrameType.Data, TrafficClass.Bulk, bytesOf(2 * 1024 * 1024)));
  let most = 0;
  world.run(10_000, () => {
    for (const end of a.network.ends.values()) most = Math.max(most, end.buffered);
    return false;
  });
  assertEquals(b.of("message").length, 1);
  assert(most > 128 * 1024 && most <= 256 * 1024, `${most}`);
});

Deno.test("Links goes on after a full socket buffer even where no drained event comes", () => {
  const { world, a, b } = pair();
  a.network.deliver = (event) => {
    if (event.kind !== "drained") a.inbox.push(event);
  };
  world.run(100);
  world.bandwidth = 1000;
  assert(a.links.send(B, FrameType.Data, TrafficClass.Bulk, bytesOf(1024 * 1024)));
  world.run(5_000);
  assertEquals(b.of("message").length, 1);
});

Deno.test("Links drops what is queued when the peer goes down", () => {
  const { world, a, b } = pair();
  world.run(100);
  world.bandwidth = 1000;
  assert(a.links.send(B, FrameType.Data, TrafficClass.Bulk, bytesOf(1024 * 1024)));
  world.run(200);
  assert(a.links.status()[0]!.queueBytes[TrafficClass.Bulk]! > 0);
  world.reset();
  world.run(201);
  assertEquals(a.links.status()[0]!.queueBytes, [0, 0, 0, 0, 0]);
  assertEquals(a.links.send(B, FrameType.Data, TrafficClass.Bulk, bytesOf(1)), false);
  world.bandwidth = Infinity;
  world.run(60_000);
  assertEquals(b.of("message"), []);
});

Deno.test("Links drain lets queues empty, says BYE and closes; the peer takes no new data meanwhile (R24)", () => {
  const { world, a, b } = pair();
  world.run(100);
  world.bandwidth = 1000;
  assert(a.links.send(B, FrameType.Data, TrafficClass.Data, bytesOf(1024 * 1024)));
  a.links.drain(world.now);
  world.run(500);
  assertEquals([a.links.drained, b.links.status()[0]!.draining], [false, true]);
  assertEquals(b.links.send(A, FrameType.Data, TrafficClass.Data, bytesOf(1)), false);
  assert(b.links.send(A, FrameType.Raft, TrafficClass.RaftControl, bytesOf(1)));
  world.run(3000);
  assert(a.links.drained);
  assertEquals(b.of("message").length, 1);
  assertEquals(a.of("message").length, 1);
  assertEquals(b.of("down").map((event) => event.reason), ["shutting down"]);
  assertEquals([a.openConnections, b.openConnections], [0, 0]);
  const dials = a.network.dials.length;
  world.run(60_000);
  assertEquals(a.network.dials.length, dials);
});

Deno.test("Links drain ends by its timeout where a peer does not read", () => {
  const { world, a } = pair();
  world.run(100);
  world.bandwidth = 0.001;
  assert(a.links.send(B, FrameType.Data, TrafficClass.Data, bytesOf(1000)));
  const from = world.now;
  a.links.drain(from);
  world.run(from + 4900);
  assertEquals(a.links.drained, false);
  world.run(from + 5200);
  assert(a.links.drained);
});

// Enrolment.

function joinerAndSponsor() {
  const world = new World();
  const sponsor = new TestNode(world, { number: 1 });
  const identity = { trusted: false, role: "node" as const };
  const joiner = new TestNode(world, { number: 9, memberId: 0, meshId: "", identity });
  world.run(0);
  return { world, sponsor, joiner };
}

Deno.test("Links carries a join exchange between a stranger and a member", () => {
  const { world, sponsor, joiner } = joinerAndSponsor();
  const id = joiner.links.dialEnrol(sponsor.address, "ab".repeat(32), world.now);
  assertEquals(joiner.links.sendEnrol(id, bytesOf(1)), false);
  world.run(100);
  assertEquals(joiner.of("enrol-opened").map((event) => event.id), [id]);
  assert(joiner.links.sendEnrol(id, bytesOf(300)));
  world.run(200);
  const [request] = sponsor.of("enrol-message");
  assertEquals([request!.bytes, request!.inbound, request!.peer.name], [bytesOf(300), true, "node-9"]);
  assert(sponsor.links.sendEnrol(request!.id, bytesOf(200_000)));
  world.run(300);
  assertEquals(joiner.of("enrol-message").map((event) => [event.id, event.inbound, event.bytes]), [
    [id, false, bytesOf(200_000)],
  ]);
  joiner.links.closeEnrol(id, "Enrolled");
  world.run(400);
  assertEquals(joiner.of("enrol-closed").map((event) => event.id), [id]);
  assertEquals(sponsor.of("enrol-closed").map((event) => event.reason), ["Enrolled"]);
  assertEquals([sponsor.of("up"), joiner.of("up")], [[], []]);
});

Deno.test("Links closeEnrol lets the last message out first", () => {
  const { world, sponsor, joiner } = joinerAndSponsor();
  const id = joiner.links.dialEnrol(sponsor.address, null, world.now);
  world.run(100);
  assert(joiner.links.sendEnrol(id, bytesOf(300)));
  joiner.links.closeEnrol(id, "Done");
  world.run(200);
  assertEquals(sponsor.of("enrol-message").map((event) => event.bytes), [bytesOf(300)]);
  assertEquals(joiner.links.sendEnrol(id, bytesOf(1)), false);
});

Deno.test("Links reports an enrolment whose dial fails, whose sponsor is no member, or that lasts too long", () => {
  const { world, sponsor, joiner } = joinerAndSponsor();
  const nobody = joiner.links.dialEnrol("nowhere:1", null, world.now);
  const other = new TestNode(world, { number: 7, memberId: 0, meshId: "" });
  world.run(1);
  const early = joiner.links.dialEnrol(other.address, null, world.now);
  const slow = joiner.links.dialEnrol(sponsor.address, null, world.now);
  world.run(1000);
  assertEquals(joiner.of("enrol-closed").map((event) => event.id), [nobody, early]);
  assertEquals(joiner.of("refused").map((event) => event.code).slice(0, 1), ["NOT_READY"]);
  world.run(121_000);
  assertEquals(joiner.of("enrol-closed").map((event) => event.id), [nobody, early, slow]);
  assertEquals(sponsor.openConnections, 0);
});

Deno.test("Links ends an enrolment session that carries anything but ENROL", () => {
  const { world, sponsor } = joinerAndSponsor();
  const raw = new PortNetwork(world, { trusted: false, role: "node", name: "eve", number: 3, keyHash: "" });
  let closed = false;
  raw.deliver = (event) => {
    if (event.kind === "closed") closed = true;
    if (event.kind !== "opened") return;
    const writer = new ByteWriter();
    const encoder = new FrameEncoder();
    const hello = encodeHello({ ...HELLO, meshId: new Uint8Array(16), role: "enrol" });
    encoder.encode(writer, Object.assign(new Header(), { type: FrameType.Hello }), hello);
    encoder.encode(
      writer,
      Object.assign(new Header(), { type: FrameType.Raft, source: 3 }),
      new Uint8Array(1),
    );
    raw.send(event.connection, writer.take());
  };
  raw.dial({ address: sponsor.address, expect: { kind: "member" } }, 1 as Token);
  world.run(100);
  assert(closed);
  assertEquals(sponsor.of("enrol-closed").map((event) => event.reason), [
    "Frame type 32 on an enrolment session",
  ]);
  assertEquals(sponsor.of("message"), []);
});

Deno.test("Links bounds the enrolment sessions that are open at once", () => {
  const { world, sponsor } = joinerAndSponsor();
  const joiners: TestNode[] = [];
  for (let i = 0; i < 20; i++) {
    const joiner = new TestNode(world, {
      number: 50 + i,
      memberId: 0,
      meshId: "",
      identity: { trusted: false },
    });
    joiner.links.dialEnrol(sponsor.address, null, world.now);
    joiners.push(joiner);
  }
  world.run(100);
  assertEquals(joiners.filter((joiner) => joiner.of("enrol-opened").length === 1).length, 16);
  const refused = joiners.flatMap((joiner) => joiner.of("refused").map((event) => event.code));
  assertEquals(refused, ["OVERLOADED", "OVERLOADED", "OVERLOADED", "OVERLOADED"]);
});

// Codecs and garbage.

const HELLO: Hello = {
  versionMin: 1,
  versionMax: 1,
  featureLevel: 1,
  meshId: meshIdBytes(MESH),
  recoveryEpoch: 0,
  number: B,
  memberId: 102 as Hello["memberId"],
  role: "node",
  lane: 0,
  name: "node-2",
};

Deno.test("HELLO and BYE round-trip, and refuse other bytes with DecodeError only", () => {
  const hello: Hello = { ...HELLO, versionMax: 7, recoveryEpoch: 5, role: "client", lane: 3 };
  assertEquals(decodeHello(encodeHello(hello)), hello);
  assertEquals(decodeBye(encodeBye("EVICTED", "Gone")), { reason: "EVICTED", message: "Gone" });
  assertEquals(decodeBye(encodeBye("DONE", "ä".repeat(1000))).message, "ä".repeat(128));
  assertEquals(decodeBye(new Uint8Array([99, 0, 0, 0, 0])).reason, "UNKNOWN");
  assertThrows(() => decodeHello(new Uint8Array(10)), DecodeError);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    for (const decode of [decodeHello, decodeBye]) {
      try {
        decode(bytes);
      } catch (error) {
        assert(error instanceof DecodeError);
      }
    }
  }));
});

Deno.test("Links survives any bytes at any moment of a session, and serves the next one", () => {
  const encoder = new FrameEncoder();
  const frame = fc.tuple(
    fc.constantFrom(...Object.values(FrameType)),
    fc.integer({ min: 0, max: 0x3f }),
    fc.uint8Array({ maxLength: 60 }),
    fc.constantFrom(1, 2, 3),
  ).map(([type, flags, payload, source]) => {
    const writer = new ByteWriter();
    encoder.encode(writer, Object.assign(new Header(), { type, flags, source }), payload);
    return writer.take();
  });
  const piece = fc.oneof({ weight: 4, arbitrary: frame }, fc.uint8Array({ maxLength: 100 }));
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), fc.array(piece, { maxLength: 8 }), (trusted, greets, pieces) => {
      const { world, a, b } = pair();
      world.run(50);
      const raw = new PortNetwork(world, { trusted, role: "node", name: "node-2", number: 2, keyHash: "" });
      raw.deliver = (event) => {
        if (event.kind !== "opened") return;
        const writer = new ByteWriter();
        const role = trusted ? "node" : "enrol";
        const header = Object.assign(new Header(), { type: FrameType.Hello });
        if (greets) encoder.encode(writer, header, encodeHello({ ...HELLO, role }));
        if (greets) raw.send(event.connection, writer.take());
        for (const bytes of pieces) raw.send(event.connection, new Uint8Array(bytes));
      };
      raw.dial({ address: a.address, expect: { kind: "member" } }, 1 as Token);
      world.run(60_000);
      b.network.reset();
      world.run(200_000);
      assert(a.links.status()[0]!.connected);
      assert(b.links.status()[0]!.connected);
    }),
    { numRuns: 150 },
  );
});
