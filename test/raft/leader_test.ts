/** One core at a time: limits, reads, transfer, changes of the configuration, snapshots. */
import { assert, assertEquals } from "@std/assert";
import type { Index, Term } from "../../src/core/ids.ts";
import { EntryKind, type Ready, simpleConfiguration } from "../../src/raft/mod.ts";
import { Cluster, OPTIONS } from "./cluster.ts";
import { append, drain, entry, kinds, leader, member, message, reply, start } from "./single.ts";

Deno.test("Raft refuses proposals over its limit of uncommitted bytes, and takes them again once committed", () => {
  const raft = leader({ options: { uncommittedBytesLimit: 100 } });
  assert(raft.propose(EntryKind.Command, 500).ok, "one always fits");
  const refused = raft.propose(EntryKind.Command, 1);
  assertEquals(refused, { ok: false, reason: "OVERLOADED", leader: member(1) });
  drain(raft);
  raft.step(member(2), reply(raft.term, 2), 310);
  assert(raft.propose(EntryKind.Command, 1).ok);
  assertEquals(start().propose(EntryKind.Command, 1), { ok: false, reason: "NOT_LEADER", leader: member(0) });
});

Deno.test("Raft steps down when no quorum has answered for an election timeout", () => {
  const raft = leader();
  raft.readIndex(7, 301);
  drain(raft);
  let at = 300;
  while (raft.role === "leader") {
    at = raft.deadline();
    raft.tick(at);
  }
  assertEquals(at, 300 + OPTIONS.electionTimeoutMs);
  assertEquals(raft.ready()!.failedReads, [7]);
});

Deno.test("Raft answers a read after a round of heartbeats that a quorum answered", () => {
  const raft = leader();
  raft.readIndex(7, 301);
  raft.readIndex(8, 301);
  const ready = raft.ready()!;
  assertEquals(ready.reads, []);
  const round = { kind: "heartbeat", term: raft.term, commit: 1, readRound: 1 };
  assertEquals(ready.messages[0]!.message as unknown, round);
  raft.step(member(2), message({ kind: "heartbeat-reply", term: raft.term, readRound: 0 }), 302);
  assertEquals(raft.ready()?.reads ?? [], []);
  raft.step(member(2), message({ kind: "heartbeat-reply", term: raft.term, readRound: 1 }), 303);
  assertEquals(raft.ready()!.reads, [{ context: 7, index: 1 as Index }, { context: 8, index: 1 as Index }]);
});

Deno.test("Raft of a follower forwards reads, and fails them without a leader or an answer", () => {
  const raft = start({ self: 3, terms: [1] });
  raft.readIndex(5, 0);
  assertEquals(raft.ready()!.failedReads, [5]);
  raft.step(member(1), message({ kind: "heartbeat", term: 1, commit: 0, readRound: 0 }), 10);
  drain(raft);
  raft.readIndex(6, 10);
  raft.readIndex(7, 10);
  const asked = drain(raft).map(({ message }) => message.kind === "read-index" ? message.context : -1);
  assertEquals(asked.length, 2);
  const answer = { kind: "read-index-reply", term: 1, index: 4, ok: true } as const;
  raft.step(member(1), message({ ...answer, context: asked[0] }), 12);
  raft.step(member(1), message({ ...answer, context: asked[0] }), 12);
  assertEquals(raft.ready()!.reads, [{ context: 6, index: 4 as Index }]);
  raft.tick(10 + OPTIONS.electionTimeoutMs);
  assertEquals(raft.ready()!.failedReads, [7]);
});

