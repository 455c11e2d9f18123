import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { assert, AssertionFailure } from "../../src/core/assert.ts";
import { DecodeError } from "../../src/core/errors.ts";
import type { Index, MemberId, Offset } from "../../src/core/ids.ts";
import { NO_ORIGIN, type Origin } from "../../src/core/origin.ts";
import {
  encodeStreamCommand,
  type StreamCommand,
  type StreamResult,
  StreamState,
} from "../../src/stream/mod.ts";
import { batchOf } from "./batches.ts";
import { StreamModel } from "./stream_model.ts";

const A = 1 as MemberId;
const B = 2 as MemberId;
const C = 3 as MemberId;
const MEMBERS = [A, B, C];
const NAMES = ["default", "audit"];
const PRODUCERS = ["p", "q", "r"];

/** A tag in the origin tells whether results carry their command's own. */
function origin(request: number): Origin {
  return { member: B, boot: 9, request };
}

const member = fc.constantFrom(...MEMBERS);
const name = fc.constantFrom(...NAMES);
const producer = fc.constantFrom(...PRODUCERS);
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("publish" as const),
      producer,
      /** Mostly the current epoch and the next sequence. */
      epochShift: fc.constantFrom(0, 0, 0, 0, 0, 0, -1, 1),
      sequenceShift: fc.constantFrom(0, 0, 0, 0, 0, -1, -3, -7, 1, 2),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("open-producer" as const), producer }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("open-subscription" as const), member, name }) },
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constant("move" as const),
      member,
      name,
      epochShift: fc.constantFrom(0, 0, 0, 0, -1, 1),
      /** Percent of the way from the beginning to the end. */
      share: fc.integer({ min: 0, max: 100 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove-member" as const), member }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("skip" as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("compact" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("restart" as const), share: fc.integer({ min: 0, max: 110 }) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** The machine under test, which compacts and restarts, another that does neither, and the model. */
class Trial {
  state = StreamState.create([A, B], ["default"]);
  readonly other = StreamState.create([A, B], ["default"]);
  readonly model = new StreamModel([A, B], ["default"]);
  #floor = 0;

  apply(bytes: Uint8Array): StreamResult {
    const index = ++this.model.applied as Index;
    const result = this.state.apply(index, bytes);
    assertEquals(this.other.apply(index, bytes), result);
    return result;
  }

  command(body: (origin: Origin) => StreamCommand): StreamResult {
    const given = origin(this.model.applied);
    const result = this.apply(encodeStreamCommand(body(given)));
    assert("origin" in result, "a command is answered to whom it is from");
    assertEquals(result.origin, given);
    return result;
  }

  run(each: Step): void {
    switch (each.kind) {
      case "publish":
        this.#publish(each);
        break;
      case "open-producer":
        this.openProducer(each.producer);
        break;
      case "open-subscription": {
        const result = this.command((from) => ({
          kind: "open-subscription",
          origin: from,
          member: each.member,
          subscription: each.name,
        }));
        const { epoch, offset } = this.model.openSubscription(each.member, each.name);
        assert(result.kind === "subscription", "the result is of its command");
        assertEquals([result.member, result.name], [each.member, each.name]);
        assertEquals([result.epoch, result.offset], [epoch, offset as Offset]);
        break;
      }
      case "move": {
        const epoch = Math.max(0, (this.model.find(each.member, each.name)?.epoch ?? 0) + each.epochShift);
        const offset = Math.floor(this.model.next * each.share / 100) as Offset;
        const moves = [{ member: each.member, subscription: each.name, epoch, offset }];
        assertEquals(this.command((from) => ({ kind: "move-offsets", origin: from, moves })).kind, "moved");
        this.model.move(each.member, each.name, epoch, offset);
        break;
      }
      case "remove-member":
        this.command((from) => ({ kind: "remove-member", origin: from, member: each.member }));
        this.model.subscriptions = this.model.subscriptions.filter((one) => one.member !== each.member);
        break;
      case "skip":
        this.model.applied++;
        this.state.skip(this.model.applied as Index);
        this.other.skip(this.model.applied as Index);
        break;
      case "compact": {
        const base = this.state.compactableThrough();
        this.state.compact(base);
        this.model.batches = this.model.batches.filter(({ index }) => index > base);
        break;
      }
      case "restart": {
        const base = Math.floor(this.model.applied * each.share / 100) as Index;
        this.state = StreamState.decode(this.state.encode(), base);
        this.model.batches = this.model.batches.filter(({ index }) => index > base);
        break;
      }
    }
    this.model.compare(this.state);
    assertEquals(this.state.canonicalBytes(), this.other.canonicalBytes());
    assert(this.state.floor >= this.#floor, "the retention floor never falls");
    this.#floor = this.state.floor;
  }

  openProducer(producerName: string): void {
    const index = this.model.applied + 1;
    const result = this.command((from) => ({ kind: "open-producer", origin: from, producer: producerName }));
    const expected = this.model.openProducer(producerName, index);
    if (expected === "CLOSED") assert(result.kind === "refused" && result.reason === "CLOSED", "refused");
    else {
      assert(result.kind === "producer", "the result is of its command");
      const { producerId, epoch, nextSequence } = result;
      assertEquals({ producerId, epoch, nextSequence: nextSequence as number }, expected);
    }
  }

  #publish(each: Step & { kind: "publish" }): void {
    const known = this.model.producers.get(each.producer);
    const id = known?.id ?? 1_000_000;
    const epoch = Math.max(0, (known?.epoch ?? 1) + each.epochShift);
    const first = Math.max(1, (known?.offsets.length ?? 0) + 1 + each.sequenceShift);
    const bytes = batchOf(id, epoch, first, each.count);
    const base = this.model.next;
    const result = this.apply(bytes);
    const expected = this.model.publish(id, epoch, first, each.count, bytes.length, this.model.applied);
    assert(result.kind === "batch", "the result is of its command");
    assertEquals(result.baseOffset, base as Offset);
    assertEquals(result.outcome.kind as string, expected.kind);
    if (result.outcome.kind === "gap") assertEquals(result.outcome.expected as number, expected.expected);
    if (result.outcome.kind === "fenced") assertEquals(result.outcome.epoch, expected.epoch);
    if (result.outcome.kind === "duplicate") {
      const forgotten = result.outcome.offset === -1 && expected.forgettable === true;
      if (!forgotten) assertEquals(result.outcome.offset, expected.offset);
    }
  }
}

Deno.test("G76 G95: a stream's state is what its model says after any log, compactions and restarts between", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 120 }), (steps) => {
      const trial = new Trial();
      for (const each of PRODUCERS) trial.openProducer(each);
      for (const each of steps) trial.run(each);
    }),
    { numRuns: 300 },
  );
});

