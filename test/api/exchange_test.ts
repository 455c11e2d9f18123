/** The server's side of streams against calls that the test holds in its hands. */
import { assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { Exchange } from "../../src/api/exchange.ts";
import { Gate } from "../../src/api/gate.ts";
import { subscribing } from "../../src/api/subscribing.ts";
import { FakeNode, until } from "./fake_node.ts";

/** Takes so many responses before it says that it is full. */
class FakeCall extends EventEmitter {
  readonly written: unknown[] = [];
  paused = false;
  constructor(readonly room = Infinity) {
    super();
  }
  write(response: unknown): boolean {
    this.written.push(response);
    return this.written.length < this.room;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {}
}

Deno.test("an exchange reads no more requests while the client does not take its responses", async () => {
  const call = new FakeCall(2);
  const exchange: Exchange<number, number> = new Exchange(
    call as unknown as ServerDuplexStream<number, number>,
    (request) => {
      exchange.begin(1);
      exchange.finish(1, request);
    },
  );
  await exchange.run(new Gate(new FakeNode().face, true), "use");
  call.emit("data", 1);
  assertEquals(call.paused, false);
  call.emit("data", 2);
  assertEquals(call.paused, true);
  call.emit("drain");
  assertEquals(call.paused, false);
  assertEquals(call.written, [1, 2]);
});

Deno.test("a subscriber that was refused opens nothing with what it sends after that", async () => {
  const node = new FakeNode();
  const call = new FakeCall();
  subscribing(new Gate(node.face, true), node.face)(call as never);
  await until(() => call.listenerCount("data") === 1, "it listens");
  call.emit("data", { request: undefined });
  const open = { stream: "s", subscription: "x", fromOffset: undefined, creditBytes: 1 };
  call.emit("data", { request: { $case: "open", value: open } });
  assertEquals(node.calls, []);
  assertEquals(node.face.size, 0);
});
