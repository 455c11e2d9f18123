/**
 * A small world for Raft cores alone: virtual time, a network that loses, repeats, delays and cuts, disks that lose
 * what was not synced. Every message crosses it as encoded bytes. Checked at every step, from outside the core:
 *
 *   one leader per term; one vote per member and term, across crashes; log matching; committed entries never change
 *   and are durable on a quorum when they are first seen as committed; every new leader has all of them; state machines
 *   agree at every index and apply in order; a read's index is not below what was committed when it was asked.
 */
import { ByteWriter } from "../../src/core/bytes.ts";
import { Heap } from "../../src/core/heap.ts";
import type { GroupId, Index, MemberId } from "../../src/core/ids.ts";
import {
  type Configuration,
  type ConfigurationChange,
  type ConfigurationTarget,
  decodeRaftFrame,
  encodeRaftFrame,
  EntryKind,
  type EntryMeta,
  isJoint,
  type Outgoing,
  type RaftMessage,
  type RaftOptions,
  type Ready,
  simpleConfiguration,
} from "../../src/raft/mod.ts";
import { check, contentOf, Dice, drawAt, NOBODY, Node, payloadOf } from "./member.ts";

export { Dice, drawAt, Node, Violation } from "./member.ts";

export const OPTIONS: Omit<RaftOptions, "memberId"> = {
  electionTimeoutMs: 150,
  heartbeatIntervalMs: 40,
  inflightMessagesLimit: 4,
  inflightBytesLimit: 4096,
  appendBytesLimit: 256,
  pendingReadsLimit: 32,
  uncommittedBytesLimit: 8192,
  leaseReads: false,
  leaseDriftPerMillion: 1000,
  quiesceIdle: false,
};

/** How the world treats its nodes; percentages unless a unit says otherwise. */
export interface Weather {
  readonly latencyMs: readonly [number, number];
  readonly syncMs: readonly [number, number];
  readonly loss: number;
  readonly duplication: number;
  readonly slow: number;
}

export const CALM: Weather = { latencyMs: [1, 5], syncMs: [1, 4], loss: 0, duplication: 0, slow: 0 };

type Happening =
  | { readonly kind: "deliver"; readonly to: MemberId; readonly bytes: Uint8Array }
  | { readonly kind: "synced"; readonly to: MemberId; readonly incarnation: number }
  | { readonly kind: "call"; readonly run: () => void };

