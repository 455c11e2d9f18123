/**
 * Reads by lease: linearizable while clocks keep within the bound that members were told, whatever else happens, and not beyond it.
 * The cluster compares every answered read with what was committed when it was asked.
 */
import { assert, assertEquals } from "@std/assert";
import type { MemberId } from "../../src/core/ids.ts";
import type { RaftMessage } from "../../src/raft/mod.ts";
import { leaseLengthMs } from "../../src/raft/lease.ts";
import { Cluster, Violation } from "./cluster.ts";
import { drain, leader, member, message, reply, signOf, start } from "./single.ts";

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

/** A settled cluster of three that reads by lease, and its leader. */
function settled(seed: number, leaseDriftPerMillion: number) {
  const cluster = new Cluster(seed, 3, { leaseReads: true, leaseDriftPerMillion });
  assert(cluster.runUntil(() => cluster.converged()));
  cluster.run(100);
  const old = cluster.leader()!;
  const others = cluster.all.filter((node) => node !== old);
  return { cluster, old, others };
}

/** Has the old leader read all the time while another is elected and commits; true where a read was stale. */
function readsStale(cluster: Cluster, old: ReturnType<typeof settled>["old"]): boolean {
  try {
    for (let ms = 0; ms < 1500; ms++) {
      cluster.run(1);
      const next = cluster.leader();
      if (next !== null && next !== old) cluster.propose(next);
      if (old.raft.role === "leader") cluster.read(old);
      cluster.settle(old);
    }
  } catch (error) {
    if (!(error instanceof Violation) || !error.message.includes("stale read")) throw error;
    return true;
  }
  assert(cluster.leader() !== old, `seed ${cluster.seed}: another was elected`);
  return false;
}

/** The leader's clock runs so slowly that the others' are faster by this much. */
function withSlowLeader(fasterPerMillion: number, bound: number): number {
  let stale = 0;
  for (const seed of SEEDS) {
    const { cluster, old } = settled(seed, bound);
    old.setClockRate(1_000_000 / (1_000_000 + fasterPerMillion));
    cluster.run(500);
    cluster.isolate(old.id);
    if (readsStale(cluster, old)) stale++;
    assert(cluster.seen.leaseReads > 0, "reads were answered by lease");
  }
  return stale;
}

Deno.test("a lease keeps reads fresh while clocks run apart by no more than the bound", () => {
  assertEquals(withSlowLeader(800_000, 800_000), 0);
  assertEquals(withSlowLeader(100_000, 100_000), 0);
  assertEquals(withSlowLeader(0, 0), 0);
});

Deno.test("a lease lets a stale read through where clocks run apart by more than the bound", () => {
  // Not always: the others may take longer to elect one of them than even this lease lasts.
  assert(withSlowLeader(800_000, 0) > SEEDS.length / 4);
  assert(withSlowLeader(800_000, 100_000) > SEEDS.length / 4);
});

Deno.test("a lease is kept by who restarts: it votes for nobody within an election timeout", () => {
  for (const seed of SEEDS) {
    const { cluster, old, others: [kept, lost] } = settled(seed, 0);
    // Who has long not heard of the leader would campaign at any time; the other's promise alone upholds the lease.
    cluster.cut([old.id], [lost!.id]);
    cluster.run(700);
    assertEquals(cluster.leader(), old);
    cluster.isolate(old.id);
    cluster.crash(kept!);
    cluster.restart(kept!);
    assert(!readsStale(cluster, old), `seed ${seed}`);
  }
});

Deno.test("a lease does not come back once somebody was told to campaign", () => {
  for (const seed of SEEDS) {
    const { cluster, old, others: [heir] } = settled(seed, 0);
    let late: RaftMessage | null = null;
    cluster.messageFilter = (_from, _to, sent) => {
      if (sent.kind === "timeout-now") late = sent;
      return sent.kind !== "timeout-now";
    };
    assert(old.raft.status().leaseUntilMs > old.now);
    assert(old.raft.transferLeadership(heir!.id, old.now));
    assertEquals(old.raft.status().leaseUntilMs, -Infinity, "a transfer ends the lease first");
    cluster.settle(old);
    cluster.run(400);
    assertEquals([cluster.leader(), old.raft.status().transferTo as number], [old, 0], "given up");
    assertEquals(old.raft.status().leaseUntilMs, -Infinity);
    cluster.isolate(old.id);
    heir!.raft.step(old.id, late!, heir!.now);
    cluster.settle(heir!);
    assert(!readsStale(cluster, old), `seed ${seed}`);
  }
});

Deno.test("a lease begins when its round is sent, and ends with its answers", () => {
  const raft = leader({ options: { leaseReads: true, leaseDriftPerMillion: 0 } });
  assertEquals(raft.status().leaseUntilMs, -Infinity, "appends alone begin none");
  const sentMs = raft.deadline();
  raft.tick(sentMs);
  const round = drain(raft).map(({ message }) => message.kind === "heartbeat" ? message.readRound : 0)[0]!;
  assertEquals(raft.status().leaseUntilMs, -Infinity);
  raft.step(member(2), message({ kind: "heartbeat-reply", term: raft.term, readRound: round }), sentMs + 30);
  const untilMs = sentMs + leaseLengthMs({ electionTimeoutMs: 150, leaseDriftPerMillion: 0 });
  assertEquals(raft.status().leaseUntilMs, untilMs);
  raft.readIndex(7, untilMs - 1);
  assertEquals(raft.ready()!.reads, [{ context: 7, index: raft.commit }]);
  raft.step(member(3), message({ kind: "read-index", term: raft.term, context: 9 }), untilMs - 1);
  assertEquals(drain(raft), [{
    to: 3,
    message: message({ kind: "read-index-reply", term: raft.term, context: 9, index: raft.commit, ok: true }),
  }]);
  raft.readIndex(8, untilMs);
  assertEquals(raft.ready()!.reads, [], "now a round has to prove it");
});

Deno.test("a lease needs an entry of the leader's own term to be committed", () => {
  const raft = start({ terms: [1], options: { leaseReads: true } });
  raft.tick(raft.deadline());
  drain(raft);
  for (const kind of ["pre-vote-reply", "vote-reply"]) {
    raft.step(member(2), message({ kind, term: 2, granted: true } as never), 300);
    drain(raft);
  }
  raft.tick(raft.deadline());
  drain(raft);
  raft.step(member(2), message({ kind: "heartbeat-reply", term: 2, readRound: 1 }), 345);
  assertEquals([raft.role, raft.status().leaseUntilMs], ["leader", -Infinity]);
  raft.step(member(2), reply(2, 2), 346);
  assert(raft.status().leaseUntilMs > 346);
});

Deno.test("a promise to a leader outlives that leader's term", () => {
  const raft = start({ self: 2, terms: [1], term: 1 });
  raft.step(member(1), signOf(1), 1000);
  drain(raft);
  const stray = {
    kind: "append-reply",
    term: 5,
    success: false,
    index: 0,
    hintIndex: 0,
    hintTerm: 0,
  } as const;
  raft.step(member(3), message(stray), 1010);
  assertEquals([raft.term as number, raft.leader as number], [5, 0]);
  drain(raft);
  const vote = message({ kind: "vote", term: 6, lastIndex: 9, lastTerm: 5, transfer: false });
  raft.step(member(3) as MemberId, vote, 1149);
  assertEquals(drain(raft), []);
  raft.step(member(3), vote, 1150);
  assertEquals(drain(raft).map(({ message }) => message.kind), ["vote-reply"]);
});
