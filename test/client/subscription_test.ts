/** Subscriptions and watches against a node that pushes what the test says. */
import { assertEquals, assertRejects } from "@std/assert";
import { KeyValueClient, Subscription, WATCH_BACKLOG_LIMIT } from "../../src/client/mod.ts";
import { SennitError } from "../../src/core/errors.ts";
import type { Sequence } from "../../src/core/ids.ts";
import type { Call, CallFailure, Push, Reply } from "../../src/node/calls.ts";
import { encodeRecordBatch } from "../../src/stream/mod.ts";
import { FakeNode } from "../api/fake_node.ts";

const FENCED: CallFailure = {
  code: "SUBSCRIPTION_FENCED",
  message: "Another subscriber took it over",
  outcome: "NOT_APPLIED",
  details: {},
};

/** Messages "0", "1" … from `baseOffset` on. */
function delivery(baseOffset: number, count: number): Push {
  const messages = Array.from({ length: count }, (_, at) => new TextEncoder().encode(`${baseOffset + at}`));
  const fields = { producerId: 1, epoch: 1, baseSequence: 1 as Sequence, ulid: new Uint8Array(16) };
  const batch = encodeRecordBatch(fields, messages);
  return { kind: "delivery", baseOffset: baseOffset as never, skip: 0, count, batch };
}

function failed(code: CallFailure["code"]): Reply {
  return { kind: "failed", error: { ...FENCED, code } };
}

/** An open subscription whose node refuses acknowledgements from `refused` on. */
async function subscribed(refused = Infinity): Promise<{ node: FakeNode; subscription: Subscription }> {
  const node = new FakeNode();
  node.answer = (call: Call) => {
    if (call.kind === "subscribe") return { kind: "subscribed", epoch: 1, nextOffset: 0 as never };
    return call.kind === "ack" && call.next > refused ? failed("INVALID_ARGUMENT") : { kind: "done" };
  };
  return { node, subscription: await Subscription.open(node.face, "s") };
}

async function offsets(subscription: Subscription, until: number): Promise<number[]> {
  const seen: number[] = [];
  for await (const { offset, payload } of subscription) {
    assertEquals(new TextDecoder().decode(payload), `${offset}`);
    seen.push(offset);
    if (offset === until) break;
  }
  return seen;
}

Deno.test("a subscription's loop that is left goes on where it was in the next loop, inside a batch too", async () => {
  const { node, subscription } = await subscribed();
  for (const [base, count] of [[0, 3], [3, 1], [4, 2]]) node.push("subscribe", delivery(base!, count!));
  assertEquals(await offsets(subscription, 1), [0, 1]);
  assertEquals(await offsets(subscription, 3), [2, 3]);
  assertEquals(await offsets(subscription, 5), [4, 5]);
  const credit = node.calls.filter(({ call }) => call.kind === "credit").length;
  assertEquals(credit, 3, "all that was taken was given back");
});

Deno.test("process() whose handler throws gives that message again to the next one", async () => {
  const { node, subscription } = await subscribed();
  node.push("subscribe", delivery(0, 3));
  node.push("subscribe", delivery(3, 1));
  const handled: number[] = [];
  let broken = true;
  const handler = ({ offset }: { offset: number }) => {
    if (offset === 1 && broken) throw new Error("not now");
    if (offset === 3) node.push("subscribe", { kind: "subscription-ended", error: FENCED });
    handled.push(offset);
  };
  await assertRejects(() => subscription.process(handler), Error, "not now");
  broken = false;
  await assertRejects(() => subscription.process(handler), SennitError, "took it over");
  assertEquals(handled, [0, 1, 2, 3]);
});

Deno.test("two loops over one subscription share its messages, and both hear of its end", async () => {
  const { node, subscription } = await subscribed();
  const seen: number[] = [];
  const loops = [1, 2].map(async () => {
    for await (const { offset } of subscription) seen.push(offset);
  });
  await new Promise((resolve) => setTimeout(resolve, 0));
  for (const base of [0, 1, 2, 3]) node.push("subscribe", delivery(base, 1));
  node.push("subscribe", { kind: "subscription-ended", error: FENCED });
  for (const loop of loops) await assertRejects(() => loop, SennitError, "took it over");
  assertEquals(seen.sort(), [0, 1, 2, 3]);
});

Deno.test("ack() of what was not given out, or of no offset, is refused and spoils nothing", async () => {
  const { node, subscription } = await subscribed();
  node.push("subscribe", delivery(0, 3));
  await offsets(subscription, 0);
  for (const offset of [3, 1.5, NaN, Infinity]) {
    await assertRejects(() => subscription.ack(offset), SennitError, "Cannot acknowledge");
  }
  await subscription.ack(1);
  const acks = node.calls.flatMap(({ call }) => call.kind === "ack" ? [[call.first, call.next]] : []);
  assertEquals(acks, [[0, 2]]);
});

Deno.test("an acknowledgement that the node refuses does not make it refuse later ones", async () => {
  const { node, subscription } = await subscribed(2);
  node.push("subscribe", delivery(0, 3));
  await offsets(subscription, 2);
  await assertRejects(() => subscription.ack(2), SennitError);
  await subscription.ack(1);
});

Deno.test("a subscription that is cancelled while it is being opened is cancelled at the node once it is open", async () => {
  const node = new FakeNode();
  node.answer = () => null;
  const token = node.face.submit({
    kind: "subscribe",
    stream: "s",
    subscription: "default",
    fromOffset: null,
    creditBytes: 1,
  }, { reply() {}, push() {} });
  await node.face.cancel(token);
  node.calls.length = 0;
  node.face.reply(token, { kind: "subscribed", epoch: 1, nextOffset: 0 as never });
  assertEquals(node.calls.map(({ call }) => call), [{ kind: "cancel", target: token }]);
});

Deno.test("cancelling what the node has just ended is no error", async () => {
  const node = new FakeNode();
  node.answer = () => ({ kind: "subscribed", epoch: 1, nextOffset: 0 as never });
  const subscription = await Subscription.open(node.face, "s");
  const call = node.face.call.bind(node.face);
  node.face.call = (each) =>
    each.kind === "cancel"
      ? Promise.reject(new SennitError("NOT_FOUND", "Nothing is open under that token"))
      : call(each);
  await subscription.close();
});

Deno.test("a watch that the node ends, or that is too slow, throws: what comes later would be missed", async () => {
  const node = new FakeNode();
  node.answer = () => ({ kind: "version", version: 1 });
  const change: Push = { kind: "kv-change", key: "k", value: null, version: 2 };
  const changes = new KeyValueClient(node.face).watch();
  const first = changes.next();
  await new Promise((resolve) => setTimeout(resolve, 0));
  node.push("kv-watch", change);
  assertEquals((await first).value?.version, 2);
  node.push("kv-watch", { kind: "subscription-ended", error: { ...FENCED, code: "EVICTED" } });
  assertEquals((await assertRejects(() => changes.next(), SennitError)).code, "EVICTED");

  const slow = new KeyValueClient(node.face).watch();
  const begun = slow.next();
  await new Promise((resolve) => setTimeout(resolve, 0));
  for (let count = 0; count <= WATCH_BACKLOG_LIMIT + 1; count++) node.push("kv-watch", change);
  await begun;
  let taken = 1;
  const error = await assertRejects(async () => {
    for await (const _ of slow) taken++;
  }, SennitError);
  assertEquals([error.code, taken <= WATCH_BACKLOG_LIMIT + 1], ["OVERLOADED", true]);
});
