/**
 * A binary heap of (key, value) with a total order: equal keys leave in the order in which they came, so
 * that two runs of one seed pop the same things in the same order.
 */

interface Item<Value> {
  readonly key: number;
  readonly order: number;
  readonly value: Value;
}

export class Heap<Value> {
  readonly #items: Item<Value>[] = [];
  #order = 0;

  get size(): number {
    return this.#items.length;
  }

  /** The smallest key, or Infinity where the heap is empty. */
  get minKey(): number {
    return this.#items.length === 0 ? Infinity : this.#items[0]!.key;
  }

  push(key: number, value: Value): void {
    const items = this.#items;
    const item = { key, order: this.#order++, value };
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  pop(): Value | undefined {
    const items = this.#items;
    const top = items[0];
    if (top === undefined) return undefined;
    const last = items.pop()!;
    if (items.length > 0) this.#sink(last);
    return top.value;
  }

  peek(): Value | undefined {
    return this.#items[0]?.value;
  }

  #sink(item: Item<Value>): void {
    const items = this.#items;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child++;
      if (!before(items[child]!, item)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = item;
  }
}

function before<Value>(a: Item<Value>, b: Item<Value>): boolean {
  return a.key < b.key || (a.key === b.key && a.order < b.order);
}
