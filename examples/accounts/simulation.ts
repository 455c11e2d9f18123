/** Clients of the accounts at all nodes: whatever fails on the way, no cent appears or gets lost. */
import type { SimulateOptions, Simulation } from "../../sim/testing/mod.ts";
import { accountsApp, type Command, type Result } from "./app.ts";

const CLIENTS = 3;
const TRANSFERS = 15;
const CENTS = 1000;
const OWNERS = ["ann", "bob", "cid", "dora"];

function machineAt(sim: Simulation, node: string) {
  return sim.mesh(node).machine<Command, Result, string, number>("accounts");
}

/** Proposes until there is an answer; the command's id makes it once. */
function perform(sim: Simulation, node: string, command: Command): Promise<Result> {
  return sim.retry(() => machineAt(sim, node).propose(command));
}

async function client(sim: Simulation, number: number): Promise<void> {
  for (let i = 0; i < TRANSFERS; i++) {
    const [from, to] = [0, 1].map(() => OWNERS[Math.floor(sim.random() * OWNERS.length)]!);
    const cents = 1 + Math.floor(sim.random() * CENTS);
    const node = sim.nodes[Math.floor(sim.random() * sim.nodes.length)]!;
    await perform(sim, node, { kind: "transfer", id: `${number}/${i}`, from: from!, to: to!, cents });
    await sim.sleep(100 * sim.random());
  }
}

async function total(sim: Simulation, node: string): Promise<number> {
  let sum = 0;
  for (const owner of OWNERS) sum += await sim.retry(() => machineAt(sim, node).query(owner));
  return sum;
}

const accounts: SimulateOptions = {
  app: accountsApp,
  nodes: 3,
  async workload(sim) {
    await sim.retry(() => sim.mesh("n1").openMachine("accounts", { members: sim.nodes }));
    for (const owner of OWNERS) {
      await perform(sim, "n1", { kind: "deposit", id: owner, to: owner, cents: CENTS });
    }
    await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(sim, number)));
  },
  async check(sim) {
    for (const node of sim.nodes) {
      const found = await total(sim, node);
      if (found !== CENTS * OWNERS.length) throw new Error(`${node} holds ${found} cents`);
    }
  },
};

export default accounts;
