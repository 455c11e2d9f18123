import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import type { MemberId, NodeNumber } from "../../src/core/ids.ts";
import { type Links, TrafficClass } from "../../src/link/mod.ts";
import { FrameType } from "../../src/wire/mod.ts";
import { bytesOf, MESH, pair, TestNode } from "./pair.ts";

const A = 1 as NodeNumber;
const B = 2 as NodeNumber;

function connected(node: TestNode): boolean {
  return node.links.status()[0]!.connected;
}

Deno.test("Links dials again with a pause that doubles from 1 s to 30 s and is cut by up to half at random (R20)", () => {
  const { world, a, b } = pair();
  a.network.unreachable.add(b.address);
  world.run(300_000);
  const { dials } = a.network;
  const pauses = dials.slice(1).map((dial, i) => dial.at - dials[i]!.at - world.latencyMs);
  const bases = [1, 2, 4, 8, 16, 30, 30, 30, 30].map((seconds) => seconds * 1000);
  for (const [i, base] of bases.entries()) {
    assert(pauses[i]! >= base / 2 && pauses[i]! <= base, `pause ${i} is ${pauses[i]}`);
  }
  assert(new Set(pauses.map((pause, i) => pause / (bases[i] ?? 30_000))).size > 5, "pauses differ");
});

Deno.test("Links comes up again after a loss, and a session resets the pause (R20)", () => {
  const { world, a, b } = pair();
  a.network.unreachable.add(b.address);
  world.run(40_000);
  a.network.unreachable.clear();
  world.run(80_000);
  assert(connected(a));
  world.reset();
  const lostAt = world.now;
  world.run(lostAt + 1100);
  assert(connected(a) && connected(b));
  assertEquals([a.of("up").length, a.of("down").length], [2, 1]);
  assertEquals(b.of("down").map((event) => event.reason), ["reset"]);
});

Deno.test("Links tries the addresses of a peer in turn", () => {
  const { world, a, b } = pair();
  a.links.setPeers([]);
  a.links.setPeers([{ ...b.member, addresses: ["nowhere:1", "nowhere:2", b.address] }]);
  world.run(10_000);
  const tried = a.network.dials.map((dial) => dial.address);
  assertEquals(tried.slice(-3), ["nowhere:1", "nowhere:2", b.address]);
  assert(connected(a));
});

Deno.test("Links ends with exactly one connection whenever the other side dials too (R26)", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 40 }), (gapMs, latencyMs) => {
      const { world, a, b } = pair();
      world.latencyMs = latencyMs;
      // b dials by hand at any moment around a's dial: as if it had found itself without a session.
      world.run(gapMs);
      b.links.setPeers([]);
      b.links.setPeers([a.member], 0);
      b.network.dials.length = 0;
      world.run(5000);
      assert(connected(a) && connected(b));
      assertEquals([a.openConnections, b.openConnections], [1, 1]);
      assertEquals([a.links.status()[0]!.lanes, b.links.status()[0]!.lanes], [1, 1]);
    }),
  );
});

Deno.test("Links resolves two dials at the same moment to one connection, up once and never down (R26)", () => {
  for (const latencyMs of [1, 7, 50]) {
    const { world, a, b } = pair({}, { options: { redialMinMs: 0.001 } }, true);
    world.latencyMs = latencyMs;
    const stop = numbered(a.links, B);
    world.run(5000, stop);
    assertEquals([a.network.dials.length, b.network.dials.length], [1, 1]);
    assertEquals([a.openConnections, b.openConnections], [1, 1]);
    const kept = [...a.network.ends.values()].filter((end) => end.open);
    assertEquals(kept.map((end) => end.inbound), [false]);
    assertEquals([a.of("up").length, b.of("up").length], [1, 1]);
    assertEquals([a.of("down"), b.of("down")], [[], []]);
    // Nothing was lost on the way from one connection to the other.
    const numbers = b.of("message").map((event) => event.payload[0]).sort((x, y) => x! - y!);
    assertEquals(numbers, numbers.map((_, i) => i));
    assert(numbers.length > 50);
  }
});

