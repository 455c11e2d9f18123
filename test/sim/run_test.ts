/** Whole runs: the same seed is the same run, also in another process; every fault strikes; a broken node is found out. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { MARKS } from "../../src/node/marks.ts";
import { Node } from "../../src/node/mod.ts";
import { report, seedAt } from "../../sim/batch.ts";
import { FAULT_KINDS } from "../../sim/faults/kinds.ts";
import { EXIT_CODES, parseRunName, replay, runMany, runOne, type RunResult } from "../../sim/mod.ts";
import { formatRunName } from "../../sim/run_name.ts";
import type { NodeFactory } from "../../sim/simulated_node.ts";
import { differingRange } from "../../sim/trace.ts";

const MAIN = new URL("../../sim/main.ts", import.meta.url).href;
const NAME = "operations=60.7";

const realNode: NodeFactory = (io, settings, callers, observer) => new Node(io, settings, callers, observer);

function inAnotherProcess(name: string): RunResult {
  const args = ["run", "-A", "--no-check", MAIN, "replay", name, "--json"];
  const { stdout } = new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).outputSync();
  return JSON.parse(new TextDecoder().decode(stdout)) as RunResult;
}

Deno.test("one seed in two processes is one run", () => {
  const here = runOne(NAME);
  const there = inAnotherProcess(NAME);
  assertEquals(there.trace, here.trace);
  assertEquals([there.events, there.virtualMs, there.outcome], [here.events, here.virtualMs, "ok"]);
  assertEquals(differingRange(here.checkpoints, there.checkpoints), null);
  assertNotEquals(runOne("operations=60.8").trace, here.trace);
});

Deno.test("a run can be stopped at an event", () => {
  const stopped = replay(NAME, { untilEvent: 1_000 });
  assertEquals([stopped.outcome, stopped.events], ["stopped", 1_000]);
  assertEquals(replay(NAME, { untilEvent: 1_000 }).trace, stopped.trace);
});

Deno.test("differingRange() names the events between which two runs began to differ", () => {
  const at = (event: number, hash: string) => ({ event, hash });
  const one = [at(1024, "a"), at(2048, "b"), at(3072, "c")];
  assertEquals(differingRange(one, [at(1024, "a"), at(2048, "x"), at(3072, "y")]), { from: 1024, to: 2048 });
  assertEquals(differingRange(one, [at(1024, "a"), at(2048, "b")]), null);
});

Deno.test("names of runs are read as they are written", () => {
  for (const name of ["7", "nodes=5.7", "c8eb1d2.nodes=3,faults=pause+stop.some-word"]) {
    assertEquals(formatRunName(parseRunName(name)), name);
  }
  for (const name of ["", "a b", "colour=red.7", "nodes=.7"]) {
    assertThrows(() => parseRunName(name), TypeError);
  }
});

Deno.test("every kind of fault strikes", () => {
  const struck = new Set<string>();
  const left = () => FAULT_KINDS.filter((kind) => !struck.has(kind));
  const run = (name: string) => {
    const result = runOne(name);
    assertEquals([result.outcome, result.message], ["ok", ""], result.name);
    for (const kind of FAULT_KINDS) if (result.faults[kind]?.struck) struck.add(kind);
  };
  for (let i = 0; i < 30; i++) run(`operations=300,faults=all.strike-${i}`);
  // What is rare among all comes about where it has room, and others are away from time to time.
  for (let i = 0; i < 30 && left().length > 0; i++) {
    run(`operations=300,limits=tiny,faults=${left()[i % left().length]}+partition-one.strike-${i}`);
  }
  assertEquals(left(), []);
});

Deno.test("a mesh of more members than vote keeps every promise, with members that come, go and die", () => {
  const passed = { pulls: 0, replaced: 0, snapshots: 0 };
  for (const i of [2, 5, 16, 19]) {
    const result = runOne(`nodes=11,operations=200,faults=all.observers-${i}`);
    assertEquals([result.outcome, result.message], ["ok", ""], result.name);
    passed.pulls += result.marks["committed entries are pulled"] ?? 0;
    passed.replaced += result.marks["a voter that is away for long is replaced"] ?? 0;
    passed.snapshots += result.marks["a snapshot of another member was installed"] ?? 0;
  }
  assert(passed.pulls > 1000 && passed.replaced > 0 && passed.snapshots > 0, JSON.stringify(passed));
});

Deno.test("a voter whose disk hangs for long loses its vote, although its process is there", () => {
  let replaced = 0;
  for (let i = 1; i <= 20 && replaced === 0; i++) {
    const result = runOne(`nodes=7,operations=200,faults=hung-disk.hung-${i}`);
    assertEquals([result.outcome, result.message], ["ok", ""], result.name);
    // Nothing else strikes: nobody is away.
    replaced += result.marks["a voter that is away for long is replaced"] ?? 0;
  }
  assert(replaced > 0);
});

Deno.test("without faults nothing strikes that the nemesis would have injected", () => {
  const result = runOne("faults=none,operations=60.3");
  assertEquals(result.outcome, "ok");
  for (const kind of FAULT_KINDS) assertEquals(result.faults[kind]?.tried ?? 0, 0, kind);
});

Deno.test("a node that throws ends the run as a crash with its story", () => {
  const factory: NodeFactory = (io, settings, callers, observer) => {
    const node = realNode(io, settings, callers, observer);
    let turns = 0;
    const turn = node.turn.bind(node);
    node.turn = (incarnation) => {
      if (++turns > 50) throw new RangeError("broken on purpose");
      turn(incarnation);
    };
    return node;
  };
  const result = runOne(NAME, { factory });
  assertEquals([result.outcome, result.checker, EXIT_CODES[result.outcome]], ["crash", "crash", 127]);
  assert(result.message.includes("broken on purpose"));
  assert(result.story.length > 10 && result.story[0]!.includes("n3"), "one column for each node");
});

Deno.test("a node that reads the machine's clock ends the run with the name of the port", () => {
  const factory: NodeFactory = (io, settings, callers, observer) => {
    const node = realNode(io, settings, callers, observer);
    const turn = node.turn.bind(node);
    node.turn = (incarnation) => {
      Date.now();
      turn(incarnation);
    };
    return node;
  };
  const result = runOne(NAME, { factory });
  assertEquals(result.outcome, "crash");
  assert(result.message.includes("Node code used Date.now: ask the clock port"), result.message);
});

Deno.test("a node that never answers ends the run by name of what is missing", () => {
  const factory: NodeFactory = (io, settings, callers, observer) => {
    const node = realNode(io, settings, callers, observer);
    node.call = () => {};
    return node;
  };
  const result = runOne(NAME, { factory });
  assertEquals([result.outcome, EXIT_CODES[result.outcome]], ["liveness", 128]);
  assertEquals(result.message, "seed at n1 does not succeed: no answer");
});

Deno.test("a disk that forgets what was synced is found out", () => {
  // The node believes that its syncs succeeded while they never reached the disk.
  const factory: NodeFactory = (io, settings, callers, observer) => {
    const disk = Object.create(io.disk) as typeof io.disk;
    const methods = [
      "createFolder",
      "append",
      "read",
      "truncate",
      "rename",
      "remove",
      "list",
      "syncFolder",
    ] as const;
    for (const method of methods) {
      disk[method] = ((...args: never[]) =>
        (io.disk[method] as (...args: never[]) => void)(...args)) as never;
    }
    disk.sync = (path, token) => io.disk.read(path, 0, 0, token);
    return realNode({ ...io, disk }, settings, callers, observer);
  };
  const outcomes = new Set<string>();
  for (let i = 0; i < 5; i++) {
    outcomes.add(runOne(`nodes=3,operations=200,faults=crash-many.forget-${i}`, { factory }).outcome);
  }
  assert(outcomes.has("safety") || outcomes.has("crash") || outcomes.has("liveness"), [...outcomes].join());
});

Deno.test("a batch that never comes to a marked place of node code says so", () => {
  const result = runOne("operations=20.3");
  const runs = (name: string, count: number, marks: Record<string, number>) =>
    report(Array.from({ length: count }, () => ({ ...result, name, marks })), 1).vacuous
      .filter((what) => what.startsWith("no run came to"));
  const [missed, ...passed] = MARKS;
  const all = Object.fromEntries(passed.map((mark) => [mark, 1]));
  assertEquals(runs("3", 100, all), [`no run came to where ${missed}`]);
  assertEquals(runs("3", 100, { ...all, [missed]: 1 }), []);
  assertEquals(runs("3", 99, {}), []);
  assertEquals(runs("operations=20.3", 100, {}), []);
});

Deno.test("a batch whose checkers were given nothing says so", () => {
  const result = runOne("faults=none,operations=20.1");
  const hollow = { ...result, checks: { ...result.checks, linearizability: 0 } };
  const tried = { ...hollow, faults: { pause: { tried: 5, struck: 0 } } };
  const { vacuous, runs } = report(Array.from({ length: 20 }, () => tried), 1);
  assertEquals(runs, 20);
  assert(vacuous.includes("checker linearizability was given nothing"), vacuous.join());
  assert(vacuous.includes("fault pause was tried 100 times and never struck"), vacuous.join());
  assertEquals([seedAt("7", 2), seedAt("word", 0), seedAt("word", 2)], ["9", "word", "word-2"]);
});

Deno.test("runMany() deals seeds out to processes and gathers them, also by time alone", async () => {
  const options = { from: "1", jobs: 2, options: "faults=none,operations=20" };
  const { runs, failed } = await runMany({ ...options, seeds: 3 });
  assertEquals([runs, failed.map((one) => one.message)], [3, []]);
  const timed = await runMany({ ...options, seeds: Infinity, minutes: 0.02 });
  assert(timed.runs > 0 && timed.failed.length === 0);
});
