/**
 * The loss of a majority, and the command that goes on from what the survivors hold: they are stopped, their disks are surveyed, all
 * promise a new recovery epoch, and who is furthest goes on. Power may go at any moment of it; it is given again then. The mesh had
 * converged before, so whatever the survivors' logs cannot prove, nothing of it may be lost.
 */
import { SennitError } from "../src/core/errors.ts";
import {
  nextRecoveryEpoch,
  planRecovery,
  type RecoveryPlan,
  StoppedNode,
  type Survey,
} from "../src/node/mod.ts";
import { SafetyViolation } from "./checkers/verdict.ts";
import type { Host } from "./host.ts";
import type { Draws } from "./prf.ts";
import type { Steps } from "./steps.ts";
import type { World } from "./world.ts";

/** How often power may go in it. */
const CUTS_LIMIT = 3;
const CUT_PER_MILLION = 500_000;
/** Power goes within so long of the beginning. */
const CUT_WITHIN_US = 60_000;
/** By then a step has ended, or never will. */
const PATIENCE_US = 60_000_000;

/** Power went. */
class Cut extends Error {}

type Ask<Result> = (done: (result: Result) => void, failed: (error: unknown) => void) => void;

export class Recovery {
  readonly #world: World;
  readonly #survivors: readonly Host[];
  readonly #dead: readonly Host[];
  readonly #draws: Draws;
  #cuts = 0;
  #cutAtUs = Infinity;
  /** Of every try, whatever has come of it before power went. */
  readonly plans: RecoveryPlan[] = [];
  /** What each survivor had applied before, by name and group. */
  readonly #before = new Map<string, number>();

  constructor(world: World, survivors: readonly Host[], dead: readonly Host[]) {
    this.#world = world;
    this.#survivors = survivors;
    this.#dead = dead;
    this.#draws = world.prf.site("recovery/cuts");
    for (const host of survivors) {
      for (const { group, applied } of host.node!.inspect().groups) {
        this.#before.set(`${host.name}/${group}`, applied);
      }
    }
  }

  /** All hosts are down before. Afterwards the survivors' disks hold a mesh that goes on without the dead. */
  *perform(): Steps<RecoveryPlan> {
    for (;;) {
      const mayCut = this.#cuts < CUTS_LIMIT && this.#draws.chance(CUT_PER_MILLION);
      this.#cutAtUs = mayCut ? this.#world.nowUs + this.#draws.below(CUT_WITHIN_US) : Infinity;
      try {
        const plan = yield* this.#recover();
        for (const host of this.#survivors) host.crash(false);
        return plan;
      } catch (error) {
        if (!(error instanceof Cut)) throw error;
        this.#cuts += 1;
        this.#world.ledger.strike("recovery-cut");
        for (const host of this.#survivors) {
          host.crash(true, this.#world.prf.site(`recovery/cut/${this.#cuts}/${host.name}`));
        }
      }
    }
  }

  *#recover(): Steps<RecoveryPlan> {
    const nodes = this.#survivors.map((host) => host.lend((io) => new StoppedNode(io)));
    const surveys: Survey[] = [];
    for (const node of nodes) {
      surveys.push(yield* this.#ask<Survey>((done, failed) => node.survey(done, failed)));
    }
    const [survivors, dead] = [this.#survivors, this.#dead].map((hosts) => hosts.map(({ name }) => name));
    let plan: RecoveryPlan;
    try {
      plan = planRecovery(surveys, { survivors: survivors!, dead: dead! });
    } catch (error) {
      // Power went when all had been done, and the operator is told so.
      const isTold = error instanceof SennitError && error.code === "CONFIGURATION_INVALID";
      const last = this.plans.at(-1);
      if (last === undefined || !isTold) throw error;
      return last;
    }
    this.#checkPlan(plan);
    this.plans.push(plan);
    const epoch = nextRecoveryEpoch(plan.epochBefore, this.#survivors[0]!.io.random, 0)!;
    for (const node of nodes) {
      yield* this.#ask<void>((done, failed) => node.promise(epoch, plan, done, failed));
    }
    for (const node of nodes) yield* this.#ask<void>((done, failed) => node.force(plan, done, failed));
    return plan;
  }

  /** One step of one node, to its end. Throws `Cut` where power goes before. */
  *#ask<Result>(ask: Ask<Result>): Steps<Result> {
    const world = this.#world;
    let answer: { readonly result: Result } | { readonly error: unknown } | null = null;
    world.guard.enter();
    try {
      ask((result) => answer = { result }, (error) => answer = { error });
    } finally {
      world.guard.leave();
    }
    yield* world.advance(Math.min(this.#cutAtUs, world.nowUs + PATIENCE_US), () => answer !== null);
    const ended = answer as { readonly result: Result } | { readonly error: unknown } | null;
    if (ended !== null && "result" in ended) return ended.result;
    if (world.nowUs >= this.#cutAtUs) throw new Cut();
    throw new SafetyViolation("recovery", ended === null ? "a step never ends" : String(ended.error));
  }

  /** What a survivor had applied was committed: the log that goes on holds it. */
  #checkPlan(plan: RecoveryPlan): void {
    for (const { name } of this.#survivors) {
      for (const group of plan.groups) {
        const applied = this.#before.get(`${name}/${group.group}`) ?? 0;
        this.#world.ledger.strike("recovered-log");
        if (group.lastIndex >= applied) continue;
        throw new SafetyViolation(
          "recovery",
          `${group.name} goes on from ${group.winner}'s log up to ${group.lastIndex}, and ${name} had applied ${applied}`,
        );
      }
    }
  }
}
