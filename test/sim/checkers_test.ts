/** Every checker catches what it is for, on evidence made by hand. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ByteWriter } from "../../src/core/bytes.ts";
import { crc32c } from "../../src/core/crc32c.ts";
import type { GroupId, MemberId, NodeNumber, Term } from "../../src/core/ids.ts";
import { NO_ORIGIN } from "../../src/core/origin.ts";
import { type ControlCommand, encodeControlCommand } from "../../src/node/control_commands.ts";
import type { GroupInspection, NodeInspection } from "../../src/node/inspection.ts";
import { encodeConfiguration, encodeRaftFrame, type RaftMessage } from "../../src/raft/mod.ts";
import { encodeRecordBatch, encodeStreamCommand } from "../../src/stream/mod.ts";
import { FrameEncoder, FrameType, Header } from "../../src/wire/mod.ts";
import { Bounds } from "../../sim/checkers/bounds.ts";
import { CommitRule } from "../../sim/checkers/commit_rule.ts";
import { Commitment, hasMajorities } from "../../sim/checkers/commitment.ts";
import { ConfigurationRule } from "../../sim/checkers/configuration_rule.ts";
import { ControlLog } from "../../sim/control_log.ts";
import { ElectionSafety } from "../../sim/checkers/election_safety.ts";
import { FrameIntegrity } from "../../sim/checkers/frame_integrity.ts";
import { GroupLog } from "../../sim/checkers/group_logs.ts";
import { LeaseRule } from "../../sim/checkers/lease_rule.ts";
import { Linearizability } from "../../sim/checkers/linearizability.ts";
import { LogKept } from "../../sim/checkers/log_kept.ts";
import { LogMatching } from "../../sim/checkers/log_matching.ts";
import { MembershipCheck } from "../../sim/checkers/membership.ts";
import { Monotonicity } from "../../sim/checkers/monotonicity.ts";
import { Promises } from "../../sim/checkers/promises.ts";
import { SaidCommitted } from "../../sim/checkers/said_committed.ts";
import { StableLeadership } from "../../sim/checkers/stable_leadership.ts";
import { StateEquality } from "../../sim/checkers/state_equality.ts";
import { TermOrigin } from "../../sim/checkers/term_origin.ts";
import { Seeking } from "../../sim/checkers/seeking.ts";
import { TurnsEnd } from "../../sim/checkers/turns_end.ts";
import { VoteRule } from "../../sim/checkers/vote_rule.ts";
import { SafetyViolation } from "../../sim/checkers/verdict.ts";
import type { Host } from "../../sim/host.ts";
import { KvHistory } from "../../sim/workloads/history.ts";

interface Shape {
  readonly memberId?: number;
  readonly role?: string;
  readonly term?: number;
  readonly vote?: number;
  readonly base?: number;
  readonly baseTerm?: number;
  /** Terms of the entries after base; an entry's content is its term unless `crcs` says otherwise. */
  readonly terms?: readonly number[];
  readonly crcs?: readonly number[];
  readonly kinds?: readonly number[];
  readonly durable?: number;
  readonly commit?: number;
  readonly applied?: number;
  readonly voters?: readonly number[];
  readonly state?: string;
}

function group(shape: Shape): GroupInspection {
  const { base = 0, terms = [], memberId = 1, term = terms.at(-1) ?? 1, state = "" } = shape;
  const last = base + terms.length;
  const commit = shape.commit ?? base;
  return {
    group: 0,
    generation: 0,
    name: "control",
    memberId,
    role: shape.role ?? "follower",
    leader: 0,
    term,
    vote: shape.vote ?? 0,
    base,
    isInstalling: false,
    last,
    lastTerm: terms.at(-1) ?? shape.baseTerm ?? 0,
    durable: shape.durable ?? last,
    commit,
    applied: shape.applied ?? commit,
    configuration: { incoming: shape.voters ?? [1, 2, 3], outgoing: [], learners: [] },
    entry(index: number) {
      const at = index - base - 1;
      const entryTerm = terms[at];
      if (entryTerm === undefined) return null;
      return {
        term: entryTerm,
        kind: shape.kinds?.[at] ?? 0,
        crc: shape.crcs?.[at] ?? crc32c(content(entryTerm)),
      };
    },
    stateBytes: () => new TextEncoder().encode(state),
  } as unknown as GroupInspection;
}