Deno.test("Two machines with the same log are equal byte for byte wherever their logs begin", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), fc.nat(70), fc.nat(70), (steps, one, two) => {
    const trial = new Trial();
    for (const each of steps) trial.run(each);
    const bytes = trial.other.encode();
    const early = StreamState.decode(bytes, one as Index);
    const late = StreamState.decode(bytes, two as Index);
    assertEquals(early.canonicalBytes(), late.canonicalBytes());
    assertEquals(StreamState.decode(bytes, 0 as Index).encode(), bytes);
    const index = trial.model.applied + 1 as Index;
    assertEquals(early.apply(index, batchOf(1, 1, 1, 1)), late.apply(index, batchOf(1, 1, 1, 1)));
    assertEquals(early.canonicalBytes(), late.canonicalBytes());
  }));
});

Deno.test("Entries are applied in order, each once", () => {
  const state = StreamState.create([A], ["default"]);
  const close = encodeStreamCommand({ kind: "close", origin: NO_ORIGIN });
  state.apply(1 as Index, close);
  for (const index of [0, 1, 3]) {
    assertThrows(() => state.apply(index as Index, close), AssertionFailure);
    assertThrows(() => state.skip(index as Index), AssertionFailure);
  }
});

Deno.test("A closed stream takes neither batches nor producers but lets subscribers finish", () => {
  const trial = new Trial();
  trial.openProducer("p");
  trial.run({ kind: "publish", producer: "p", epochShift: 0, sequenceShift: 0, count: 3 });
  assertEquals(trial.command((from) => ({ kind: "close", origin: from })).kind, "closed");
  trial.model.closed = true;
  trial.run({ kind: "publish", producer: "p", epochShift: 0, sequenceShift: 0, count: 1 });
  trial.openProducer("q");
  trial.run({ kind: "open-subscription", member: A, name: "default" });
  trial.run({ kind: "move", member: A, name: "default", epochShift: 0, share: 100 });
  assertEquals(trial.state.subscription(A, "default")?.offset, 3 as Offset);
});

