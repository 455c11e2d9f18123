/** Checkers of what has to end: sessions of who was removed, invitations, handovers, and what a node should have noticed. */
import { assertEquals, assertThrows } from "@std/assert";
import { DeadSessions } from "../../sim/checkers/dead_sessions.ts";
import type { GroupLog } from "../../sim/checkers/group_logs.ts";
import { Handovers } from "../../sim/checkers/handovers.ts";
import { EntryKind } from "../../src/raft/mod.ts";
import { Lasting } from "../../sim/checkers/lasting.ts";
import { MembershipCheck } from "../../sim/checkers/membership.ts";
import { Notices } from "../../sim/checkers/notices.ts";
import type { RaftFrame } from "../../sim/checkers/raft_messages.ts";
import { Releases } from "../../sim/checkers/releases.ts";
import { SafetyViolation } from "../../sim/checkers/verdict.ts";
import { ControlLog } from "../../sim/control_log.ts";
import type { GroupId, MemberId, NodeNumber } from "../../src/core/ids.ts";
import { NO_ORIGIN } from "../../src/core/origin.ts";
import { type ControlCommand, encodeControlCommand } from "../../src/node/control_commands.ts";
import type { GroupInspection, NodeInspection } from "../../src/node/inspection.ts";

const ELECTION_TIMEOUT_MS = 100;

function violates(checker: string, act: () => void): void {
  assertEquals(assertThrows(act, SafetyViolation).checker, checker);
}

const at = (ms: number, turns: number, incarnation = 1) => ({ ms, turns, incarnation });

function group(other: Record<string, unknown>): GroupInspection {
  return {
    group: 0,
    generation: 0,
    name: "control",
    memberId: 1,
    role: "leader",
    leader: 1,
    term: 3,
    base: 0,
    last: 9,
    durable: 9,
    commit: 9,
    isSilent: false,
    transferUntilMs: -Infinity,
    configuration: { incoming: [1, 2], outgoing: [], learners: [3] },
    ...other,
  } as unknown as GroupInspection;
}

/** Three members of which the second leaves; "late" came with an invitation and comes again, under another name. */
function controlLog(): ControlLog {
  const log = new ControlLog();
  const candidate = (name: string, number: number) =>
    ({ name, number: number as NodeNumber, addresses: [`${name}:1`], publicKey: name }) as const;
  const admit = {
    kind: "admit",
    origin: NO_ORIGIN,
    invitationHash: "",
    verifiedKeyHash: "",
    wallMs: 0,
  } as const;
  const invited = { ...admit, invitationHash: "aa" } as const;
  const removal = { origin: NO_ORIGIN, member: 2 as MemberId } as const;
  const commands: ControlCommand[] = [
    {
      kind: "genesis",
      origin: NO_ORIGIN,
      meshId: "m",
      meshName: "m",
      admission: { policy: "OPEN", joinKeyHash: "" },
      founder: candidate("n1", 11),
      trust: [],
      sealedAuthority: new Uint8Array(0),
      featureLevel: 1,
    },
    { ...admit, candidate: candidate("n2", 12) },
    { kind: "add-invitation", origin: NO_ORIGIN, invitationHash: "aa", expiresWallMs: 10 },
    { ...invited, candidate: candidate("late", 13) },
    { ...invited, candidate: candidate("late", 13) },
    { ...invited, candidate: candidate("later", 14) },
    { kind: "begin-removal", evicted: false, ...removal },
    { kind: "finish-removal", ...removal },
  ];
  commands.forEach((command, i) => log.applied(0, i + 1, 0, encodeControlCommand(command)));
  return log;
}

