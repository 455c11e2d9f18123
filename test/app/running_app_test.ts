/** An application against a node that answers and pushes what the test says. */
import { assertEquals } from "@std/assert";
import { defineApp, RunningApp } from "../../src/app/mod.ts";
import type { Offset, Sequence } from "../../src/core/ids.ts";
import type { Push } from "../../src/node/calls.ts";
import { encodeRecordBatch } from "../../src/stream/mod.ts";
import { FakeNode, until } from "../api/fake_node.ts";

function delivery(count: number): Push {
  const messages = Array.from({ length: count }, () => new Uint8Array(1));
  const fields = { producerId: 1, epoch: 1, baseSequence: 1 as Sequence, ulid: new Uint8Array(16) };
  const batch = encodeRecordBatch(fields, messages);
  return { kind: "delivery", baseOffset: 0 as Offset, skip: 0, count, batch };
}

/** An app whose one handler notes the offsets it is given, and stops the app at `stopAt`. */
function running(node: FakeNode, stopAt: number) {
  const seen: number[] = [];
  const app: RunningApp<null> = new RunningApp({
    app: defineApp<null>({
      handlers: {
        each: {
          stream: "s",
          handle(_ctx, { offset }) {
            seen.push(offset);
            if (offset === stopAt) void app.stop();
          },
        },
      },
    }),
    face: node.face,
    node: "n1",
    services: null,
  });
  app.start();
  return { app, seen };
}

Deno.test("an app that is stopped within a batch is given no further message of it", async () => {
  const node = new FakeNode();
  node.answer = ({ kind }) =>
    kind === "subscribe" ? { kind: "subscribed", epoch: 1, nextOffset: 0 as Offset } : { kind: "done" };
  const { app, seen } = running(node, 1);
  await until(() => node.calls.some(({ call }) => call.kind === "subscribe"), "the subscription");
  node.push("subscribe", delivery(5));
  await until(() => app.status()[0]!.state === "ended", "the handler's end");
  assertEquals(seen, [0, 1]);
  assertEquals(
    node.calls.filter(({ call }) => call.kind === "ack"),
    [],
    "a batch is acknowledged as a whole",
  );
});

Deno.test("an app that is stopped while it subscribes leaves the subscription again, and is given nothing", async () => {
  const node = new FakeNode();
  node.answer = ({ kind }) => kind === "subscribe" ? null : { kind: "done" };
  const { app, seen } = running(node, -1);
  await until(() => node.calls.some(({ call }) => call.kind === "subscribe"), "the subscription");
  await app.stop();
  const token = node.tokenOf("subscribe");
  node.face.reply(token, { kind: "subscribed", epoch: 1, nextOffset: 0 as Offset });
  node.face.push(token, delivery(2));
  await until(() => app.status()[0]!.state === "ended", "the handler's end");
  assertEquals(seen, []);
  assertEquals(node.calls.filter(({ call }) => call.kind === "cancel").map(({ call }) => call), [
    { kind: "cancel", target: token },
  ]);
});