function content(term: number): Uint8Array {
  return new Uint8Array([term]);
}

function logOf(shape: Shape): GroupLog {
  const log = new GroupLog();
  log.update(group(shape));
  return log;
}

function violates(checker: string, act: () => void): void {
  assertEquals(assertThrows(act, SafetyViolation).checker, checker);
}

Deno.test("election safety catches two leaders of one term", () => {
  const checker = new ElectionSafety();
  checker.check(group({ memberId: 1, role: "leader", term: 3 }));
  checker.check(group({ memberId: 1, role: "leader", term: 3 }));
  checker.check(group({ memberId: 2, role: "leader", term: 4 }));
  checker.check(group({ memberId: 2, role: "follower", term: 3 }));
  violates("election-safety", () => checker.check(group({ memberId: 2, role: "leader", term: 3 })));
  assertEquals(checker.inputs, 4);
});

Deno.test("the lease rule catches a lease that outlasts another's election", () => {
  const checker = new LeaseRule();
  const leads = (memberId: number, term: number, leaseUntilMs: number) => ({
    ...group({ memberId, role: "leader", term }),
    leaseUntilMs,
  });
  const nobodyElseIsUp = () => null;
  checker.check(leads(1, 3, 50), 49, 100, nobodyElseIsUp);
  checker.check(leads(2, 4, -Infinity), 60, 100, nobodyElseIsUp);
  checker.check(leads(1, 3, 50), 50, 100, nobodyElseIsUp);
  checker.check(leads(2, 4, 80), 70, 100, nobodyElseIsUp);
  violates("lease-rule", () => checker.check(leads(1, 3, 50), 49, 100, nobodyElseIsUp));
  assertEquals(checker.inputs, 3);
});

Deno.test("the commit rule catches a leader that commits an earlier term's entry by counting", () => {
  const rule = new CommitRule();
  rule.check("n1", 1, group({ role: "leader", term: 3, terms: [1, 2, 3], commit: 1 }));
  rule.check("n1", 1, group({ role: "leader", term: 3, terms: [1, 2, 3], commit: 3 }));
  rule.check("n2", 1, group({ role: "leader", term: 3, terms: [1, 2, 3], commit: 1 }));
  violates(
    "commit-rule",
    () => rule.check("n2", 1, group({ role: "leader", term: 3, terms: [1, 2, 3], commit: 2 })),
  );
  assertEquals(rule.inputs, 2);
});

/** A frame of one message of consensus from member 1, as it travels. */
function spoken(to: number, message: RaftMessage): Uint8Array {
  const payload = new ByteWriter();
  const envelope = {
    meshId: new Uint8Array(16),
    recoveryEpoch: 0,
    group: 0 as GroupId,
    generation: 0,
    from: 1 as MemberId,
    to: to as MemberId,
  };
  encodeRaftFrame(payload, envelope, message, []);
  const header = new Header();
  header.type = FrameType.Raft;
  const frame = new ByteWriter();
  new FrameEncoder().encode(frame, header, payload.view());
  return frame.take();
}

Deno.test("promises catch a second vote in a term, and a word that is forgotten after a crash", () => {
  const promises = new Promises();
  const vote = (term: number): RaftMessage => ({ kind: "vote-reply", term: term as Term, granted: true });
  promises.arrived(spoken(2, vote(5)));
  promises.arrived(spoken(2, vote(5)));
  promises.check(group({ term: 5, vote: 2 }));
  promises.check(group({ term: 6, vote: 0 }));
  violates("promises-kept", () => promises.arrived(spoken(3, vote(5))));
  violates("promises-kept", () => promises.check(group({ term: 5, vote: 0 })));
  violates("promises-kept", () => promises.check(group({ term: 4, vote: 0 })));
  // A pre-vote promises nothing.
  promises.arrived(spoken(2, { kind: "pre-vote-reply", term: 9 as Term, granted: true }));
  promises.check(group({ term: 6, vote: 0 }));
});

