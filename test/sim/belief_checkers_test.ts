/** Checkers of what members believe of each other: votes counted, logs taken to match, leaders heard, names of reads. */
import { assertEquals, assertThrows } from "@std/assert";
import { Answers } from "../../sim/checkers/answers.ts";
import { Bounds } from "../../sim/checkers/bounds.ts";
import { CheckQuorum } from "../../sim/checkers/check_quorum.ts";
import { Elected } from "../../sim/checkers/elected.ts";
import { ElectionSafety } from "../../sim/checkers/election_safety.ts";
import type { GroupLog } from "../../sim/checkers/group_logs.ts";
import { LeaseRule } from "../../sim/checkers/lease_rule.ts";
import { MatchRule } from "../../sim/checkers/match_rule.ts";
import type { RaftFrame } from "../../sim/checkers/raft_messages.ts";
import { ReadNames } from "../../sim/checkers/read_names.ts";
import { Silence } from "../../sim/checkers/silence.ts";
import { LaterTerm } from "../../sim/checkers/later_term.ts";
import { StickyVotes } from "../../sim/checkers/sticky_votes.ts";
import { SafetyViolation } from "../../sim/checkers/verdict.ts";
import type { GroupInspection, NodeInspection } from "../../src/node/inspection.ts";

function violates(checker: string, act: () => void): void {
  assertEquals(assertThrows(act, SafetyViolation).checker, checker);
}

function group(other: Record<string, unknown>): GroupInspection {
  return {
    group: 0,
    generation: 0,
    name: "control",
    memberId: 1,
    role: "follower",
    leader: 0,
    term: 3,
    vote: 0,
    isInstalling: false,
    leaseUntilMs: -Infinity,
    configuration: { incoming: [1, 2, 3], outgoing: [], learners: [] },
    commit: 0,
    entry: () => null,
    votes: () => [],
    matches: () => [],
    ...other,
  } as unknown as GroupInspection;
}

function frame(from: number, to: number, message: Record<string, unknown>): RaftFrame {
  return { envelope: { group: 0, generation: 0, from, to }, message } as unknown as RaftFrame;
}

function log(terms: readonly number[], durable = terms.length, base = 0): GroupLog {
  return {
    base,
    durable,
    isInstalling: false,
    term: 3,
    configurationIndexes: [],
    entry: (index: number) =>
      index <= base || terms[index - 1] === undefined ? undefined : { term: terms[index - 1] },
  } as unknown as GroupLog;
}

Deno.test("who campaigns without being told to, and without the pre-votes of a majority of both halves, is caught", () => {
  const configuration = { incoming: [1, 2, 4], outgoing: [1, 2, 3], learners: [] };
  const candidate = group({ role: "candidate", configuration });
  const wouldVote = (checker: Elected, from: number, term: number, granted = true) =>
    checker.heard(frame(from, 1, { kind: "pre-vote-reply", term, granted }));
  const byNewHalf = new Elected();
  wouldVote(byNewHalf, 4, 3);
  wouldVote(byNewHalf, 2, 2);
  wouldVote(byNewHalf, 3, 3, false);
  violates("elected", () => byNewHalf.check(candidate, log([])));
  const byBoth = new Elected();
  wouldVote(byBoth, 4, 3);
  wouldVote(byBoth, 3, 3);
  byBoth.check(candidate, log([]));
  const told = new Elected();
  told.heard(frame(2, 1, { kind: "timeout-now", term: 2 }));
  told.check(candidate, log([]));
  violates("elected", () => told.check(group({ role: "candidate", configuration, term: 4 }), log([])));
});

Deno.test("a candidate that counts a vote of an earlier term is caught before it wins", () => {
  const checker = new Elected();
  const candidate = group({ role: "candidate", votes: () => [1, 2] });
  checker.heard(frame(3, 1, { kind: "pre-vote-reply", term: 3, granted: true }));
  checker.heard(frame(2, 1, { kind: "vote-reply", term: 2, granted: true }));
  violates("elected", () => checker.check(candidate, log([])));
  checker.heard(frame(2, 1, { kind: "vote-reply", term: 3, granted: true }));
  checker.check(candidate, log([]));
});

Deno.test("a pre-candidate that counts a grant for an earlier campaign is caught before it campaigns", () => {
  const checker = new Elected();
  const candidate = group({ role: "pre-candidate", votes: () => [1, 2] });
  checker.heard(frame(2, 1, { kind: "pre-vote-reply", term: 3, granted: true }));
  checker.heard(frame(2, 1, { kind: "vote-reply", term: 4, granted: true }));
  violates("elected", () => checker.check(candidate, log([])));
  checker.heard(frame(2, 1, { kind: "pre-vote-reply", term: 4, granted: true }));
  checker.check(candidate, log([]));
});

