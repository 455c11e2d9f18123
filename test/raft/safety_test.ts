/**
 * Random histories of a small cluster: clients, crashes, cuts, bad weather, changes of the configuration. Safety is
 * checked by the cluster at every step; afterwards the weather clears, and then everyone must agree and serve.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { MemberId } from "../../src/core/ids.ts";
import { Cluster, Dice, type Node } from "./cluster.ts";

interface Regime {
  readonly crashes: number;
  readonly cuts: number;
  readonly changes: number;
  readonly compactions: number;
  readonly transfers: number;
  readonly pauses: number;
  readonly upheavals: number;
}

/** Draws first what kind of run this is: whole classes of trouble are absent from some. */
function drawRegime(cluster: Cluster, dice: Dice): Regime {
  cluster.weather = {
    latencyMs: [1, dice.pick([3, 10, 40])],
    syncMs: dice.pick([[0, 1], [1, 10], [5, 120]]),
    loss: dice.pick([0, 2, 15, 30]),
    duplication: dice.pick([0, 0, 20]),
    slow: dice.pick([0, 1, 10]),
  };
  return {
    crashes: dice.pick([0, 1, 5]),
    cuts: dice.pick([0, 1, 4]),
    changes: dice.pick([0, 1, 4]),
    compactions: dice.pick([0, 2, 10]),
    transfers: dice.pick([0, 1, 3]),
    pauses: dice.pick([0, 1, 4]),
    upheavals: dice.pick([0, 2, 6]),
  };
}

/**
 * The leader is cut off with what it was just given, others go on without it; then all links heal and whoever leads
 * now falls: logs that differ meet in an election.
 */
function upheave(cluster: Cluster, dice: Dice, changes: boolean): void {
  const old = cluster.leader();
  if (old === null) return;
  for (let i = dice.below(12); i > 0; i--) cluster.propose(old, dice.pick([8, 300]));
  for (let i = changes ? dice.below(4) : 0; i > 0; i--) changeAnything(cluster, dice, old);
  const partner = dice.pick(cluster.all);
  for (const node of cluster.all) {
    if (node !== old && (node !== partner || dice.chance(50))) cluster.cut([old.id], [node.id]);
  }
  cluster.settle(old);
  cluster.runUntil(() => cluster.leader() !== old, dice.pick([20, 400, 1500]));
  const next = cluster.leader();
  if (next !== null && next !== old) {
    for (let i = changes ? dice.below(4) : 0; i > 0; i--) changeAnything(cluster, dice, next);
    for (let i = dice.below(3); i > 0; i--) cluster.propose(next, 300);
    cluster.settle(next);
    cluster.run(dice.below(60));
    if (dice.chance(70)) cluster.crash(next);
  }
  if (dice.chance(80)) cluster.heal();
}

function changeAnything(cluster: Cluster, dice: Dice, node: Node): void {
  if (dice.chance(40)) {
    const voters = cluster.all.filter(() => dice.chance(60)).map((member) => member.id);
    const learners = cluster.all.map((member) => member.id).filter((id) =>
      !voters.includes(id) && dice.chance(50)
    );
    cluster.change(node, { voters, learners });
    return;
  }
  const kind = dice.pick(["add-learner", "promote", "remove", "add-voter", "add-voter"] as const);
  cluster.change(node, { kind, member: dice.pick(cluster.all).id });
}

function act(cluster: Cluster, dice: Dice, regime: Regime): void {
  const node = dice.pick(cluster.all);
  const target = dice.chance(50) ? cluster.leader() ?? node : node;
  for (let burst = dice.below(6); burst > 0; burst--) cluster.propose(target, dice.pick([8, 8, 100, 300]));
  if (dice.chance(20)) cluster.read(target);
  if (dice.chance(regime.crashes)) cluster.crash(target);
  if (dice.chance(15)) cluster.restart(node);
  if (dice.chance(regime.cuts)) {
    const side = cluster.all.filter(() => dice.chance(50)).map((member) => member.id);
    const other = cluster.all.map((member) => member.id).filter((id) => !side.includes(id));
    if (dice.chance(30)) { for (const a of side) for (const b of other) cluster.cuts.add(`${a}>${b}`); }
    else cluster.cut(side, other);
  }
  if (dice.chance(6)) cluster.heal();
  if (dice.chance(regime.changes)) changeAnything(cluster, dice, target);
  if (target.up && dice.chance(regime.transfers)) target.raft.transferLeadership(node.id, target.now);
  if (dice.chance(regime.pauses)) cluster.pause(target, dice.pick([50, 200, 600]));
  if (dice.chance(regime.upheavals)) upheave(cluster, dice, regime.changes > 0);
  if (node.up && dice.chance(regime.compactions)) node.compact();
}

