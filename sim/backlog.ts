/**
 * Batches that wait long in an outbox while the mesh writes much else: members of a stream lose each other, and nobody loses the
 * control group. What waits is moved to the end of the log again and again, or else it would pin the disk of its node. Half of
 * the time they find each other just long enough for the node to lead and to take what waits into its log, and not to commit it.
 */
import { encodeText } from "../src/core/bytes.ts";
import { CONTROL_GROUP, type Sequence } from "../src/core/ids.ts";
import { ULID_BYTES } from "../src/core/ulid.ts";
import type { GroupInspection } from "../src/node/inspection.ts";
import { encodeRecordBatch } from "../src/stream/mod.ts";
import type { Counted } from "./checkers/mod.ts";
import { canDecide } from "./convergence.ts";
import { WireFaults } from "./faults/wires.ts";
import { ask } from "./formation.ts";
import type { Host } from "./host.ts";
import type { Draws } from "./prf.ts";
import type { Regime } from "./regime.ts";
import type { Steps } from "./steps.ts";
import type { Workload } from "./workload.ts";
import { nameOf } from "./workloads/lives.ts";
import { NOISE_KEY } from "./workloads/noise.ts";
import type { World } from "./world.ts";

const BATCHES_LIMIT = 6;
const MESSAGE_BYTES_LIMIT = 3_000;
const PATIENCE_MS = 2_000;
/** In segments: far more than what is dead may take. */
const SEGMENTS_WRITTEN = 20;
const WRITES_OF_SEGMENT = 3;
const LEFT_ALONE_MS = 6_000;
const TWICE_PER_MILLION = 500_000;
/** Within which somebody is elected. */
const ELECTIONS = 10;
const PRODUCER = "backlog";

interface Chosen {
  readonly life: string;
  readonly group: number;
  readonly host: Host;
  /** Of the stream's members, those that the host loses, and they each other. */
  readonly others: readonly Host[];
}

export class Backlog {
  readonly #world: World;
  readonly #workload: Workload;
  readonly #regime: Regime;
  readonly #draws: Draws;
  readonly #wires: WireFaults;

  constructor(world: World, workload: Workload, regime: Regime) {
    this.#world = world;
    this.#workload = workload;
    this.#regime = regime;
    this.#draws = world.prf.site("backlog/strike");
    this.#wires = new WireFaults(world);
  }

  /** `groupOf`: by the stream's name. The mesh is left as it is then: whole, and about to converge. */
  *perform(
    members: readonly Host[],
    counted: ReadonlyMap<Host, Counted>,
    groupOf: (life: string) => number,
  ): Steps<void> {
    const chosen = this.#choose(members, counted, groupOf);
    if (chosen === null) return;
    this.#world.ledger.try("backlog");
    const { host, others } = chosen;
    const stream = nameOf(chosen.life);
    const session = yield* this.#ask(host, { kind: "producer-open", stream, producer: PRODUCER });
    if (session?.kind !== "producer") return;
    this.#world.note(host, `loses the other members of ${chosen.life}, with a backlog`);
    this.#part([host, ...others]);
    let next: number = session.nextSequence;
    for (let left = this.#draws.between(1, BATCHES_LIMIT); left > 0; left--) {
      next += yield* this.#publish(chosen, { ...session, baseSequence: next as Sequence });
    }
    yield* this.#write(members);
    // Much longer than it takes to make room.
    yield* this.#world.advance(this.#world.nowUs + 1000 * LEFT_ALONE_MS);
    if ((host.node?.inspect().sizes["outboxBatches"] ?? 0) > 0) this.#world.ledger.strike("backlog");
    if (this.#draws.chance(TWICE_PER_MILLION)) {
      yield* this.#leadOnce(chosen);
      yield* this.#write(members);
    }
    this.#join([host, ...others]);
    const { convergenceMs } = this.#regime;
    const isEmpty = () => host.node?.inspect().sizes["outboxBatches"] === 0;
    yield* this.#world.advance(this.#world.nowUs + 1000 * convergenceMs, isEmpty);
    yield* this.#write(members);
  }