Deno.test("the lease rule catches a lease after another was told to campaign in that term", () => {
  const checker = new LeaseRule();
  const nobodyIsUp = () => null;
  const leads = (term: number) => group({ role: "leader", term, leaseUntilMs: 100 });
  checker.heard(frame(1, 2, { kind: "timeout-now", term: 2 }), nobodyIsUp);
  checker.check(leads(3), 50, 100, nobodyIsUp);
  checker.heard(frame(1, 2, { kind: "timeout-now", term: 3 }), nobodyIsUp);
  checker.check(leads(3), 100, 100, nobodyIsUp);
  violates("lease-rule", () => checker.check(leads(3), 50, 100, nobodyIsUp));
});

const FOUR = { incoming: [1, 2, 3, 4], outgoing: [], learners: [] };
/** Member 1 leads term 3 for `turns` turns of half an election timeout each, and in each of them these answer it. */
function leadsOn(
  turns: number,
  answers: readonly [member: number, term: number][],
  other: Record<string, unknown> = {},
) {
  const checker = new CheckQuorum();
  for (let turn = 1; turn <= turns; turn++) {
    const now = { ms: 50 * turn, incarnation: 1, turns: turn };
    for (const [member, term] of answers) {
      checker.heard(frame(member, 1, { kind: "heartbeat-reply", term }), () => ({ ...now, turns: turn - 1 }));
    }
    checker.check(group({ role: "leader", ...other }), now, 100);
  }
  return checker.inputs;
}

Deno.test("check-quorum catches a leader that leads on although no majority of the voters answers it", () => {
  const configuration = { incoming: [1, 2, 3], outgoing: [], learners: [4] };
  assertEquals(leadsOn(40, [[2, 3]], { configuration }), 0);
  assertEquals(leadsOn(3, [[4, 3]], { configuration }), 3);
  violates("check-quorum", () => leadsOn(40, [[4, 3]], { configuration }));
  violates("check-quorum", () => leadsOn(40, [[2, 2]], { configuration }));
  violates(
    "check-quorum",
    () => leadsOn(40, [[2, 3]], { configuration: { ...configuration, outgoing: [1, 4, 5] } }),
  );
  leadsOn(40, [], { configuration, isSilent: true });
  leadsOn(40, [], { configuration, role: "follower" });
});

Deno.test("the match rule catches a leader that takes another to hold what it does not", () => {
  const checker = new MatchRule();
  const logs = new Map([[2, log([1, 1, 2])], [3, log([1, 1, 1], 2)]]);
  const believes = (member: number, match: number, role = "leader") =>
    checker.check(
      group({ role, configuration: FOUR, matches: () => [{ member, match }] }),
      log([1, 1, 2, 3]),
      (id) => logs.get(id),
    );
  believes(2, 3);
  believes(3, 2);
  believes(4, 9); // Never seen.
  believes(3, 3, "follower");
  assertEquals(checker.inputs, 2);
  violates("match-rule", () => believes(3, 3)); // Not durable, and another entry.
  violates("match-rule", () => believes(2, 4)); // Nothing is there.
  logs.set(2, log([1, 1, 1]));
  violates("match-rule", () => believes(2, 3)); // Another entry.
  // Below a snapshot nothing can be compared; while one is being installed neither.
  logs.set(2, log([], 9, 9));
  believes(2, 4);
  logs.set(2, { ...log([], 0), isInstalling: true } as unknown as GroupLog);
  believes(2, 4);
  // In a later term it may have been given something else.
  logs.set(2, { ...log([1, 1, 4]), term: 4 } as unknown as GroupLog);
  believes(2, 3);
  assertEquals(checker.inputs, 5);
});

Deno.test("the match rule catches a leader that still sends to who is no member", () => {
  const checker = new MatchRule();
  const sendsTo = (member: number) =>
    checker.check(
      group({
        role: "leader",
        configuration: { incoming: [1, 2], outgoing: [1, 3], learners: [4] },
        matches: () => [{ member, match: 0 }],
      }),
      log([1]),
      () => undefined,
    );
  for (const member of [2, 3, 4]) sendsTo(member);
  violates("match-rule", () => sendsTo(5));
});

Deno.test("a name of a forwarded read that comes again is caught", () => {
  const checker = new ReadNames();
  const asks = (from: number, context: number) =>
    checker.heard(frame(from, 1, { kind: "read-index", term: 1, context }));
  asks(2, 7);
  asks(3, 7);
  asks(2, 8);
  assertEquals(checker.inputs, 3);
  violates("read-names", () => asks(2, 7));
});

