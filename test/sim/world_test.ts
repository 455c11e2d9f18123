/** Time, turns, buffers and what node code may not touch. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { ConnectionId } from "../../src/io/mod.ts";
import { AmbientUse, Guard } from "../../sim/globals.ts";
import { POISON } from "../../sim/poison.ts";
import type { World } from "../../sim/world.ts";
import { driveOf, emptyWorld, enrol, Keeper, makeAuthority } from "./bench.ts";

interface Pair {
  readonly world: World;
  readonly left: Keeper;
  readonly right: Keeper;
  readonly toRight: ConnectionId;
  readonly toLeft: ConnectionId;
}

/** Two hosts with one connection, left having dialled. */
function pair(seed = "1"): Pair {
  const world = emptyWorld(seed);
  const authority = makeAuthority(new Keeper(world.addHost("authority")));
  const left = new Keeper(world.addHost("left"));
  const right = new Keeper(world.addHost("right"));
  enrol(left, 1, authority);
  enrol(right, 2, authority);
  right.host.io.network.listen("right:1", right.token());
  left.host.io.network.dial({ address: "right:1", expect: { kind: "member" } }, left.token());
  const opened = (keeper: Keeper) => {
    const event = keeper.events.find((event) => event.kind === "opened");
    return event?.kind === "opened" ? event.connection : null;
  };
  void driveOf(world)(() => opened(left) !== null && opened(right) !== null, "a connection");
  return { world, left, right, toRight: opened(left)!, toLeft: opened(right)! };
}

function framesOf(keeper: Keeper): Uint8Array[] {
  return keeper.events.flatMap((event) => event.kind === "frame" ? [event.bytes] : []);
}

Deno.test("send() and append() poison the buffer that they were given", () => {
  const { left, toRight } = pair();
  const frame = new Uint8Array([1, 2, 3]);
  left.host.io.network.send(toRight, frame);
  assertEquals(frame, new Uint8Array(3).fill(POISON));
  const record = new Uint8Array([1, 2, 3]);
  left.host.io.disk.append("log", record, left.token());
  assertEquals(record, new Uint8Array(3).fill(POISON));
});

Deno.test("a node that keeps a received frame beyond its turn reads poison", () => {
  const { world, left, right, toRight } = pair();
  const inTurn: number[] = [];
  right.onTurn = () => {
    for (const bytes of framesOf(right)) inTurn.push(bytes[0]!);
  };
  left.host.io.network.send(toRight, new Uint8Array([7]));
  void driveOf(world)(() => inTurn.length > 0, "the turn");
  assertEquals(inTurn[0], 7, "lent within the turn");
  assertEquals(framesOf(right)[0]![0], POISON, "and no longer");
});

Deno.test("what a turn does takes effect when its cost is over, and no turn begins before", () => {
  const { world, left, right, toRight } = pair();
  left.host.turnCosts.meanUs = 500_000;
  const begunUs: number[] = [];
  left.onTurn = () => {
    begunUs.push(world.nowUs);
    left.host.io.network.send(toRight, new Uint8Array([1]));
    left.host.io.clock.requestTurn();
  };
  left.host.io.clock.requestTurn();
  void driveOf(world)(() => framesOf(right).length > 0 && begunUs.length > 1, "a frame");
  assert(begunUs[1]! - begunUs[0]! > 1_000, "the second turn waited for the first");
});

Deno.test("a crash between a turn and its effects means that they were never done", () => {
  const { world, left, right, toRight } = pair();
  left.host.turnCosts.meanUs = 10_000_000;
  let turned = false;
  left.onTurn = () => {
    turned = true;
    left.host.io.network.send(toRight, new Uint8Array([1]));
    left.host.io.disk.append("log", new Uint8Array([1]), left.token());
  };
  left.host.io.clock.requestTurn();
  void driveOf(world)(() => turned, "the turn");
  left.host.crash(false);
  world.runUntil(world.nowUs + 120_000_000);
  assertEquals(framesOf(right).length, 0);
  assertEquals(left.host.disk.usedBytes, 0);
  assert(right.events.some((event) => event.kind === "closed"), "the other end learns of the death");
});

Deno.test("a cut wire holds frames back and gives them in order when it is whole again", () => {
  const { world, left, right, toRight } = pair();
  const wire = world.topology.wire(left.host.id, right.host.id);
  wire.cuts = 1;
  for (let i = 0; i < 5; i++) left.host.io.network.send(toRight, new Uint8Array([i, 0, 0]));
  world.runUntil(world.nowUs + 5_000_000);
  assertEquals(framesOf(right).length, 0);
  assertEquals(left.host.io.network.buffered(toRight), 15);
  const seen: number[] = [];
  right.onTurn = () => {
    for (const bytes of framesOf(right)) if (bytes[0] !== POISON) seen.push(bytes[0]!);
  };
  wire.cuts = 0;
  world.network.onWireOpened(left.host, right.host);
  void driveOf(world)(() => framesOf(right).length === 5, "the frames");
  world.runUntil(world.nowUs + 1_000_000);
  assertEquals(seen, [0, 1, 2, 3, 4]);
});

