/**
 * What a stream means, as plainly as it can be said: everything is kept, everything is looked for from the beginning.
 * The state machine is held against it.
 */
import type { Index, MemberId, Offset } from "../../src/core/ids.ts";
import { PRODUCER_RANGES_LIMIT } from "../../src/core/limits.ts";
import type { StreamState } from "../../src/stream/mod.ts";
import { assert, assertEquals } from "@std/assert";

interface ModelProducer {
  readonly id: number;
  epoch: number;
  batches: number;
  /** Offset by sequence; sequence 1 is at 0. */
  readonly offsets: number[];
}

export interface ModelSubscription {
  readonly member: MemberId;
  readonly name: string;
  readonly required: boolean;
  epoch: number;
  offset: number;
}

export interface ModelBatch {
  readonly index: number;
  readonly offset: number;
  readonly count: number;
  readonly bytes: number;
}

export class StreamModel {
  readonly producers = new Map<string, ModelProducer>();
  subscriptions: ModelSubscription[] = [];
  /** Retained. */
  batches: ModelBatch[] = [];
  applied = 0;
  next = 0;
  closed = false;

  constructor(targets: readonly MemberId[], names: readonly string[]) {
    for (const member of targets) {
      for (const name of names) {
        this.subscriptions.push({ member, name, required: true, epoch: 0, offset: 0 });
      }
    }
  }

  find(member: MemberId, name: string): ModelSubscription | undefined {
    return this.subscriptions.find((each) => each.member === member && each.name === name);
  }
  floor(): number {
    return this.subscriptions.length === 0
      ? this.next
      : Math.min(...this.subscriptions.map(({ offset }) => offset));
  }
  completed(): number {
    const required = this.subscriptions.filter((each) => each.required).map(({ offset }) => offset);
    return required.length === 0 ? this.next : Math.min(...required);
  }

  openProducer(
    name: string,
    index: number,
  ): { producerId: number; epoch: number; nextSequence: number } | "CLOSED" {
    if (this.closed) return "CLOSED";
    const producer = this.producers.get(name) ?? { id: index, epoch: 0, batches: 0, offsets: [] };
    this.producers.set(name, producer);
    producer.epoch++;
    return { producerId: producer.id, epoch: producer.epoch, nextSequence: producer.offsets.length + 1 };
  }

  /** What publishing means, and does it. `null` as offset: may or may not be remembered. */
  publish(
    id: number,
    epoch: number,
    first: number,
    count: number,
    bytes: number,
    index: number,
  ): { kind: string; offset?: number; forgettable?: boolean; expected?: number; epoch?: number } {
    if (this.closed) return { kind: "closed" };
    const producer = [...this.producers.values()].find((each) => each.id === id);
    if (producer === undefined || epoch > producer.epoch) return { kind: "unknown" };
    if (epoch < producer.epoch) return { kind: "fenced", epoch: producer.epoch };
    const expected = producer.offsets.length + 1;
    if (first === expected) {
      this.batches.push({ index, offset: this.next, count, bytes });
      for (let i = 0; i < count; i++) producer.offsets.push(this.next++);
      producer.batches++;
      return { kind: "accept" };
    }
    if (first + count > expected) return { kind: "gap", expected };
    const forgettable = producer.batches > PRODUCER_RANGES_LIMIT;
    return { kind: "duplicate", offset: producer.offsets[first - 1]!, forgettable };
  }

  openSubscription(member: MemberId, name: string): ModelSubscription {
    let subscription = this.find(member, name);
    if (subscription === undefined) {
      subscription = { member, name, required: false, epoch: 0, offset: this.floor() };
      this.subscriptions.push(subscription);
    }
    subscription.epoch++;
    return subscription;
  }

  move(member: MemberId, name: string, epoch: number, offset: number): void {
    const subscription = this.find(member, name);
    if (subscription?.epoch === epoch) subscription.offset = Math.max(subscription.offset, offset);
  }

  /** Everything that can be seen of the state. */
  compare(state: StreamState): void {
    assertEquals(state.applied, this.applied as Index);
    assertEquals(state.nextOffset, this.next as Offset);
    assertEquals(state.closed, this.closed);
    assertEquals(
      state.subscriptions(),
      this.subscriptions as unknown as ReturnType<StreamState["subscriptions"]>,
    );
    assertEquals(state.floor, this.floor() as Offset);
    assertEquals(state.completedOffset, this.completed() as Offset);
    assert(state.floor <= state.completedOffset, "retention waits for all that completion waits for");
    assertEquals(state.producerCount(), this.producers.size);
    for (const [name, producer] of this.producers) {
      assertEquals(state.producerId(name), producer.id);
      assertEquals(state.lastSequence(producer.id), producer.offsets.length as never);
    }
    assertEquals(state.firstOffset, (this.batches[0]?.offset ?? this.next) as Offset);
    assertEquals(state.retainedBytes, this.batches.reduce((sum, { bytes }) => sum + bytes, 0));
    for (let offset = 0; offset < this.next; offset++) this.#compareFind(state, offset);
    this.#compareCompaction(state);
  }

  #compareFind(state: StreamState, offset: number): void {
    const batch = this.batches.find((each) => each.offset <= offset && offset < each.offset + each.count);
    const expected = batch && { index: batch.index as Index, baseOffset: batch.offset as Offset };
    assertEquals(state.find(offset as Offset), expected ?? null);
  }

  #compareCompaction(state: StreamState): void {
    const floor = this.floor();
    const through = state.compactableThrough();
    const held = this.batches.filter((each) => each.offset + each.count > floor);
    assertEquals(state.heldBytes, held.reduce((sum, { bytes }) => sum + bytes, 0));
    for (const { index } of held) assert(index > through, "what is not processed stays in the log");
    if (floor === this.next) assertEquals(through, this.applied as Index, "all may go where nothing is held");
    else if (held.length === 0 || held[0]!.offset > floor) {
      assertEquals(through, 0 as Index, "nothing more goes where what is held is not even here");
    } else assertEquals(through, held[0]!.index - 1 as Index, "the log goes up to what is held");
  }
}