/** Sends a numbered message whenever a turn has passed. */
function numbered(links: Links, to: NodeNumber): () => boolean {
  let next = 0;
  return () => {
    if (next < 200 && links.send(to, FrameType.Data, TrafficClass.Data, new Uint8Array([next]))) next++;
    return false;
  };
}

Deno.test("Links accepts a dial from a peer that lost the connection we still hold, and stays up (R26)", () => {
  for (const loser of ["a", "b"] as const) {
    const { world, a, b } = pair({}, {}, true);
    world.run(3000);
    const [lost, holds] = loser === "a" ? [a, b] : [b, a];
    lost.network.lose();
    world.run(10_000);
    assert(connected(lost) && connected(holds));
    assertEquals(holds.of("down"), []);
    assertEquals(lost.of("up").length, 2);
    const from = lost === a ? B : A;
    const to = lost === a ? A : B;
    assert(holds.links.send(to, FrameType.Data, TrafficClass.Data, bytesOf(5)));
    world.run(10_100);
    assertEquals(lost.of("message").map((event) => event.from), [from]);
    world.run(60_000);
    assertEquals(holds.of("down"), []);
    assertEquals(holds.links.status()[0]!.lanes, 1);
  }
});

Deno.test("Links counts a dial that never completes as failed", () => {
  const { world, a } = pair();
  a.network.dial = (target) => void a.network.dials.push({ at: world.now, address: target.address });
  world.run(20_000);
  assertEquals(a.network.dials.length, 2);
  assert(a.network.dials[1]!.at >= 15_500);
});

Deno.test("Links dials once it is enrolled, if it learnt of its peers before", () => {
  const { world, b } = pair();
  const late = new TestNode(world, { number: 3, memberId: 0, meshId: "" });
  late.links.setPeers([b.member]);
  b.links.setPeers([{ ...late.member, memberId: 103 as MemberId }]);
  world.run(5000);
  assertEquals(late.network.dials, []);
  late.links.setSelf({ ...late.self, meshId: MESH, memberId: 103 as MemberId });
  world.run(40_000);
  assert(late.links.status()[0]!.connected);
});

Deno.test("Links does not continue a message that its peer began before a restart", () => {
  const { world, a, b } = pair();
  world.run(100);
  world.bandwidth = 1000;
  assert(a.links.send(B, FrameType.Data, TrafficClass.Bulk, bytesOf(300_000, 1)));
  world.run(200);
  // The same node again, as after a crash of which b has not heard.
  a.network.lose();
  a.frozen = true;
  world.listeners.delete(a.address);
  const again = new TestNode(world, { number: 1 });
  again.links.setPeers([b.member]);
  world.run(300);
  assert(again.links.send(B, FrameType.Data, TrafficClass.Bulk, bytesOf(300_000, 2)));
  world.run(5000);
  assertEquals(b.of("message").map((event) => event.payload), [bytesOf(300_000, 2)]);
  assertEquals(b.of("down"), []);
});

Deno.test("Links sends data to a peer that began to stop, was cut off before it said so, and is back", () => {
  const { world, a, b } = pair();
  world.run(100);
  world.bandwidth = 1000;
  assert(a.links.send(B, FrameType.Data, TrafficClass.Data, bytesOf(1024 * 1024)));
  a.links.drain(world.now);
  world.run(500);
  assertEquals(b.links.status()[0]!.draining, true);
  a.network.lose();
  a.frozen = true;
  world.listeners.delete(a.address);
  const again = new TestNode(world, { number: 1 });
  again.links.setPeers([b.member]);
  world.run(1000);
  assertEquals([b.of("down").length, b.links.status()[0]!.draining], [0, false]);
  assert(b.links.send(A, FrameType.Node, TrafficClass.Data, bytesOf(20)));
  world.run(1100);
  assertEquals(again.of("message").map((event) => event.payload), [bytesOf(20)]);
});
