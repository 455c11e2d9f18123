import { assert, assertEquals } from "@std/assert";
import { Keepalive } from "../../src/link/keepalive.ts";
import { bytesOf, pair } from "./pair.ts";
import { FrameType } from "../../src/wire/mod.ts";
import { TrafficClass } from "../../src/link/mod.ts";
import type { NodeNumber } from "../../src/core/ids.ts";

const B = 2 as NodeNumber;

Deno.test("Keepalive smooths the round-trip time and ignores answers to PINGs that were not asked", () => {
  const keepalive = new Keepalive(0, 10, 30);
  assertEquals(keepalive.pong(1, 5), false);
  const first = keepalive.ping(100);
  assertEquals(keepalive.pong(first + 1, 110), false);
  assert(keepalive.pong(first, 108));
  assertEquals(keepalive.rttMs, 8);
  assertEquals(keepalive.pong(first, 120), false);
  assert(keepalive.pong(keepalive.ping(200), 216));
  assertEquals(keepalive.rttMs, 9);
  const old = keepalive.ping(300);
  for (let i = 0; i < 8; i++) keepalive.ping(301);
  assertEquals(keepalive.pong(old, 400), false);
});

Deno.test("Links sends PING every interval and records a plausible round-trip time (R18, R27)", () => {
  const { world, a, b } = pair();
  world.latencyMs = 20;
  world.run(1000);
  assertEquals(a.of("up")[0]!.rttMs, 40);
  const before = a.links.status()[0]!;
  world.run(101_000);
  const after = a.links.status()[0]!;
  // Ten intervals: a PING, and a PONG for the other's.
  assertEquals(after.framesOut - before.framesOut, 20);
  assertEquals(after.framesIn - before.framesIn, 20);
  assertEquals([after.connected, after.rttMs, after.lanes, after.name], [true, 40, 1, "node-2"]);
  assertEquals(after.bytesOut, b.links.status()[0]!.bytesIn);
});

Deno.test("Links status counts bytes and frames both ways and what is queued (R27)", () => {
  const { world, a, b } = pair();
  world.run(100);
  const before = b.links.status()[0]!;
  assert(a.links.send(B, FrameType.Data, TrafficClass.Commit, bytesOf(1000)));
  assertEquals(a.links.status()[0]!.queueBytes, [0, 0, 1085, 0, 0]);
  world.run(200);
  const after = b.links.status()[0]!;
  assertEquals([after.framesIn - before.framesIn, after.bytesIn - before.bytesIn], [1, 1085]);
  assertEquals(a.links.status()[0]!.queueBytes, [0, 0, 0, 0, 0]);
});

Deno.test("Links closes a session on which nothing arrives for the idle timeout (R19)", () => {
  const { world, a, b } = pair({ options: { idleTimeoutMs: 12_000, pingIntervalMs: 5_000 } });
  world.run(20_000);
  assertEquals(a.of("down"), []);
  world.cut();
  world.run(40_000);
  const down = a.of("down")[0]!;
  assertEquals(down.reason, "Nothing was heard for 12000 ms");
  assert(down.at > 20_000 && down.at <= 32_000, `${down.at}`);
  world.run(60_000);
  // The other end never goes down: the new connection takes over from the dead one.
  assertEquals([a.of("up").length, b.of("up").length, b.of("down").length], [2, 1, 0]);
  assertEquals([a.links.status()[0]!.connected, b.links.status()[0]!.connected], [true, true]);
});