Deno.test("log matching catches one index and term with two contents or two pasts", () => {
  const feed = (checker: LogMatching, shape: Shape) => checker.check(group(shape), logOf(shape), 1);
  const checker = new LogMatching();
  feed(checker, { memberId: 1, terms: [1, 1, 2] });
  feed(checker, { memberId: 2, terms: [1, 1, 3] });
  violates(
    "log-matching",
    () => feed(checker, { memberId: 3, terms: [1, 1], crcs: [crc32c(content(1)), 99] }),
  );
  violates("log-matching", () => feed(checker, { memberId: 3, terms: [1, 2, 3] }));
  assert(checker.inputs > 6);
});

Deno.test("a log's last look finds what was replaced at its end and forgets what was compacted", () => {
  const log = logOf({ terms: [1, 1, 1, 1] });
  assertEquals(log.update(group({ terms: [1, 1, 1, 1, 2] })), 5);
  assertEquals(log.update(group({ terms: [1, 1, 3, 3] })), 3);
  assertEquals([log.last, log.entry(4)?.term, log.entry(5)], [4, 3, undefined]);
  assertEquals(log.update(group({ base: 3, terms: [3, 3] })), 5);
  assertEquals([log.entry(3), log.entry(4)?.term], [undefined, 3]);
  assertEquals(log.update(group({ base: 100, terms: [] })), 101);
});

Deno.test("a log's last look reads again what came back because its compaction was not durable", () => {
  const log = new GroupLog();
  log.update(group({ terms: [1, 1, 1, 1], kinds: [0, 2, 0, 0] }));
  log.update(group({ base: 3, terms: [1] }));
  assertEquals(log.configurationIndexes, []);
  assertEquals(log.update(group({ terms: [1, 1, 1, 1], kinds: [0, 2, 0, 0] })), 1);
  assertEquals([log.configurationIndexes, log.entry(2)?.kind], [[2], 2]);
});

Deno.test("commitment catches an index that was applied with two contents", () => {
  const checker = new Commitment();
  checker.applied("n1", 0, 0, 5, 1, 0, content(1));
  checker.applied("n2", 0, 0, 5, 1, 0, content(1));
  violates("committed-immutable", () => checker.applied("n3", 0, 0, 5, 2, 0, content(2)));
  violates("committed-immutable", () => checker.applied("n3", 0, 0, 5, 1, 0, content(2)));
});

Deno.test("commitment catches an entry that was applied without a durable quorum", () => {
  const mine = { memberId: 1, terms: [1, 1], commit: 2 };
  const check = (others: ReadonlyMap<number, GroupLog>) => {
    const checker = new Commitment();
    checker.applied("n1", 0, 0, 2, 1, 0, content(1));
    const own = logOf(mine);
    checker.check("n1", 1, group(mine), own, (member) => member === 1 ? own : others.get(member));
    assertEquals(checker.quorumInputs, 1);
  };
  check(new Map([[2, logOf({ terms: [1, 1] })]]));
  check(new Map([[2, logOf({ base: 7 })]]));
  violates("committed-on-quorum", () => check(new Map([[2, logOf({ terms: [1, 1], durable: 1 })]])));
  violates("committed-on-quorum", () => check(new Map([[2, logOf({ terms: [1, 2] })]])));
  violates("committed-on-quorum", () => check(new Map()));
});

