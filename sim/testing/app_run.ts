/**
 * One run with a user's application in it: the same world, nodes, faults and checkers as any other run; in place of the
 * simulator's own clients the user's workload, handlers and functions. Faults strike until the workload ends; then all is healed,
 * the handlers finish, and the user's check judges.
 */
import { RETRY_MAX_MS } from "../../src/app/mod.ts";
import type { NodeSettings } from "../../src/node/settings.ts";
import { Checkers } from "../checkers/mod.ts";
import { SafetyViolation } from "../checkers/verdict.ts";
import { missingOf } from "../convergence.ts";
import { Nemesis } from "../faults/nemesis.ts";
import { formMesh, LivenessFailure } from "../formation.ts";
import type { Host } from "../host.ts";
import { prepareHost, settingsOf, wear } from "../machines.ts";
import { drawRegime, type Regime } from "../regime.ts";
import { judge, NodeCrash, type Outcome, realNode } from "../run.ts";
import { finish } from "../steps.ts";
import { Workload } from "../workload.ts";
import { World } from "../world.ts";
import { checkSchedule, drawSchedule, type FaultSchedule, ScheduledFaults } from "./fault_schedule.ts";
import { Processes } from "./processes.ts";
import { Services } from "./services.ts";
import { makeSimulation } from "./simulation.ts";
import type { AppRunResult, SimulateOptions, Simulation } from "./spec.ts";
import { UserCode } from "./user_code.ts";

const DEFAULT_NODES = 3;
const DEFAULT_WORKLOAD_MS = 120_000;
/** Drawn faults strike within this. */
const FAULTS_WITHIN_MS = 60_000;
/** Of a failing run: what was noted (faults, calls of services, what users' code says), not every event. */
const STORY_LINES = 60;
const LOG_LIMIT = 100_000;

/** What nodes note about themselves. */
const OF_NODES = / in term \d|^refused at |^certificate renewed/;

/** Notes of the world and of users' code. */
function isOfTheApp(kind: number, note: string): boolean {
  return kind === 0 && !OF_NODES.test(note);
}

