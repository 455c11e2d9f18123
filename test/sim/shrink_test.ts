/** Shrinking: what is left still fails in the same way, is small, and is the same each time; and what is kept of it. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Node } from "../../src/node/mod.ts";
import { formatTape, parseTape, play, record, shrink } from "../../sim/mod.ts";
import { forCorpus, regressionTest } from "../../sim/regression.ts";
import { signatureOf } from "../../sim/shrink.ts";
import type { NodeFactory } from "../../sim/simulated_node.ts";
import { decisionsOf } from "../../sim/tape.ts";

const MAIN = new URL("../../sim/main.ts", import.meta.url).href;

/** n2 does not survive its second start. */
const factory: NodeFactory = (io, settings, callers, observer) => {
  const node = new Node(io, settings, callers, observer);
  const start = node.start.bind(node);
  node.start = (incarnation) => {
    if (settings.name === "n2" && incarnation === 2) throw new RangeError("broken on purpose");
    start(incarnation);
  };
  return node;
};

function failing() {
  for (let seed = 1;; seed++) {
    const recording = record(`nodes=3,operations=300,faults=pause+clog+crash-power.${seed}`, { factory });
    if (recording.result.outcome === "crash" && recording.result.events > 4_000) return recording;
  }
}

Deno.test("a failing run shrinks to the strikes that it needs", () => {
  const { result, tape } = failing();
  const shrunk = shrink(tape, { factory, eventsLimit: 1_000_000 });
  assertEquals(signatureOf(shrunk.result), signatureOf(result));
  assertEquals(shrunk.before, { events: result.events, decisions: decisionsOf(tape.decisions) });
  assert(shrunk.after.events * 4 <= shrunk.before.events, JSON.stringify(shrunk.after));
  assert(shrunk.after.decisions * 20 <= shrunk.before.decisions, JSON.stringify(shrunk.after));
  const strikes = [...shrunk.tape.decisions.keys()].filter((site) => site.startsWith("nemesis"));
  assert(strikes.length >= 1 && strikes.length <= 4, strikes.join(" "));
  const again = play(parseTape(formatTape(shrunk.tape)), { factory });
  assertEquals([again.result.trace, again.stale], [shrunk.result.trace, []]);
  const short = () => formatTape(shrink(tape, { factory, eventsLimit: 60_000 }).tape);
  assertEquals(short(), short(), "nothing is drawn");

  const kept = forCorpus(shrunk.tape, "second-start", "abcdef0", "n2 did not survive its second start");
  assertEquals(play(kept).result.outcome, "ok", "the real node passes");
  assertEquals(kept.found, { outcome: "crash", checker: "crash", commit: "abcdef0" });
});

Deno.test("a budget ends the shrinking with what it has", () => {
  const { tape } = failing();
  const shrunk = shrink(tape, { factory, eventsLimit: 5_000 });
  assert(!shrunk.isMinimal && shrunk.tries < 20);
  assertEquals(play(shrunk.tape, { factory }).result.outcome, "crash");
  let asked = 0;
  assert(shrink(tape, { factory, isOver: () => ++asked > 3 }).tries <= 3);
});

Deno.test("a run that passes is refused", () => {
  const { tape } = record("faults=none,operations=20.1");
  assertThrows(() => shrink(tape), TypeError, "does not fail");
});

Deno.test("failures are told apart by what failed", () => {
  const { result } = record("faults=none,operations=20.1");
  const of = (outcome: "crash" | "liveness" | "safety", checker: string, message: string) =>
    signatureOf({ ...result, outcome, checker, message });
  assertEquals(of("crash", "crash", "n1: RangeError: 17\nstack"), of("crash", "crash", "n2: RangeError: 4"));
  assert(of("crash", "crash", "n1: RangeError: 17") !== of("crash", "crash", "n1: TypeError: 17"));
  assertEquals(of("safety", "none-lost", "17"), of("safety", "none-lost", "other"));
  assertEquals(
    of("liveness", "liveness", "n2 does not serve: x"),
    of("liveness", "liveness", "n1 does not serve: y"),
  );
  assert(
    of("liveness", "liveness", "n2 does not serve: x") !== of("liveness", "liveness", "the core does not"),
  );
});

Deno.test("a kept tape comes with a test that plays it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { tape } = record("faults=none,operations=20.1");
    const kept = forCorpus(
      { ...tape, expectation: { outcome: "safety", checker: "order" } },
      "calm",
      "abc",
      "All */ calm",
    );
    await Deno.writeTextFile(`${folder}/calm.json`, formatTape(kept));
    const simulator = new URL("../../sim/mod.ts", import.meta.url).href;
    const text = regressionTest(kept, "./calm.json", simulator);
    assertMatch(text, /All \* \/ calm\. It failed once: safety \(order\)\./);
    await Deno.writeTextFile(`${folder}/calm_test.ts`, text);
    const run = (args: string[]) =>
      new Deno.Command(Deno.execPath(), {
        args: [...args, `${folder}/calm_test.ts`],
        cwd: new URL("../..", import.meta.url).pathname,
        env: { NO_COLOR: "1" },
      }).output();
    const { success, stdout } = await run(["test", "-A", "--config", "deno.json"]);
    assert(success, new TextDecoder().decode(stdout));
    await Deno.writeTextFile(`${folder}/calm.json`, formatTape(kept).replace('"seed":', '"seed":7,"was":'));
    assert(!(await run(["test", "-A", "--config", "deno.json"])).success, "a tape that cannot be read fails");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the command shrinks nothing that passes, and replays a tape with what is expected of it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { tape } = record("faults=none,operations=20.1");
    await Deno.writeTextFile(
      `${folder}/calm.json`,
      formatTape({ ...tape, expectation: { outcome: "safety", checker: "order" } }),
    );
    const sim = async (...args: string[]) => {
      const command = new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-check", MAIN, ...args] });
      const { code, stderr } = await command.output();
      return [code, new TextDecoder().decode(stderr)] as const;
    };
    const [replayed, says] = await sim("replay", `${folder}/calm.json`);
    assertEquals(replayed, 0);
    assertMatch(says, /expected safety order, came to ok/);
    const [refused, why] = await sim("shrink", `${folder}/calm.json`);
    assertEquals(refused, 2);
    assertMatch(why, /does not fail/);
    assertEquals((await sim("shrink", `${folder}/none.json`))[0], 2);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