Deno.test("what lasts is counted from when it began, and not before the node could have done anything about it", () => {
  const lasting = new Lasting<string>();
  const lasts = (ms: number, turns: number, sign: number | null = 1, incarnation = 1) =>
    lasting.lasts("n1", sign, at(ms, turns, incarnation), 50);
  assertEquals([lasts(0, 0), lasts(49, 30), lasts(50, 31), lasts(60, 34)], [false, false, false, false]);
  assertEquals(lasts(60, 35), true);
  // Something else, another start, and what was not so in between.
  assertEquals([lasts(60, 35, 2), lasts(200, 40, 2), lasts(200, 50, 2, 2)], [false, false, false]);
  assertEquals([lasts(300, 60, null), lasts(300, 70, 2, 2), lasts(300, 80, 2, 2)], [false, false, false]);
  // Paused, and then busy with what came meanwhile.
  assertEquals([lasts(900, 80, 2, 2), lasts(901, 81, 2, 2), lasts(910, 90, 2, 2)], [false, false, false]);
  assertEquals([lasts(960, 95, 2, 2), lasts(960, 98, 2, 2), lasts(960, 99, 2, 2)], [false, false, true]);
});

Deno.test("membership catches a node that goes on to speak with who was removed", () => {
  const membership = new MembershipCheck(controlLog());
  const look = (applied: number, reachable: readonly number[], turns: number) =>
    membership.checkSessions(
      "n1",
      { reachable: new Set(reachable), groups: [group({ applied })] } as unknown as NodeInspection,
      at(0, turns),
    );
  look(7, [2, 4], 1);
  look(7, [2, 4], 90); // It has not heard of the removal.
  look(8, [2, 4], 91);
  look(8, [2, 4], 94);
  look(8, [4], 200);
  look(8, [2, 4], 300);
  assertEquals(membership.sessionInputs, 6);
  violates("membership", () => look(8, [2, 4], 304));
});

Deno.test("membership catches an invitation that lets in a second one", () => {
  const { admissions } = controlLog();
  assertEquals(admissions.map(({ name, isAdmitted }) => [name, isAdmitted]), [["late", true], [
    "later",
    false,
  ]]);
  const membership = new MembershipCheck(new ControlLog());
  for (const admission of admissions) membership.admission(admission);
  assertEquals(membership.usedInputs, 1);
  violates("membership", () => membership.admission({ ...admissions[1]!, isAdmitted: true }));
});

Deno.test("handovers catches a leader that does not give up, and a campaign that no leader wants", () => {
  const handovers = new Handovers();
  const hands = (transferUntilMs: number, ms: number, turns: number) =>
    handovers.check(group({ transferUntilMs }), at(ms, turns), ELECTION_TIMEOUT_MS);
  hands(150, 50, 1);
  hands(150, 140, 9);
  hands(150, 400, 9); // Paused until now.
  hands(150, 400, 12);
  hands(-Infinity, 401, 20);
  hands(150, 400, 30);
  assertEquals(handovers.inputs, 5);
  violates("handovers", () => hands(150, 401, 34));
  violates("handovers", () => hands(Infinity, 50, 1));

  const frame = (from: number, to: number, message: Record<string, unknown>) =>
    ({ envelope: { group: 0, generation: 0, from, to }, message }) as unknown as RaftFrame;
  const asks = (term: number, transfer = true) =>
    handovers.heard(frame(2, 3, { kind: "vote", term, transfer }));
  handovers.heard(frame(1, 2, { kind: "timeout-now", term: 3 }));
  asks(4);
  asks(5, false);
  assertEquals(handovers.campaignInputs, 1);
  violates("handovers", () => asks(5));
});

Deno.test("handovers catches a leader that takes proposals while it hands over", () => {
  const handovers = new Handovers();
  const hands = (transferUntilMs: number, last: number, kind: number = EntryKind.Command) =>
    handovers.check(
      group({ transferUntilMs, last, entry: () => ({ kind }) }),
      at(50, last),
      ELECTION_TIMEOUT_MS,
    );
  hands(150, 7);
  hands(150, 7);
  hands(150, 8, EntryKind.Configuration); // A joint configuration is left.
  hands(-Infinity, 9);
  hands(140, 10);
  violates("handovers", () => hands(140, 11));
});

