import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Heap } from "../../src/core/heap.ts";

Deno.test("Heap gives out by key, and equal keys in the order in which they came", () => {
  fc.assert(fc.property(fc.array(fc.nat(5)), (keys) => {
    const heap = new Heap<number>();
    keys.forEach((key, at) => heap.push(key, at));
    const wanted = keys.map((key, at) => ({ key, at })).sort((a, b) => a.key - b.key || a.at - b.at);
    for (const { key, at } of wanted) {
      assertEquals([heap.minKey, heap.peek(), heap.pop()], [key, at, at]);
    }
    assertEquals([heap.size, heap.minKey, heap.pop()], [0, Infinity, undefined]);
  }));
});

Deno.test("Heap keeps its order while things come and go", () => {
  fc.assert(fc.property(fc.array(fc.option(fc.nat(9))), (steps) => {
    const heap = new Heap<number>();
    const model: { key: number; order: number }[] = [];
    steps.forEach((key, order) => {
      if (key !== null) {
        heap.push(key, order);
        model.push({ key, order });
        return;
      }
      model.sort((a, b) => a.key - b.key || a.order - b.order);
      assertEquals(heap.pop(), model.shift()?.order);
    });
    assertEquals(heap.size, model.length);
  }));
});
