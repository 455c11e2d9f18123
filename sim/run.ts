/**
 * One run: a world of real nodes on simulated ports, from its seed to its verdict. First the mesh is formed; then faults
 * strike while clients work; then a random core with a quorum is healed and must serve while the rest stays cut
 * off; then all is healed and must converge, and what was promised is checked.
 */
import { AssertionFailure } from "../src/core/assert.ts";
import { Node } from "../src/node/mod.ts";
import { Audit } from "./audit.ts";
import { Backlog } from "./backlog.ts";
import { Checkers, SafetyViolation } from "./checkers/mod.ts";
import {
  canDecide,
  drawCore,
  groupsOf,
  leaderless,
  leadsAlone,
  missingOf,
  missingSessions,
  notRefused,
} from "./convergence.ts";
import { Decay } from "./decay.ts";
import { Nemesis } from "./faults/nemesis.ts";
import { ROT_KINDS } from "./faults/kinds.ts";
import { ask, formMesh, LivenessFailure } from "./formation.ts";
import type { Host } from "./host.ts";
import type { FaultCount } from "./ledger.ts";
import { prepareHost, settingsOf, wear } from "./machines.ts";
import type { Decisions } from "./prf.ts";
import { drawRegime, type Regime } from "./regime.ts";
import { Recovery } from "./recovery.ts";
import { formatRunName, parseRunName, type RunName } from "./run_name.ts";
import type { NodeFactory } from "./simulated_node.ts";
import { finish, type Steps } from "./steps.ts";
import { Takeover } from "./takeover.ts";
import type { Checkpoint } from "./trace.ts";
import { AUDITOR, Workload } from "./workload.ts";
import type { Watcher } from "./watcher.ts";
import { World } from "./world.ts";

export type Outcome = "ok" | "crash" | "liveness" | "safety" | "stopped";

export const EXIT_CODES: Readonly<Record<Outcome, number>> = {
  ok: 0,
  crash: 127,
  liveness: 128,
  safety: 129,
  stopped: 0,
};

export interface RunResult {
  readonly name: string;
  readonly seed: string;
  readonly outcome: Outcome;
  /** Which checker, or which step did not end; "" where all is well. */
  readonly checker: string;
  readonly message: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly wallMs: number;
  readonly trace: string;
  readonly faults: Readonly<Record<string, FaultCount>>;
  readonly checks: Readonly<Record<string, number>>;
  readonly work: Readonly<Record<string, number>>;
  /** Places of node code that were passed (src/node/marks.ts), and how often. */
  readonly marks: Readonly<Record<string, number>>;
  /** Assertions that failed in a run that goes on after them. */
  readonly assertions: number;
  /** The last events before the end of a failed run, one column for each node. */
  readonly story: readonly string[];
  readonly checkpoints: readonly Checkpoint[];
}

export interface RunSettings {
  /** Stops before this event. */
  readonly untilEvent?: number;
  readonly factory?: NodeFactory;
  /** Lines of the story of a failed run. */
  readonly storyLines?: number;
  /** Keeps so many events for the story. */
  readonly logLimit?: number;
  /** A tape to play, or a recorder (tape.ts). */
  readonly decisions?: Decisions;
  /** Sees what passes, for a picture of the run. */
  readonly watcher?: Watcher;
}

/** How long the mesh is at rest, in election timeouts: several of everybody's. */
const REST_ELECTIONS = 6;
/** Runs in which a disk decays at rest. */
const DECAY_RUNS_PER_MILLION = 250_000;
/** Runs in which a subscription is taken over then. */
const TAKEOVER_RUNS_PER_MILLION = 250_000;
/** Runs that lose a majority then. */
const MAJORITY_LOSS_RUNS_PER_MILLION = 250_000;
const MANY_SURVIVE_PER_MILLION = 500_000;
/** While a survivor is cut off. */
const WRITES_BEHIND = 6;
/** Until all have heard of who leads, once everybody has a session with everybody. */
const SETTLING_ELECTIONS = 3;
/** So often it begins anew where somebody has lost somebody meanwhile. */
const SETTLING_TRIES = 3;
/** Runs that lose a node then. */
const LOSS_RUNS_PER_MILLION = 250_000;
/** Runs in which processes are started anew then, and how often, where groups fall silent. */
const START_RUNS_PER_MILLION = 400_000;
const STARTS = 10;
/** Before so much of an election timeout nobody is missed, whenever its last beat came. */
const MISSED_ELECTIONS = 0.7;

