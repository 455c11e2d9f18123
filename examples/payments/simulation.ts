/** What a simulated day of the payments application is: customers order, and at the end each order is paid once. */
import type { SimulateOptions, Simulation } from "../../sim/testing/mod.ts";
import { paymentsApp } from "./app.ts";
import { type Bank, BankInMemory } from "./bank.ts";

const ORDERS = 30;

interface Outside {
  readonly bank: Bank & Pick<BankInMemory, "charges">;
}

async function order(sim: Simulation<Outside>): Promise<void> {
  const orders = await sim.openStream("orders", { source: "n1", targets: ["n2"] });
  const shop = await sim.retry(() => orders.producer("shop", { retryMs: 600_000 }));
  for (let i = 1; i <= ORDERS; i++) {
    await shop.publish(`order-${i} ${100 * i}`);
    await sim.sleep(200 * sim.random());
  }
}

function eachOrderIsPaidOnce(sim: Simulation<Outside>): void {
  const times = new Map<string, number>();
  for (const { order } of sim.services.bank.charges) times.set(order, (times.get(order) ?? 0) + 1);
  for (let i = 1; i <= ORDERS; i++) {
    const paid = times.get(`order-${i}`) ?? 0;
    if (paid !== 1) throw new Error(`order-${i} was paid ${paid} times`);
  }
}

export const payments: SimulateOptions<Outside> = {
  app: paymentsApp,
  nodes: 3,
  services: () => ({ bank: new BankInMemory() }),
  workload: order,
  check: eachOrderIsPaidOnce,
};

export default payments;