Deno.test("notices catches a leader whose disk makes nothing durable any more", () => {
  const notices = new Notices();
  const leads = (ms: number, durable: number, role = "leader", isFull = false) =>
    notices.check(group({ durable, role }), at(ms, ms), ELECTION_TIMEOUT_MS, () => null, isFull);
  leads(0, 5);
  leads(490, 5);
  leads(495, 6); // It is slow.
  leads(990, 6);
  leads(1000, 6, "follower");
  leads(1010, 6);
  leads(1500, 6);
  leads(1510, 6);
  assertEquals(notices.diskInputs, 7);
  violates("notices", () => leads(1520, 6));
  leads(1530, 6, "leader", true); // It says that it is full, and waits for space.
  leads(1540, 6);
  new Notices().check(group({}), at(9999, 9999), ELECTION_TIMEOUT_MS, () => null, false);
});

Deno.test("notices catches silence where a node is gone that has to be missed", () => {
  const down = (gone: number) => (member: MemberId) => member === gone ? 7 : null;
  const looks = (notices: Notices, gone: number, shape: Record<string, unknown>) => {
    for (let ms = 0; ms <= 600; ms += 50) {
      notices.check(group({ isSilent: true, ...shape }), at(ms, ms), ELECTION_TIMEOUT_MS, down(gone), false);
    }
  };
  violates("notices", () => looks(new Notices(), 3, {}));
  violates("notices", () => looks(new Notices(), 2, { role: "follower", leader: 2 }));
  const others = new Notices();
  looks(others, 3, { role: "follower", leader: 2 }); // Its leader misses that one.
  looks(others, 3, { isSilent: false });
  assertEquals(others.inputs, 0);
});

Deno.test("releases catches who is let go while a stream's group may still count on it", () => {
  const { removals } = controlLog();
  assertEquals(removals.map(({ member, index, isLeave }) => [member, index, isLeave]), [[2, 8, true]]);
  const removal = { ...removals[0]!, groups: [{ name: "orders", group: 5 as GroupId }] };
  const releases = new Releases();
  const look = (commit: number, incoming: readonly number[], placed: number) =>
    releases.check(
      group({ group: 5, commit, configuration: { incoming, outgoing: [], learners: [] } }),
      { configurationIndexes: [placed] } as unknown as GroupLog,
    );
  violates("releases", () => releases.removed(removal)); // What it was opened with.
  look(4, [1, 2], 4);
  look(4, [1], 6);
  violates("releases", () => releases.removed(removal)); // Not committed.
  look(6, [1], 6);
  look(4, [1, 2], 4); // A member that is behind.
  releases.removed(removal);
  assertEquals([releases.inputs, releases.configurationInputs], [3, 2]);
  // Who was evicted is waited for by nobody.
  new Releases().removed({ ...removal, isLeave: false });
});

Deno.test("Dead sessions: a connection that is silent for longer than the idle timeout is kept by nobody", () => {
  const idleTimeoutMs = 100;
  const end = (arrivals: number, state: "open" | "closing" = "open") => [{ id: 7 as never, state, arrivals }];
  const look = (checker: DeadSessions, ms: number, turns: number, arrivals: number) =>
    checker.check("n1", end(arrivals), at(ms, turns), idleTimeoutMs);
  const heard = new DeadSessions();
  for (let turn = 0; turn < 20; turn++) look(heard, 90 * turn, turn, turn);
  assertEquals(heard.inputs, 20);
  const late = new DeadSessions();
  look(late, 0, 1, 1);
  look(late, 500, 2, 1); // Paused until now.
  late.check("n1", end(1, "closing"), at(501, 3), idleTimeoutMs);
  const kept = new DeadSessions();
  for (let turn = 0; turn < 6; turn++) look(kept, 20 * turn, turn, 1);
  violates("dead-sessions", () => {
    for (let turn = 6; turn < 12; turn++) look(kept, 20 * turn, turn, 1);
  });
});
