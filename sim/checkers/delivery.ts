/**
 * What streams promise (DESIGN section 9): a producer's messages stand in its order, each once, with dense offsets; what was
 * acknowledged is there; every consumer sees all of it in the order of offsets, and a sink makes each effect exactly
 * once. Judged against the ledger outside of the mesh.
 */
import type { ConsumerLedger, Effects } from "../workloads/effects.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class DeliveryCheck implements Checker {
  readonly name = "exactly-once";
  inputs = 0;
  sinkInputs = 0;
  acknowledgeInputs = 0;
  /** Messages that a closed stream refused. */
  refusedInputs = 0;

  /** At any time: what the clients saw and must not have seen. */
  check(effects: Effects): void {
    const [violation] = effects.violations;
    if (violation !== undefined) throw new SafetyViolation("delivery", violation);
  }

  /**
   * After convergence, when every consumer has seen everything. Where all of a stream's consumers were taken away, what the
   * state machines were given has to do. `isHeld`: what they made of it is a message of the stream.
   */
  checkFinal(
    effects: Effects,
    isApplied: (stream: string, id: string) => boolean,
    isHeld: (stream: string, id: string) => boolean = isApplied,
  ): void {
    this.check(effects);
    for (const [stream, places] of effects.placed) this.#checkOrder(stream, places);
    for (const [stream, sent] of effects.sent) {
      const placed = new Set(effects.placed.get(stream)?.values() ?? []);
      const isWatched = effects.consumers.some((consumer) =>
        consumer.stream === stream && !isExempt(effects, consumer)
      );
      for (const { id, acknowledged, refused } of sent.values()) {
        this.inputs += 1;
        if (refused) this.refusedInputs += 1;
        if (refused && isHeld(stream, id)) {
          this.#fail("delivery", `message ${id} of ${stream} was refused as it is closed, and is in it`);
        }
        // What was only queued when the stream was closed goes with it.
        if (acknowledged === "QUEUED" && effects.closed.has(stream)) continue;
        if (acknowledged !== null && !placed.has(id) && (isWatched || !isApplied(stream, id))) {
          this.#fail(
            "acknowledged-durable",
            `message ${id} of ${stream} was acknowledged as ${acknowledged} and is nowhere`,
          );
        }
      }
    }
    for (const consumer of effects.consumers) this.#checkConsumer(effects, consumer);
  }

  /** A producer's messages are in the order of its sequences, each at one offset. What nobody saw may stand between them. */
  #checkOrder(stream: string, places: ReadonlyMap<number, string>): void {
    const last = new Map<string, { readonly number: number; readonly unseen: number }>();
    const offsets = [...places.keys()].sort((a, b) => a - b);
    for (const [seen, offset] of offsets.entries()) {
      const id = places.get(offset)!;
      const [producer, number] = id.split("/") as [string, string];
      const before = last.get(producer) ?? { number: 0, unseen: 0 };
      const unseen = offset - seen;
      const skipped = Number(number) - before.number - 1;
      if (skipped < 0 || skipped > unseen - before.unseen) {
        this.#fail(
          "stream-order",
          `offset ${offset} of ${stream} holds ${id} after ${producer}/${before.number}`,
        );
      }
      last.set(producer, { number: Number(number), unseen });
    }
  }

  #checkConsumer(effects: Effects, consumer: ConsumerLedger): void {
    const places = effects.placed.get(consumer.stream) ?? new Map<number, string>();
    const where = `${consumer.stream} at ${consumer.node}`;
    if (consumer.mode === "acknowledge") {
      if (isExempt(effects, consumer)) return;
      for (const offset of places.keys()) {
        this.acknowledgeInputs += 1;
        if (!consumer.seen.has(offset)) {
          this.#fail(this.name, `offset ${offset} of ${where} was never delivered`);
        }
      }
      return;
    }
    this.sinkInputs += consumer.effects.length;
    if (consumer.effects.length !== places.size && !isExempt(effects, consumer)) {
      this.#fail(this.name, `${where} made ${consumer.effects.length} effects of ${places.size} messages`);
    }
    if (new Set(consumer.effects).size !== consumer.effects.length) {
      this.#fail(this.name, `${where} made an effect twice`);
    }
    for (const [offset, id] of consumer.effects.entries()) {
      if (places.get(offset) !== id) {
        this.#fail(
          this.name,
          `${where} made the effect of ${id} at offset ${offset}, which holds ${places.get(offset)}`,
        );
      }
    }
  }

  #fail(checker: string, message: string): never {
    throw new SafetyViolation(checker, message);
  }
}

/** It need not have seen everything: its node was taken away, or the stream was discarded. */
function isExempt(effects: Effects, { isRetired, stream }: ConsumerLedger): boolean {
  return isRetired || effects.discarded.has(stream);
}
