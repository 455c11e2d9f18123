/** Sparse tapes: played whole they are the run they were recorded from, and what is not on them is benign. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Prf } from "../../sim/prf.ts";
import { isOfWorld } from "../../sim/sites.ts";
import { decisionsOf, formatTape, parseTape, Player, Recorder, type Tape } from "../../sim/tape.ts";
import { play, record } from "../../sim/taping.ts";

const NAME = "operations=60.1005";

const EMPTY: Tape = {
  name: "empty",
  seed: "7",
  options: {},
  expectation: { outcome: "ok", checker: "" },
  found: null,
  story: "nothing happens",
  decisions: new Map(),
};

Deno.test("a tape that is played whole is the run that it was recorded from", () => {
  const { result, tape } = record(NAME);
  assertEquals([result.outcome, tape.expectation.outcome], ["ok", "ok"]);
  assert(decisionsOf(tape.decisions) > 100);
  const again = play(parseTape(formatTape(tape)));
  assertEquals([again.result.trace, again.result.events], [result.trace, result.events]);
  assertEquals(again.stale, []);
  assertEquals(decisionsOf(again.asked), decisionsOf(tape.decisions));
});

Deno.test("a run without decisions is a calm one, and another seed of the nodes is another", () => {
  const { result } = play(EMPTY);
  assertEquals([result.outcome, result.message], ["ok", ""]);
  const tried = Object.entries(result.faults).filter(([, { tried }]) => tried > 0);
  assertEquals(tried, [], "no fault is tried");
  assert(play({ ...EMPTY, seed: "8" }).result.trace !== result.trace, "nodes draw from their seed");
});

Deno.test("what is not on a tape is benign, also where the function says otherwise", () => {
  const words = new Map([["there", new Map([[1, 0xc0000000]])]]);
  const player = new Player(words);
  const prf = new Prf("1", player);
  const there = prf.site("there");
  const items = ["a", "b", "c", "d"];
  assertEquals([there.pick(items), there.pick(items), there.pick(items)], ["a", "d", "a"]);
  const elsewhere = prf.site("elsewhere");
  for (let i = 0; i < 50; i++) {
    assertEquals([elsewhere.chance(999_999), elsewhere.below(9), elsewhere.exponential(1_000)], [
      false,
      0,
      0,
    ]);
    assertEquals([elsewhere.between(3, 9), elsewhere.shuffled(items)], [3, items]);
  }
  assertEquals(
    [elsewhere.chance(0), elsewhere.chance(1_000_000)],
    [false, true],
    "no decision, no benign side",
  );
  assertEquals(player.stale(), []);
});

Deno.test("a recorder keeps what came out otherwise than benign and nothing else", () => {
  const recorder = new Recorder();
  const prf = new Prf("5", recorder);
  const draws = prf.site("site");
  const outcomes = Array.from({ length: 200 }, () => [draws.chance(100_000), draws.below(2)] as const);
  const kept = recorder.taken().get("site")!;
  for (const [i, [hit, index]] of outcomes.entries()) {
    assertEquals([kept.has(2 * i), kept.has(2 * i + 1)], [hit, index === 1]);
  }
  const copy = new Prf("5", new Player(recorder.taken())).site("site");
  assertEquals(Array.from({ length: 200 }, () => [copy.chance(100_000), copy.below(2)] as const), outcomes);
});

Deno.test("what a node draws for itself is never on a tape", () => {
  const recorder = new Recorder();
  const taken = new Prf("5", recorder).site("node/n1/1/raft");
  const played = new Prf("5", new Player(new Map())).site("node/n1/1/raft");
  const plain = new Prf("5").site("node/n1/1/raft");
  const draws = [taken, played, plain].map((site) => Array.from({ length: 9 }, () => site.below(1_000)));
  assertEquals([draws[0], draws[1]], [draws[2], draws[2]]);
  assertEquals(recorder.taken().size, 0);
  assertEquals(["node/n1/1/raft", "key/0", "disk/n1"].map(isOfWorld), [false, false, true]);
  for (const site of record("operations=20,faults=none.3").tape.decisions.keys()) {
    assert(isOfWorld(site), site);
  }
});

Deno.test("decisions that nobody asks for are named", () => {
  const { tape } = record("operations=20,faults=none.3");
  const gone = new Map([...tape.decisions, ["gone/1", new Map([[0, 1], [4, 2]])]]);
  assertEquals(play({ ...tape, decisions: gone }).stale, ["gone/1#0", "gone/1#4"]);
});

Deno.test("a tape of another format, or no tape, is refused by name", () => {
  const text = formatTape(EMPTY);
  const refused = (changed: string, says: string) =>
    assertThrows(() => parseTape(changed, "x.json"), TypeError, says);
  refused(text.replace('"format": 1', '"format": 2'), "format 2, this simulator reads 1");
  refused("{", "Cannot read x.json");
  refused("[]", "not an object");
  refused(text.replace('"options": {}', '"options": {"colour":"red"}'), "unknown option colour");
  refused(text.replace('"decisions": {}', '"decisions": {"a":{"0":-1}}'), "-1 is no word of 32 bits");
  refused(text.replace('"outcome":"ok"', '"outcome":"fine"'), "expectation");
});