Deno.test("a one-way cut lets the other direction through", () => {
  const { world, left, right, toRight, toLeft } = pair();
  world.topology.wire(left.host.id, right.host.id).cuts = 1;
  left.host.io.network.send(toRight, new Uint8Array([1]));
  right.host.io.network.send(toLeft, new Uint8Array([2]));
  void driveOf(world)(() => framesOf(left).length === 1, "the frame that may pass");
  assertEquals(framesOf(right).length, 0);
});

Deno.test("an end whose peer lost power stays open until it sends to the restarted machine", () => {
  const { world, left, right, toLeft } = pair();
  left.host.crash(true);
  world.runUntil(world.nowUs + 5_000_000);
  assert(!right.events.some((event) => event.kind === "closed"), "half open");
  left.host.attach(2, left);
  right.host.io.network.send(toLeft, new Uint8Array([1]));
  world.runUntil(world.nowUs + 1_000_000);
  assert(right.events.some((event) => event.kind === "closed"), "told by a reset");
});

Deno.test("a clock that drifts wakes its node by its own time", () => {
  const world = emptyWorld();
  const keeper = new Keeper(world.addHost("fast"));
  keeper.host.setDrift(100_000);
  const { clock } = keeper.host.io;
  const start = clock.monotonicMs();
  clock.wakeAt(start + 1_100);
  let seen = 0;
  keeper.onTurn = () => seen = clock.monotonicMs() - start;
  void driveOf(world)(() => seen > 0, "the wake-up");
  assert(seen >= 1_100 && seen < 1_101, `local time passed: ${seen}`);
  assert(world.nowUs >= 1_000_000 && world.nowUs < 1_001_000, `virtual time passed: ${world.nowUs}`);
});

Deno.test("a later wish replaces an earlier one, and a wish is granted once", () => {
  const world = emptyWorld();
  const keeper = new Keeper(world.addHost("host"));
  const { clock } = keeper.host.io;
  clock.wakeAt(10);
  clock.wakeAt(30);
  clock.wakeAt(20);
  world.runUntil(1_000_000);
  assertEquals(keeper.turns, 1);
  clock.wakeAt(1_500);
  clock.wakeAt(Infinity);
  world.runUntil(3_000_000);
  assertEquals(keeper.turns, 1);
});

const AMBIENT: readonly (readonly [name: string, use: () => unknown])[] = [
  ["Date.now", () => Date.now()],
  ["new Date()", () => new Date()],
  ["performance.now", () => performance.now()],
  ["setTimeout", () => setTimeout(() => {}, 1)],
  ["setInterval", () => setInterval(() => {}, 1)],
  ["queueMicrotask", () => queueMicrotask(() => {})],
  ["Math.random", () => Math.random()],
  ["Math.exp", () => Math.exp(1)],
  ["Math.pow", () => Math.pow(2, 3)],
  ["crypto.getRandomValues", () => crypto.getRandomValues(new Uint8Array(1))],
  ["crypto.randomUUID", () => crypto.randomUUID()],
  ["crypto.subtle", () => crypto.subtle],
  ["fetch", () => fetch("http://localhost")],
  ["Deno.readTextFileSync", () => Deno.readTextFileSync("deno.json")],
  ["Deno.listen", () => Deno.listen({ port: 0 })],
  ["new WeakRef()", () => new WeakRef({})],
  ["new FinalizationRegistry()", () => new FinalizationRegistry(() => {})],
];

Deno.test("ambient globals throw inside node code, naming the port, and nowhere else", () => {
  const guard = new Guard();
  guard.install();
  try {
    assert(Date.now() > 0 && Math.random() >= 0, "outside of node code they work");
    guard.enter();
    for (const [name, use] of AMBIENT) {
      const error = assertThrows(use, AmbientUse);
      assert(error.message.startsWith(`Node code used ${name}: `), error.message);
    }
    assertEquals(Math.floor(Math.sqrt(2)), 1);
    guard.leave();
    assert(new Date() instanceof Date);
  } finally {
    guard.remove();
  }
  assert(Date.now() > 0 && new Date().getTime() > 0);
  assertThrows(() => {
    guard.install();
    try {
      guard.install();
    } finally {
      guard.remove();
    }
  }, Error);
});
