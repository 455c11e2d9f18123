import { assert, assertEquals, assertThrows } from "@std/assert";
import type { NodeNumber } from "../../src/core/ids.ts";
import { TrafficClass } from "../../src/link/mod.ts";
import { FrameType } from "../../src/wire/mod.ts";
import { bytesOf, pair, TestNode, World } from "./pair.ts";

const A = 1 as NodeNumber;
const B = 2 as NodeNumber;

Deno.test("Links reports both ends up with each other's number after HELLO both ways (R16)", () => {
  const { world, a, b } = pair();
  world.run(100);
  assertEquals(a.of("up").map((event) => [event.number, event.memberId]), [[B, 102]]);
  assertEquals(b.of("up").map((event) => [event.number, event.memberId]), [[A, 101]]);
  assertEquals(a.of("down"), []);
});

Deno.test("Links carries messages both ways, whoever dialled", () => {
  const { world, a, b } = pair();
  world.run(100);
  assert(a.links.send(B, FrameType.Raft, TrafficClass.RaftControl, bytesOf(10)));
  assert(b.links.send(A, FrameType.Node, TrafficClass.Data, bytesOf(20)));
  world.run(200);
  assertEquals(b.of("message").map((event) => [event.from, event.fromMember, event.type, event.payload]), [
    [A, 101, FrameType.Raft, bytesOf(10)],
  ]);
  assertEquals(a.of("message")[0]!.payload, bytesOf(20));
});

Deno.test("Links send is refused without a session and for a message over the limit", () => {
  const world = new World();
  const node = new TestNode(world, { number: 1 });
  assertEquals(node.links.send(B, FrameType.Raft, TrafficClass.Data, bytesOf(1)), false);
  const { links } = pair().a;
  assertThrows(
    () => links.send(B, FrameType.Raft, TrafficClass.Data, new Uint8Array(16 * 1024 * 1024 + 1)),
    RangeError,
    "Cannot send 16777217 bytes",
  );
});

Deno.test("Links carries a 5 MiB message in chunks while a heartbeat overtakes it (R11, G41)", () => {
  const { world, a, b } = pair();
  world.run(100);
  world.bandwidth = 1000; // 1 MB/s: the message takes 5 seconds, a full socket buffer a quarter of one.
  const large = bytesOf(5 * 1024 * 1024);
  assert(a.links.send(B, FrameType.Data, TrafficClass.Bulk, large));
  world.run(1000);
  assert(a.links.send(B, FrameType.Raft, TrafficClass.RaftControl, bytesOf(30)));
  const sentAt = world.now;
  world.run(20_000);
  const messages = b.of("message");
  assertEquals(messages.map((event) => event.type), [FrameType.Raft, FrameType.Data]);
  assert(messages[0]!.at - sentAt <= 270, `${messages[0]!.at - sentAt} ms`);
  assertEquals(messages[1]!.payload.length, large.length);
  assert(messages[1]!.payload.every((byte, i) => byte === large[i]));
  assert(a.network.sends.every((send) => send.bytes <= 256 * 1024));
});