Deno.test("commitment catches a leader that counts without a durable quorum of its own configuration", () => {
  const lead = (others: ReadonlyMap<number, GroupLog>) => {
    const checker = new Commitment();
    const look = (commit: number, voters: number[]) => {
      const mine = { memberId: 1, role: "leader", term: 1, terms: [1, 1, 1], commit, voters };
      const own = logOf(mine);
      checker.check("n1", 1, group(mine), own, (member) => member === 1 ? own : others.get(member));
    };
    look(0, [1, 2, 3, 4]);
    // It has appended a configuration of three, of which nobody has heard.
    look(0, [1, 2, 3]);
    look(2, [1, 2, 3]);
    assertEquals(checker.countInputs, 1);
    // A follower that knows only the four applies what the three have decided.
    checker.applied("n2", 0, 0, 2, 1, 0, content(1));
    const its = { memberId: 2, term: 1, terms: [1, 1], commit: 2, voters: [1, 2, 3, 4] };
    checker.check("n2", 1, group(its), logOf(its), () => undefined);
    assertEquals(checker.quorumInputs, 0);
  };
  lead(new Map([[2, logOf({ terms: [1, 1] })]]));
  violates("committed-on-quorum", () => lead(new Map([[4, logOf({ terms: [1, 1] })]])));
  violates("committed-on-quorum", () => lead(new Map([[2, logOf({ terms: [1, 1], durable: 1 })]])));
});

Deno.test("commitment catches a leader without an entry that was committed before its term", () => {
  const checker = new Commitment();
  checker.applied("n1", 0, 0, 1, 1, 0, content(1));
  const own = logOf({ terms: [1] });
  checker.check("n1", 1, group({ term: 1, terms: [1], commit: 1 }), own, () => own);
  const lead = (shape: Shape) =>
    checker.check("n2", 1, group(shape), logOf(shape), () => logOf({ terms: [1] }));
  lead({ memberId: 2, role: "leader", term: 2, terms: [1] });
  assertEquals(checker.leaderInputs, 1);
  violates("leader-completeness", () => lead({ memberId: 3, role: "leader", term: 3, terms: [] }));
  violates("leader-completeness", () => lead({ memberId: 2, role: "leader", term: 4, terms: [2] }));
});

Deno.test("commitment asks nothing of a leader of an earlier term than that of the commit", () => {
  const checker = new Commitment();
  checker.applied("n1", 0, 0, 1, 1, 0, content(1));
  const own = logOf({ terms: [1] });
  checker.check("n1", 1, group({ term: 5, terms: [1], commit: 1 }), own, () => own);
  const lead = (shape: Shape) => checker.check("n2", 1, group(shape), logOf(shape), () => own);
  lead({ memberId: 2, role: "leader", term: 4, terms: [4] });
  violates("leader-completeness", () => lead({ memberId: 2, role: "leader", term: 6, terms: [4] }));
});

Deno.test("hasMajorities() needs more than half of both sets", () => {
  const holds = (...members: number[]) => (member: number) => members.includes(member);
  const joint = { incoming: [1, 2, 3], outgoing: [3, 4], learners: [] } as never;
  assertEquals(hasMajorities(joint, holds(1, 3, 4)), true);
  assertEquals(hasMajorities(joint, holds(1, 2, 3)), false);
  const simple = { incoming: [1, 2, 3, 4], outgoing: [], learners: [] } as never;
  assertEquals(hasMajorities(simple, holds(1, 2)), false);
});

Deno.test("turns-end catches a node whose deadline has passed and stays", () => {
  const checker = new TurnsEnd();
  for (let overdue = 0; overdue <= 500; overdue++) checker.check("n1", overdue);
  assertEquals(checker.inputs, 501);
  violates("turns-end", () => checker.check("n1", 501));
});

Deno.test("seeking catches who waits for ever to be dialled", () => {
  const checker = new Seeking();
  const look = (isSought: boolean, state = "member") =>
    checker.check({ name: "n1", state, apart: () => [{ memberId: 2, isSought }] } as never);
  look(true);
  look(false, "leaving");
  assertEquals(checker.inputs, 1);
  violates("seeking", () => look(false));
});