const MESH = new Uint8Array(16).fill(7);
export class Cluster {
  now = 0;
  readonly dice: Dice;
  readonly nodes = new Map<MemberId, Node>();
  readonly options: Omit<RaftOptions, "memberId">;
  weather: Weather = CALM;
  priorities: ReadonlyMap<MemberId, number> = new Map();
  /** Pairs `from>to` that nothing crosses. */
  readonly cuts = new Set<string>();
  readonly trace: string[] = [];
  tracing = false;
  /** What has been seen, so that a test can show that it was. */
  readonly seen = {
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
  messageFilter: (from: MemberId, to: MemberId, message: RaftMessage) => boolean = () => true;

  readonly #events = new Heap<Happening>();
  readonly #leaders = new Map<number, MemberId>();
  readonly #votes = new Map<string, MemberId>();
  readonly #entries = new Map<string, string>();
  /** `seenIn`: the term of the member that was first seen to have committed it. */
  readonly committed: { term: number; content: string; configuration: Configuration; seenIn: number }[] = [];
  readonly #states = new Map<number, number>();
  readonly #firstConfiguration: Configuration;
  readonly #pullDice: Dice;
  #nextPullMs: number;
  #nextValue = 1;
  #nextRead = 1;

  constructor(
    readonly seed: number,
    voters: number,
    options: Partial<RaftOptions> = {},
    spare = 0,
    /** Members outside the first configuration that know it, as all do that pull from the first entry on. */
    observers = 0,
  ) {
    this.dice = new Dice(seed);
    this.options = { ...OPTIONS, ...options };
    const ids = Array.from({ length: voters }, (_, i) => i + 1 as MemberId);
    const configuration = simpleConfiguration(ids);
    this.#firstConfiguration = configuration;
    for (const id of ids) this.nodes.set(id, new Node(this, id, configuration));
    for (let i = 1; i <= spare; i++) {
      const id = voters + i as MemberId;
      this.nodes.set(id, new Node(this, id, NOBODY));
    }
    this.#pullDice = new Dice(seed, "pulls");
    this.#nextPullMs = observers === 0 ? Infinity : 0;
    for (let i = 1; i <= observers; i++) {
      const id = voters + spare + i as MemberId;
      this.nodes.set(id, new Node(this, id, configuration));
    }
  }

  node(id: number): Node {
    return this.nodes.get(id as MemberId)!;
  }
  get all(): Node[] {
    return [...this.nodes.values()];
  }
  /** The leader of the highest term among those that are up. */
  leader(): Node | null {
    let best: Node | null = null;
    for (const node of this.nodes.values()) {
      if (node.up && node.raft.role === "leader" && (best === null || node.raft.term > best.raft.term)) {
        best = node;
      }
    }
    return best;
  }

  at(delayMs: number, run: () => void): void {
    this.#events.push(this.now + delayMs, { kind: "call", run });
  }

  /** Runs for `durationMs` of virtual time. */
  run(durationMs: number): void {
    const end = this.now + durationMs;
    for (;;) {
      let next = Math.min(this.#events.minKey, this.#nextPullMs);
      for (const node of this.nodes.values()) {
        if (node.up) {
          next = Math.min(next, Math.max(this.now, node.pausedUntil, node.worldTimeOf(node.raft.deadline())));
        }
      }
      // Whoever sleeps relies on its host, which looks after its leader's node now and then.
      if (this.all.some((node) => node.up && node.raft.quiesced)) next = Math.min(next, this.now + 10);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      this.#turn();
    }
    this.now = end;
  }

  /** Runs until `condition`, at most `limitMs`; whether it came true. */
  runUntil(condition: () => boolean, limitMs = 10_000): boolean {
    const end = this.now + limitMs;
    while (this.now < end && !condition()) this.run(1);
    return condition();
  }

  /** Now and then anybody asks anybody, be it for need or without. */
  #pull(): void {
    const dice = this.#pullDice;
    this.#nextPullMs = this.now + dice.between(1, 25);
    const node = dice.pick(this.all);
    const from = dice.pick(this.all);
    if (node === from || !node.running || node.raft.role === "leader") return;
    this.seen.pulls++;
    node.raft.pull(from.id, node.now);
  }

  #turn(): void {
    if (this.#nextPullMs <= this.now) this.#pull();
    while (this.#events.minKey <= this.now) this.#happen(this.#events.pop()!);
    for (const node of this.nodes.values()) {
      if (node.running && node.raft.deadline() <= node.now) node.raft.tick(node.now);
      this.#watchLeader(node);
      this.settle(node);
    }
  }

  /** As a host does: wakes a silent group where the leader's node was not heard of for an election timeout. */
  #watchLeader(node: Node): void {
    if (!node.running || !node.raft.quiesced) {
      node.heardMs = this.now;
      return;
    }
    if (node.heardMs < this.now) this.seen.silences++;
    const leader = this.nodes.get(node.raft.leader)!;
    if (leader.running && !this.cuts.has(`${leader.id}>${node.id}`)) node.heardMs = this.now;
    else if (this.now - node.heardMs >= this.options.electionTimeoutMs) node.raft.wake(node.now, true);
  }

  #happen(event: Happening): void {
    if (event.kind === "call") {
      event.run();
      return;
    }
    const node = this.nodes.get(event.to)!;
    if (!node.up) return;
    if (!node.running) {
      this.#events.push(node.pausedUntil, event);
      return;
    }
    if (event.kind === "deliver") this.#deliver(node, event.bytes);
    else if (event.incarnation === node.incarnation) this.#synced(node);
    // Sometimes several inputs share one gathering, sometimes each has its own.
    if (this.dice.chance(60)) this.settle(node);
  }

