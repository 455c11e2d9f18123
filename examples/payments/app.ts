/** Payments, once each: the bank notes in one transaction that the money moved and which message it was for. */
import { defineApp } from "../../src/app/mod.ts";
import type { Bank } from "./bank.ts";

export const paymentsApp = defineApp<{ bank: Bank }>({
  handlers: {
    payments: {
      stream: "orders",
      startAt: (ctx) => ctx.services.bank.nextOffset(),
      async handle(ctx, message) {
        const [order, cents] = message.text().split(" ");
        await ctx.services.bank.chargeAt(message.offset, order!, Number(cents));
      },
    },
  },
});
