/** Accounts as a replicated state machine: every member holds all of them, and a transfer happens on all or on none. */
import { defineApp, replicate, type StateMachine } from "../../src/app/mod.ts";

export type Command =
  | { readonly kind: "deposit"; readonly id: string; readonly to: string; readonly cents: number }
  | {
    readonly kind: "transfer";
    readonly id: string;
    readonly from: string;
    readonly to: string;
    readonly cents: number;
  };

export type Result = { readonly done: boolean; readonly again: boolean };

/** Every command has an id of its own: one whose outcome stayed unknown can be proposed again. */
export class Accounts implements StateMachine<Command, string> {
  #balances = new Map<string, number>();
  #results = new Map<string, boolean>();

  apply(command: Command): Result {
    const before = this.#results.get(command.id);
    if (before !== undefined) return { done: before, again: true };
    const done = this.#perform(command);
    this.#results.set(command.id, done);
    return { done, again: false };
  }

  query(account: string): number {
    return this.#balances.get(account) ?? 0;
  }

  snapshot(): Uint8Array {
    const state = { balances: sorted(this.#balances), results: sorted(this.#results) };
    return new TextEncoder().encode(JSON.stringify(state));
  }

  restore(snapshot: Uint8Array): void {
    const { balances, results } = JSON.parse(new TextDecoder().decode(snapshot));
    this.#balances = new Map(balances);
    this.#results = new Map(results);
  }

  #perform(command: Command): boolean {
    const { cents, to } = command;
    if (!Number.isSafeInteger(cents) || cents <= 0) throw new RangeError(`Cannot move ${cents} cents`);
    if (command.kind === "transfer") {
      const balance = this.query(command.from);
      if (balance < cents) return false;
      this.#balances.set(command.from, balance - cents);
    }
    this.#balances.set(to, this.query(to) + cents);
    return true;
  }
}

function sorted<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return [...map].sort(([a], [b]) => a < b ? -1 : 1);
}

export const accountsApp = defineApp({ machines: { accounts: replicate(() => new Accounts()) } });