/** Node code threw. */
export class NodeCrash extends Error {
  override readonly name = "NodeCrash";
  constructor(readonly host: Host, readonly error: unknown) {
    super(`${host.name}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
  }
}

/** The run was told to stop at this event. */
class Stopped extends Error {}

export const realNode: NodeFactory = (io, settings, callers, observer) =>
  new Node(io, settings, callers, observer);

export function runOne(name: string, settings: RunSettings = {}): RunResult {
  return finish(new Run(parseRunName(name), settings).perform());
}

/** A run that is driven from outside, as far as its driver wants. One at a time: it holds the traps of `globals.ts`. */
export class SteppedRun {
  readonly world: World;
  readonly #steps: Steps<RunResult>;
  #result: RunResult | null = null;

  constructor(name: string, settings: RunSettings = {}) {
    const run = new Run(parseRunName(name), settings);
    this.world = run.world;
    this.#steps = run.perform();
  }

  /** Null until the run is over. */
  get result(): RunResult | null {
    return this.#result;
  }

  /** Runs until so many events have passed since the beginning, or to the run's end; true where it is over. */
  runTo(event: number): boolean {
    this.world.pauseAtEvent = event;
    while (this.#result === null && this.world.trace.events < event) {
      const { done, value } = this.#steps.next();
      if (done) this.#result = value;
    }
    return this.#result !== null;
  }

  /** Leaves the run where it is, for good. */
  abandon(): void {
    this.#steps.return(undefined as never);
  }
}

class Run {
  readonly #name: RunName;
  readonly #settings: RunSettings;
  readonly #checkers = new Checkers();
  readonly #world: World;
  readonly #regime: Regime;
  readonly #workload: Workload;
  readonly #nemesis: Nemesis;
  readonly #countsAssertions: boolean;
  #assertions = 0;

  constructor(name: RunName, settings: RunSettings) {
    this.#name = name;
    this.#settings = settings;
    this.#countsAssertions = name.options.assertions === "count";
    this.#world = new World({
      seed: name.seed,
      factory: settings.factory ?? realNode,
      observerOf: (host) => this.#checkers.observer(host),
      onNodeError: (host, error) => this.#onNodeError(host, error),
      afterStep: () => this.#afterStep(),
      onFrame: (bytes) => this.#checkers.arrived(bytes),
      ...(settings.logLimit === undefined ? {} : { logLimit: settings.logLimit }),
      ...(settings.decisions === undefined ? {} : { decisions: settings.decisions }),
      ...(settings.watcher === undefined ? {} : { watcher: settings.watcher }),
    });
    this.#regime = drawRegime(this.#world.prf, name.options);
    for (let i = 0; i < this.#regime.nodes + this.#regime.spares; i++) this.#world.addHost(`n${i + 1}`);
    this.#workload = new Workload(this.#world, this.#regime);
    this.#workload.effects.onCommitted = (stream, ids) => this.#checkers.said.said(stream, ids);
    this.#workload.watchObserver = this.#checkers.watches;
    this.#workload.calls.observer = this.#checkers.callObserver();
    this.#nemesis = new Nemesis(this.#world, this.#regime, this.#workload, {
      control: this.#checkers.control,
      settingsOf: (host, port) => settingsOf(host, this.#regime, port),
      hasLetGo: (member, group) => this.#checkers.gone.hasLetGo(member, group),
    });
  }

  get world(): World {
    return this.#world;
  }

  *perform(): Steps<RunResult> {
    const startedMs = performance.now();
    const { guard } = this.#world;
    guard.install();
    let outcome: Outcome = "ok";
    let checker = "";
    let message = "";
    try {
      yield* this.#phases();
    } catch (error) {
      [outcome, checker, message] = judge(error);
    } finally {
      guard.remove();
    }
    const { trace, ledger, nowUs } = this.#world;
    this.#countPassive();
    return {
      name: formatRunName(this.#name),
      seed: this.#world.prf.seed,
      outcome,
      checker,
      message,
      events: trace.events,
      virtualMs: Math.floor(nowUs / 1000),
      wallMs: performance.now() - startedMs,
      trace: trace.hash,
      faults: ledger.report(),
      checks: this.#checkers.counts(),
      work: this.#workload.counts(),
      marks: this.#checkers.marks,
      assertions: this.#assertions,
      story: outcome === "ok" ? [] : this.#story(),
      checkpoints: trace.checkpoints,
    };
  }

  *#phases(): Steps<void> {
    for (const host of this.#world.hosts) prepareHost(host, this.#regime);
    const founders = this.#world.hosts.slice(0, this.#regime.nodes);
    for (const host of founders) host.boot(settingsOf(host, this.#regime));
    yield* formMesh(this.#world, founders, this.#workload, this.#regime.settings.votersLimit);
    this.#beginFaults();
    this.#workload.begin();
    const untilUs = this.#world.nowUs + 1000 * this.#regime.faultPhaseMs;
    yield* this.#world.advance(untilUs, () => this.#workload.isSpent);
    this.#workload.end();
    yield* this.#healCore();
    yield* this.#healAll();
    yield* this.#audit();
    yield* this.#rest();
    yield* this.#startAnew();
    yield* this.#loseOne();
    yield* this.#strikeStreams();
    // What has decayed may be found much later: no copy is taken away then.
    if (!(yield* this.#decay())) yield* this.#loseMajority();
    this.#checkers.final(this.#world.hosts, this.#workload.history, this.#workload.effects);
  }

  #beginFaults(): void {
    wear(this.#world, this.#regime);
    this.#nemesis.begin();
  }

  /** A connected quorum serves, whatever is with the others. */
  *#healCore(): Steps<void> {
    // While a member comes or goes, the quorum may be any of two.
    if (this.#nemesis.operator.isBusy) return;
    const core = drawCore(this.#world.prf.site("core"), this.#members(), this.#checkers.counted);
    this.#world.note(null, `heal the core ${core.map((host) => host.name).join(" ")}`);
    this.#nemesis.healCore(new Set(core));
    const others = this.#world.hosts.filter((host) => !core.includes(host));
    const { idleTimeoutMs, raft: { electionTimeoutMs } } = this.#regime.settings;
    const unawareUntilUs = this.#world.nowUs + 1000 * (idleTimeoutMs + electionTimeoutMs);
    let isOvertaken = false;
    yield* this.#await("the core does not converge", () => {
      // Who leads may have begun to make voters of some of the others before it could know that they are cut off.
      isOvertaken ||= this.#world.nowUs <= unawareUntilUs &&
        !canDecide(core, this.#members(), this.#checkers.counted);
      return isOvertaken ? [] : [...missingOf(core, null), ...leadsAlone(others)];
    });
    if (isOvertaken) return;
    for (const host of core) yield* this.#serve(host);
  }

  *#healAll(): Steps<void> {
    this.#world.note(null, "heal all");
    this.#nemesis.healAll();
    this.#world.network.visits.healed();
    yield* this.#await("the mesh does not converge", () => this.#missing());
    this.#switchOffStranded();
    for (const host of this.#members()) yield* this.#serve(host);
  }

  #missing(): string[] {
    const { task } = this.#nemesis.operator;
    if (task !== "") return [`the operator has not done: ${task}`];
    return [
      ...missingOf(this.#members(), { workload: this.#workload, control: this.#checkers.control }),
      ...notRefused(this.#strangers(), (host) => this.#isStranded(host)),
    ];
  }

  /** Machines that run with the disk of a member that is none any more, or with none. */
  #strangers(): Host[] {
    const members = this.#members();
    return this.#world.hosts.filter((host) => host.isUp && !members.includes(host));
  }

  #isStranded(host: Host): boolean {
    return this.#world.network.visits.isStranded(host, this.#members());
  }

  /** Who was removed and finds nobody who would say so is switched off: clients would wait there for what never comes. */
  #switchOffStranded(): void {
    for (const host of this.#strangers()) {
      if (notRefused([host], () => false).length === 0) continue;
      this.#world.ledger.strike("stranded");
      this.#nemesis.bury(host);
    }
  }

  /** Hosts of those whom the control log calls members. */
  #members(): Host[] {
    return this.#world.hosts.filter((host) => this.#checkers.control.memberByName(host.name) !== null);
  }

  *#await(what: string, missing: () => string[]): Steps<void> {
    const deadlineUs = this.#world.nowUs + 1000 * this.#regime.convergenceMs;
    for (;;) {
      const left = missing();
      if (left.length === 0) return;
      if (this.#world.nowUs >= deadlineUs) throw new LivenessFailure(`${what}: ${left.join("; ")}`);
      yield* this.#world.advance(this.#world.nowUs + 20_000);
    }
  }

  /** One write through this host must succeed. */
  *#serve(host: Host): Steps<void> {
    const { history, calls } = this.#workload;
    const deadlineUs = this.#world.nowUs + 1000 * this.#regime.convergenceMs;
    let last = "no answer";
    for (let n = 1; this.#world.nowUs < deadlineUs; n++) {
      const value = (1_000_000 + this.#world.trace.events) * 16 + AUDITOR + 1;
      const operation = history.invoke({
        client: AUDITOR,
        key: "key-0",
        kind: "write",
        value,
        expected: null,
      });
      const bytes = new TextEncoder().encode(`v${value}`);
      const reply = yield* ask(this.#world, calls, host, {
        kind: "kv-put",
        key: "key-0",
        value: bytes,
        expectedVersion: null,
      });
      if (reply?.kind === "version") {
        history.return(operation, "ok");
        return;
      }
      if (reply?.kind === "failed" && reply.error.outcome === "NOT_APPLIED") {
        history.return(operation, "failed");
      } else history.lose(operation);
      if (reply?.kind === "failed") last = `${reply.error.code} ${reply.error.message}`;
      yield* this.#world.advance(this.#world.nowUs + 50_000);
    }
    throw new LivenessFailure(`${host.name} does not serve: ${last}`);
  }

  #audit(hosts: readonly Host[] = this.#members()): Steps<void> {
    return new Audit(this.#world, this.#workload, this.#regime).perform(hosts);
  }

  /** In some runs the whole mesh is left alone for a while. */
  *#rest(): Steps<void> {
    if (!this.#world.prf.site("rest").chance(250_000)) return;
    const { stability } = this.#checkers;
    const { electionTimeoutMs } = this.#regime.settings.raft;
    const unsettled = () => [...missingSessions(this.#members()), ...leaderless(this.#members())];
    for (let tries = 0; tries < SETTLING_TRIES; tries++) {
      yield* this.#await("members do not find each other", unsettled);
      // Whom nobody could reach may be about to stand for election, and what a cut held back may end a session yet.
      yield* this.#world.advance(this.#world.nowUs + 1000 * SETTLING_ELECTIONS * electionTimeoutMs);
      if (unsettled().length === 0) break;
    }
    stability.isAtRest = true;
    const forMs = REST_ELECTIONS * electionTimeoutMs;
    yield* this.#world.advance(this.#world.nowUs + 1000 * forMs);
    stability.isAtRest = false;
  }

  /**
   * In some runs processes end when all is silent and are there again at once. Just before their leaders would miss them those
   * are paused, for too short a time to be missed themselves: whoever then stands for election asks some who sleep.
   */
  *#startAnew(): Steps<void> {
    const draws = this.#world.prf.site("starts-at-rest");
    const { quiesceIdle, electionTimeoutMs } = this.#regime.settings.raft;
    if (!draws.chance(START_RUNS_PER_MILLION) || !quiesceIdle) return;
    for (let left = STARTS; left > 0; left--) {
      yield* this.#world.advance(this.#world.nowUs + 1000 * REST_ELECTIONS * electionTimeoutMs);
      const host = draws.pick(this.#members());
      this.#nemesis.startAnew(host);
      const missedMs = MISSED_ELECTIONS * electionTimeoutMs;
      yield* this.#world.advance(this.#world.nowUs + Math.floor(1000 * missedMs));
      this.#nemesis.pauseLeaders(host, missedMs);
    }
    yield* this.#await("nobody leads those who were started anew", () => leaderless(this.#members()));
    yield* this.#audit();
  }

  /** In some runs a node goes when all is silent: the others find out by themselves, nobody asks them for anything. */
  *#loseOne(): Steps<void> {
    const draws = this.#world.prf.site("loss-at-rest");
    if (!draws.chance(LOSS_RUNS_PER_MILLION)) return;
    const members = this.#members();
    const lost = draws.pick(members);
    const rest = members.filter((host) => host !== lost);
    if (!canDecide(rest, members, this.#checkers.counted)) return;
    const forMs = REST_ELECTIONS * this.#regime.settings.raft.electionTimeoutMs;
    yield* this.#world.advance(this.#world.nowUs + 1000 * forMs);
    this.#nemesis.lose(lost);
    yield* this.#await(`${lost.name} is not missed`, () => leaderless(rest));
    yield* this.#healAll();
    yield* this.#audit();
  }

  /** In some runs a subscription is taken over where its node does not hear of it; in some an outbox is left to fill. */
  *#strikeStreams(): Steps<void> {
    const { control, counted } = this.#checkers;
    const groupOf = (life: string) => control.groupOf(life);
    if (this.#world.prf.site("takeover").chance(TAKEOVER_RUNS_PER_MILLION)) {
      yield* new Takeover(this.#world, this.#workload, this.#regime).perform(this.#members(), groupOf);
    }
    if (!this.#regime.hasBacklog) return;
    yield* new Backlog(this.#world, this.#workload, this.#regime).perform(this.#members(), counted, groupOf);
    yield* this.#await("the mesh does not converge", () => this.#missing());
  }

  /** In some runs one of the disks decays when all is silent. True where it has. */
  *#decay(): Steps<boolean> {
    if (!this.#world.prf.site("decay").chance(DECAY_RUNS_PER_MILLION)) return false;
    const decay = new Decay(this.#world, this.#workload, this.#regime, this.#nemesis);
    const host = yield* decay.strike(this.#members());
    if (host === null) return false;
    const { control } = this.#checkers;
    if (host.isUp) yield* decay.read(host, this.#members(), (life) => control.groupOf(life));
    yield* this.#healAll();
    yield* decay.read(host, this.#members(), (life) => control.groupOf(life));
    yield* this.#audit();
    return true;
  }

  /** In some runs a majority is lost for good in the end, and an operator goes on from what the others hold. */
  *#loseMajority(): Steps<void> {
    const draws = this.#world.prf.site("loss-of-majority");
    if (!draws.chance(MAJORITY_LOSS_RUNS_PER_MILLION)) return;
    const members = draws.shuffled(this.#members());
    const most = Math.max(1, Math.floor(members.length / 2));
    // Mostly more than one survives, where that is no majority: their logs need not be the same.
    const count = draws.chance(MANY_SURVIVE_PER_MILLION) ? most : draws.between(1, most);
    const survivors = members.slice(0, count);
    if (survivors.length === members.length || canDecide(survivors, members, this.#checkers.counted)) return;
    // The command takes no disk that is damaged: its operator would name that member as dead.
    if (this.#regime.faults.some(([kind]) => ROT_KINDS.has(kind))) return;
    const dead = members.slice(survivors.length);
    yield* this.#await("not every survivor has what is committed", () => this.#missing());
    this.#world.note(null, `lost for good: ${dead.map((host) => host.name).join(" ")}`);
    yield* this.#leaveBehind(survivors, members);
    const recovery = new Recovery(this.#world, survivors, dead);
    for (const host of dead) this.#workload.retire(host);
    for (const host of members) this.#nemesis.bury(host);
    this.#nemesis.healAll();
    const plan = yield* recovery.perform();
    for (const each of recovery.plans) this.#checkers.recovered(each);
    const { control } = this.#checkers;
    const held = new Set<number>(plan.groups.map(({ group }) => group));
    this.#workload.forget(new Set(this.#workload.streams.filter((life) => !held.has(control.groupOf(life)))));
    for (const host of survivors) this.#nemesis.unearth(host);
    yield* this.#await(
      "the survivors do not converge",
      () => missingOf(survivors, { workload: this.#workload, control }),
    );
    for (const host of survivors) yield* this.#serve(host);
    yield* this.#audit(survivors);
    this.#world.ledger.strike("loss-of-majority");
    yield* this.#returnOne(survivors, dead, members);
  }

  /**
   * Of two or more who survive, one is cut off while the others go on: theirs are the logs to go on from. Each group that it has a
   * replica of another survivor has one of, too: what was committed without it would be lost with the others for good.
   */
  *#leaveBehind(survivors: readonly Host[], members: readonly Host[]): Steps<void> {
    const survivor = survivors.find((host) => {
      const held = new Set(survivors.filter((other) => other !== host).flatMap(groupsOf));
      return groupsOf(host).every((group) => held.has(group));
    });
    const others = members.filter((host) => host !== survivor);
    if (survivor === undefined || !canDecide(others, members, this.#checkers.counted)) return;
    this.#nemesis.inject("recovery/behind", "partition-one", [survivor], 1000 * this.#regime.convergenceMs);
    for (let left = this.#world.prf.site("recovery/writes").between(1, WRITES_BEHIND); left > 0; left--) {
      yield* this.#serve(others[left % others.length]!);
    }
    yield* this.#await("those who are left do not converge", () => missingOf(others, null));
  }

  /** One of those who were left behind comes back with its old disk: nobody takes a word of it, and nobody listens to it. */
  *#returnOne(survivors: readonly Host[], dead: readonly Host[], members: readonly Host[]): Steps<void> {
    const host = dead[0]!;
    if (canDecide([host], members, this.#checkers.counted)) return;
    this.#nemesis.unearth(host);
    const forMs = REST_ELECTIONS * this.#regime.settings.raft.electionTimeoutMs;
    yield* this.#world.advance(this.#world.nowUs + 1000 * forMs);
    const id = this.#checkers.counted.get(host)!.memberId;
    const heard = survivors.filter((each) => each.node!.inspect().reachable.has(id));
    if (heard.length > 0) {
      throw new SafetyViolation(
        "recovery",
        `${host.name} was left behind, and ${heard[0]!.name} speaks with it`,
      );
    }
    for (const each of survivors) yield* this.#serve(each);
    this.#nemesis.bury(host);
    yield* this.#audit(survivors);
    this.#world.ledger.strike("left-behind-returned");
  }

  #afterStep(): void {
    const { trace } = this.#world;
    if (this.#world.haveHostsChanged) this.#lookAtHosts();
    if (this.#workload.effects.violations.length > 0) this.#checkers.delivery.check(this.#workload.effects);
    if (trace.events === this.#settings.untilEvent) throw new Stopped();
  }

  #lookAtHosts(): void {
    // What a look changes is looked at after the next event.
    this.#world.haveHostsChanged = false;
    for (const host of this.#world.hosts) {
      if (!host.hasChanged) continue;
      host.hasChanged = false;
      if (host.isUp && this.#checkers.look(host) === "failed") this.#onFailed(host);
      this.#nemesis.look(host);
    }
  }

  /** A node that stopped by itself is started again by who watches over it. */
  #onFailed(host: Host): void {
    this.#world.ledger.strike("node-failed");
    this.#world.note(host, "the node says that it failed");
    this.#nemesis.supervise(host);
  }

  #onNodeError(host: Host, error: unknown): void {
    if (error instanceof SafetyViolation || error instanceof Stopped) throw error;
    if (!(error instanceof AssertionFailure) || !this.#countsAssertions) throw new NodeCrash(host, error);
    this.#assertions += 1;
    this.#nemesis.supervise(host);
  }

  /** Faults that strike by themselves, as the ports counted them. */
  #countPassive(): void {
    const { ledger, network, hosts } = this.#world;
    const { framesLost, connectionsCut, dialsFailed, dialsUnheard, halfOpen, framesToTheDead } =
      network.counts;
    ledger.strike("frame-corrupted", network.corruption.count);
    ledger.strike("frame-vanished", network.counts.framesVanished);
    ledger.strike("frame-lost", framesLost);
    ledger.strike("connection-cut", connectionsCut);
    ledger.strike("dial-failed", dialsFailed);
    ledger.strike("dial-unheard", dialsUnheard);
    ledger.strike("end-unheard", halfOpen);
    ledger.strike("frame-to-the-dead", framesToTheDead);
    for (const { disk } of hosts) {
      ledger.strike("disk-stall", disk.counts.stalls);
      ledger.strike("sync-failed", disk.counts.syncFailures);
      ledger.strike("sync-lied", disk.counts.lies);
      ledger.strike("read-failed", disk.counts.readFailures);
    }
  }

  #story(): string[] {
    const names = this.#world.hosts.map((host) => host.name);
    return this.#world.log.format(names, this.#settings.storyLines ?? 60, () => true);
  }
}

/** What an error at the end of a run says: outcome, checker, message. Another one is thrown on. */
export function judge(error: unknown): [Outcome, string, string] {
  if (error instanceof Stopped) return ["stopped", "", ""];
  if (error instanceof SafetyViolation) return ["safety", error.checker, error.message];
  if (error instanceof LivenessFailure) return ["liveness", "liveness", error.message];
  if (error instanceof NodeCrash) return ["crash", "crash", error.message];
  throw error;
}
