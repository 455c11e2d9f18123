import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { MemberId } from "../../src/core/ids.ts";
import {
  changeConfiguration,
  leaveJoint,
  simpleConfiguration,
  targetConfiguration,
} from "../../src/raft/configuration.ts";
import { majorityOf, quorumValue, voteOutcome } from "../../src/raft/quorum.ts";
import type { Configuration } from "../../src/raft/types.ts";

const ids = (...numbers: number[]) => numbers as MemberId[];
const configurationOf = (incoming: number[], outgoing: number[] = []): Configuration => ({
  incoming: ids(...incoming),
  outgoing: ids(...outgoing),
  learners: [],
});

Deno.test("majorityOf is more than half", () => {
  const expected = [[1, 1], [2, 2], [3, 2], [4, 3], [5, 3], [6, 4], [7, 4], [9, 5]] as const;
  for (const [count, majority] of expected) assertEquals(majorityOf(count), majority);
});

Deno.test("quorumValue is the largest value that a majority of each half has reached", () => {
  const cases: [incoming: number[], outgoing: number[], values: number[], expected: number][] = [
    [[1], [], [7], 7],
    [[1, 2], [], [7, 3], 3],
    [[1, 2, 3], [], [7, 3, 5], 5],
    [[1, 2, 3, 4], [], [9, 8, 2, 1], 2],
    [[1, 2, 3, 4, 5], [], [9, 8, 4, 1, 0], 4],
    [[1, 2, 3], [3, 4, 5], [9, 9, 9, 1, 1], 1],
    [[1, 2, 3], [3, 4, 5], [2, 2, 9, 9, 9], 2],
    [[1, 2], [2, 3], [5, 6, 7], 5],
  ];
  for (const [incoming, outgoing, values, expected] of cases) {
    const configuration = configurationOf(incoming, outgoing);
    assertEquals(quorumValue(configuration, (member) => values[member - 1]!), expected);
  }
});

Deno.test("quorumValue agrees with counting, for any voters and values", () => {
  const voters = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 });
  const sorted = voters.map((all) => all.sort((a, b) => a - b));
  fc.assert(
    fc.property(
      sorted,
      fc.option(sorted),
      fc.array(fc.nat(20), { minLength: 9, maxLength: 9 }),
      (incoming, outgoing, values) => {
        const reached = quorumValue(
          configurationOf(incoming, outgoing ?? []),
          (member) => values[member - 1]!,
        );
        const holds = (half: number[], value: number) =>
          half.filter((member) => values[member - 1]! >= value).length * 2 > half.length;
        assert(holds(incoming, reached));
        assert(outgoing === null || holds(outgoing, reached));
        assert(!holds(incoming, reached + 1) || (outgoing !== null && !holds(outgoing, reached + 1)));
      },
    ),
  );
});

Deno.test("voteOutcome needs a majority of both halves, and is lost with either", () => {
  const cases: [incoming: number[], outgoing: number[], yes: number[], no: number[], expected: string][] = [
    [[1, 2, 3], [], [1], [], "pending"],
    [[1, 2, 3], [], [1, 2], [], "won"],
    [[1, 2, 3], [], [1], [2], "pending"],
    [[1, 2, 3], [], [1], [2, 3], "lost"],
    [[1, 2], [], [1], [2], "lost"],
    [[1, 2, 3], [], [4, 5, 6], [], "pending"],
    [[1, 2, 3], [4, 5, 6], [1, 2], [], "pending"],
    [[1, 2, 3], [4, 5, 6], [1, 2, 4, 5], [], "won"],
    [[1, 2, 3], [4, 5, 6], [1, 2, 3], [4, 5], "lost"],
  ];
  for (const [incoming, outgoing, yes, no, expected] of cases) {
    const votes = new Map<MemberId, boolean>();
    for (const member of yes) votes.set(member as MemberId, true);
    for (const member of no) votes.set(member as MemberId, false);
    assertEquals(voteOutcome(configurationOf(incoming, outgoing), votes), expected);
  }
});