Deno.test("G77: a subscription opened again goes on after what was committed", () => {
  const trial = new Trial();
  trial.openProducer("p");
  trial.run({ kind: "publish", producer: "p", epochShift: 0, sequenceShift: 0, count: 4 });
  trial.run({ kind: "open-subscription", member: A, name: "default" });
  trial.run({ kind: "move", member: A, name: "default", epochShift: 0, share: 50 });
  trial.run({ kind: "restart", share: 0 });
  trial.run({ kind: "open-subscription", member: A, name: "default" });
  assertEquals(trial.state.subscription(A, "default"), {
    member: A,
    name: "default",
    required: true,
    epoch: 2,
    offset: 2 as Offset,
  });
});

Deno.test("Who takes a stream over has all subscriptions, each where the last of its name is, and fences everybody", () => {
  const trial = new Trial();
  trial.openProducer("p");
  trial.run({ kind: "publish", producer: "p", epochShift: 0, sequenceShift: 0, count: 4 });
  trial.run({ kind: "open-subscription", member: A, name: "default" });
  trial.run({ kind: "open-subscription", member: A, name: "default" });
  trial.run({ kind: "open-subscription", member: B, name: "default" });
  trial.run({ kind: "open-subscription", member: B, name: "audit" });
  trial.run({ kind: "move", member: A, name: "default", epochShift: 0, share: 75 });
  trial.run({ kind: "move", member: B, name: "default", epochShift: 0, share: 50 });
  trial.run({ kind: "move", member: B, name: "audit", epochShift: 0, share: 100 });
  const { floor } = trial.state;
  assertEquals(trial.command((from) => ({ kind: "take-over", origin: from, member: C })).kind, "taken-over");
  assertEquals(trial.state.subscriptions(), [
    { member: C, name: "default", required: true, epoch: 2, offset: 2 as Offset },
    { member: C, name: "audit", required: false, epoch: 1, offset: 4 as Offset },
  ]);
  assertEquals([trial.state.floor, trial.state.completedOffset], [floor, 2 as Offset]);
  assertEquals(trial.state.canonicalBytes(), trial.other.canonicalBytes());
  const session = trial.state.producerId("p")!;
  assertEquals(trial.state.lastSequence(session) as number, 4);
});

Deno.test("An entry of an unknown kind, a damaged batch and an empty entry are DecodeErrors", () => {
  const damaged = batchOf(1, 1, 1, 1);
  damaged[damaged.length - 1]! ^= 1;
  for (const bytes of [new Uint8Array([200, ...new Uint8Array(20)]), damaged, new Uint8Array()]) {
    assertThrows(() => StreamState.create([A], ["default"]).apply(1 as Index, bytes), DecodeError);
  }
});

Deno.test("A stored state of another format, cut short or with bytes after it is a DecodeError", () => {
  const trial = new Trial();
  trial.openProducer("p");
  for (let i = 0; i < 3; i++) {
    trial.run({ kind: "publish", producer: "p", epochShift: 0, sequenceShift: 0, count: 2 });
  }
  const bytes = trial.state.encode();
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(() => StreamState.decode(bytes.subarray(0, length), 0 as Index), DecodeError);
  }
  assertThrows(() => StreamState.decode(new Uint8Array([...bytes, 0]), 0 as Index), DecodeError);
  assertThrows(
    () => StreamState.decode(new Uint8Array([2, ...bytes.subarray(1)]), 0 as Index),
    DecodeError,
    "format 2",
  );
});

Deno.test("A stored state with bytes changed is read as some state or is a DecodeError, never another error", () => {
  const trial = new Trial();
  trial.openProducer("p");
  for (let i = 0; i < 5; i++) {
    trial.run({ kind: "publish", producer: "p", epochShift: 0, sequenceShift: 0, count: 2 });
  }
  const good = trial.state.encode();
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
      const bytes = good.slice();
      bytes[at] = value;
      try {
        StreamState.decode(bytes, 0 as Index);
      } catch (error) {
        assertEquals((error as Error).name, "DecodeError");
      }
    }),
    { numRuns: 2000 },
  );
});
