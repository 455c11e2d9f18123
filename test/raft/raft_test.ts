/** One core at a time: events and the exact effects that they must have. Elections, replication, persistence. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { AssertionFailure } from "../../src/core/assert.ts";
import type { Index } from "../../src/core/ids.ts";
import { EntryKind, type RaftMessage, simpleConfiguration } from "../../src/raft/mod.ts";
import { Cluster, OPTIONS } from "./cluster.ts";
import { append, drain, kinds, leader, member, message, reply, signOf, type Start, start } from "./single.ts";

Deno.test("Raft elects one leader of three, commits and applies everywhere", () => {
  const cluster = new Cluster(1, 3);
  assert(cluster.runUntil(() => cluster.converged()));
  const leader = cluster.leader()!;
  for (let i = 0; i < 10; i++) assert(cluster.propose(leader));
  cluster.settle(leader);
  assert(cluster.runUntil(() => cluster.converged()));
  assertEquals(cluster.committed.length, 11);
  assertEquals(cluster.seen.leaders, 1);
});

Deno.test("Raft asks before it enters a new term, and votes for itself only then", () => {
  const raft = start({ terms: [1], term: 4 });
  raft.tick(raft.deadline());
  assertEquals(kinds(drain(raft)), ["pre-vote>2", "pre-vote>3"]);
  assertEquals([raft.role, raft.term as number], ["pre-candidate", 4]);
  raft.step(member(3), message({ kind: "pre-vote-reply", term: 5, granted: true }), 200);
  const ready = raft.ready()!;
  assertEquals(ready.hardState, { term: 5, vote: 1, commit: 0 } as never);
  // Requests of the new term wait for the write; so does the own vote.
  for (const { afterToken } of ready.messages) assertEquals(afterToken, ready.persistToken);
  assertEquals(raft.role, "candidate");
  raft.persisted(ready.persistToken);
  assertEquals(raft.role, "candidate");
  raft.step(member(2), message({ kind: "vote-reply", term: 5, granted: true }), 210);
  assertEquals(raft.role, "leader");
});

Deno.test("Raft of a follower waits the whole timeout again after each sign of its leader", () => {
  const signs = [
    signOf(1),
    append(1, 0, 0, []),
    append(1, 9, 1, []),
  ];
  for (const sign of signs) {
    const raft = start({ terms: [1] });
    const before = raft.deadline();
    raft.step(member(2), sign, 100);
    assertEquals(raft.deadline(), before + 100);
    raft.tick(before + 99);
    assertEquals(raft.role, "follower");
  }
});

Deno.test("Raft of a learner never campaigns, but notices that its leader is silent", () => {
  const raft = start({ self: 4, learners: [4], terms: [1] });
  raft.step(member(2), signOf(1), 10);
  assertEquals(raft.leader as number, 2);
  raft.tick(raft.deadline());
  assertEquals([raft.role, raft.leader as number, raft.deadline()], ["follower", 0, Infinity]);
  assertEquals(drain(raft).length, 1, "nothing but the answer to the heartbeat");
});

Deno.test("Raft of a single voter leads once its vote is durable, and commits once its entry is", () => {
  const raft = start({ voters: [1] });
  assertEquals(raft.deadline(), 0);
  raft.tick(0);
  const vote = raft.ready()!;
  assertEquals([raft.role, vote.hardState?.vote as number], ["candidate", 1]);
  raft.persisted(vote.persistToken);
  assertEquals(raft.role, "leader");
  const noop = raft.ready()!;
  assertEquals([noop.entries.length, raft.commit as number], [1, 0]);
  raft.persisted(noop.persistToken);
  const done = raft.ready()!;
  assertEquals([done.applyFirst, done.applyLast], [1, 1] as never);
  raft.readIndex(9, 1);
  assertEquals(raft.ready()!.reads, [{ context: 9, index: 1 as Index }]);
});

Deno.test("Raft grants a vote to a log as good as its own, once per term, after the vote is durable", () => {
  const cases: [
    what: string,
    start: Start,
    ask: [from: number, term: number, last: number, lastTerm: number],
    boolean,
  ][] = [
    ["an equal log", { terms: [1, 2] }, [2, 3, 2, 2], true],
    ["a longer log", { terms: [1, 2] }, [2, 3, 5, 2], true],
    ["a later last term, shorter", { terms: [1, 1, 1] }, [2, 3, 1, 2], true],
    ["a shorter log", { terms: [1, 2] }, [2, 3, 1, 2], false],
    ["an earlier last term, longer", { terms: [1, 2] }, [2, 3, 9, 1], false],
    ["an earlier term", { terms: [1, 2], term: 5 }, [2, 4, 9, 3], false],
    ["the same asker again", { term: 5, vote: 2 }, [2, 5, 0, 0], true],
    ["another asker in the same term", { term: 5, vote: 3 }, [2, 5, 0, 0], false],
    ["another asker in a later term", { term: 5, vote: 3 }, [2, 6, 0, 0], true],
  ];
  for (const [what, given, [from, term, lastIndex, lastTerm], granted] of cases) {
    const raft = start(given);
    // Not before it knows that it has promised nothing before its start.
    raft.step(member(from), message({ kind: "vote", term, lastIndex, lastTerm, transfer: false }), 10);
    assertEquals(raft.ready(), null, what);
    const later = OPTIONS.electionTimeoutMs;
    raft.step(member(from), message({ kind: "vote", term, lastIndex, lastTerm, transfer: false }), later);
    const ready = raft.ready()!;
    const [answer] = ready.messages;
    const expected = { kind: "vote-reply", term: Math.max(term, given.term ?? 0), granted };
    assertEquals(answer!.message as unknown, expected, what);
    assertEquals(answer!.afterToken, ready.persistToken, what);
    if (granted && given.vote !== from) assert(ready.persistToken > 0, what);
  }
});

Deno.test("Raft that hears a leader ignores candidates, unless that leader hands over", () => {
  for (const kind of ["vote", "pre-vote"]) {
    const raft = start({ term: 2 });
    raft.step(member(2), message({ kind: "heartbeat", term: 2, commit: 0, readRound: 0 }), 100);
    drain(raft);
    const ask = { kind, term: 9, lastIndex: 9, lastTerm: 8 } as { kind: RaftMessage["kind"] };
    raft.step(member(3), message({ ...ask, transfer: false }), 100 + OPTIONS.electionTimeoutMs - 1);
    assertEquals([drain(raft).length, raft.term as number], [0, 2]);
    raft.step(member(3), message({ ...ask, transfer: true }), 110);
    assertEquals(raft.term as number, kind === "vote" ? 9 : 2);
  }
});

Deno.test("Raft follows a leader's log: skips what it has, replaces what differs, tells where to look", () => {
  type Case = [
    what: string,
    terms: number[],
    append: RaftMessage,
    after: number[],
    success: boolean,
    index: number,
    hint?: number[],
  ];
  const cases: Case[] = [
    ["the next entry", [1], append(2, 1, 1, [2]), [1, 2], true, 2],
    ["what is there", [1, 1, 1], append(2, 0, 0, [1, 1]), [1, 1, 1], true, 2],
    ["a probe", [1, 1, 1], append(2, 2, 1, []), [1, 1, 1], true, 2],
    ["a conflict in the middle", [1, 1, 1], append(3, 1, 1, [2, 3]), [1, 2, 3], true, 3],
    ["a gap", [1], append(2, 5, 2, [2]), [1], false, 5, [1, 1]],
    ["a later term at the place", [1, 1, 4, 4, 4], append(5, 4, 2, [5]), [1, 1, 4, 4, 4], false, 4, [2, 1]],
    ["an earlier term at the place", [1, 1, 1, 1], append(5, 4, 4, [5]), [1, 1, 1, 1], false, 4, [4, 1]],
    ["a leader whose term is over", [1, 1], append(0, 2, 1, []), [1, 1], false, 2, [0, 0]],
  ];
  for (const [what, terms, given, after, success, index, hint] of cases) {
    const raft = start({ terms });
    raft.step(member(2), given, 10);
    const ready = raft.ready()!;
    const answer = ready.messages[0]!;
    const found = Array.from({ length: raft.lastIndex }, (_, i) => raft.termAt(i + 1 as Index) as number);
    assertEquals(found, after, what);
    assertEquals(answer.message as unknown, {
      kind: "append-reply",
      term: Math.max(given.term, terms.at(-1)!),
      success,
      index,
      hintIndex: hint?.[0] ?? 0,
      hintTerm: hint?.[1] ?? 0,
    }, what);
    // An acknowledgement of something new, or of a new term, waits for the write.
    assertEquals(answer.afterToken, ready.persistToken, what);
  }
});

Deno.test("Raft takes the commit index only as far as the append reached, and applies only what is durable", () => {
  const raft = start({ terms: [1, 1, 1, 1] });
  raft.step(member(2), append(1, 1, 1, [1], 9), 10);
  assertEquals(raft.commit as number, 2);
  raft.step(member(2), append(1, 4, 1, [1, 1], 6), 11);
  assertEquals(raft.commit as number, 6);
  const ready = raft.ready()!;
  assertEquals([ready.applyFirst, ready.applyLast], [1, 4] as never);
  raft.persisted(ready.persistToken);
  const next = raft.ready()!;
  assertEquals([next.applyFirst, next.applyLast], [5, 6] as never);
});

Deno.test("Raft never reports an overwritten entry durable by the completion of the older write", () => {
  const raft = start({ terms: [1] });
  raft.step(member(2), append(1, 1, 1, [1, 1]), 10);
  const older = raft.ready()!;
  raft.step(member(3), append(2, 1, 1, [2, 2], 3), 20);
  const newer = raft.ready()!;
  assertEquals(newer.messages.at(-1)!.afterToken, newer.persistToken);
  assertEquals(newer.applyLast as number, 1);
  raft.persisted(older.persistToken);
  assertEquals([raft.commit as number, raft.status().durableIndex as number, raft.ready()], [3, 1, null]);
  raft.persisted(newer.persistToken);
  assertEquals(raft.status().durableIndex as number, 3);
});

Deno.test("Raft acknowledges again what is durable without another write", () => {
  const raft = start({ terms: [1, 1] });
  raft.step(member(2), append(1, 1, 1, [1]), 10);
  const ready = raft.ready()!;
  assertEquals([ready.persistToken, ready.messages[0]!.afterToken], [0, 0]);
});

Deno.test("Raft does not commit an entry of an older term by counting its copies (paper, Figure 8)", () => {
  // Member 1 led term 2, lost leadership, and leads again in term 4: its entry 2 of term 2 is on a majority now.
  const raft = start({ voters: [1, 2, 3, 4, 5], terms: [1, 2], term: 3, options: { appendBytesLimit: 10 } });
  raft.tick(raft.deadline());
  drain(raft);
  for (const id of [2, 3]) {
    raft.step(member(id), message({ kind: "pre-vote-reply", term: 4, granted: true }), 300);
  }
  drain(raft);
  for (const id of [2, 3]) {
    raft.step(member(id), message({ kind: "vote-reply", term: 4, granted: true }), 300);
  }
  drain(raft);
  assertEquals([raft.role, raft.lastIndex as number], ["leader", 3]);
  for (const id of [2, 3]) raft.step(member(id), reply(4, 2), 310);
  drain(raft);
  assertEquals(raft.commit as number, 0);
  for (const id of [2, 3]) raft.step(member(id), reply(4, 3), 320);
  assertEquals(raft.commit as number, 3);
});

Deno.test("Raft counts its own entry once it is durable, not before", () => {
  const raft = leader();
  const result = raft.propose(EntryKind.Command, 5);
  assert(result.ok);
  const ready = raft.ready()!;
  // The followers are told at once, side by side with the own write.
  assertEquals(ready.messages.map(({ to, afterToken }) => [to, afterToken]), [[2, 0]] as never);
  raft.step(member(3), reply(raft.term, 2), 310);
  assertEquals(raft.commit as number, 1);
  raft.persisted(ready.persistToken);
  assertEquals(raft.commit as number, 2);
});

Deno.test("Raft makes of many proposals between two gatherings one append per peer", () => {
  const raft = leader();
  raft.step(member(3), reply(raft.term, 1), 300);
  drain(raft);
  for (let i = 0; i < 5; i++) raft.propose(EntryKind.Command, 10);
  const ready = raft.ready()!;
  assertEquals(ready.entries.length, 5);
  assertEquals(kinds(ready.messages as never), ["append>2", "append>3"]);
  for (const { message } of ready.messages) {
    assertEquals(message.kind === "append" && message.entries.length, 5);
  }
});

Deno.test("Raft bounds a peer's window in messages and bytes, and one append in bytes", () => {
  const raft = leader({
    options: { inflightMessagesLimit: 3, appendBytesLimit: 100, inflightBytesLimit: 10_000 },
  });
  for (let i = 0; i < 10; i++) raft.propose(EntryKind.Command, 60);
  const appends = drain(raft).filter(({ to }) => to === 2);
  assertEquals(appends.length, 3);
  for (const { message } of appends) assert(message.kind === "append" && message.entries.length === 1);
  raft.step(member(2), reply(raft.term, 2), 310);
  assertEquals(drain(raft).filter(({ to }) => to === 2).length, 1);
  const bytes = leader({ options: { inflightBytesLimit: 50, appendBytesLimit: 20 } });
  for (let i = 0; i < 10; i++) bytes.propose(EntryKind.Command, 20);
  assertEquals(drain(bytes).filter(({ to }) => to === 2).length, 3);
  assertEquals(bytes.status().peers[0]!.inflightBytes, 60);
  // One entry over the limit travels alone.
  const large = leader({ options: { appendBytesLimit: 20 } });
  large.propose(EntryKind.Command, 500);
  assertEquals(drain(large).filter(({ to }) => to === 2).length, 1);
});

Deno.test("Raft tells an idle follower of a commit at once", () => {
  const raft = leader();
  raft.propose(EntryKind.Command, 5);
  drain(raft);
  raft.step(member(2), reply(raft.term, 2), 310);
  const sent = drain(raft);
  assertEquals(sent, [{
    to: 2,
    message: message({ kind: "heartbeat", term: raft.term, commit: 2, readRound: 0 }),
  }]);
  assert(raft.deadline() > 310, "without waiting for the interval");
});

Deno.test("Raft finds out by heartbeat that an append or its reply was lost", () => {
  const raft = leader();
  raft.propose(EntryKind.Command, 5);
  drain(raft);
  const beat = message({ kind: "heartbeat-reply", term: raft.term, readRound: 0 });
  raft.step(member(2), beat, 320);
  raft.step(member(2), beat, 360);
  const probes = drain(raft).filter(({ to }) => to === 2);
  assertEquals(probes.map(({ message }) => message.kind === "append" && message.previousIndex), [2] as never);
  const refusal = message({
    kind: "append-reply",
    term: raft.term,
    success: false,
    index: 2,
    hintIndex: 1,
    hintTerm: 1,
  });
  raft.step(member(2), refusal, 370);
  const again = drain(raft).filter(({ to }) => to === 2);
  assertEquals(again.map(({ message }) => message.kind === "append" && message.entries.length), [1]);
});

Deno.test("Raft repairs a log of many differing entries in one round per term", () => {
  const raft = leader({ terms: [1, 1, 1, 5, 5, 5, 5, 5, 6, 6] });
  // The follower's log: three entries of term 1, then forty of term 2, then forty of term 3.
  const terms = [1, 1, 1, ...Array(40).fill(2), ...Array(40).fill(3)] as number[];
  const follower = start({ self: 3, terms });
  let rounds = 0;
  let sent = [{ to: 3, message: append(raft.term, 10, 6, [7]) }];
  while (follower.lastIndex !== raft.lastIndex || raft.status().peers[1]!.match !== raft.lastIndex) {
    assert(++rounds < 6, "a handful of rounds");
    for (const { message } of sent) follower.step(member(1), message, 310 + rounds);
    for (const { message } of drain(follower)) raft.step(member(3), message, 310 + rounds);
    sent = drain(raft).filter(({ to }) => to === 3);
  }
});

Deno.test("Raft restarts with the commit index it noted, and applies from its snapshot on", () => {
  const raft = start({ terms: [1, 1, 1], commit: 2 });
  assertEquals(raft.commit as number, 2);
  const ready = raft.ready()!;
  assertEquals([ready.applyFirst, ready.applyLast, ready.persistToken], [1, 2, 0] as never);
  assertEquals(start({ terms: [1], commit: 9 }).commit as number, 1);
});

Deno.test("Raft whose log begins at a state of a later term enters that term, without the vote that it had", () => {
  const raft = start({ base: [9, 5], term: 3, vote: 2, commit: 9 });
  assertEquals([raft.term as number, raft.vote as number], [5, 0]);
  raft.step(member(2), signOf(5), 10);
  const ready = raft.ready()!;
  assertEquals(ready.hardState, { term: 5, vote: 0, commit: 9 } as never);
  // Nothing tells of that term before it is durable.
  assertEquals(ready.messages.map(({ afterToken }) => afterToken), [ready.persistToken]);
});

Deno.test("Raft writes no commit index for its own sake", () => {
  const raft = start({ terms: [1, 1] });
  raft.step(member(2), append(1, 2, 1, [], 2), 10);
  const ready = raft.ready()!;
  assertEquals([ready.hardState, ready.persistToken], [null, 0]);
  raft.step(member(2), append(1, 2, 1, [1], 2), 11);
  assertEquals(raft.ready()!.hardState, { term: 1, vote: 0, commit: 2 } as never);
});

Deno.test("Raft refuses options that cannot work, all at once", () => {
  const options = { electionTimeoutMs: 100, heartbeatIntervalMs: 40, pendingReadsLimit: 0 };
  const error = assertThrows(() => start({ options }), RangeError) as RangeError;
  assert(error.message.includes("heartbeatIntervalMs") && error.message.includes("pendingReadsLimit"));
});

Deno.test("Raft stops at a second leader of its own term", () => {
  const raft = leader();
  assertThrows(() => raft.step(member(2), append(raft.term, 0, 0, []), 310), AssertionFailure);
});

Deno.test("Raft ends its campaign where a snapshot that it pulled has taken its vote", () => {
  const raft = start({ terms: [1] });
  raft.tick(raft.deadline());
  assertEquals(raft.role, "pre-candidate");
  drain(raft);
  const configuration = simpleConfiguration([member(2), member(3)], []);
  const snapshot = { index: 5, term: 1, configuration };
  raft.step(member(3), message({ kind: "pulled-snapshot", term: 1, snapshot }), 200);
  assertEquals([raft.role, raft.commit as number], ["follower", 5]);
  drain(raft);
  raft.step(member(3), message({ kind: "pre-vote-reply", term: 2, granted: true }), 210);
  assertEquals([raft.role, raft.term as number], ["follower", 1]);
});
