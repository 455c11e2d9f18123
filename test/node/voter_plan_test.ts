import { assertEquals } from "@std/assert";
import type { Index, MemberId, Term } from "../../src/core/ids.ts";
import { Absences } from "../../src/node/absences.ts";
import { planVoters, type Standing } from "../../src/node/voter_plan.ts";
import { Stalls } from "../../src/node/stalls.ts";
import { type PeerStatus, simpleConfiguration } from "../../src/raft/mod.ts";

/** Of a mesh that has members of a build without observers. */
const RULES = { votersLimit: 5, voterReplaceMs: 1000, observes: false };
const OBSERVING = { ...RULES, observes: true };
const ids = (...members: number[]) => members as MemberId[];

/** Everyone in this text is a member: `3` is there and caught up, `3!` away for long, `3?` away, `3-` behind, `3x` leaving. */
function standings(text: string, hosts: Record<number, string> = {}): Standing[] {
  return text.split(" ").map((word) => {
    const member = parseInt(word) as MemberId;
    const mark = word.replace(/\d+/, "");
    return {
      member,
      hosts: [hosts[member] ?? `host${member}`],
      stays: mark !== "x",
      awayMs: mark === "!" ? 1000 : mark === "?" ? 999 : 0,
      caughtUp: mark !== "-",
    };
  });
}

function plan(
  voters: readonly number[],
  learners: readonly number[],
  who: string,
  hosts: Record<number, string> = {},
  rules = RULES,
) {
  const configuration = simpleConfiguration(ids(...voters), ids(...learners));
  const target = planVoters(1 as MemberId, configuration, standings(who, hosts), rules);
  return target === null ? null : {
    voters: [...target.voters].sort((a, b) => a - b),
    learners: [...target.learners].sort((a, b) => a - b),
  };
}

Deno.test("planVoters() brings newcomers in as learners and lets them vote once they have caught up", () => {
  assertEquals(plan([1], [], "1 2 3x"), { voters: [1], learners: [2] } as never);
  assertEquals(plan([1], [2], "1 2-"), null);
  assertEquals(plan([1], [2], "1 2?"), null);
  assertEquals(plan([1], [2, 3], "1 2 3 4"), { voters: [1, 2, 3], learners: [] } as never);
  assertEquals(plan([1, 2, 3], [], "1 2 3 4"), { voters: [1, 2, 3], learners: [4] } as never);
  assertEquals(plan([1, 2, 3, 4, 5], [6], "1 2 3 4 5 6"), null);
  assertEquals(plan([1, 2, 3], [4], "1 2 3 4", {}, { ...RULES, votersLimit: 3 }), null);
});

Deno.test("planVoters() replaces a voter that is away for long by a learner that has caught up, in one step", () => {
  const five = [1, 2, 3, 4, 5];
  const cases: [string, readonly number[], string, readonly number[] | null][] = [
    ["away for long", [6], "1 2 3! 4 5 6", [1, 2, 4, 5, 6]],
    ["not away for long yet", [6], "1 2 3? 4 5 6", null],
    ["nobody to take its place", [], "1 2 3! 4 5", null],
    ["the learner is behind", [6], "1 2 3! 4 5 6-", null],
    ["the learner is away", [6], "1 2 3! 4 5 6?", null],
    ["the learner is leaving", [6], "1 2 3! 4 5 6x", null],
    ["the first learner that can", [6, 7], "1 2 3! 4 5 6- 7", [1, 2, 4, 5, 7]],
    ["two are dead: one after the other", [6, 7], "1 2 3! 4! 5 6 7", [1, 2, 4, 5, 6]],
    ["no majority of the old voters is there", [6, 7], "1 2 3! 4! 5? 6 7", null],
    ["the leader is no judge of itself", [6], "1! 2 3 4 5 6", null],
  ];
  for (const [what, learners, who, voters] of cases) {
    const target = plan(five, learners, who);
    assertEquals(target?.voters ?? null, voters as never, what);
    // Who lost its vote listens, so that it is up to date when it comes back.
    if (target !== null) assertEquals(target.learners.length, learners.length, what);
  }
});

Deno.test("planVoters() gives no vote back to one that returns while others vote, and does where a vote is free", () => {
  const before = plan([1, 2, 3, 4, 5], [6], "1 2 3! 4 5 6")!;
  assertEquals(before.learners, ids(3));
  assertEquals(plan(before.voters, before.learners, "1 2 3 4 5 6"), null);
  assertEquals(plan(before.voters, before.learners, "1 2 3 4 5! 6")?.voters, ids(1, 2, 3, 4, 6));
  assertEquals(plan([1, 2, 4, 5], [3], "1 2 3 4 5")?.voters, ids(1, 2, 3, 4, 5));
});