/** By how many millionths the fastest of clocks that are off by up to `drift` millionths outruns the slowest. */
export function ratioOf(drift: number): number {
  return Math.ceil(2 * drift * 1_000_000 / (1_000_000 - drift));
}

/** Runs one history; throws `Violation` where safety breaks. */
export function runHistory(seed: number, steps = 400): Cluster {
  const dice = new Dice(seed, "plan");
  // Clocks run apart by no more than the members were told.
  const drift = dice.pick([0, 10_000, 100_000]);
  const quiesceIdle = dice.chance(60);
  const options = { quiesceIdle, leaseReads: dice.chance(70), leaseDriftPerMillion: ratioOf(drift) };
  const voters = dice.pick([1, 2, 3, 3, 5]);
  // In some, whoever is outside the configuration pulls what is committed; and so does anybody else now and then.
  const pulls = seed % 2 === 0;
  const cluster = new Cluster(seed, voters, options, pulls ? 0 : 2, pulls ? 2 : 0);
  for (const node of cluster.all) node.setClockRate(1 + (dice.below(2 * drift + 1) - drift) / 1_000_000);
  const regime = drawRegime(cluster, dice);
  if (dice.chance(40)) cluster.priorities = new Map([[dice.pick(cluster.all).id, 1]]);
  for (let step = 0; step < steps; step++) {
    const node = dice.pick(cluster.all);
    act(cluster, dice, regime);
    cluster.settle(node);
    cluster.run(dice.pick([1, 3, 10, 40, 100]));
    if (quiesceIdle && dice.chance(3)) cluster.run(dice.pick([400, 1000]));
  }
  return cluster;
}

/**
 * Elections all the time: timeouts of the order of latencies, one entry per append and one append in flight, leaders
 * that fall as soon as they have begun something. Rare interleavings of terms and changes are common here.
 */
export function runStorm(seed: number, steps = 500): Cluster {
  const dice = new Dice(seed, "storm");
  const options = {
    leaseReads: true,
    electionTimeoutMs: 30,
    heartbeatIntervalMs: 10,
    appendBytesLimit: 1,
    inflightMessagesLimit: 1,
  };
  const cluster = new Cluster(seed, dice.pick([2, 3, 3, 4, 5]), options, 1);
  cluster.weather = {
    latencyMs: [1, dice.pick([4, 12])],
    syncMs: [0, dice.pick([1, 6, 20])],
    loss: dice.pick([0, 10, 30]),
    duplication: 5,
    slow: dice.pick([0, 3]),
  };
  const falls = dice.pick([1, 4, 10]);
  const changes = dice.pick([0, 10, 30]);
  for (let step = 0; step < steps; step++) {
    for (const node of cluster.all) {
      if (!node.running || node.raft.role !== "leader") continue;
      for (let i = dice.below(3); i > 0; i--) cluster.propose(node, 8);
      for (let i = dice.chance(changes) ? 3 : 0; i > 0; i--) changeAnything(cluster, dice, node);
      if (dice.chance(20)) cluster.read(node);
      if (dice.chance(50)) cluster.settle(node);
      if (dice.chance(falls)) cluster.crash(node);
      if (dice.chance(falls / 2)) cluster.isolate(node.id);
    }
    const node = dice.pick(cluster.all);
    if (dice.chance(12)) cluster.restart(node);
    if (dice.chance(3)) cluster.heal();
    if (dice.chance(2)) cluster.cut([node.id], [dice.pick(cluster.all).id]);
    cluster.run(dice.pick([1, 3, 8, 30]));
  }
  return cluster;
}

