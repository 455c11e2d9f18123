/** Everything that clients do in a run: the key-value's clients, and streams with their producers and consumers. */
import type { Host } from "./host.ts";
import type { Draws } from "./prf.ts";
import type { Regime } from "./regime.ts";
import { Calls } from "./workloads/clients.ts";
import { Consumer } from "./workloads/consumer.ts";
import { Effects } from "./workloads/effects.ts";
import { KvHistory } from "./workloads/history.ts";
import { Budget, KvClient } from "./workloads/kv_client.ts";
import { KeyWatcher, type WatchObserver } from "./workloads/key_watcher.ts";
import { NoiseClient } from "./workloads/noise.ts";
import { Producer } from "./workloads/producer.ts";
import type { World } from "./world.ts";

/**
 * Beside the source. A batch is handed to the leader again while its source does not see it applied: with nine copies to send
 * over the slowest links a source that lags never catches up with what it repeats.
 */
const STREAM_TARGETS_LIMIT = 6;

/** What every consumer subscribes as, and a second one at each target of some streams whose completion waits for both. */
const SUBSCRIPTION = "default";
const SECOND_SUBSCRIPTION = "second";
const SECOND_PER_MILLION = 300_000;

export interface StreamPlan {
  readonly name: string;
  readonly source: Host;
  readonly targets: readonly Host[];
  /** Completion waits for these at every target; where there are none, a consumer is there all the same. */
  readonly awaited: readonly string[];
}

interface FormedStreamPlan extends StreamPlan {
  readonly retentionBytes: number;
}

/** Of the audit at the end: no other client has this number. */
export const AUDITOR = 15;

export class Workload {
  readonly calls: Calls;
  readonly effects = new Effects();
  readonly history = new KvHistory();
  readonly budget: Budget;
  /** Of the streams that are opened before the faults begin. */
  readonly plans: readonly FormedStreamPlan[];
  /** Names of those that clients use. */
  readonly streams: string[] = [];
  readonly producers: Producer[] = [];
  readonly consumers: Consumer[] = [];
  readonly watchers: KeyWatcher[] = [];
  readonly noise: NoiseClient[] = [];
  /** Told of what watches are shown; without it nobody watches. */
  watchObserver: WatchObserver | null = null;
  readonly #world: World;
  readonly #regime: Regime;

  constructor(world: World, regime: Regime) {
    this.#world = world;
    this.#regime = regime;
    this.calls = new Calls(world);
    this.budget = new Budget(regime.work.operations);
    this.plans = this.#plan(world.prf.site("workload/streams"));
  }

