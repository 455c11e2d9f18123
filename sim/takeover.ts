/**
 * A subscription that is taken over while its node is deaf: another subscriber is opened through that node, which hears nothing of it
 * before the log that says so is gone at everybody else. A snapshot tells it, and whoever was subscribed before is told that
 * another one took over, as if the node had read it entry by entry. Mostly the leader's disk fails to read that
 * snapshot first: it is read again, and nobody waits for what was never sent.
 */
import type { GroupInspection } from "../src/node/inspection.ts";
import { missingOf, missingSessions } from "./convergence.ts";
import { WireFaults } from "./faults/wires.ts";
import { ask, LivenessFailure } from "./formation.ts";
import type { Host } from "./host.ts";
import type { Draws } from "./prf.ts";
import type { Regime } from "./regime.ts";
import type { Steps } from "./steps.ts";
import type { Workload } from "./workload.ts";
import { NOBODY } from "./workloads/clients.ts";
import type { Consumer } from "./workloads/consumer.ts";
import { nameOf } from "./workloads/lives.ts";
import type { World } from "./world.ts";

/** Where snapshots are further apart it takes too many entries. */
const SNAPSHOT_ENTRIES_LIMIT = 64;
/** A log begins anew with the snapshot before the newest. */
const SNAPSHOTS = 4;
const PATIENCE_MS = 1_000;
const UNREAD_PER_MILLION = 800_000;
/** From when all reach each other: a snapshot is read, sent and installed by then, after a failure or two. */
const CATCH_UP_ELECTIONS = 40;
const LOOK_US = 20_000;
/** Of a producer that only ever opens its session: each time an entry. */
const PRODUCER = "takeover";

interface Chosen {
  readonly consumer: Consumer;
  readonly group: number;
}

export class Takeover {
  readonly #world: World;
  readonly #workload: Workload;
  readonly #regime: Regime;
  readonly #draws: Draws;
  readonly #wires: WireFaults;

  constructor(world: World, workload: Workload, regime: Regime) {
    this.#world = world;
    this.#workload = workload;
    this.#regime = regime;
    this.#draws = world.prf.site("takeover/strike");
    this.#wires = new WireFaults(world);
  }

  /** `groupOf`: by the stream's name. */
  *perform(members: readonly Host[], groupOf: (life: string) => number): Steps<void> {
    const chosen = this.#choose(members, groupOf);
    if (chosen === null || this.#regime.settings.snapshotEntries > SNAPSHOT_ENTRIES_LIMIT) return;
    const { consumer: { host }, group } = chosen;
    const others = members.filter((other) => other !== host);
    this.#world.ledger.try("taken-over-unseen");
    this.#world.note(host, "hears nobody, and a subscription is taken over there");
    for (const other of others) this.#wires.cut(other, host);
    const isUnseen = yield* this.#takeOver(chosen, others);
    const leader = leaderOf(others, group);
    if (isUnseen && leader !== undefined && this.#draws.chance(UNREAD_PER_MILLION)) this.#refuseOnce(leader);
    for (const other of others) this.#wires.open(other, host, 1);
    yield* this.#await(
      "members do not find each other",
      this.#regime.convergenceMs,
      () => missingSessions(members),
    );
    if (isUnseen) this.#world.ledger.strike("taken-over-unseen");
    const limitMs = isUnseen
      ? CATCH_UP_ELECTIONS * this.#regime.settings.raft.electionTimeoutMs
      : this.#regime.convergenceMs;
    yield* this.#await(`${host.name} does not catch up`, limitMs, () => lagging(members, host, group));
    yield* this.#await(
      "the mesh does not converge",
      this.#regime.convergenceMs,
      () => missingOf(members, null),
    );
    // Another one may lead by now, and its disk is not asked.
    for (const { disk } of members) disk.refusesRead = null;
  }

  /** True where it is in nobody's log any more, and the host has not heard of it. */
  *#takeOver({ consumer: { host, ledger }, group }: Chosen, others: readonly Host[]): Steps<boolean> {
    const { calls } = this.#workload;
    const { last } = groupAt(host, group)!;
    const stream = nameOf(ledger.stream);
    const { subscription } = ledger;
    const call = { kind: "subscribe", stream, subscription, fromOffset: null, creditBytes: 1 } as const;
    calls.make(host, call, NOBODY, PATIENCE_MS, true);
    const isTaken = () => (groupAt(leaderOf(others, group), group)?.commit ?? 0) > last;
    if (!(yield* this.#world.advance(this.#world.nowUs + 1000 * PATIENCE_MS, isTaken))) return false;
    const { snapshotEntries } = this.#regime.settings;
    for (let left = SNAPSHOTS * snapshotEntries; left > 0; left--) {
      const leader = leaderOf(others, group);
      const here = groupAt(host, group);
      if (leader === undefined || here === undefined || here.last > last) return false;
      if (groupAt(leader, group)!.base > last) return true;
      yield* ask(
        this.#world,
        calls,
        leader,
        { kind: "producer-open", stream, producer: PRODUCER },
        PATIENCE_MS,
      );
    }
    return false;
  }

  #refuseOnce({ disk }: Host): void {
    disk.refusesRead = (path) => {
      if (!path.includes(".snapshot")) return false;
      disk.refusesRead = null;
      this.#world.ledger.strike("snapshot-unread");
      return true;
    };
  }

  /** A consumer at a member that follows, in a group that can decide without it. */
  #choose(members: readonly Host[], groupOf: (life: string) => number): Chosen | null {
    for (const consumer of this.#draws.shuffled(this.#workload.consumers)) {
      const { host, ledger } = consumer;
      const group = groupOf(ledger.stream);
      const here = members.includes(host) ? groupAt(host, group) : undefined;
      if (ledger.isRetired || here === undefined || this.#workload.effects.closed.has(ledger.stream)) {
        continue;
      }
      const leader = leaderOf(members, group);
      const { incoming, outgoing } = here.configuration;
      if (leader !== undefined && leader !== host && incoming.length > 2 && outgoing.length === 0) {
        return { consumer, group };
      }
    }
    return null;
  }

  *#await(what: string, limitMs: number, missing: () => string[]): Steps<void> {
    const deadlineUs = this.#world.nowUs + 1000 * limitMs;
    for (let left = missing(); left.length > 0; left = missing()) {
      if (this.#world.nowUs >= deadlineUs) throw new LivenessFailure(`${what}: ${left.join("; ")}`);
      yield* this.#world.advance(this.#world.nowUs + LOOK_US);
    }
  }
}

function groupAt(host: Host | undefined, id: number): GroupInspection | undefined {
  return host?.node?.inspect().groups.find(({ group }) => group === id);
}

function leaderOf(hosts: readonly Host[], group: number): Host | undefined {
  return hosts.find((host) => groupAt(host, group)?.role === "leader");
}

function lagging(members: readonly Host[], host: Host, group: number): string[] {
  const commit = groupAt(leaderOf(members, group), group)?.commit;
  if (commit === undefined) return ["nobody leads"];
  const applied = groupAt(host, group)?.applied ?? 0;
  return applied >= commit ? [] : [`it has applied ${applied} of ${commit}`];
}