Deno.test("state equality catches two states after the same entries", () => {
  const checker = new StateEquality();
  checker.check("n1", 1, group({ applied: 8, commit: 8, state: "a" }), false);
  checker.check("n2", 1, group({ applied: 8, commit: 8, state: "a" }), false);
  assertEquals(checker.inputs, 1);
  violates(
    "state-equality",
    () => checker.check("n3", 1, group({ applied: 8, commit: 8, state: "b" }), false),
  );
});

Deno.test("monotonicity catches what goes back within an incarnation", () => {
  const after = (first: Shape, second: Shape) => () => {
    const checker = new Monotonicity();
    checker.check("n1", 1, group(first), false);
    checker.check("n1", 1, group(second), false);
  };
  const terms = [1, 1, 1];
  after({ terms, commit: 2 }, { terms, commit: 3 })();
  violates("monotonicity", after({ terms, term: 3 }, { terms, term: 2 }));
  violates("monotonicity", after({ terms, commit: 3 }, { terms, commit: 2 }));
  violates("monotonicity", after({ terms, term: 3, vote: 1 }, { terms, term: 3, vote: 2 }));
  violates("monotonicity", after({ terms, commit: 3, applied: 3 }, { terms, commit: 3, applied: 2 }));
  violates("monotonicity", after({ terms, commit: 2, applied: 3 }, { terms }));
});

Deno.test("monotonicity catches a term or vote that was durable and did not come back", () => {
  const restart = (isSettled: boolean, second: Shape) => () => {
    const checker = new Monotonicity();
    checker.check("n1", 1, group({ term: 5, vote: 2 }), isSettled);
    checker.check("n1", 2, group(second), true);
  };
  restart(true, { term: 5, vote: 2 })();
  restart(true, { term: 6, vote: 1 })();
  restart(false, { term: 4, vote: 0 })();
  violates("monotonicity", restart(true, { term: 4, vote: 0 }));
  violates("monotonicity", restart(true, { term: 5, vote: 0 }));
  violates("monotonicity", restart(true, { term: 5, vote: 3 }));
});

/** Members 1 and 2 were admitted and 2 was removed; 4 asked to leave. */
function controlLog(): ControlLog {
  const log = new ControlLog();
  const candidate = (name: string, number: number) =>
    ({ name, number: number as NodeNumber, addresses: [`${name}:1`], publicKey: name }) as const;
  const admission = { policy: "OPEN", joinKeyHash: "" } as const;
  const sealedAuthority = new Uint8Array(0);
  const admit = {
    kind: "admit",
    origin: NO_ORIGIN,
    invitationHash: "",
    verifiedKeyHash: "",
    wallMs: 0,
  } as const;
  const founding = { kind: "genesis", origin: NO_ORIGIN, meshId: "m", meshName: "m", admission } as const;
  const removal = { origin: NO_ORIGIN, member: 2 as MemberId } as const;
  const commands: ControlCommand[] = [
    { ...founding, founder: candidate("n1", 11), trust: [], sealedAuthority, featureLevel: 1 },
    { ...admit, candidate: candidate("n2", 12) },
    { kind: "begin-removal", evicted: true, ...removal },
    { ...admit, candidate: candidate("n3", 13) },
    { kind: "finish-removal", ...removal },
    { kind: "begin-removal", evicted: false, origin: NO_ORIGIN, member: 4 as MemberId },
  ];
  commands.forEach((command, i) => log.applied(0, i + 1, 0, encodeControlCommand(command)));
  return log;
}

Deno.test("membership catches a node that believes it was removed before its removal is in the log", () => {
  const membership = new MembershipCheck(controlLog());
  const look = (memberId: number, state: string) =>
    membership.check("n", { memberId, state } as NodeInspection);
  look(1, "member");
  look(2, "evicted");
  assertEquals(membership.removedInputs, 1);
  violates("membership", () => look(1, "evicted"));
  violates("membership", () => look(4, "evicted"));
});

