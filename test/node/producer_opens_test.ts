import { assertEquals } from "@std/assert";
import { SennitError } from "../../src/core/errors.ts";
import type { Token } from "../../src/core/ids.ts";
import { ProducerOpens } from "../../src/node/producer_opens.ts";
import type { StreamSeat } from "../../src/node/stream_seat.ts";

const CALL_TIMEOUT_MS = 100;
const PRODUCER_ID = 7;

interface Asked {
  readonly done: (result: unknown) => void;
  readonly failed: (error: SennitError) => void;
}

/** A stream that answers as the test says, and knows one producer, "p". */
class Stage {
  now = 0;
  holds = false;
  readonly asked: Asked[] = [];
  /** Answers to calls, by token. */
  readonly said = new Map<number, string>();
  readonly opens = new ProducerOpens(this as unknown as StreamSeat, () => this.holds);
  readonly group = { id: 4 };
  readonly record = { name: "s", closed: false };
  readonly state = { producerId: (name: string) => name === "p" ? PRODUCER_ID : null };
  readonly callTimeoutMs = CALL_TIMEOUT_MS;
  readonly node = this;
  readonly requests = {
    submit: (_group: number, _encode: unknown, _now: number, done: Asked["done"], failed: Asked["failed"]) =>
      this.asked.push({ done, failed }),
  };
  readonly callers = {
    reply: (token: number, { epoch }: { readonly epoch: number }) => this.said.set(token, `epoch ${epoch}`),
  };
  fail(token: number, error: SennitError): void {
    this.said.set(token, error.code);
  }
  refuse(token: number, code: string): void {
    this.said.set(token, code);
  }

  open(token: number): void {
    this.opens.open(token as Token, "p");
    this.opens.work(this.now);
  }
  work(now: number): void {
    this.now = now;
    this.opens.work(now);
  }
  /** What it was asked for before the start is known. */
  speak(): void {
    this.opens.refusal(PRODUCER_ID);
    this.asked.pop()!.done({ kind: "moved" });
  }
  get refused(): string {
    return this.opens.refusal(PRODUCER_ID)?.code ?? "";
  }
}

const opened = (epoch: number) => ({ kind: "producer", producerId: PRODUCER_ID, epoch, nextSequence: 1 });
const TIMEOUT = new SennitError("TIMEOUT", "No answer", { outcome: "UNKNOWN" });

Deno.test("nothing of a producer is taken in while a session of it is being opened here, whoever asked for it", () => {
  const stage = new Stage();
  stage.speak();
  stage.open(1);
  stage.open(2);
  assertEquals([stage.refused, stage.opens.refusal(PRODUCER_ID + 1)], ["NOT_READY", null]);
  stage.asked[1]!.done(opened(1));
  // The first may come behind the second, and fence it.
  assertEquals([stage.said.get(2), stage.refused], ["epoch 1", "NOT_READY"]);
  stage.asked[0]!.done(opened(2));
  assertEquals([stage.said.get(1), stage.refused], ["epoch 2", ""]);
});

Deno.test("an open that nobody answered leaves the session in doubt, until a later one is there or it cannot come any more", () => {
  const stage = new Stage();
  stage.open(1);
  stage.asked[0]!.failed(TIMEOUT);
  assertEquals([stage.said.get(1), stage.refused], ["TIMEOUT", "PRODUCER_FENCED"]);
  assertEquals(stage.opens.refusal(PRODUCER_ID)!.outcome, "UNKNOWN");
  stage.open(2);
  stage.asked[1]!.done(opened(2));
  assertEquals(stage.refused, "");
  stage.open(3);
  stage.asked[2]!.failed(TIMEOUT);
  stage.work(4 * CALL_TIMEOUT_MS - 1);
  assertEquals([stage.asked.length, stage.refused], [3, "PRODUCER_FENCED"]);
  // From now on no frame of it is under way; what is in the log of a leader lies before the next word of this node.
  stage.work(4 * CALL_TIMEOUT_MS);
  assertEquals([stage.asked.length, stage.refused], [4, "PRODUCER_FENCED"]);
  stage.asked[3]!.failed(TIMEOUT);
  stage.work(4 * CALL_TIMEOUT_MS + 1);
  assertEquals([stage.asked.length, stage.refused], [5, "PRODUCER_FENCED"]);
  stage.asked[4]!.done({ kind: "moved" });
  assertEquals(stage.refused, "");
});

Deno.test("after a start nothing is taken in before a command of this incarnation has been applied", () => {
  const stage = new Stage();
  assertEquals([stage.refused, stage.refused, stage.asked.length], ["NOT_READY", "NOT_READY", 1]);
  stage.asked[0]!.failed(TIMEOUT);
  assertEquals([stage.refused, stage.asked.length], ["NOT_READY", 2]);
  stage.asked[1]!.done({ kind: "moved" });
  assertEquals([stage.refused, stage.asked.length], ["", 2]);
  // Or a session that is opened now.
  const other = new Stage();
  other.open(1);
  other.asked[0]!.done(opened(1));
  assertEquals([other.refused, other.asked.length], ["", 1]);
});

Deno.test("an open that was refused for certain leaves no doubt", () => {
  const stage = new Stage();
  stage.speak();
  stage.open(1);
  stage.asked[0]!.failed(new SennitError("NO_LEADER", "Nobody leads"));
  assertEquals([stage.said.get(1), stage.refused], ["NO_LEADER", ""]);
});

Deno.test("a session is asked for once nothing of its producer waits in the outbox, or given up in time", () => {
  const stage = new Stage();
  stage.holds = true;
  stage.open(1);
  assertEquals([stage.asked.length, stage.opens.isIdle, stage.opens.deadlineMs], [0, false, CALL_TIMEOUT_MS]);
  stage.holds = false;
  stage.opens.work(50);
  assertEquals([stage.asked.length, stage.opens.isIdle], [1, true]);
  stage.holds = true;
  stage.open(2);
  stage.opens.work(CALL_TIMEOUT_MS);
  assertEquals(stage.said.get(2), "TIMEOUT");
});
