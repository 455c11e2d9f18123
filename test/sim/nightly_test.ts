/** What a night keeps: of every kind of failure the shortest run, shrunk, with its story and a test; and runs as JUnit XML. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Node } from "../../src/node/mod.ts";
import { parseTape, play, runOne } from "../../sim/mod.ts";
import type { NodeFactory } from "../../sim/simulated_node.ts";
import { keepFailure, kindsOf, seedOf } from "../../tools/nightly.ts";

const MAIN = new URL("../../sim/main.ts", import.meta.url).href;

/** n2 does not survive its hundredth turn. */
const factory: NodeFactory = (io, settings, callers, observer) => {
  const node = new Node(io, settings, callers, observer);
  const turn = node.turn.bind(node);
  let turns = 0;
  node.turn = (incarnation) => {
    if (settings.name === "n2" && ++turns === 100) throw new RangeError("broken on purpose");
    turn(incarnation);
  };
  return node;
};

Deno.test("the seeds of a day are its own", () => {
  assertEquals([seedOf("2026-11-21"), seedOf("2026-11-22")], ["20261121000000", "20261122000000"]);
  assertThrows(() => seedOf("tomorrow"), Error, "YYYY-MM-DD");
});

Deno.test("of every kind of failure the shortest run is kept", () => {
  const result = runOne("faults=none,operations=20.1");
  const failed = (events: number, checker: string) => ({
    ...result,
    outcome: "safety" as const,
    checker,
    events,
  });
  const kinds = kindsOf([failed(30, "order"), failed(9, "log"), failed(20, "order"), failed(70, "log")]);
  assertEquals(kinds.map(({ events, checker }) => [events, checker]), [[9, "log"], [20, "order"]]);
});

Deno.test("a kept failure is a tape, its story and a test", () => {
  const out = Deno.makeTempDirSync();
  try {
    const result = runOne("operations=30,nodes=3.7", { factory });
    assertEquals(result.outcome, "crash");
    const kept = keepFailure(result, out, "abcdef0", { factory });
    assert(kept !== null && kept.after <= kept.before, JSON.stringify(kept));
    const tape = parseTape(Deno.readTextFileSync(kept!.tape));
    assertEquals(tape.found, { outcome: "crash", checker: "crash", commit: "abcdef0" });
    assertEquals([play(tape, { factory }).result.outcome, play(tape).result.outcome], ["crash", "ok"]);
    const names = [...Deno.readDirSync(out)].map(({ name }) => name.replace(result.seed, "SEED")).sort();
    assertEquals(names, ["crash-SEED.json", "crash-SEED.txt", "crash-SEED_test.ts"]);
    assertMatch(Deno.readTextFileSync(`${out}/crash-${result.seed}.txt`), /broken on purpose/);
    assertEquals(keepFailure(result, out, "abcdef0"), null, "a run that passes here is not kept");
  } finally {
    Deno.removeSync(out, { recursive: true });
  }
});

Deno.test("a batch is written as JUnit XML", async () => {
  const out = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const args = ["run", "-A", "--no-check", MAIN, "run", "--seeds", "2", "--from", "5"];
    args.push("--options", "faults=none,operations=20", "--junit", out);
    const { code } = await new Deno.Command(Deno.execPath(), { args, stdout: "null" }).output();
    assertEquals(code, 0);
    const text = await Deno.readTextFile(out);
    assertMatch(text, /tests="2" failures="0"/);
    assertMatch(text, /name="operations=20,faults=none\.5"/);
  } finally {
    await Deno.remove(out);
  }
});