Deno.test("sticky votes: who has just heard from a leader, or was just started, votes for nobody else", () => {
  const timeoutMs = 100;
  const at = (ms: number, incarnation: number, turns: number) => ({ ms, incarnation, turns });
  /** Hears from member 2, which leads term 3, at 50; then votes for 3 in term 4. */
  const votes = (atMs: number, isTransfer = false, heardIn = 5) => {
    const checker = new StickyVotes();
    const clock = () => ({ ms: 50, incarnation: 1, turns: heardIn });
    checker.check(group({ leader: 2 }), at(10, 1, 5), timeoutMs, clock);
    checker.heard(frame(2, 1, { kind: "heartbeat", term: 3 }), clock);
    checker.check(group({ leader: 2 }), at(50, 1, 6), timeoutMs, clock);
    checker.heard(frame(3, 1, { kind: "vote", term: 4, transfer: isTransfer }), clock);
    checker.check(group({ term: 4, vote: 3 }), at(atMs, 1, 7), timeoutMs, clock);
    return checker.inputs;
  };
  assertEquals(votes(150), 1);
  violates("sticky-votes", () => votes(140));
  assertEquals(votes(140, true), 0, "the leader wanted it");
  assertEquals(
    votes(140, false, 6),
    0,
    "what came after the turn need not have been taken in before the vote",
  );

  const restarted = new StickyVotes();
  const nobodyIsUp = () => null;
  restarted.check(group({}), at(500, 1, 5), timeoutMs, nobodyIsUp);
  restarted.check(group({}), at(3, 2, 1), timeoutMs, nobodyIsUp);
  restarted.heard(frame(3, 1, { kind: "vote", term: 4, transfer: false }), nobodyIsUp);
  violates(
    "sticky-votes",
    () => restarted.check(group({ term: 4, vote: 3 }), at(90, 2, 2), timeoutMs, nobodyIsUp),
  );
});

/** Member 1 follows 2 and is silent from 50 on; then 3 asks whether it would vote. `leaderIn`: the start of its leader's node. */
function asksSilent(
  answeredMs: number,
  { isSilent = true, leaderIn = 1, leaderAsks = false, again = 0 } = {},
): StickyVotes {
  const checker = new StickyVotes();
  const now = { ms: 50, incarnation: 1, turns: 5 };
  let leaderStart = 1;
  const clock = (member: number) => member === 2 ? { ms: 0, incarnation: leaderStart, turns: 9 } : now;
  const looks = (ms: number, turns: number, silent: boolean) =>
    checker.check(group({ leader: 2, isSilent: silent }), { ms, incarnation: 1, turns }, 100, clock);
  looks(10, 5, false);
  looks(50, 6, isSilent);
  leaderStart = leaderIn;
  now.turns = 6;
  if (leaderAsks) checker.heard(frame(2, 1, { kind: "pre-vote", term: 4, transfer: false }), clock);
  checker.heard(frame(3, 1, { kind: "pre-vote", term: 4, transfer: false }), clock);
  looks(answeredMs, 7, false);
  if (again === 0) return checker;
  now.turns = 7;
  checker.heard(frame(3, 1, { kind: "pre-vote", term: 4, transfer: false }), clock);
  looks(again, 8, false);
  return checker;
}

Deno.test("sticky votes: who is silent and whose leader's node is there would vote for nobody else", () => {
  const grants = (checker: StickyVotes) =>
    checker.heard(frame(1, 3, { kind: "pre-vote-reply", term: 4, granted: true }), () => null);
  const refuses = (checker: StickyVotes) =>
    checker.heard(frame(1, 3, { kind: "pre-vote-reply", term: 3, granted: false }), () => null);
  assertEquals([asksSilent(500).askedInputs, asksSilent(500).silentInputs], [1, 1]);
  refuses(asksSilent(500));
  violates("sticky-votes", () => grants(asksSilent(500)));
  grants(asksSilent(500, { isSilent: false }));
  grants(asksSilent(500, { leaderIn: 2 }));
  grants(asksSilent(500, { leaderAsks: true }));
  grants(asksSilent(500, { again: 600 }));
});

Deno.test("later-term catches who goes on in its term although it hears of a later one again and again", () => {
  const clock = (turns: number, incarnation = 1) => ({ ms: 0, incarnation, turns });
  const hears = (kind: string, terms: readonly number[], other: Record<string, unknown> = {}) => {
    const checker = new LaterTerm();
    // What comes before the group is open there is not taken in.
    for (let turns = 0; turns < 4; turns++) {
      checker.heard(frame(2, 1, { kind: "append", term: 9 }), () => clock(turns));
    }
    checker.check(group({ term: 3, ...other }), clock(4));
    for (const [turns, term] of terms.entries()) {
      checker.heard(frame(2, 1, { kind, term }), () => clock(turns + 4));
      checker.check(group({ term: 3, ...other }), clock(turns + 5));
    }
    return checker.inputs;
  };
  assertEquals(hears("heartbeat-reply", [3, 3, 3, 3]), 0);
  assertEquals(hears("heartbeat-reply", [4, 4]), 1);
  violates("later-term", () => hears("heartbeat-reply", [4, 4, 4]));
  violates("later-term", () => hears("append", [3, 4, 5, 4]));
  assertEquals(hears("vote", [4, 4, 4, 4]), 0);
  assertEquals(hears("append", [4, 4, 4, 4], { isInstalling: true }), 0);
  const restarted = new LaterTerm();
  for (const incarnation of [1, 2, 3, 4]) {
    restarted.check(group({ term: 3 }), clock(0, incarnation));
    restarted.heard(frame(2, 1, { kind: "append", term: 4 }), () => clock(1, incarnation));
    restarted.check(group({ term: 3 }), clock(2, incarnation));
  }
  assertEquals(restarted.inputs, 4);
});