  #deliver(node: Node, bytes: Uint8Array): void {
    const { envelope, message, entryBytes, tail } = decodeRaftFrame(bytes);
    const { from } = envelope;
    if (
      message.kind === "snapshot-chunk" || message.kind === "pulled-chunk" ||
      message.kind === "snapshot-chunk-reply"
    ) {
      throw new TypeError("Snapshots travel whole here");
    }
    if ("entries" in message) {
      message.entries.forEach((entry, i) =>
        node.payloads.set(`${entry.index}/${entry.term}`, entryBytes[i]!)
      );
    }
    if ("snapshot" in message && message.snapshot.index > (node.received?.index ?? node.raft.commit)) {
      const state = new DataView(tail.buffer, tail.byteOffset).getUint32(0);
      node.received = { ...message.snapshot, state };
    }
    if (this.tracing) this.trace.push(`${this.now} ${from}>${node.id} ${describe(message)}`);
    if (message.kind === "pulled-snapshot") this.seen.pulledSnapshots++;
    node.raft.step(from, message, node.now);
  }

  #synced(node: Node): void {
    const batch = node.batches.shift()!;
    node.write(batch);
    const token = batch.ready.persistToken;
    const free = node.waiting.filter((outgoing) => outgoing.afterToken <= token);
    node.waiting = node.waiting.filter((outgoing) => outgoing.afterToken > token);
    for (const outgoing of free) this.#send(node, outgoing);
    if (batch.snapshot !== null) {
      check(batch.snapshot.index >= node.applied, () => `member ${node.id}: snapshot below what is applied`);
      node.applied = batch.snapshot.index;
      node.state = batch.snapshot.state;
      this.#checkState(node);
      this.seen.snapshots++;
    }
    node.raft.persisted(token);
    if (node.batches.length > 0) this.#startSync(node);
  }

  #startSync(node: Node): void {
    const [low, high] = this.weather.syncMs;
    this.#events.push(this.now + this.dice.between(low, high), {
      kind: "synced",
      to: node.id,
      incarnation: node.incarnation,
    });
  }

  /** Collects what a node wants done, and checks it. */
  settle(node: Node): void {
    if (!node.running) return;
    for (let ready = node.raft.ready(); ready !== null; ready = node.raft.ready()) this.#take(node, ready);
    this.#checkNode(node);
  }

  #take(node: Node, ready: Ready): void {
    this.#checkEntries(node, ready.entries);
    if (ready.persistToken !== 0) {
      const entries = ready.entries.map((entry) => ({ ...entry, bytes: payloadOf(node, entry) }));
      const first = entries[0];
      if (
        first !== undefined && ready.snapshot === null &&
        first.index <= (node.disk.entries.at(-1)?.index ?? 0)
      ) {
        this.seen.truncations++;
      }
      const snapshot = ready.snapshot === null ? null : node.received;
      check(snapshot?.index === ready.snapshot?.index, () => `member ${node.id}: not the snapshot that came`);
      if (snapshot !== null) node.received = null;
      node.batches.push({ ready, entries, snapshot });
      if (node.batches.length === 1) this.#startSync(node);
    }
    for (const outgoing of ready.messages) {
      if (outgoing.afterToken === 0) this.#send(node, outgoing);
      else node.waiting.push(outgoing);
    }
    this.#apply(node, ready);
    for (const { context, index } of ready.reads) {
      const asked = node.reads.get(context);
      check(asked !== undefined, () => `member ${node.id}: read ${context} answered twice or never asked`);
      check(
        index >= asked,
        () => `member ${node.id}: stale read at ${index}, ${asked} was committed when asked`,
      );
      node.reads.delete(context);
      this.seen.reads++;
    }
    for (const context of ready.failedReads) {
      check(
        node.reads.delete(context),
        () => `member ${node.id}: read ${context} failed twice or never asked`,
      );
      this.seen.failedReads++;
    }
  }

  #apply(node: Node, { applyFirst, applyLast }: Ready): void {
    if (applyFirst === 0) return;
    check(
      applyFirst === node.applied + 1,
      () => `member ${node.id}: applies ${applyFirst} after ${node.applied}`,
    );
    for (let index = applyFirst; index <= applyLast; index++) {
      const entry = node.raft.entryAt(index as Index)!;
      check(
        node.holdsDurably(index, entry.term),
        () => `member ${node.id}: applies ${index}, which is not durable`,
      );
      node.state = drawAt(node.state, contentOf(entry, payloadOf(node, entry)), index);
      node.applied = index;
      this.#checkState(node);
    }
  }

  #send(node: Node, { to, message }: Outgoing): void {
    this.#checkMessage(node, to, message);
    if (
      message.term > node.disk.hardState.term && message.kind !== "pre-vote" &&
      message.kind !== "pre-vote-reply"
    ) {
      check(false, () => `member ${node.id}: tells of term ${message.term} before it is durable`);
    }
    const { weather, dice } = this;
    this.seen.messages++;
    const writer = new ByteWriter();
    const envelope = {
      meshId: MESH,
      recoveryEpoch: 1,
      group: 1 as GroupId,
      generation: 1,
      from: node.id,
      to,
    };
    const payloads = "entries" in message ? message.entries.map((entry) => payloadOf(node, entry)) : [];
    encodeRaftFrame(writer, envelope, message, payloads);
    if ("snapshot" in message) {
      const { snapshot } = node.disk;
      const right = snapshot.index === message.snapshot.index;
      if (right) writer.u32(snapshot.state);
      node.raft.snapshotSent(to, right, node.now);
      if (!right) return;
    }
    if (this.cuts.has(`${node.id}>${to}`) || dice.chance(weather.loss)) return;
    if (!this.nodes.has(to) || !this.messageFilter(node.id, to, message)) return;
    const copies = dice.chance(weather.duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const [low, high] = weather.latencyMs;
      let delay = dice.between(low, high);
      if (dice.chance(weather.slow)) delay += dice.below(10 * this.options.electionTimeoutMs);
      this.#events.push(this.now + delay, { kind: "deliver", to, bytes: writer.take() });
    }
  }

  // What a client and an operator do.

  /** Proposes a command at `node`; false where it is refused. */
  propose(node: Node, lengthBytes = 8): boolean {
    if (!node.running) return false;
    node.raft.wake(node.now);
    const result = node.raft.propose(EntryKind.Command, lengthBytes);
    if (!result.ok) return false;
    const bytes = new Uint8Array(lengthBytes);
    if (lengthBytes >= 4) new DataView(bytes.buffer).setUint32(0, this.#nextValue++);
    node.payloads.set(`${result.index}/${result.term}`, bytes);
    return true;
  }

  change(node: Node, change: ConfigurationChange | ConfigurationTarget): string {
    if (!node.running) return "DOWN";
    node.raft.wake(node.now);
    const result = node.raft.proposeConfiguration(change);
    if (result.ok) this.seen.configurations++;
    if (result.ok && isJoint(node.raft.configuration)) this.seen.joints++;
    return result.ok ? "OK" : result.reason;
  }

  read(node: Node): void {
    if (!node.running) return;
    const context = this.#nextRead++;
    node.reads.set(context, this.committed.length);
    if (node.raft.status().leaseUntilMs > node.now) this.seen.leaseReads++;
    node.raft.readIndex(context, node.now);
  }

  /**
   * Stops a process, as a collector of garbage or a hypervisor does. A read is the first that it is asked afterwards:
   * before it can learn what happened meanwhile.
   */
  pause(node: Node, durationMs: number): void {
    if (!node.running) return;
    this.seen.pauses++;
    node.pausedUntil = this.now + durationMs;
    this.#events.push(node.pausedUntil, {
      kind: "call",
      run: () => {
        this.read(node);
        this.settle(node);
      },
    });
  }

  crash(node: Node): void {
    if (!node.up) return;
    this.seen.crashes++;
    node.crash(this.dice.chance(50));
  }

  restart(node: Node): void {
    if (!node.up) node.start();
  }

  /** Cuts every link between the two sides, both ways. */
  cut(side: readonly number[], other: readonly number[]): void {
    for (const a of side) {
      for (const b of other) {
        this.cuts.add(`${a}>${b}`);
        this.cuts.add(`${b}>${a}`);
      }
    }
  }

  isolate(id: number): void {
    this.cut([id], this.all.map((node) => node.id).filter((other) => other !== id));
  }

  heal(): void {
    this.cuts.clear();
  }

  // The checkers.

  #checkEntries(node: Node, entries: readonly EntryMeta[]): void {
    for (const entry of entries) {
      const previous = node.raft.termAt(entry.index - 1 as Index);
      check(previous !== null, () => `member ${node.id}: entry ${entry.index} continues nothing`);
      const content = `${contentOf(entry, payloadOf(node, entry))} after ${previous}`;
      const known = this.#entries.get(`${entry.index}/${entry.term}`);
      check(
        known === undefined || known === content,
        () =>
          `log matching: member ${node.id} has ${content} at ${entry.index}/${entry.term}, another ${known}`,
      );
      this.#entries.set(`${entry.index}/${entry.term}`, content);
    }
  }

  #checkNode(node: Node): void {
    const { raft } = node;
    if (raft.role === "leader" && node.wasLeaderOf !== raft.term) {
      node.wasLeaderOf = raft.term;
      this.seen.leaders++;
      const other = this.#leaders.get(raft.term);
      check(
        other === undefined || other === node.id,
        () => `election safety: ${other} and ${node.id} in ${raft.term}`,
      );
      this.#leaders.set(raft.term, node.id);
      for (let index = raft.baseIndex + 1; index <= this.committed.length; index++) {
        // A leader may be looked at late, when another of a later term has committed more.
        if (this.committed[index - 1]!.seenIn >= raft.term) continue;
        check(
          raft.termAt(index as Index) === this.committed[index - 1]!.term,
          () => `leader completeness: ${node.id}, leader of ${raft.term}, lacks committed ${index}`,
        );
      }
    }
    if (raft.commit > node.checkedCommit) this.#checkCommit(node);
  }

  #checkCommit(node: Node): void {
    const { raft } = node;
    for (let index = Math.max(node.checkedCommit, raft.baseIndex) + 1; index <= raft.commit; index++) {
      const entry = raft.entryAt(index as Index)!;
      const content = contentOf(entry, payloadOf(node, entry));
      const known = this.committed[index - 1];
      if (known !== undefined) {
        check(
          known.term === entry.term && known.content === content,
          () =>
            `committed is immutable: ${index} was ${known.term} ${known.content}, is ${entry.term} ${content}`,
        );
        continue;
      }
      check(index === this.committed.length + 1, () => `commit of ${index} after ${this.committed.length}`);
      const before = this.committed.at(-1)?.configuration ?? this.#firstConfiguration;
      this.committed.push({
        term: entry.term,
        content,
        configuration: entry.configuration ?? before,
        seenIn: raft.term,
      });
    }
    this.#checkConfiguration(node);
    if (raft.role === "leader") this.#checkQuorum(node);
    node.checkedCommit = raft.commit;
  }

  /** Who has no change beyond its commit index is in the configuration that the committed entries say. */
  #checkConfiguration(node: Node): void {
    const { commit, configurationIndex, configuration } = node.raft.status();
    // A spare member that is fed the log from its start knows nobody until the first change.
    const untold = node.disk.snapshot.configuration.incoming.length + configuration.incoming.length === 0;
    if (configurationIndex > commit || commit === 0 || untold) return;
    const right = JSON.stringify(this.committed[commit - 1]!.configuration);
    const found = JSON.stringify(configuration);
    check(
      found === right,
      () => `configuration of member ${node.id} at ${commit}: ${found}, committed is ${right}`,
    );
  }

  #checkQuorum(node: Node): void {
    const term = node.raft.termAt(node.raft.commit)!;
    const { incoming, outgoing } = node.raft.configuration;
    for (const voters of [incoming, outgoing]) {
      const holders = voters.filter((id) => this.nodes.get(id)!.holdsDurably(node.raft.commit, term));
      check(
        voters.length === 0 || holders.length * 2 > voters.length,
        () =>
          `durable quorum: ${node.raft.commit} of ${term} committed by ${node.id}, held by ${holders} of ${voters}`,
      );
    }
  }

  #checkState(node: Node): void {
    const known = this.#states.get(node.applied);
    check(
      known === undefined || known === node.state,
      () => `state machines differ at ${node.applied}: ${node.id}`,
    );
    this.#states.set(node.applied, node.state);
  }

  #checkMessage(node: Node, to: MemberId, message: RaftMessage): void {
    if (message.kind === "vote-reply" && message.granted) {
      const known = this.#votes.get(`${node.id}/${message.term}`);
      check(
        known === undefined || known === to,
        () => `one vote per term: ${node.id} votes for ${to} in ${message.term}, did for ${known}`,
      );
      this.#votes.set(`${node.id}/${message.term}`, to);
    }
  }

  /** Everyone who is in the configuration has everything, and it is all applied; so has everyone where anybody pulls. */
  converged(): boolean {
    const leader = this.leader();
    if (leader === null || leader.raft.commit !== leader.raft.lastIndex) return false;
    const { incoming, outgoing, learners } = leader.raft.configuration;
    const counted = [...incoming, ...learners];
    if (this.#nextPullMs < Infinity) {
      const rest = this.all.filter(({ id }) => !counted.includes(id));
      if (rest.some((node) => !node.up || node.applied !== leader.raft.lastIndex)) return false;
    }
    return outgoing.length === 0 && counted.every((id) => {
      const node = this.nodes.get(id)!;
      return node.up && node.applied === leader.raft.lastIndex && node.raft.leader === leader.id;
    });
  }
}

/** One line that says all of a message. */
export function describe(message: RaftMessage): string {
  const { kind, ...rest } = message;
  if (!("entries" in message)) return `${kind} ${JSON.stringify(rest)}`;
  const entries = message.entries.map((entry) => `${entry.index}/${entry.term}`).join(" ");
  return `${kind} term ${message.term} after ${message.previousIndex}/${message.previousTerm} commit ${message.commit} [${entries}]`;
}
