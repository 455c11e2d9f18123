import { assertEquals, assertMatch } from "@std/assert";
import type { MemberId } from "../../src/core/ids.ts";
import { assert } from "../../src/core/assert.ts";
import { borrowedBy, borrowedBytes } from "../../src/node/borrowing.ts";
import { ControlState } from "../../src/node/control_state.ts";
import { FOURTH_FEATURE_LEVEL } from "../../src/node/feature_level.ts";
import { ControlLog } from "./control_log.ts";

/** Members by name beside the founder, at the second feature level, each lending so much. */
function lending(lent: Record<string, number>): { log: ControlLog; ids: Record<string, MemberId> } {
  const log = new ControlLog().found();
  const ids: Record<string, MemberId> = {};
  Object.keys(lent).forEach((name, at) => ids[name] = log.member(name, 20 + at));
  log.apply({ kind: "raise-feature-level", level: 2 });
  for (const [name, bytes] of Object.entries(lent)) {
    log.apply({ kind: "lend-space", member: ids[name]!, bytes });
  }
  return { log, ids };
}

function open(log: ControlLog, name: string, source: string, targets: string[], borrow: number, bytes = 100) {
  return log.apply({
    kind: "create-stream",
    name,
    source,
    targets,
    subscriptions: ["default"],
    retentionBytes: bytes,
    borrow,
  });
}

function borrowedIn(log: ControlLog, name: string): readonly MemberId[] {
  return borrowedBy(log.state.stream(name)!);
}

Deno.test("a stream borrows the replica of whoever lends most, and it votes but is no target", () => {
  const { log, ids } = lending({ b: 1000, c: 150, d: 900, e: 0 });
  assertEquals(open(log, "s", "b", ["c"], 1).kind, "stream-created");
  assertEquals(borrowedIn(log, "s"), [ids["d"]!]);
  const { initial, targets } = log.state.stream("s")!;
  assertEquals(initial.incoming, [ids["b"], ids["c"], ids["d"]].sort((a, b) => a! - b!) as MemberId[]);
  assertEquals(targets, [ids["c"]!]);
  assertEquals(borrowedBytes(ids["d"]!, log.state.streams()), 100);
});

Deno.test("what is lent is not lent twice, and is free again when the stream is closed", () => {
  const { log, ids } = lending({ b: 0, c: 0, d: 150 });
  assertEquals(open(log, "s", "b", ["c"], 1).kind, "stream-created");
  const refused = open(log, "t", "b", ["c"], 1);
  assert(refused.kind === "refused", "50 bytes are left");
  assertEquals(refused.code, "OVERLOADED");
  assertMatch(refused.message, /d has 50 left.*borrowedBytesLimit/);
  assertEquals(log.state.stream("t"), null);
  log.apply({ kind: "close-stream", name: "s" });
  assertEquals(open(log, "t", "b", ["c"], 1).kind, "stream-created");
  assertEquals(borrowedIn(log, "t"), [ids["d"]!]);
});

Deno.test("from the fourth level on what is lent to a closed stream is free again when that is dropped", () => {
  const { log, ids } = lending({ b: 0, c: 0, d: 150 });
  log.apply({ kind: "raise-feature-level", level: FOURTH_FEATURE_LEVEL });
  assertEquals(open(log, "s", "b", ["c"], 1).kind, "stream-created");
  const { group } = log.state.stream("s")!;
  log.apply({ kind: "close-stream", name: "s" });
  assertEquals(open(log, "t", "b", ["c"], 1).kind, "refused", "its disk still holds it");
  log.apply({ kind: "drop-stream", group, forced: false });
  assertEquals(open(log, "t", "b", ["c"], 1).kind, "stream-created");
  assertEquals(borrowedIn(log, "t"), [ids["d"]!]);
});

Deno.test("borrowing is refused by name where nobody lends, too few do, or the lender is leaving", () => {
  const { log, ids } = lending({ b: 500, c: 500, d: 500 });
  const two = open(log, "s", "b", ["c"], 2);
  assert(two.kind === "refused", "only d is left");
  assertMatch(two.message, /2 replicas.*1 can be had/);
  log.apply({ kind: "begin-removal", member: ids["d"]!, evicted: false });
  const none = open(log, "s", "b", ["c"], 1);
  assert(none.kind === "refused", "d is leaving");
  assertMatch(none.message, /nobody besides source and targets lends/);
  assertEquals(open(log, "s", "b", ["c"], 0).kind, "stream-created");
});

Deno.test("what members lend is part of the state, goes with the member, and needs the second level", () => {
  const { log, ids } = lending({ b: 7, c: 0 });
  const read = ControlState.decode(log.state.encode());
  assertEquals([read.lentBytes(ids["b"]!), read.lentBytes(ids["c"]!)], [7, 0]);
  assertEquals(read.encode(), log.state.encode());
  log.apply({ kind: "begin-removal", member: ids["b"]!, evicted: true });
  log.apply({ kind: "finish-removal", member: ids["b"]! });
  assertEquals(log.state.lentBytes(ids["b"]!), 0);
  const first = new ControlLog().found();
  assertEquals(first.refusal({ kind: "lend-space", member: 1 as MemberId, bytes: 1 }), "INVALID_ARGUMENT");
});