Deno.test("the world's control log says who is a member and who counts on whom", () => {
  const log = controlLog();
  assertEquals(["n1", "n2", "n3"].map((name) => log.memberByName(name)?.memberId), [1, undefined, 4]);
  assertEquals(["n1", "n2", "n3"].map((name) => log.stays(name)), [true, false, false]);
  const voters = (...incoming: number[]) =>
    encodeConfiguration({ incoming: incoming as MemberId[], outgoing: [], learners: [] });
  log.applied(0, 7, 2, voters(1, 2, 4));
  assertEquals(log.countsOn(2), ["control"]);
  log.applied(0, 8, 2, voters(1, 4));
  assertEquals([log.countsOn(2), log.countsOn(4)], [[], ["the control log", "control"]]);
  assertThrows(() => log.applied(0, 10, 1, new Uint8Array(0)), Error, "Nobody applied entry 9");
});

Deno.test("frame-integrity catches a node that goes on after flipped bits", () => {
  const host = (isTolerated: boolean) =>
    ({
      name: "n1",
      world: { network: { corruption: { isTolerated: () => isTolerated } } },
    }) as unknown as Host;
  const integrity = new FrameIntegrity();
  integrity.check(host(false));
  violates("frame-integrity", () => integrity.check(host(true)));
});

Deno.test("bounds catch a size beyond its limit", () => {
  const checker = new Bounds();
  const node = (flows: number) =>
    ({ name: "n1", sizes: { flows, somethingNew: 5 } }) as unknown as NodeInspection;
  checker.check(node(3));
  violates("bounded-sizes", () => checker.check(node(65)));
  violates("bounded-sizes", () => checker.check(node(NaN)));
  assertEquals(checker.peaks["somethingNew"], 5);
});

Deno.test("linearizability catches a stale read in a history of many keys", () => {
  const history = new KvHistory();
  const act = (key: string, kind: "read" | "write", value: number) => {
    const operation = history.invoke({
      client: 0,
      key,
      kind,
      value: kind === "write" ? value : 0,
      expected: null,
    });
    history.return(operation, "ok", kind === "read" ? value : 0);
  };
  act("a", "write", 1);
  act("b", "write", 2);
  act("a", "read", 1);
  const good = new Linearizability();
  good.check(history);
  assertEquals(good.inputs, 3);
  act("b", "read", 0);
  violates("linearizability", () => new Linearizability().check(history));
});

Deno.test("term origin catches a term in which nobody stood for election", () => {
  const checker = new TermOrigin();
  checker.check(group({ memberId: 1, role: "candidate", term: 2, vote: 1 }));
  checker.check(group({ memberId: 2, term: 2, vote: 1 }));
  checker.announced(0, 0, 3);
  checker.check(group({ memberId: 2, term: 3, vote: 0 }));
  assertEquals(checker.inputs, 1);
  violates("term-origin", () => checker.check(group({ memberId: 3, role: "pre-candidate", term: 4 })));
  assertEquals(checker.inputs, 2);
});

Deno.test("the vote rule catches a vote for a log that is less up to date than the voter's", () => {
  const vote = (asked: { lastIndex: number; lastTerm: number }, terms: readonly number[]) => () => {
    const rule = new VoteRule();
    rule.asked(0, 0, 5, 2, asked);
    const look = (shape: Shape) => rule.check(1, group(shape), logOf(shape));
    look({ terms, term: 4 });
    look({ terms, term: 5, vote: 2 });
    assertEquals(rule.inputs, 1);
  };
  vote({ lastIndex: 2, lastTerm: 3 }, [1, 3])();
  vote({ lastIndex: 1, lastTerm: 3 }, [1, 2])();
  violates("vote-rule", vote({ lastIndex: 1, lastTerm: 3 }, [1, 3]));
  violates("vote-rule", vote({ lastIndex: 9, lastTerm: 2 }, [1, 3]));
});