/** The user's code, or what it promised, is broken. */
class AppFailure extends Error {
  override readonly name = "AppFailure";
  constructor(readonly checker: string, readonly thrown: unknown) {
    super(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** `faults` replaces those of the options. */
export function runApp<Stubs>(
  options: SimulateOptions<Stubs>,
  seed: string,
  faults: FaultSchedule | "none" | "drawn" = options.faults ?? "drawn",
): Promise<AppRunResult> {
  return new AppRun(options, seed, faults).perform();
}

class AppRun<Stubs> {
  readonly #options: SimulateOptions<Stubs>;
  readonly #checkers = new Checkers();
  readonly #world: World;
  readonly #regime: Regime;
  readonly #code: UserCode;
  readonly #services: Services;
  readonly #processes: Processes<Stubs>;
  readonly #nemesis: Nemesis;
  /** None of the simulator's own clients is in it: it forms the mesh and carries calls. */
  readonly #workload: Workload;
  readonly #schedule: FaultSchedule;
  readonly #simulation: Simulation<Stubs>;
  #faults: ScheduledFaults | null = null;
  #areProcessesOn = false;
  /** Met where it could not be thrown to the run: in a round of users' code. */
  #met: unknown = null;

  constructor(options: SimulateOptions<Stubs>, seed: string, faults: FaultSchedule | "none" | "drawn") {
    this.#options = options;
    this.#world = new World({
      seed,
      factory: realNode,
      observerOf: (host) => this.#checkers.observer(host),
      onNodeError: (host, error) => this.#onNodeError(host, error),
      afterStep: () => this.#afterStep(),
      onFrame: (bytes) => this.#checkers.arrived(bytes),
      logLimit: LOG_LIMIT,
    });
    const nodes = options.nodes ?? DEFAULT_NODES;
    const regime = drawRegime(this.#world.prf, { nodes: String(nodes) });
    this.#regime = { ...regime, work: { ...regime.work, streams: 0, kvClients: 0 } };
    if (Array.isArray(faults)) checkSchedule(faults, nodes);
    this.#schedule = faults === "none"
      ? []
      : faults === "drawn"
      ? drawSchedule(this.#world.prf, regime, FAULTS_WITHIN_MS)
      : faults;
    for (let i = 0; i < nodes; i++) this.#world.addHost(`n${i + 1}`);
    this.#workload = new Workload(this.#world, this.#regime);
    this.#nemesis = new Nemesis(this.#world, this.#regime, this.#workload, {
      control: this.#checkers.control,
      settingsOf: (host, port) => this.#settingsOf(host, port),
      hasLetGo: (member, group) => this.#checkers.gone.hasLetGo(member, group),
    });
    this.#code = new UserCode(this.#world.guard);
    this.#services = new Services(this.#world, this.#code);
    const stubs = options.services?.() as Stubs;
    this.#processes = new Processes({
      world: this.#world,
      code: this.#code,
      calls: this.#workload.calls,
      services: this.#services,
      app: options.app,
      stubs,
    });
    this.#simulation = makeSimulation({
      world: this.#world,
      code: this.#code,
      calls: this.#workload.calls,
      processes: this.#processes,
      stubs,
    });
  }

  async perform(): Promise<AppRunResult> {
    const startedMs = performance.now();
    const { guard } = this.#world;
    guard.install();
    this.#code.install();
    let outcome: Outcome = "ok";
    let checker = "";
    let message = "";
    try {
      await this.#phases();
    } catch (error) {
      [outcome, checker, message] = error instanceof AppFailure
        ? ["safety", error.checker, error.message]
        : judge(error);
    } finally {
      this.#code.remove();
      guard.remove();
    }
    return this.#result(outcome, checker, message, performance.now() - startedMs);
  }

  async #phases(): Promise<void> {
    const world = this.#world;
    for (const host of world.hosts) prepareHost(host, this.#regime);
    for (const host of world.hosts) host.boot(this.#settingsOf(host));
    finish(formMesh(world, world.hosts, this.#workload, this.#regime.settings.votersLimit));
    this.#areProcessesOn = true;
    for (const host of world.hosts) this.#processes.look(host);
    if (this.#options.faults !== "none") wear(world, this.#regime);
    this.#services.failing = this.#options.faults !== "none";
    this.#faults = new ScheduledFaults(world, this.#nemesis, this.#schedule);
    await this.#performed("workload", () => this.#options.workload(this.#simulation), this.#workloadMs);
    this.#faults.end();
    this.#services.failing = false;
    await this.#finish();
    await this.#performed("check", async () => await this.#options.check(this.#simulation), this.#workloadMs);
    this.#checkers.final(world.hosts, this.#workload.history, this.#workload.effects);
  }

  #settingsOf(host: Host, port?: number): NodeSettings {
    const { machines } = this.#options.app;
    return { ...settingsOf(host, this.#regime, port), ...(machines === undefined ? {} : { machines }) };
  }

  get #workloadMs(): number {
    return this.#options.workloadMs ?? DEFAULT_WORKLOAD_MS;
  }

  /** Runs users' code to its end, with the world going on. */
  async #performed(what: "workload" | "check", body: () => Promise<void>, limitMs: number): Promise<void> {
    const end: { isReached: boolean; failure: AppFailure | null } = { isReached: false, failure: null };
    this.#code.begin(body).then(
      () => end.isReached = true,
      (error) => {
        end.isReached = true;
        end.failure = new AppFailure(what, error);
      },
    );
    const untilUs = this.#world.nowUs + 1000 * limitMs;
    if (!await this.#runUntil(untilUs, () => end.isReached)) {
      throw new LivenessFailure(`the ${what} does not end within ${limitMs} ms`);
    }
    if (end.failure !== null) throw end.failure;
  }

  /** All is healed; the handlers do what is left. */
  async #finish(): Promise<void> {
    const world = this.#world;
    world.note(null, "heal all");
    this.#nemesis.healCore(new Set(world.hosts));
    this.#nemesis.healAll();
    await this.#await("the mesh does not converge", () => missingOf(world.hosts, null));
    // Handlers that wait for a stream or a node look again meanwhile.
    await this.#runUntil(world.nowUs + 2000 * RETRY_MAX_MS);
    await this.#await("the handlers do not finish", () => this.#processes.unfinished(world.hosts));
  }

  async #await(what: string, missing: () => string[]): Promise<void> {
    const deadlineUs = this.#world.nowUs + 1000 * this.#regime.convergenceMs;
    for (let left = missing(); left.length > 0; left = missing()) {
      if (this.#world.nowUs >= deadlineUs) throw new LivenessFailure(`${what}: ${left.join("; ")}`);
      await this.#runUntil(this.#world.nowUs + 20_000);
    }
  }

  /** Steps until virtual time passes `untilUs` or the condition holds; users' code runs between two events. */
  async #runUntil(untilUs: number, condition: () => boolean = () => false): Promise<boolean> {
    const world = this.#world;
    for (;;) {
      if (this.#code.isRunnable) await this.#settle();
      if (world.guard.use !== null) throw new AppFailure("ambient-globals", world.guard.use);
      if (condition()) return true;
      if (world.queue.nextTimeUs > untilUs) {
        world.runUntil(untilUs);
        return false;
      }
      world.step();
    }
  }

  async #settle(): Promise<void> {
    await this.#code.settle();
    if (this.#met !== null) throw this.#met;
    const { escaped } = this.#code;
    if (escaped !== null) throw new AppFailure("unhandled-rejection", escaped.reason);
    const halted = this.#processes.halted();
    if (halted !== null) throw new AppFailure("handler-halted", halted);
    try {
      this.#options.invariant?.(this.#simulation);
    } catch (error) {
      throw new AppFailure("invariant", error);
    }
  }

  #afterStep(): void {
    for (const host of this.#world.hosts) {
      if (!host.hasChanged) continue;
      host.hasChanged = false;
      if (host.isUp && this.#checkers.look(host) === "failed") {
        this.#world.ledger.strike("node-failed");
        this.#nemesis.supervise(host);
      }
      this.#nemesis.look(host);
      if (this.#areProcessesOn && this.#processes.look(host)) this.#faults?.onDown(host);
    }
  }

  #onNodeError(host: Host, error: unknown): void {
    // Where users' code called the node, the error would be theirs to catch.
    this.#met ??= error instanceof SafetyViolation ? error : new NodeCrash(host, error);
    throw this.#met;
  }

  #result(outcome: Outcome, checker: string, message: string, wallMs: number): AppRunResult {
    const { trace, ledger, nowUs, log, hosts, prf } = this.#world;
    const names = hosts.map((host) => host.name);
    return {
      seed: prf.seed,
      outcome,
      checker,
      message,
      events: trace.events,
      virtualMs: Math.floor(nowUs / 1000),
      wallMs,
      trace: trace.hash,
      schedule: this.#schedule,
      injected: this.#faults?.injected ?? 0,
      faults: ledger.report(),
      work: { ...this.#processes.work(), ...this.#services.counts },
      story: outcome === "ok" ? [] : log.format(names, STORY_LINES, isOfTheApp),
    };
  }
}