  /** Clients begin; the mesh is formed and its streams are open. */
  begin(): void {
    const { work } = this.#regime;
    for (let i = 0; i < work.kvClients; i++) {
      new KvClient(this.#world, this.calls, this.history, this.budget, this.#regime, i).begin();
    }
    for (const plan of this.plans) this.beginStream(plan);
    for (const host of work.noise === null ? [] : this.#world.hosts) {
      const client = new NoiseClient(this.#world, this.calls, host, work.noise!);
      this.noise.push(client);
      client.begin();
    }
    for (const host of this.watchObserver === null ? [] : this.#world.hosts) {
      const watcher = new KeyWatcher(this.#world, this.calls, this.watchObserver!, host);
      this.watchers.push(watcher);
      watcher.begin();
    }
  }

  /** Nobody waits any more for what clients at this host do: its member is taken away. */
  retire(host: Host): void {
    for (const client of [...this.producers, ...this.consumers]) if (client.host === host) client.retire();
  }

  /** The stream is about to be closed: its producers do not know whether what is under way gets into it. */
  closeStream(life: string): void {
    this.effects.closed.add(life);
    for (const producer of this.producers) if (producer.stream === life) producer.worry();
  }

  /** The stream is gone for good: its clients have nothing more to do. */
  endStream(life: string): void {
    for (const producer of this.producers) if (producer.stream === life) producer.end();
    for (const consumer of this.consumers) if (consumer.ledger.stream === life) consumer.end();
  }

  /** Nobody holds these streams any more. */
  forget(lives: ReadonlySet<string>): void {
    const kept = this.streams.filter((life) => !lives.has(life));
    this.streams.splice(0, this.streams.length, ...kept);
  }

  /** Nothing new is begun; what is under way goes on until it is answered. */
  end(): void {
    this.effects.isEnding = true;
    for (const client of this.noise) client.isOver = true;
    this.budget.left = 0;
  }

  get isSpent(): boolean {
    return this.budget.left <= 0;
  }

  counts(): Record<string, number> {
    const operations = this.history.operations;
    const sum = (count: (producer: Producer) => number) =>
      this.producers.reduce((total, one) => total + count(one), 0);
    return {
      kvOperations: operations.length,
      kvOk: operations.filter((operation) => operation.outcome === "ok").length,
      kvMismatch: operations.filter((operation) => operation.outcome === "mismatch").length,
      kvFailed: operations.filter((operation) => operation.outcome === "failed").length,
      kvUnknown: operations.filter((operation) => operation.outcome === "unknown").length,
      noise: this.noise.reduce((total, one) => total + one.written, 0),
      watches: this.watchers.reduce((total, one) => total + one.counts.opened, 0),
      changesShown: this.watchers.reduce((total, one) => total + one.counts.shown, 0),
      published: sum((producer) => producer.counts.published),
      publishRetries: sum((producer) => producer.counts.retried),
      publishDuplicates: sum((producer) => producer.counts.duplicates),
      sessions: sum((producer) => producer.counts.opened),
      producerZombies: sum((producer) => producer.counts.zombies),
      producerTwins: sum((producer) => producer.counts.twins),
      producerOpinions: sum((producer) => producer.counts.opinions),
      producerLeaps: sum((producer) => producer.counts.leaps),
      ackGaps: this.consumers.reduce((total, one) => total + one.counts.gaps, 0),
      subscriberZombies: this.consumers.reduce((total, one) => total + one.counts.zombies, 0),
      subscriptions: this.consumers.reduce((total, one) => total + one.counts.subscribed, 0),
      messages: this.effects.counts.sent,
      acknowledged: this.effects.counts.acknowledged,
      effects: this.effects.counts.effects,
      redelivered: this.effects.counts.redelivered,
      completed: this.effects.counts.completed,
    };
  }

  #plan(draws: Draws): FormedStreamPlan[] {
    const { retentionBytes } = this.#regime.work;
    const plans: FormedStreamPlan[] = [];
    if (this.#regime.nodes < 2) return plans; // A stream has two members.
    for (let i = 0; i < this.#regime.work.streams; i++) {
      const [source, ...others] = draws.shuffled(this.#world.hosts.slice(0, this.#regime.nodes));
      const most = Math.min(others.length, STREAM_TARGETS_LIMIT);
      const targets = others.slice(0, draws.between(1, Math.max(1, most)));
      if (targets.length === 0 || draws.chance(300_000)) targets.push(source!);
      const name = `stream-${i}`;
      const isAwaited = this.#world.prf.site(`workload/${name}/awaited`).chance(500_000);
      const hasSecond = this.#world.prf.site(`workload/${name}/second`).chance(SECOND_PER_MILLION);
      const awaited = !isAwaited ? [] : hasSecond ? [SUBSCRIPTION, SECOND_SUBSCRIPTION] : [SUBSCRIPTION];
      if (isAwaited) this.effects.awaited.add(name);
      plans.push({ name, source: source!, targets, awaited, retentionBytes });
    }
    return plans;
  }

  /** Clients of a stream that is open. */
  beginStream({ name, source, targets, awaited }: StreamPlan): void {
    const draws = this.#world.prf.site(`workload/${name}/clients`);
    this.streams.push(name);
    for (let i = 0; i < this.#regime.work.producersPerStream; i++) {
      const host = draws.chance(800_000) ? source : draws.pick(targets);
      const { calls, effects, budget } = this;
      const members = [...new Set([source, ...targets])];
      const producer = new Producer(
        this.#world,
        calls,
        effects,
        budget,
        this.#regime,
        host,
        name,
        `p${i}`,
        members,
      );
      this.producers.push(producer);
      producer.begin();
    }
    for (const host of targets) {
      this.#beginConsumer(name, host, SUBSCRIPTION, draws);
      for (const other of awaited.slice(1)) {
        this.#beginConsumer(
          name,
          host,
          other,
          this.#world.prf.site(`workload/${name}/${other}/${host.name}`),
        );
      }
    }
  }

  #beginConsumer(stream: string, host: Host, subscription: string, draws: Draws): void {
    const mode = draws.pick(["sink", "acknowledge"] as const);
    const { calls, effects } = this;
    const consumer = new Consumer(
      this.#world,
      calls,
      effects,
      this.#regime,
      host,
      stream,
      subscription,
      mode,
    );
    this.consumers.push(consumer);
    consumer.begin();
  }
}
