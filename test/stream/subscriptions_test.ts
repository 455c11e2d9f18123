import { assert, assertEquals } from "@std/assert";
import type { MemberId, Offset } from "../../src/core/ids.ts";
import { SUBSCRIPTIONS_PER_STREAM_LIMIT } from "../../src/core/limits.ts";
import { Subscriptions } from "../../src/stream/subscriptions.ts";

const A = 1 as MemberId;
const B = 2 as MemberId;
const END = 100 as Offset;

function required(): Subscriptions {
  const subscriptions = new Subscriptions();
  subscriptions.require([A, B], ["default"]);
  return subscriptions;
}

/** A required subscription at A, opened once, at `offset`. */
function at(offset: number): Subscriptions {
  const subscriptions = new Subscriptions();
  subscriptions.require([A], ["default"]);
  subscriptions.open(A, "default", END);
  subscriptions.move(A, "default", 1, offset as Offset, END);
  return subscriptions;
}

const MOVES = [
  ["forward with the current epoch", 1, 60, true, 60],
  ["to the end", 1, 100, true, 100],
  ["nowhere", 1, 50, true, 50],
  ["back, which changes nothing", 1, 10, true, 50],
  ["with an epoch that is over", 0, 60, false, 50],
  ["with an epoch that nobody has yet", 2, 60, false, 50],
] as const;

for (const [what, epoch, offset, moved, expected] of MOVES) {
  Deno.test(`A subscription moved ${what}`, () => {
    const subscriptions = at(50);
    assertEquals(subscriptions.move(A, "default", epoch, offset as Offset, END), moved);
    assertEquals(subscriptions.find(A, "default")?.offset, expected as Offset);
  });
}

Deno.test("A subscription never passes the end of the stream", () => {
  const subscriptions = at(50);
  assertEquals(subscriptions.move(A, "default", 1, 101 as Offset, END), false);
  assertEquals(subscriptions.find(A, "default")?.offset, 50 as Offset);
});

Deno.test("Opening a subscription again fences the earlier subscriber and keeps the offset", () => {
  const subscriptions = at(50);
  assertEquals(subscriptions.open(A, "default", END)?.epoch, 2);
  assertEquals(subscriptions.move(A, "default", 1, 90 as Offset, END), false);
  assertEquals(subscriptions.find(A, "default")?.offset, 50 as Offset);
  assertEquals(subscriptions.move(A, "default", 2, 90 as Offset, END), true);
  assertEquals(subscriptions.find(A, "default")?.offset, 90 as Offset);
});

Deno.test("Epochs and offsets belong to one member's subscription of one name", () => {
  const subscriptions = new Subscriptions();
  subscriptions.require([A, B], ["x", "y"]);
  subscriptions.open(A, "x", END);
  assertEquals(subscriptions.move(A, "x", 1, 10 as Offset, END), true);
  assertEquals(subscriptions.move(A, "y", 1, 10 as Offset, END), false);
  assertEquals(subscriptions.move(B, "x", 1, 10 as Offset, END), false);
  assertEquals(subscriptions.move(B, "z", 0, 10 as Offset, END), false);
  assertEquals(subscriptions.all().map(({ offset }) => offset), [10, 0, 0, 0] as Offset[]);
});

Deno.test("G93: completion waits for the slowest of those it requires, and retention for all", () => {
  const subscriptions = required();
  assertEquals(subscriptions.completed(END), 0 as Offset);
  for (const member of [A, B]) subscriptions.open(member, "default", END);
  subscriptions.move(A, "default", 1, 80 as Offset, END);
  subscriptions.move(B, "default", 1, 30 as Offset, END);
  assertEquals([subscriptions.completed(END), subscriptions.floor(END)], [30, 30] as Offset[]);
  assertEquals(subscriptions.slowest()?.member, B);
  subscriptions.open(A, "audit", END);
  assertEquals(subscriptions.find(A, "audit"), {
    member: A,
    name: "audit",
    required: false,
    epoch: 1,
    offset: 30 as Offset,
  });
  subscriptions.move(B, "default", 1, 70 as Offset, END);
  assertEquals(
    subscriptions.completed(END),
    70 as Offset,
    "completion does not wait for what it does not require",
  );
  assertEquals(subscriptions.floor(END), 30 as Offset, "retention does");
  assertEquals(subscriptions.slowest()?.name, "audit");
});

Deno.test("Where nothing is required or nothing is there, everything is completed and nothing is held", () => {
  const subscriptions = new Subscriptions();
  assertEquals([subscriptions.completed(END), subscriptions.floor(END)], [END, END]);
  assertEquals(subscriptions.slowest(), null);
});

Deno.test("A removed member holds nothing any more, and the others keep what they have", () => {
  const subscriptions = required();
  subscriptions.open(A, "default", END);
  subscriptions.move(A, "default", 1, 40 as Offset, END);
  subscriptions.open(B, "audit", END);
  subscriptions.removeMember(B);
  assertEquals(subscriptions.all().map(({ member, name }) => [member, name]), [[A, "default"]]);
  assertEquals(subscriptions.floor(END), 40 as Offset);
  assertEquals(subscriptions.move(B, "audit", 1, 50 as Offset, END), false);
});

Deno.test("The floor never falls, not even where the last subscription went and another one is opened", () => {
  const subscriptions = at(50);
  subscriptions.removeMember(A);
  assertEquals(subscriptions.floor(END), END);
  assertEquals(subscriptions.open(B, "late", END)?.offset, END);
  assertEquals(subscriptions.floor(END), END);
});

Deno.test("Opening is refused at the limit of subscriptions, but not for one that is known", () => {
  const subscriptions = new Subscriptions();
  for (let i = 0; i < SUBSCRIPTIONS_PER_STREAM_LIMIT; i++) {
    assert(subscriptions.open(A, `s${i}`, END) !== null);
  }
  assertEquals(subscriptions.open(A, "one more", END), null);
  assertEquals(subscriptions.open(A, "s5", END)?.epoch, 2);
});
