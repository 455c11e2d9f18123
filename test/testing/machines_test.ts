/** Users' state machines on groups of their own, in the simulator: right ones pass, wrong ones are named. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import accounts from "../../examples/accounts/simulation.ts";
import { Accounts } from "../../examples/accounts/app.ts";
import {
  type FaultSchedule,
  replicate,
  simulate,
  type SimulateOptions,
  type Simulation,
  SimulationFailure,
  type StateMachine,
} from "../../sim/testing/mod.ts";
import { freshSeed } from "../sim/fresh_seed.ts";

const FRESH = freshSeed();

/** Adds what it is told to; variants of it make the mistakes that users make. */
class Counter implements StateMachine<number, null> {
  sum = 0;
  apply(command: number): unknown {
    if (command < 0) throw new RangeError("only upwards");
    this.sum += command;
    return this.sum;
  }
  query(): number {
    return this.sum;
  }
  snapshot(): Uint8Array {
    return new TextEncoder().encode(String(this.sum));
  }
  restore(snapshot: Uint8Array): void {
    this.sum = Number(new TextDecoder().decode(snapshot));
  }
}

type Client = ReturnType<ReturnType<Simulation["mesh"]>["machine"]>;

function counting(
  create: () => StateMachine<number, null>,
  workload: (machine: Client, sim: Simulation) => Promise<void>,
): SimulateOptions {
  return {
    app: { machines: { counter: replicate(create) } },
    async workload(sim) {
      await sim.retry(() => sim.mesh("n1").openMachine("counter", { members: sim.nodes }));
      await workload(sim.mesh("n1").machine("counter"), sim);
    },
    check() {},
    seeds: 1,
    faults: "none",
  };
}

async function failure(options: SimulateOptions): Promise<SimulationFailure> {
  return await assertRejects(() => simulate(options), SimulationFailure);
}

Deno.test("accounts keep every cent, whatever strikes, over snapshots and restarts", async () => {
  const { faults, work } = await simulate({ ...accounts, seeds: 30, from: FRESH });
  assert(work["processesCrashed"]! > 30, JSON.stringify(work));
  assert(faults["crash-power"]!.struck > 0 && faults["snapshot-installed"]!.struck > 0);
});

Deno.test("clients wait while a disk is full", async () => {
  const faults: FaultSchedule = [{ atMs: 2356, kind: "full-disk", nodes: [2, 3, 1], forMs: 2888 }];
  const { faults: seen } = await simulate({ ...accounts, seeds: 1, from: "0000000010917e7c", faults });
  assertEquals(seen["full-disk"]!.tried, 1);
});

Deno.test("a machine that forgets in its snapshot what it has answered is found out", async () => {
  class Forgetful extends Accounts {
    override snapshot(): Uint8Array {
      const { balances } = JSON.parse(new TextDecoder().decode(super.snapshot()));
      return new TextEncoder().encode(JSON.stringify({ balances, results: [] }));
    }
  }
  const app = { machines: { accounts: replicate(() => new Forgetful()) } };
  // Money is moved twice on one member and once on the others: their states differ.
  const { result } = await failure({ ...accounts, app, seeds: 200, from: FRESH, shrink: false });
  assertEquals(result.checker, "state-equality");
});

Deno.test("copies that share something grow apart, and state-equality says so", async () => {
  let shared = 0;
  class Sharing extends Counter {
    override apply(command: number): unknown {
      return this.sum += command + shared++;
    }
  }
  const { result } = await failure(counting(() => new Sharing(), async (machine, sim) => {
    for (let i = 0; i < 20; i++) await sim.retry(() => machine.propose(1));
  }));
  assertEquals(result.checker, "state-equality", result.message);
});

Deno.test("a machine that looks at the clock ends the run by name, even where it catches the error", async () => {
  class Clocked extends Counter {
    override apply(command: number): unknown {
      try {
        this.sum += Date.now();
      } catch { /* It does not help. */ }
      return super.apply(command);
    }
  }
  const { result } = await failure(
    counting(() => new Clocked(), async (machine, sim) => void await sim.retry(() => machine.propose(1))),
  );
  assertEquals(result.checker, "ambient-globals");
  assertMatch(result.message, /Date\.now/);
});

Deno.test("proposals answer with results, errors say what became of them, and questions see what was acknowledged", async () => {
  const said: unknown[] = [];
  class Waiting extends Counter {
    override apply(command: number): unknown {
      return command === 7 ? Promise.resolve() : super.apply(command);
    }
  }
  await simulate(counting(() => new Waiting(), async (machine, sim) => {
    said.push(await sim.retry(() => machine.propose(5)), await sim.retry(() => machine.propose(6)));
    for (const node of sim.nodes) said.push(await sim.mesh(node).machine("counter").query(null));
    for (const wrong of [-1, 7]) {
      said.push(await machine.propose(wrong).catch((error) => [error.code, error.outcome, error.message]));
    }
    said.push(await sim.mesh("n2").machine("nothing").query(null).catch((error) => error.code));
    const other = sim.mesh("n1").openMachine("counter", { members: ["n1"] });
    said.push(await other.catch((error) => error.message));
  }));
  assertEquals(said, [
    5,
    11,
    11,
    11,
    11,
    ["INVALID_ARGUMENT", "APPLIED", "Machine counter refused the command: only upwards"],
    [
      "INVALID_ARGUMENT",
      "APPLIED",
      "Machine counter refused the command: apply() returned a promise: a state machine must not wait",
    ],
    "NOT_FOUND",
    "Machine counter exists already with other members",
  ]);
});
