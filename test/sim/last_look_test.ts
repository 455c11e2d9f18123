/** A group is taken for unchanged only where nothing is different that a checker judges by. */
import { assertEquals } from "@std/assert";
import { LastLook } from "../../sim/checkers/last_look.ts";
import type { EntryInspection, GroupInspection } from "../../src/node/inspection.ts";

const END = { term: 3, kind: 0, crc: 7 } as EntryInspection;
const CONFIGURATION = { incoming: [1, 2, 3], outgoing: [], learners: [] };

function group(other: Record<string, unknown> = {}, end: EntryInspection | null = END): GroupInspection {
  return {
    group: 4,
    generation: 1,
    name: "orders",
    memberId: 2,
    role: "follower",
    leader: 1,
    term: 3,
    vote: 1,
    base: 5,
    isInstalling: false,
    last: 9,
    durable: 8,
    commit: 8,
    applied: 7,
    configuration: CONFIGURATION,
    leaseUntilMs: -Infinity,
    entry: () => end,
    stateBytes: () => new Uint8Array(0),
    ...other,
  } as unknown as GroupInspection;
}

function isSameAfter(now: GroupInspection, incarnation = 1, isSettled = true): boolean {
  const look = new LastLook(group());
  assertEquals(look.isSame(1, true, group()), false);
  assertEquals(look.isSame(1, true, group()), true);
  return look.isSame(incarnation, isSettled, now);
}

Deno.test("LastLook finds a group changed by each thing that a checker judges by", () => {
  const other = {
    name: "jobs",
    role: "leader",
    leader: 2,
    term: 4,
    vote: 2,
    base: 6,
    isInstalling: true,
    last: 10,
    durable: 9,
    commit: 9,
    applied: 8,
    configuration: { ...CONFIGURATION },
  };
  for (const [name, value] of Object.entries(other)) {
    assertEquals(isSameAfter(group({ [name]: value })), false, name);
  }
  assertEquals(isSameAfter(group(), 2), false, "another incarnation");
  assertEquals(isSameAfter(group(), 1, false), false, "a disk at work");
});

Deno.test("LastLook finds a group changed by the last entry of its log", () => {
  assertEquals(isSameAfter(group({ lastTerm: 4 })), false);
  const look = new LastLook(group());
  for (let i = 0; i < 3; i++) assertEquals(look.isSame(1, true, group({}, null)), false, "it cannot be read");
  const empty = { base: 9, last: 9, commit: 9, applied: 9 };
  for (let i = 0; i < 3; i++) assertEquals(look.isSame(1, true, group(empty, null)), i > 0);
});

Deno.test("LastLook takes what was found changed for what it is compared with from then on", () => {
  const look = new LastLook(group());
  const seen = [{}, { commit: 9 }, { commit: 9 }, {}, {}].map((other) => look.isSame(1, true, group(other)));
  assertEquals(seen, [false, false, true, false, true]);
});