Deno.test("Raft hands leadership over once the other has everything, and refuses proposals meanwhile", () => {
  const raft = leader();
  assert(!raft.transferLeadership(member(1), 300));
  assert(!raft.transferLeadership(member(9), 300));
  raft.propose(EntryKind.Command, 5);
  drain(raft);
  assert(raft.transferLeadership(member(2), 301));
  assertEquals(raft.propose(EntryKind.Command, 5), { ok: false, reason: "TRANSFERRING", leader: member(1) });
  assertEquals(drain(raft).length, 0);
  raft.step(member(2), reply(raft.term, 2), 302);
  assertEquals(drain(raft).filter(({ message }) => message.kind === "timeout-now").length, 1);
  const other = start({ self: 2, terms: [1, 1] });
  other.step(member(1), message({ kind: "timeout-now", term: 1 }), 303);
  const votes = drain(other).map(({ message }) => message);
  assert(votes.length === 2 && votes.every((vote) => vote.kind === "vote" && vote.transfer));
  raft.tick(301 + OPTIONS.electionTimeoutMs - 1);
  raft.step(member(2), message({ kind: "heartbeat-reply", term: raft.term, readRound: 0 }), 440);
  raft.tick(301 + OPTIONS.electionTimeoutMs);
  assert(raft.propose(EntryKind.Command, 5).ok, "given up after an election timeout");
});

Deno.test("Raft changes one member at a time, and none before an entry of its own term is committed", () => {
  const raft = start();
  const add = { kind: "add-learner", member: member(4) } as const;
  assertEquals(raft.proposeConfiguration(add), { ok: false, reason: "NOT_LEADER", leader: member(0) });
  raft.tick(raft.deadline());
  drain(raft);
  raft.step(member(2), message({ kind: "pre-vote-reply", term: 1, granted: true }), 300);
  drain(raft);
  raft.step(member(2), message({ kind: "vote-reply", term: 1, granted: true }), 300);
  const refusal = (reason: string) => ({ ok: false, reason, leader: member(1) }) as never;
  assertEquals(raft.proposeConfiguration(add), refusal("NOT_YET_COMMITTED_IN_TERM"));
  drain(raft);
  raft.step(member(2), reply(1, 1), 300);
  assertEquals(raft.proposeConfiguration(add), { ok: true, index: 2 as Index, term: 1 as Term });
  assertEquals(raft.configuration, simpleConfiguration([1, 2, 3].map(member), [member(4)]));
  assertEquals(raft.proposeConfiguration(add), refusal("CHANGE_IN_PROGRESS"));
  drain(raft);
  raft.step(member(4), reply(1, 2), 301);
  assertEquals(raft.commit as number, 1, "a learner does not count");
  raft.step(member(2), reply(1, 2), 301);
  assertEquals(raft.commit as number, 2);
  assertEquals(raft.proposeConfiguration(add), refusal("NO_CHANGE"));
  assert(raft.proposeConfiguration({ kind: "promote", member: member(4) }).ok);
});

Deno.test("Raft that is removed leads until the removal is committed, then hands over", () => {
  const raft = leader();
  assert(raft.proposeConfiguration({ kind: "remove", member: member(1) }).ok);
  drain(raft);
  raft.step(member(2), reply(raft.term, 2), 310);
  assertEquals([raft.role, raft.commit as number], ["leader", 1]);
  raft.step(member(3), reply(raft.term, 2), 311);
  assertEquals([raft.role, raft.commit as number], ["follower", 2]);
  const sent = kinds(drain(raft));
  assertEquals(sent.filter((kind) => kind.startsWith("timeout-now")).length, 1);
  assertEquals(sent.filter((kind) => kind.startsWith("heartbeat")).length, 2);
  raft.tick(raft.deadline());
  assertEquals([drain(raft).length, raft.deadline()], [0, Infinity], "it never campaigns again");
});

Deno.test("Raft rolls a configuration back with its entry", () => {
  const raft = start({ self: 3, terms: [1] });
  const two = simpleConfiguration([1, 2].map(member));
  raft.step(
    member(1),
    message({
      kind: "append",
      term: 1,
      previousIndex: 1,
      previousTerm: 1,
      commit: 0,
      entries: [entry(2, 1, two)],
    }),
    10,
  );
  assertEquals(raft.configuration, two);
  raft.step(member(2), append(2, 1, 1, [2]), 20);
  assertEquals(raft.configuration, simpleConfiguration([1, 2, 3].map(member)));
});