/** Clears the weather and demands that the cluster converges and commits. */
export function demandProgress(cluster: Cluster): void {
  cluster.heal();
  cluster.weather = { latencyMs: [1, 5], syncMs: [1, 4], loss: 0, duplication: 0, slow: 0 };
  for (const node of cluster.all) cluster.restart(node);
  assert(cluster.runUntil(() => cluster.converged(), 30_000), `seed ${cluster.seed} does not converge`);
  const before = cluster.committed.length;
  // A transfer that was begun in the storm may still be given up.
  assert(
    cluster.runUntil(() => cluster.propose(cluster.leader() ?? cluster.node(1)), 5_000),
    "no proposal is taken",
  );
  const leader = cluster.leader()!;
  cluster.read(leader);
  cluster.settle(leader);
  assert(cluster.runUntil(() => cluster.converged() && cluster.committed.length > before, 5_000));
  assert(cluster.runUntil(() => leader.reads.size === 0, 5_000), "a read is answered");
}

Deno.test("Raft keeps every safety property in random histories, and recovers when the weather clears", () => {
  const total = {
    leaders: 0,
    snapshots: 0,
    truncations: 0,
    reads: 0,
    failedReads: 0,
    configurations: 0,
    joints: 0,
    leaseReads: 0,
    silences: 0,
    crashes: 0,
    pauses: 0,
    messages: 0,
    pulls: 0,
    pulledSnapshots: 0,
  };
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), (seed) => {
      const cluster = runHistory(seed);
      demandProgress(cluster);
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += cluster.seen[key];
    }),
    { numRuns: 60, seed: 20_260_101, endOnFailure: true },
  );
  // Nothing of this is vacuous: each kind of event was met.
  for (const [key, count] of Object.entries(total)) assert(count > 0, `no ${key} in all histories`);
});

Deno.test("Raft keeps every safety property in a storm of elections and changes", () => {
  let leaders = 0;
  let configurations = 0;
  let joints = 0;
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), (seed) => {
      const cluster = runStorm(seed);
      demandProgress(cluster);
      leaders += cluster.seen.leaders;
      configurations += cluster.seen.configurations;
      joints += cluster.seen.joints;
    }),
    { numRuns: 60, seed: 20_260_102, endOnFailure: true },
  );
  assert(leaders > 600, `a storm has many leaders: ${leaders}`);
  assert(configurations > 100, `a storm has many changes: ${configurations}`);
  assert(joints > 50, `a storm has many joint changes: ${joints}`);
});

Deno.test("Raft does the same in the same history: one seed, one trace", () => {
  const traces = [1, 2].map(() => {
    const cluster = runHistory(77, 60);
    return [cluster.now, cluster.seen, cluster.committed, cluster.all.map((node) => node.raft.status())];
  });
  assertEquals(traces[0], traces[1]);
});

Deno.test("Raft loses nothing that was committed when all members crash at once, again and again", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const cluster = new Cluster(seed, 3);
    for (let round = 0; round < 8; round++) {
      assert(cluster.runUntil(() => cluster.leader() !== null), "a leader");
      const leader = cluster.leader()!;
      for (let i = 0; i < 20; i++) {
        cluster.propose(cluster.leader() ?? leader);
        cluster.run(2);
      }
      for (const node of cluster.all) cluster.crash(node);
      cluster.run(50);
      for (const node of cluster.all) cluster.restart(node);
    }
    demandProgress(cluster);
  }
});

Deno.test("Raft serves with any member of three away", () => {
  for (const away of [1, 2, 3] as MemberId[]) {
    const cluster = new Cluster(away, 3);
    assert(cluster.runUntil(() => cluster.converged()));
    cluster.crash(cluster.node(away));
    cluster.run(1000);
    const leader = cluster.leader()!;
    assert(leader.id !== away);
    const before = cluster.committed.length;
    assert(cluster.propose(leader));
    cluster.settle(leader);
    assert(cluster.runUntil(() => cluster.committed.length > before, 1000));
  }
});