  /** The members find each other until the host has something in its log that it took from its outbox, and that is not committed. */
  *#leadOnce({ host, others, group }: Chosen): Steps<void> {
    const all = [host, ...others];
    this.#join(all);
    const { electionTimeoutMs } = this.#regime.settings.raft;
    const hasTaken = () => {
      const here = groupAt(host, group);
      if (here?.role !== "leader" || here.commit === here.base) return false;
      // An entry of its own term is committed before it takes anything.
      return here.last > here.commit && here.entry(here.commit)?.term === here.term;
    };
    const untilUs = this.#world.nowUs + 1000 * ELECTIONS * electionTimeoutMs;
    if (yield* this.#world.advance(untilUs, hasTaken)) this.#world.ledger.strike("backlog-taken");
    this.#part(all);
  }

  *#publish({ life, host }: Chosen, session: Session): Steps<number> {
    const count = this.#draws.between(1, 3);
    const ids = Array.from({ length: count }, (_, i) => `${PRODUCER}/${session.baseSequence + i}`);
    const messages = ids.map((id) =>
      encodeText(`${id} `.padEnd(this.#draws.between(20, MESSAGE_BYTES_LIMIT), "."))
    );
    const { producerId, epoch, baseSequence } = session;
    const batch = encodeRecordBatch(
      { producerId, epoch, baseSequence, ulid: new Uint8Array(ULID_BYTES) },
      messages,
    );
    const { effects } = this.#workload;
    effects.send(life, ids);
    const call = { kind: "publish", stream: nameOf(life), batch, level: "QUEUED" } as const;
    const reply = yield* this.#ask(host, call);
    if (reply?.kind !== "published") return 0;
    effects.acknowledge(life, ids, "QUEUED", reply.firstOffset);
    return count;
  }

  /** Much else, until everybody has it. */
  *#write(members: readonly Host[]): Steps<void> {
    const { walSegmentBytes } = this.#regime.settings;
    const value = encodeText("".padEnd(Math.floor(walSegmentBytes / WRITES_OF_SEGMENT), "."));
    const call = { kind: "kv-put", key: NOISE_KEY, value, expectedVersion: null } as const;
    const most = SEGMENTS_WRITTEN * WRITES_OF_SEGMENT;
    for (let left = this.#draws.between(Math.floor(most / 2), most); left > 0; left--) {
      const leader = members.find((host) => groupAt(host, CONTROL_GROUP)?.role === "leader");
      if (leader !== undefined) yield* this.#ask(leader, call);
    }
  }

  #choose(
    members: readonly Host[],
    counted: ReadonlyMap<Host, Counted>,
    groupOf: (life: string) => number,
  ): Chosen | null {
    const { producers, effects } = this.#workload;
    const control = members.find((each) => groupAt(each, CONTROL_GROUP)?.role === "leader");
    for (const { stream: life } of this.#draws.shuffled(producers)) {
      const group = groupOf(life);
      const inGroup = members.filter((host) => groupAt(host, group) !== undefined);
      const leader = inGroup.find((each) => groupAt(each, group)!.role === "leader");
      const others = inGroup.filter((each) => each !== leader);
      if (control === undefined || leader === undefined || others.length === 0 || effects.closed.has(life)) {
        continue;
      }
      // All of them lose each other, where all of them reach whoever leads the mesh.
      const isApart = !inGroup.includes(control);
      const decides = canDecide(members.filter((each) => !others.includes(each)), members, counted);
      if (isApart || (control === leader && decides)) return { life, group, host: leader, others };
      // Else one loses the stream's leader, which goes on with the others.
      if (control !== leader && others.length > 1) {
        return { life, group, host: this.#draws.pick(others), others: [leader] };
      }
    }
    return null;
  }

  #part(hosts: readonly Host[]): void {
    for (const from of hosts) for (const to of hosts) if (from !== to) this.#wires.cut(from, to);
  }

  #join(hosts: readonly Host[]): void {
    for (const from of hosts) for (const to of hosts) if (from !== to) this.#wires.open(from, to, 1);
  }

  #ask(host: Host, call: Parameters<typeof ask>[3]): ReturnType<typeof ask> {
    return ask(this.#world, this.#workload.calls, host, call, PATIENCE_MS);
  }
}

interface Session {
  readonly producerId: number;
  readonly epoch: number;
  readonly baseSequence: Sequence;
}

function groupAt(host: Host, id: number): GroupInspection | undefined {
  return host.node?.inspect().groups.find(({ group }) => group === id);
}