Deno.test("Raft installs a snapshot with its configuration, and acknowledges it once it is durable", () => {
  const raft = start({ self: 3, terms: [1, 1, 1] });
  const configuration = simpleConfiguration([2, 3].map(member));
  const snapshot = { index: 9 as Index, term: 2 as Term, configuration };
  raft.step(member(2), message({ kind: "snapshot", term: 2, snapshot }), 10);
  const ready = raft.ready()!;
  assertEquals(ready.snapshot, snapshot);
  assertEquals(ready.messages.map(({ afterToken }) => afterToken), [ready.persistToken]);
  assertEquals(ready.messages[0]!.message, reply(2, 9));
  assertEquals([raft.baseIndex, raft.lastIndex, raft.commit], [9, 9, 9] as never);
  assertEquals(raft.configuration, configuration);
  raft.persisted(ready.persistToken);
  // An older one, and the same again, change nothing.
  raft.step(member(2), message({ kind: "snapshot", term: 2, snapshot }), 11);
  raft.step(member(2), message({ kind: "snapshot", term: 2, snapshot: { ...snapshot, index: 4 } }), 12);
  const again: Ready = raft.ready()!;
  assertEquals([again.snapshot, again.messages.length, raft.lastIndex as number], [null, 2, 9]);
});

Deno.test("Raft sends a snapshot, one at a time, to whoever needs what is compacted", () => {
  const raft = leader({ terms: [1, 1, 1] });
  raft.compact(4 as Index);
  assertEquals([raft.baseIndex as number, raft.entryAt(4 as Index), raft.termAt(4 as Index) as number], [
    4,
    null,
    2,
  ]);
  const refusal = message({
    kind: "append-reply",
    term: raft.term,
    success: false,
    index: 3,
    hintIndex: 0,
    hintTerm: 0,
  });
  raft.step(member(3), refusal, 310);
  const sent = drain(raft);
  assertEquals(kinds(sent), ["snapshot>3"]);
  raft.propose(EntryKind.Command, 5);
  assertEquals(kinds(drain(raft)), ["append>2"]);
  raft.snapshotSent(member(3), false, 311);
  assertEquals(kinds(drain(raft)), []);
  raft.step(member(3), message({ kind: "heartbeat-reply", term: raft.term, readRound: 0 }), 312);
  assertEquals(kinds(drain(raft)), ["snapshot>3"]);
  raft.snapshotSent(member(3), true, 313);
  raft.step(member(3), reply(raft.term, 4), 330);
  // The commit with it: the peer has entry 4 now, and gets entry 5.
  assertEquals(kinds(drain(raft)), ["append>3"]);
});

Deno.test("Raft lets the member of the highest priority lead, and hands over to it once it is there", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const cluster = new Cluster(seed, 3);
    cluster.priorities = new Map([[member(2), 1]]);
    for (const node of cluster.all) node.raft.setPriorities(cluster.priorities);
    assert(cluster.runUntil(() => cluster.leader() !== null));
    assertEquals(cluster.leader()!.id as number, 2, "it is the first to stand");
    cluster.crash(cluster.node(2));
    assert(cluster.runUntil(() => (cluster.leader()?.id ?? 2) !== 2, 1000), "others lead without it");
    cluster.run(1000);
    const other = cluster.leader()!;
    for (let i = 0; i < 10; i++) cluster.propose(other);
    cluster.restart(cluster.node(2));
    assert(cluster.runUntil(() => cluster.leader()?.id === 2, 1000), "it comes back");
    cluster.run(1000);
    assertEquals(cluster.leader()!.id as number, 2, "and stays");
  }
});