Deno.test("planVoters() lets those listen who are to vote, two at a time, and everyone else observe", () => {
  const three = { ...OBSERVING, votersLimit: 3 };
  const cases: [string, readonly number[], readonly number[], string, readonly number[] | null][] = [
    ["two of many newcomers", [1], [], "1 2 3 4 5", [2, 3]],
    ["no more than there are votes", [1, 2], [], "1 2 3 4 5", [3]],
    ["nobody where all votes are given", [1, 2, 3], [], "1 2 3 4 5", null],
    ["who is away does not", [1], [], "1 2? 3! 4 5", [4, 5]],
    ["who leaves does not", [1], [], "1 2x 3 4", [3, 4]],
    ["a learner that is away for long makes room", [1], [2, 3], "1 2! 3- 4", [3, 4]],
    ["one that is away for a while does not", [1], [2, 3], "1 2? 3- 4", null],
    ["who listens for nothing observes", [1, 2, 3], [4, 5], "1 2 3 4 5", []],
    ["who leaves is taken out elsewhere", [1, 2, 3], [4], "1 2 3 4x", null],
    ["one learns in place of a dead voter", [1, 2, 3], [], "1 2 3! 4 5", [4]],
    ["and one is enough", [1, 2, 3], [4], "1 2 3! 4- 5", null],
    ["not before it is dead", [1, 2, 3], [], "1 2 3? 4 5", null],
    ["no longer than it is dead", [1, 2, 3], [4], "1 2 3 4- 5", []],
  ];
  for (const [what, voters, learners, who, wanted] of cases) {
    const target = plan(voters, learners, who, {}, three);
    assertEquals(target?.learners ?? null, wanted as never, what);
    if (target !== null) assertEquals(target.voters, voters as never, what);
  }
  // The host that fewest voters are on comes first.
  const hosts = { 1: "a", 2: "a", 3: "b" };
  assertEquals(plan([1], [], "1 2 3", hosts, { ...OBSERVING, votersLimit: 2 as never })?.learners, ids(3));
});

Deno.test("planVoters() makes an observer of the voter that lost its vote, and in the end nothing is left to do", () => {
  let [voters, learners]: [readonly number[], readonly number[]] = [[1, 2, 3, 4, 5], []];
  const steps: string[] = [];
  const settle = (who: string) => {
    for (let target = plan(voters, learners, who, {}, OBSERVING); target !== null;) {
      ({ voters, learners } = target);
      steps.push(`${voters}|${learners}`);
      target = plan(voters, learners, who, {}, OBSERVING);
    }
  };
  settle("1 2 3! 4 5 6 7 8");
  assertEquals(steps, ["1,2,3,4,5|6", "1,2,4,5,6|"]);
  settle("1 2 3 4 5 6 7 8");
  assertEquals(steps.length, 2);
  // An earlier leader's build made learners of all: they observe from now on.
  [voters, learners] = [[1, 2, 3, 4, 5], [6, 7, 8]];
  settle("1 2 3 4 5 6 7 8");
  assertEquals([voters, learners], [[1, 2, 3, 4, 5], []]);
});

Deno.test("planVoters() does nothing while a change is under way", () => {
  const joint = { ...simpleConfiguration(ids(1, 2, 3)), outgoing: ids(1, 2, 4) };
  assertEquals(planVoters(1 as MemberId, joint, standings("1 2 3! 4 5"), RULES), null);
});

Deno.test("planVoters() prefers members on hosts where fewest vote", () => {
  const rack = { 1: "a", 2: "b", 3: "c", 4: "a", 5: "c", 6: "d" };
  const rules = { ...RULES, votersLimit: 3 };
  assertEquals(plan([1, 2], [4, 5, 6], "1 2 4 5 6", rack, rules)?.voters, ids(1, 2, 5));
  // The dead voter's own host is free again.
  assertEquals(plan([1, 2, 3], [4, 5], "1 2 3! 4 5", rack, rules)?.voters, ids(1, 2, 5));
  assertEquals(plan([1], [4, 5, 6], "1 4 5 6", { ...rack, 6: "c" }, rules)?.voters, ids(1, 4, 5));
});

Deno.test("Stalls counts since when a member that lacks what is committed has got nothing more durable", () => {
  const stalls = new Stalls();
  const [hung, slow, fresh, snapshot] = ids(1, 2, 3, 4) as [MemberId, MemberId, MemberId, MemberId];
  const look = (now: number, slowMatch: number, term = 5) => {
    const peer = (member: MemberId, match: number, state: PeerStatus["state"] = "replicate"): PeerStatus => ({
      ...{
        member,
        state,
        next: 1 as Index,
        inflightMessages: 0,
        inflightBytes: 0,
        contactMs: now,
        answeredRound: 0,
      },
      match: match as Index,
    });
    const peers = [peer(hung, 7), peer(slow, slowMatch), peer(fresh, 9), peer(snapshot, 0, "snapshot")];
    stalls.look(peers, term as Term, 9 as Index, now);
  };
  look(1000, 3);
  look(1500, 4);
  const all = (now: number) => [hung, slow, fresh, snapshot].map((member) => stalls.stalledMs(member, now));
  assertEquals(all(2000), [1000, 500, 0, 0]);
  look(2000, 9);
  assertEquals(all(2500), [1500, 0, 0, 0]);
  // Another term's leader knows of nothing yet.
  look(3000, 9, 6);
  assertEquals(all(3000), [0, 0, 0, 0]);
});

Deno.test("Absences counts from the last session or answer, and begins anew after each", () => {
  const absences = new Absences();
  const [here, gone] = ids(1, 2);
  const members = [{ memberId: here! }, { memberId: gone! }];
  const look = (reachable: MemberId[], now: number) => absences.look(members, new Set(reachable), now);
  look([here!], 1000);
  look([here!], 1500);
  assertEquals([absences.awayMs(here!, 0, 2000), absences.awayMs(gone!, 0, 2000)], [0, 1000]);
  assertEquals(absences.awayMs(gone!, 1800, 2000), 200);
  look([here!, gone!], 2000);
  look([here!], 2100);
  assertEquals(absences.awayMs(gone!, 0, 2200), 100);
  absences.look([], new Set(), 2300);
  assertEquals(absences.awayMs(gone!, 0, 2400), 0);
});