Deno.test("changeConfiguration changes one member, or says why not", () => {
  const before = simpleConfiguration(ids(1, 2), ids(3));
  const cases = [
    ["add-learner", 4, { incoming: [1, 2], outgoing: [], learners: [3, 4] }],
    ["add-learner", 3, "NO_CHANGE"],
    ["add-learner", 1, "NO_CHANGE"],
    ["promote", 3, { incoming: [1, 2, 3], outgoing: [], learners: [] }],
    ["promote", 4, "NO_CHANGE"],
    ["promote", 1, "NO_CHANGE"],
    ["add-voter", 4, { incoming: [1, 2, 4], outgoing: [], learners: [3] }],
    ["add-voter", 3, { incoming: [1, 2, 3], outgoing: [], learners: [] }],
    ["add-voter", 2, "NO_CHANGE"],
    ["remove", 2, { incoming: [1], outgoing: [], learners: [3] }],
    ["remove", 3, { incoming: [1, 2], outgoing: [], learners: [] }],
    ["remove", 9, "NO_CHANGE"],
  ] as const;
  for (const [kind, member, expected] of cases) {
    const after = changeConfiguration(before, { kind, member: member as MemberId });
    assertEquals(after as unknown, expected as unknown, `${kind} ${member}`);
  }
  const alone = simpleConfiguration(ids(1), ids(2));
  assertEquals(changeConfiguration(alone, { kind: "remove", member: 1 as MemberId }), "LAST_VOTER");
});

Deno.test("changeConfiguration keeps any two majorities, before and after, in touch", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      fc.constantFrom("add-learner", "promote", "remove", "add-voter"),
      fc.integer({ min: 1, max: 8 }),
      (voters, kind, member) => {
        const before = simpleConfiguration(voters as MemberId[], []);
        const after = changeConfiguration(before, { kind, member: member as MemberId });
        if (typeof after === "string") return;
        const all = [...new Set([...before.incoming, ...after.incoming])];
        // The smallest majority of each, as disjoint as can be.
        const common = before.incoming.filter((id) => after.incoming.includes(id)).length;
        const needed = majorityOf(before.incoming.length) + majorityOf(after.incoming.length);
        assert(needed > all.length || common === 0, "two majorities share a member");
      },
    ),
  );
});

Deno.test("targetConfiguration goes there at once, by a joint configuration, or says why not", () => {
  const before = simpleConfiguration(ids(1, 2, 3), ids(4));
  const to = (voters: number[], learners: number[] = []) =>
    targetConfiguration(before, { voters: ids(...voters), learners: ids(...learners) }) as unknown;
  assertEquals(to([]), "NO_VOTERS");
  assertEquals(to([3, 2, 1], [4]), "NO_CHANGE");
  assertEquals(to([1, 2], [2]), "VOTER_AND_LEARNER");
  assertEquals(to(Array.from({ length: 1001 }, (_, i) => i + 1)), "TOO_MANY");
  assertEquals(to([4, 3, 2, 1]), { incoming: [1, 2, 3, 4], outgoing: [], learners: [] });
  assertEquals(to([1, 2], [3, 4, 5]), { incoming: [1, 2], outgoing: [], learners: [3, 4, 5] });
  assertEquals(to([1, 2, 4], [3]), { incoming: [1, 2, 4], outgoing: [1, 2, 3], learners: [3] });
  assertEquals(to([7], [6]), { incoming: [7], outgoing: [1, 2, 3], learners: [6] });
});

Deno.test("targetConfiguration reaches any target in steps whose majorities share a voter", () => {
  const some = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { minLength: 1 });
  const holds = (voters: readonly MemberId[], set: readonly number[]) =>
    voters.length === 0 || voters.filter((id) => set.includes(id)).length >= majorityOf(voters.length);
  fc.assert(
    fc.property(some, some, some, (from, voters, chosen) => {
      const before = simpleConfiguration(ids(...from));
      const after = targetConfiguration(before, { voters: ids(...voters), learners: [] });
      if (typeof after === "string") return after === "NO_CHANGE";
      const last = after.outgoing.length > 0 ? leaveJoint(after) : after;
      assertEquals(last, simpleConfiguration(ids(...voters)));
      // A set of members that decides in one configuration keeps all others from deciding in the next.
      const rest = [1, 2, 3, 4, 5, 6].filter((id) => !chosen.includes(id));
      const decides = (one: typeof before, set: readonly number[]) =>
        holds(one.incoming, set) && holds(one.outgoing, set);
      for (const [one, next] of [[before, after], [after, before], [after, last], [last, after]] as const) {
        if (decides(one, chosen)) assert(!decides(next, rest), "two decisions share a voter");
      }
      return true;
    }),
    { numRuns: 500 },
  );
});
