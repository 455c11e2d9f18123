/** Checkers of what was promised: leases that rest on voters' words, batches that are said to be queued. */
import { assertEquals, assertThrows } from "@std/assert";
import type { MemberId, Token } from "../../src/core/ids.ts";
import type { Reply } from "../../src/node/calls.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import { LeaseRule } from "../../sim/checkers/lease_rule.ts";
import type { RaftFrame } from "../../sim/checkers/raft_messages.ts";
import { SaidQueued } from "../../sim/checkers/said_queued.ts";
import { SafetyViolation } from "../../sim/checkers/verdict.ts";

function violates(checker: string, act: () => void): void {
  assertEquals(assertThrows(act, SafetyViolation).checker, checker);
}

Deno.test("the lease rule catches a lease that outlasts the promises that it rests on", () => {
  const checker = new LeaseRule();
  const leader = {
    group: 0,
    generation: 0,
    name: "control",
    memberId: 1,
    role: "leader",
    term: 3,
    leaseUntilMs: 1_000,
    commit: 0,
    entry: () => null,
    configuration: { incoming: [1, 2, 3], outgoing: [], learners: [] },
  } as unknown as GroupInspection;
  const at = (ms: number, incarnation = 1) => () => ({ ms, incarnation, turns: 0 });
  const hears = (to: number, ms: number) => {
    const frame = {
      envelope: { group: 0, generation: 0, from: 1, to: to as MemberId },
      message: { kind: "heartbeat", term: 3 },
    };
    checker.heard(frame as unknown as RaftFrame, at(ms));
  };
  // Nobody has heard of it: any two may elect another.
  violates("lease-rule", () => checker.check(leader, 10, 100, at(50)));
  hears(2, 40);
  checker.check(leader, 10, 100, at(139));
  violates("lease-rule", () => checker.check(leader, 10, 100, at(150)));
  // Who was started anew has promised it again; so has who hears again.
  checker.check(leader, 10, 100, at(150, 2));
  hears(2, 140);
  checker.check(leader, 10, 100, at(150));
  assertEquals(checker.inputs, 5);
});

Deno.test("a batch that is said to be queued is on the disk", () => {
  const checker = new SaidQueued();
  const batch = new Uint8Array([7, 7, 8, 9]);
  const queued: Reply = { kind: "published", firstOffset: -1, duplicate: false };
  checker.asked(1 as Token, "orders", batch);
  checker.answered("n1", 1 as Token, queued, () => [new Uint8Array([1]), new Uint8Array([7, 7, 7, 8, 9, 1])]);
  checker.asked(2 as Token, "orders", batch);
  // Committed: it need not be here.
  checker.answered("n1", 2 as Token, { ...queued, firstOffset: 3 }, () => []);
  checker.asked(3 as Token, "orders", batch);
  const torn = () => [new Uint8Array([7, 7, 8]), new Uint8Array([9])];
  violates("said-queued", () => checker.answered("n1", 3 as Token, queued, torn));
  assertEquals(checker.inputs, 2);
});
