/**
 * Payments with a mistake that no ordinary test shows: the money moves before it is committed anywhere that the message is done. A
 * crash between the two, and the message is handled again: the customer pays twice.
 */
import { defineApp } from "../../src/app/mod.ts";
import type { Bank } from "./bank.ts";

export const carelessApp = defineApp<{ bank: Bank }>({
  handlers: {
    payments: {
      stream: "orders",
      async handle(ctx, message) {
        const [order, cents] = message.text().split(" ");
        await ctx.services.bank.charge(order!, Number(cents));
      },
    },
  },
});