Deno.test("silence catches who falls asleep with something left to do, and who does things in its sleep", () => {
  const silent = (other: Record<string, unknown>) => group({ isSilent: true, last: 7, commit: 7, ...other });
  const leader = { role: "leader", matches: () => [{ member: 2, match: 7 }, { member: 3, match: 7 }] };
  const checker = new Silence();
  checker.check(1, group({ isSilent: false, last: 7, commit: 6 }));
  checker.check(1, silent(leader));
  checker.check(1, silent(leader));
  checker.check(1, group({ isSilent: false, last: 8, commit: 7 }));
  checker.check(1, silent({ last: 8, commit: 8 }));
  // A restarted member is awake, and falls asleep anew.
  checker.check(2, silent({ last: 9, commit: 9 }));
  assertEquals(checker.inputs, 3);
  violates("silence", () => checker.check(2, silent({ last: 10, commit: 9 })));
  violates("silence", () => checker.check(2, silent({ last: 9, commit: 9, term: 4 })));
  violates("silence", () => new Silence().check(1, silent({ commit: 6 })));
  const behind = [{ member: 2, match: 7 }, { member: 3, match: 6 }];
  violates("silence", () => new Silence().check(1, silent({ role: "leader", matches: () => behind })));
});

Deno.test("answers catch a leader that counts what nobody has said to it in its term", () => {
  const checker = new Answers();
  const believes = (match: number, answeredRound: number) =>
    group({ role: "leader", matches: () => [{ member: 2, match, answeredRound }] });
  checker.check(group({ role: "follower" }));
  checker.check(believes(0, 0));
  violates("answers", () => checker.check(believes(1, 0)));
  checker.heard(frame(2, 1, { kind: "append-reply", term: 2, success: true, index: 9 }));
  violates("answers", () => checker.check(believes(9, 0)));
  checker.heard(frame(2, 1, { kind: "append-reply", term: 3, success: true, index: 4 }));
  checker.heard(frame(2, 1, { kind: "append-reply", term: 3, success: false, index: 8 }));
  checker.heard(frame(2, 1, { kind: "heartbeat-reply", term: 3, readRound: 5 }));
  checker.heard(frame(2, 1, { kind: "heartbeat-reply", term: 2, readRound: 7 }));
  checker.check(believes(4, 5));
  assertEquals(checker.inputs, 3);
  violates("answers", () => checker.check(believes(5, 5)));
  violates("answers", () => checker.check(believes(4, 6)));
});

Deno.test("election safety catches who follows somebody that does not lead the term", () => {
  const checker = new ElectionSafety();
  const leads = (memberId: number, term: number) => checker.check(group({ memberId, role: "leader", term }));
  const follows = (leader: number, term: number) => checker.check(group({ leader, term }));
  leads(1, 3);
  leads(2, 4);
  follows(1, 3);
  follows(0, 5);
  follows(2, 4);
  assertEquals(checker.followerInputs, 2);
  violates("election-safety", () => follows(1, 4));
  violates("election-safety", () => follows(2, 5));
});

Deno.test("the lease rule catches a lease before anything of the leader's own term is committed", () => {
  const checker = new LeaseRule();
  const leads = (term: number, committed: number | null) => {
    const entry = () => committed === null ? null : { term: committed };
    checker.check(group({ role: "leader", term, leaseUntilMs: 50, entry }), 40, 100, () => null);
  };
  leads(3, 3);
  leads(4, null); // It stands before the log's begin.
  violates("lease-rule", () => leads(5, 4));
});

Deno.test("bounds catches a control group in which more vote than shall", () => {
  const checker = new Bounds();
  const node = (voters: readonly number[], id = 0) => {
    const shape = { group: id, configuration: { incoming: voters } };
    return { name: "n1", groups: [shape] } as unknown as NodeInspection;
  };
  checker.checkVoters(node([1, 2, 3]), 3);
  checker.checkVoters(node([1, 2, 3, 4], 7), 3); // A stream's.
  assertEquals(checker.voterInputs, 1);
  violates("bounded-sizes", () => checker.checkVoters(node([1, 2, 3, 4]), 3));
});
