/** A run is decided by its name: also in another process whose garbage is collected at odd moments; what is not is named. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { Token } from "../../src/core/ids.ts";
import { Node } from "../../src/node/mod.ts";
import { compare, describeDifference, type Difference, type Side, traceOf } from "../../sim/determinism.ts";
import { DISTURBED, PLAIN } from "../../sim/determinism_commands.ts";
import type { NodeFactory } from "../../sim/simulated_node.ts";
import type { Watcher } from "../../sim/watcher.ts";

const NAME = "operations=60,nodes=3.11";
const ODD_TURN = 120;

/** A world whose second node does at its `ODD_TURN`-th turn what no seed decides. */
function oddFactory(
  odd: (io: Parameters<NodeFactory>[0]) => void,
  onOdd: () => void = () => {},
): NodeFactory {
  return (io, settings, callers, observer) => {
    const node = new Node(io, settings, callers, observer);
    if (settings.name !== "n2") return node;
    const turn = node.turn.bind(node);
    let turns = 0;
    node.turn = (incarnation) => {
      turn(incarnation);
      if (++turns !== ODD_TURN) return;
      odd(io);
      onOdd();
    };
    return node;
  };
}

const writes = (io: Parameters<NodeFactory>[0]) =>
  io.disk.append("odd", new Uint8Array([1, 2, 3]), 9e9 as Token);

function side(factory?: NodeFactory): Side {
  return (name, range) =>
    Promise.resolve(traceOf(name, {
      ...(range === null ? {} : { range }),
      ...(factory === undefined ? {} : { factory }),
    }));
}

/** The two sides must differ. */
async function differing(here: Side, there: Side): Promise<Difference> {
  const difference = await compare(NAME, here, there);
  if (difference === null) throw new Error("both sides are one run");
  return difference;
}

/** The event of n2's odd turn. */
function oddEvent(): number {
  let isOdd = false;
  let event = 0;
  const watcher: Watcher = {
    stepped(world) {
      if (isOdd && event === 0) event = world.trace.events;
    },
    frame() {},
    noted() {},
  };
  traceOf(NAME, { factory: oddFactory(writes, () => isOdd = true), watcher });
  return event;
}

for (const name of ["operations=80.21", "operations=80,faults=all.22", "operations=80.23"]) {
  Deno.test(`run ${name} is the same in another process with garbage collected at odd moments`, async () => {
    const difference = await compare(name, PLAIN, DISTURBED);
    assert(difference === null, difference === null ? "" : describeDifference(difference));
  });
}

Deno.test("the event in which a node did something else is named", async () => {
  const difference = await differing(side(), side(oddFactory(writes)));
  const event = oddEvent();
  assert(event > ODD_TURN);
  assert(difference.isSameEvent);
  assertEquals([difference.here?.event, difference.there?.event], [event, event]);
  assertEquals([difference.here?.place, difference.here?.kind], ["n2", "Turn"]);
  assertMatch(
    describeDifference(difference),
    new RegExp(`event ${event} begins alike and does something else`),
  );
});

Deno.test("an event that comes at another time is named with both sides", async () => {
  const delayed = oddFactory((io) => io.disk.list("", 9e9 as Token));
  const difference = await differing(side(), side(delayed));
  assert(!difference.isSameEvent && difference.here !== null);
  assert(difference.there!.event >= oddEvent());
  assertMatch(describeDifference(difference), /is another one\n {2}here: .*\n {2}there: /);
});

Deno.test("a difference that is elsewhere each time is found by looking again", async () => {
  let runs = 0;
  const wandering: Side = (name, range) => {
    runs += 1;
    // The first pair differs early, later ones late.
    return side(runs === 1 ? oddFactory(writes) : lateFactory())(name, range);
  };
  const difference = await differing(side(), wandering);
  assert(runs > 2, "the first range held no difference any more");
  assertEquals([difference.here?.place, difference.isSameEvent], ["n3", true]);
});

/** n3 writes what no seed decides, much later. */
function lateFactory(): NodeFactory {
  return (io, settings, callers, observer) => {
    const node = new Node(io, settings, callers, observer);
    const turn = node.turn.bind(node);
    let turns = 0;
    node.turn = (incarnation) => {
      turn(incarnation);
      if (settings.name === "n3" && ++turns === 300) writes(io);
    };
    return node;
  };
}

Deno.test("a process that cannot collect garbage says so", () => {
  assertThrows(() => traceOf(NAME, { disturbed: true }), TypeError, "--expose-gc");
});
