/**
 * Turns pushes into async iterations. What an iteration leaves when it is broken off the next one finds, and of two at a
 * time each item goes to one. How much may wait here is for the credit or the limit behind it to say.
 */
export class PushQueue<Item> implements AsyncIterable<Item> {
  #items: Item[] = [];
  /** Items before it have been taken. */
  #head = 0;
  #wakes: (() => void)[] = [];
  #ended = false;
  #reason: unknown = null;

  get size(): number {
    return this.#items.length - this.#head;
  }

  add(item: Item): void {
    if (this.#ended) return;
    this.#items.push(item);
    this.#wake();
  }

  /** Nothing comes any more; what is there is still given out, then iterations end, or throw `reason`. */
  end(reason: unknown = null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#reason = reason;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    for (;;) {
      while (this.size > 0) yield this.#take();
      if (this.#ended) {
        if (this.#reason !== null) throw this.#reason;
        return;
      }
      await new Promise<void>((resolve) => this.#wakes.push(resolve));
    }
  }

  #take(): Item {
    const item = this.#items[this.#head++]!;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    }
    return item;
  }

  #wake(): void {
    const wakes = this.#wakes;
    this.#wakes = [];
    for (const wake of wakes) wake();
  }
}