Deno.test("the vote rule says nothing of a voter whose log changed in the same turn", () => {
  const rule = new VoteRule();
  rule.asked(0, 0, 5, 2, { lastIndex: 1, lastTerm: 1 });
  rule.check(1, group({ terms: [1], term: 4 }), logOf({ terms: [1] }));
  rule.check(1, group({ terms: [1, 5], term: 5, vote: 2 }), logOf({ terms: [1, 5] }));
  assertEquals(rule.inputs, 0);
});

Deno.test("what a log keeps: an entry gives way only to another one in its place", () => {
  const change = (shape: Shape) => () => {
    const checker = new LogKept();
    const log = new GroupLog();
    for (const each of [{ terms: [1, 1, 1], commit: 1 }, shape]) {
      checker.check(1, group(each), log);
      log.update(group(each));
    }
    assertEquals(checker.inputs, 1);
  };
  change({ terms: [1, 2], commit: 1 })();
  violates("log-kept", change({ terms: [1, 1], commit: 1 }));
  // A snapshot takes the place of a log that does not match it, of another one only what it holds.
  change({ base: 2, baseTerm: 2 })();
  violates("log-kept", change({ base: 2, baseTerm: 1 }));
});

Deno.test("what a log keeps: a restarted member has what was durable", () => {
  const restart = (shape: Shape) => () => {
    const checker = new LogKept();
    const before = { terms: [1, 1, 2], durable: 2 };
    const log = logOf(before);
    checker.check(1, group(before), log);
    checker.check(2, group(shape), log);
    return checker.restarted;
  };
  assertEquals(restart({ terms: [1, 1] })(), 2);
  assertEquals(restart({ base: 1, terms: [1, 3] })(), 1);
  violates("log-kept", restart({ terms: [1] }));
  violates("log-kept", restart({ terms: [1, 3] }));
});

const CONFIGURATION = { incoming: [1, 2, 3], outgoing: [], learners: [] } as never;
const CONFIGURATION_CRC = crc32c(encodeConfiguration(CONFIGURATION));

Deno.test("the configuration rule catches a member that counts other voters than its log or snapshot says", () => {
  const check = (voters: readonly number[], shape: Shape) => () => {
    const rule = new ConfigurationRule();
    rule.applied(0, 0, 1, 2, encodeConfiguration(CONFIGURATION));
    rule.check("n1", 1, group({ ...shape, voters }), logOf(shape));
    assertEquals(rule.inputs, 1);
  };
  const inLog = { terms: [1, 1], kinds: [0, 2], crcs: [0, CONFIGURATION_CRC] };
  check([1, 2, 3], inLog)();
  check([1, 2, 3], { base: 4, terms: [] })();
  violates("configuration-rule", check([1, 2], inLog));
  violates("configuration-rule", check([1, 2], { base: 4, terms: [] }));
});

Deno.test("the configuration rule catches a change before the leader's term or the last change is committed", () => {
  const change = (kinds: readonly number[], terms: readonly number[], commit: number) => () => {
    const rule = new ConfigurationRule();
    const crcs = terms.map(() => CONFIGURATION_CRC);
    const shape = { role: "leader", term: 2, terms, kinds, crcs, commit };
    rule.check("n1", 1, group(shape), logOf(shape));
    assertEquals(rule.changeInputs, 1);
  };
  change([0, 1, 2], [1, 2, 2], 2)();
  violates("configuration-rule", change([0, 1, 2], [1, 2, 2], 1));
  violates("configuration-rule", change([1, 2, 0, 2], [2, 2, 2, 2], 1));
});

