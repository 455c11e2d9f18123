/** What the payments application knows of its bank, and a stand-in for it: a ledger in memory that lives outside of every node. */

export interface Bank {
  /** Moves money. Two calls move it twice. */
  charge(order: string, cents: number): Promise<void>;
  /**
   * Moves money and notes, in the same transaction, that the message at `offset` is done. An offset other than the next one
   * changes nothing: it was done before.
   */
  chargeAt(offset: number, order: string, cents: number): Promise<void>;
  /** The first offset that is not done. */
  nextOffset(): Promise<number>;
}

export class BankInMemory implements Bank {
  /** Every movement, in order. */
  readonly charges: { readonly order: string; readonly cents: number }[] = [];
  #nextOffset = 0;

  charge(order: string, cents: number): Promise<void> {
    this.charges.push({ order, cents });
    return Promise.resolve();
  }

  chargeAt(offset: number, order: string, cents: number): Promise<void> {
    if (offset !== this.#nextOffset) return Promise.resolve();
    this.#nextOffset += 1;
    return this.charge(order, cents);
  }

  nextOffset(): Promise<number> {
    return Promise.resolve(this.#nextOffset);
  }
}
