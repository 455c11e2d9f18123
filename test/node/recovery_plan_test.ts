/** Who goes on after a lost quorum, and what can be said of what is lost. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { SennitError } from "../../src/core/errors.ts";
import {
  CONTROL_GROUP,
  type GroupId,
  type Index,
  type MemberId,
  type NodeNumber,
  type Term,
} from "../../src/core/ids.ts";
import { nextRecoveryEpoch, otherEpochMeans, recoveriesOf } from "../../src/node/recovery_epoch.ts";
import { planRecovery } from "../../src/node/recovery_plan.ts";
import type { GroupSurvey, Survey } from "../../src/node/recovery_survey.ts";

const nameOf = (id: number) => `n${id}`;
const ids = (numbers: readonly number[]) => numbers as MemberId[];

interface Given {
  readonly id: number;
  readonly term?: number;
  readonly lastTerm: number;
  readonly lastIndex: number;
  readonly commit?: number;
}

/** Surveys of a mesh whose control group has these voters. */
function surveys(
  voters: readonly number[],
  given: readonly Given[],
  more: Partial<GroupSurvey> = {},
): Survey[] {
  return given.map(({ id, lastTerm, lastIndex, term = lastTerm, commit = 0 }) => ({
    name: nameOf(id),
    memberId: id as MemberId,
    meshId: "M",
    meshName: "m",
    recoveryEpoch: 0,
    hasAuthority: true,
    members: voters.map((voter) => ({
      memberId: voter as MemberId,
      name: nameOf(voter),
      number: voter as NodeNumber,
      addresses: [`h:${voter}`],
      leaving: false,
      holdsAuthority: true,
    })),
    streams: [],
    groups: [{
      group: CONTROL_GROUP,
      generation: 0,
      name: "control",
      term: term as Term,
      lastTerm: lastTerm as Term,
      lastIndex: lastIndex as Index,
      commit: commit as Index,
      configuration: { incoming: ids(voters), outgoing: [], learners: [] },
      nextOffset: 0,
      ...more,
    }],
  }));
}

function plan(voters: readonly number[], given: readonly Given[], more: Partial<GroupSurvey> = {}) {
  const survivors = given.map(({ id }) => nameOf(id));
  const dead = voters.map(nameOf).filter((name) => !survivors.includes(name));
  return planRecovery(surveys(voters, given, more), { survivors, dead });
}

Deno.test("planRecovery() lets vote whose log goes on, also where it only observed", () => {
  const configuration = { incoming: ids([1, 2, 3]), outgoing: [], learners: ids([5]) };
  const behind = { id: 1, lastTerm: 4, lastIndex: 5 };
  const recovered = (further: number) =>
    plan([1, 2, 3, 4, 5], [behind, { id: further, lastTerm: 4, lastIndex: 6 }], { configuration })
      .groups[0]!;
  for (const further of [4, 5]) {
    const { winner, configuration: after } = recovered(further);
    assertEquals(winner, nameOf(further));
    // Alone, member 1 would elect itself and lose entry 6.
    assertEquals(after, { incoming: ids([1, further]), outgoing: [], learners: [] });
  }
});

Deno.test("planRecovery() goes on from the highest term first, then the highest index, above all promised terms", () => {
  const given = [
    { id: 1, lastTerm: 3, lastIndex: 9, term: 7, commit: 8 },
    { id: 2, lastTerm: 4, lastIndex: 5 },
  ];
  const [control] = plan([1, 2, 3, 4, 5], given).groups;
  assertEquals([control!.winner, control!.lastTerm, control!.lastIndex, control!.term], ["n2", 4, 5, 8]);
  assertEquals(control!.commit, 8);
  assertEquals(control!.configuration, { incoming: ids([1, 2]), outgoing: [], learners: [] });
});

Deno.test("planRecovery() evicts the dead and remembers where they were", () => {
  const { evicted, leftBehind } = plan([1, 2, 3], [{ id: 2, lastTerm: 1, lastIndex: 1 }]);
  assertEquals(evicted, ids([1, 3]));
  assertEquals(leftBehind, [
    { name: "n1", number: 1, memberId: 1, addresses: ["h:1"] },
    { name: "n3", number: 3, memberId: 3, addresses: ["h:3"] },
  ]);
});