Deno.test("the configuration rule catches a step between configurations whose majorities need not meet", () => {
  const step = (before: [number[], number[], number[]?], after: [number[], number[], number[]?]) => () => {
    const rule = new ConfigurationRule();
    const crcs: number[] = [];
    [before, after].forEach(([incoming, outgoing, learners = []]) => {
      const configuration = { incoming, outgoing, learners } as never;
      crcs.push(crc32c(encodeConfiguration(configuration)));
      const shape = { terms: crcs.map(() => 1), kinds: crcs.map(() => 2), crcs };
      rule.check("n1", 1, { ...group(shape), configuration }, logOf(shape));
    });
    assertEquals(rule.stepInputs, 1);
  };
  step([[1, 2, 3], []], [[1, 2, 3, 4], []])();
  step([[1, 2, 3], []], [[4, 5], [1, 2, 3]])();
  step([[4, 5], [1, 2, 3]], [[4, 5], []])();
  step([[4, 5], [1, 2, 3], [6]], [[4, 5], [], [6]])();
  violates("configuration-rule", step([[4, 5], [1, 2, 3], [6]], [[4, 5], [], []]));
  violates("configuration-rule", step([[1, 2, 3], []], [[1, 4, 5], []]));
  violates("configuration-rule", step([[1, 2, 3], []], [[4, 5], [1, 2]]));
  violates("configuration-rule", step([[4, 5], [1, 2, 3]], [[4], []]));
  violates("configuration-rule", step([[4, 5], [1, 2, 3]], [[4, 5], [1, 2]]));
});

Deno.test("the configuration rule takes no step from a change that another leader's has replaced", () => {
  const crcOf = (incoming: number[], outgoing: number[]) =>
    crc32c(encodeConfiguration({ incoming, outgoing, learners: [] } as never));
  const rule = new ConfigurationRule();
  const look = (voters: [number[], number[]], crcs: readonly number[], terms: readonly number[]) => {
    const [incoming, outgoing] = voters;
    const shape = { terms, kinds: terms.map(() => 2), crcs };
    const configuration = { incoming, outgoing, learners: [] } as never;
    rule.check("n1", 1, { ...group(shape), configuration }, logOf(shape));
  };
  look([[1, 4, 8], [1, 4, 6]], [crcOf([1, 4, 8], [1, 4, 6])], [1]);
  look([[4, 6, 8], []], [crcOf([4, 6, 8], [1, 4, 6]), crcOf([4, 6, 8], [])], [2, 2]);
  assertEquals(rule.stepInputs, 0);
});

Deno.test("stable leadership catches an election that nothing called for, and only at rest", () => {
  const checker = new StableLeadership();
  checker.check(group({ role: "pre-candidate" }));
  assertEquals(checker.inputs, 0);
  checker.isAtRest = true;
  checker.check(group({ role: "candidate" }));
  violates("stable-leadership", () => checker.check(group({ role: "pre-candidate" })));
  assertEquals(checker.inputs, 2);
});

Deno.test("said committed catches a message that nobody had applied", () => {
  const checker = new SaidCommitted();
  const fields = { producerId: 1, epoch: 1, baseSequence: 1 as never, ulid: new Uint8Array(16) };
  checker.applied(7, 3, 0, encodeRecordBatch(fields, [new TextEncoder().encode("p/1 xyz")]));
  checker.named({ ...group({}), group: 7 as GroupId, name: "s" });
  checker.said("s", ["p/1"]);
  violates("said-committed", () => checker.said("s", ["p/2"]));
  violates("said-committed", () => checker.said("other", ["p/1"]));
  assertEquals(checker.inputs, 3);
  checker.applied(7, 4, 0, encodeStreamCommand({ kind: "close", origin: NO_ORIGIN }));
  checker.applied(7, 5, 0, encodeRecordBatch(fields, [new TextEncoder().encode("p/3 xyz")]));
  violates("said-committed", () => checker.said("s", ["p/3"]));
  checker.applied(9, 1, 0, encodeRecordBatch(fields, [new TextEncoder().encode("p/4 xyz")]));
  checker.named({ ...group({}), group: 9 as GroupId, name: "s" });
  checker.said("s~2", ["p/4"]);
  violates("said-committed", () => checker.said("s", ["p/4"]));
});
