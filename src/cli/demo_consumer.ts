/**
 * A consumer of the demonstration: subscribes at one target from where its subscription stopped, and stores each message
 * once. It acknowledges a little late on purpose, so that a killed target delivers some messages again: deliveries are
 * at least once, what is stored is stored once because the sink knows by the offset what it has.
 */
import { SennitError } from "../core/errors.ts";
import type { Offset, Token } from "../core/ids.ts";
import { errorOf, type Face } from "../client/mod.ts";
import type { Push } from "../node/mod.ts";
import { recordBatchMessages, verifyRecordBatch } from "../stream/mod.ts";
import { type DemoNode, pause } from "./demo_node.ts";
import type { SinkFile } from "./sink_file.ts";

const CREDIT_BYTES = 1024 * 1024;
const ACK_DELAY_MS = 400;
const RETRY_MS = 150;

type Delivery = Extract<Push, { kind: "delivery" }>;

export class DemoConsumer {
  readonly #node: DemoNode;
  readonly #stream: string;
  readonly #sink: SinkFile;
  deliveries = 0;
  redeliveries = 0;
  effects = 0;
  inOrder = true;

  constructor(node: DemoNode, stream: string, sink: SinkFile) {
    this.#node = node;
    this.#stream = stream;
    this.#sink = sink;
  }

  /** Until aborted; goes on when its node is back. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#consume(signal);
      } catch (error) {
        if (!(error instanceof SennitError)) throw error;
        await pause(RETRY_MS);
      }
    }
  }

  async #consume(signal: AbortSignal): Promise<void> {
    const remote = await this.#node.connect();
    try {
      const queue: Push[] = [];
      let wake = () => {};
      signal.addEventListener("abort", () => wake(), { once: true });
      const open = await remote.open({
        kind: "subscribe",
        stream: this.#stream,
        subscription: "default",
        fromOffset: null,
        creditBytes: CREDIT_BYTES,
      }, (push) => {
        queue.push(push);
        wake();
      });
      while (!signal.aborted) {
        const pushes = queue.splice(0);
        for (const push of pushes) {
          if (push.kind === "subscription-ended") throw errorOf(push.error);
          if (push.kind === "delivery") await this.#take(remote, open.token, push);
        }
        if (queue.length === 0) await new Promise<void>((resolve) => wake = resolve);
      }
    } finally {
      remote.close();
    }
  }

  async #take(remote: Face, subscriber: Token, delivery: Delivery): Promise<void> {
    verifyRecordBatch(delivery.batch);
    const first = delivery.baseOffset + delivery.skip;
    const messages = recordBatchMessages(delivery.batch).slice(delivery.skip);
    const stored = this.#sink.nextOffset ?? 0;
    const known = Math.min(Math.max(stored - first, 0), messages.length);
    this.deliveries += messages.length;
    this.redeliveries += known;
    if (known < messages.length) {
      if (first + known !== stored) this.inOrder = false;
      await this.#sink.store([{ firstOffset: first + known, messages: messages.slice(known) }]);
      this.effects += messages.length - known;
    }
    const next = first + messages.length;
    setTimeout(() => {
      remote.call({ kind: "ack", subscriber, first: first as Offset, next: next as Offset }).catch(() => {
        // The node is gone: what it does not know to be processed it delivers again.
      });
    }, ACK_DELAY_MS);
    await remote.call({ kind: "credit", subscriber, bytes: delivery.batch.length });
  }
}