Deno.test("planRecovery() leaves a group alone whose survivors have their quorum", () => {
  const [first, second] = surveys([1, 2, 3, 4, 5], [
    { id: 1, lastTerm: 1, lastIndex: 1 },
    { id: 2, lastTerm: 1, lastIndex: 1 },
  ]);
  const stream = { ...first!.groups[0]!, group: 9 as GroupId, name: "s" };
  const three = { ...stream, configuration: { incoming: ids([1, 2, 3]), outgoing: [], learners: [] } };
  const both = [first!, second!].map((survey) => ({ ...survey, groups: [...survey.groups, three] }));
  const { groups } = planRecovery(both, { survivors: ["n1", "n2"], dead: ["n3", "n4", "n5"] });
  assertEquals(groups.map(({ name, forced }) => [name, forced]), [["control", true], ["s", false]]);
});

Deno.test("planRecovery() needs a majority of both halves of a joint configuration, and keeps who is left of either", () => {
  const configuration = { incoming: ids([1, 2, 3]), outgoing: ids([3, 4, 5]), learners: ids([6]) };
  const given = [1, 2, 6].map((id) => ({ id, lastTerm: 1, lastIndex: id }));
  const [control] = plan([1, 2, 3, 4, 5, 6], given, { configuration }).groups;
  assertEquals([control!.forced, control!.winner], [true, "n6"]);
  // A learner could not be elected, nor anybody by a configuration that only a learner has.
  assertEquals(control!.configuration, { incoming: ids([1, 2, 6]), outgoing: [], learners: [] });
  // The dead have a majority of one half alone: they could commit nothing.
  assertEquals(control!.complete, true);
});

Deno.test("planRecovery() names streams of which nothing is left, and an authority that nobody holds", () => {
  const [survey] = surveys([1, 2, 3], [{ id: 1, lastTerm: 1, lastIndex: 1 }]);
  const poor = {
    ...survey!,
    members: survey!.members.map((member) => ({ ...member, holdsAuthority: member.memberId !== 1 })),
    streams: [{ group: 7 as GroupId, name: "gone", members: ids([2, 3]) }],
  };
  const { lostStreams, warnings } = planRecovery([poor], { survivors: ["n1"], dead: ["n2", "n3"] });
  assertEquals(lostStreams, ["gone"]);
  assertEquals(warnings.length, 1);
});

Deno.test("planRecovery() says that all is there exactly where the dead could commit nothing by themselves", () => {
  const voters = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 });
  fc.assert(fc.property(voters, fc.nat(), (all, pick) => {
    const survivors = all.filter((_, at) => (pick >> at) & 1);
    const dead = all.length - survivors.length;
    if (survivors.length === 0 || 2 * survivors.length > all.length) return;
    const [control] = plan(all, survivors.map((id) => ({ id, lastTerm: 1, lastIndex: id }))).groups;
    assertEquals(control!.complete, 2 * dead <= all.length);
    assertEquals(control!.winner, nameOf(Math.max(...survivors)));
  }));
});

Deno.test("planRecovery() refuses nodes of two meshes, and a folder given twice", () => {
  const [one, two] = surveys([1, 2, 3, 4], [1, 2].map((id) => ({ id, lastTerm: 1, lastIndex: 1 })));
  const request = { survivors: ["n1", "n2"], dead: ["n3", "n4"] };
  assertThrows(
    () => planRecovery([one!, { ...two!, meshId: "other" }], request),
    SennitError,
    "of mesh other",
  );
  assertThrows(() => planRecovery([one!, one!, two!], request), SennitError, "twice");
});

Deno.test("A recovery epoch follows those before, and two recoveries of the same are told apart", () => {
  const draws = (value: number) => ({ draw: () => value });
  const first = nextRecoveryEpoch(0, draws(0xffff_ffff), 0)!;
  const apart = nextRecoveryEpoch(0, draws(5), 0)!;
  const later = nextRecoveryEpoch(first, draws(0), 0)!;
  assertEquals([first, apart, later].map(recoveriesOf), [1, 1, 2]);
  assert(later > first && first !== apart);
  assertEquals(nextRecoveryEpoch(0xffff_ffff, draws(0), 0), null);
  assert(otherEpochMeans("x", first, apart).includes("apart"));
  assert(otherEpochMeans("x", 0, apart).includes("without this node"));
  assert(otherEpochMeans("x", later, apart).includes("before its recovery"));
});
