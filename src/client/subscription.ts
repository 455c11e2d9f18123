/**
 * A named subscription at a node that is a target of the stream: messages in order, from where the subscription stopped.
 * Delivery is at least once with stable offsets; effects are once where the offset is stored together with the effect
 * (`fromOffset`) or the effect is idempotent by offset.
 */
import { SennitError } from "../core/errors.ts";
import type { Offset, Token } from "../core/ids.ts";
import type { Push } from "../node/calls.ts";
import { recordBatchMessages } from "../stream/mod.ts";
import { errorOf, expectReply, type Face } from "./face.ts";
import { PushQueue } from "./push_queue.ts";

const CREDIT_BYTES = 4 * 1024 * 1024;

export interface SubscribeOptions {
  /** @default "default" */
  readonly name?: string;
  /** Starts here instead of after what was acknowledged. */
  readonly fromOffset?: number;
  /** Bytes on their way at a time. @default 4 MiB */
  readonly creditBytes?: number;
}

export interface Message {
  readonly offset: number;
  readonly payload: Uint8Array;
}

/** Messages that were published together. */
export interface MessageBatch {
  readonly firstOffset: number;
  readonly messages: readonly Uint8Array[];
}

type Delivery = Extract<Push, { kind: "delivery" }>;

export class Subscription implements AsyncIterable<Message> {
  readonly #face: Face;
  readonly #queue: PushQueue<Delivery>;
  readonly #token: Token;
  readonly #cancel: () => Promise<void>;
  /** The first offset that will be delivered. */
  readonly nextOffset: number;
  /** What an iteration that was broken off left of its batch: the next one begins there. */
  #rest: MessageBatch | null = null;
  /** Behind the last message of the batches given out. */
  #given: number;
  #acknowledged: number;
  #ackWanted = 0;
  #acking: Promise<void> | null = null;

  private constructor(
    face: Face,
    queue: PushQueue<Delivery>,
    opened: { readonly token: Token; readonly cancel: () => Promise<void>; readonly nextOffset: number },
  ) {
    this.#face = face;
    this.#queue = queue;
    this.#token = opened.token;
    this.#cancel = opened.cancel;
    this.nextOffset = opened.nextOffset;
    this.#given = opened.nextOffset;
    this.#acknowledged = opened.nextOffset;
  }

  /** Takes the subscription over; whoever had it before is told so. */
  static async open(face: Face, stream: string, options: SubscribeOptions = {}): Promise<Subscription> {
    const queue = new PushQueue<Delivery>();
    const opened = await face.open({
      kind: "subscribe",
      stream,
      subscription: options.name ?? "default",
      fromOffset: (options.fromOffset ?? null) as Offset | null,
      creditBytes: options.creditBytes ?? CREDIT_BYTES,
    }, (push) => {
      if (push.kind === "delivery") queue.add(push);
      else if (push.kind === "subscription-ended") queue.end(errorOf(push.error));
    });
    const { nextOffset } = expectReply(opened.reply, "subscribed");
    return new Subscription(face, queue, { token: opened.token, cancel: opened.cancel, nextOffset });
  }

  /** Batches as they were published; throws `SennitError` where the subscription is ended by another or by the node. */
  async *batches(): AsyncGenerator<MessageBatch> {
    while (this.#rest !== null) {
      const rest = this.#rest;
      this.#rest = null;
      yield rest;
    }
    for await (const push of this.#queue) {
      const firstOffset = push.baseOffset + push.skip;
      this.#given = push.baseOffset + push.count;
      try {
        yield { firstOffset, messages: recordBatchMessages(push.batch).slice(push.skip) };
      } finally {
        await this.#giveBack(push.batch.length);
      }
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message> {
    for await (const batch of this.batches()) {
      let at = 0;
      try {
        while (at < batch.messages.length) yield messageOf(batch, at++);
      } finally {
        this.#keep(batch, at);
      }
    }
  }

  /**
   * Says that everything up to and with `offset` is processed; resolves once that is committed: no later subscriber is
   * given those messages again. Several at a time share one round.
   */
  async ack(offset: number): Promise<void> {
    if (!Number.isSafeInteger(offset) || offset >= this.#given) {
      const text = `Cannot acknowledge offset ${offset} as ${this.#given} is the next to be given out`;
      throw new SennitError("INVALID_ARGUMENT", text);
    }
    this.#ackWanted = Math.max(this.#ackWanted, offset + 1);
    while (this.#acknowledged <= offset) {
      this.#acking ??= this.#acknowledge().finally(() => this.#acking = null);
      await this.#acking;
    }
  }

  /**
   * Handles each message and acknowledges it afterwards, until the subscription ends or `handler` throws; whoever goes on
   * with this subscription after that is given the message again.
   */
  async process(handler: (message: Message) => Promise<void> | void): Promise<void> {
    for await (const batch of this.batches()) {
      let at = 0;
      try {
        for (; at < batch.messages.length; at++) await handler(messageOf(batch, at));
      } finally {
        this.#keep(batch, at);
      }
      await this.ack(batch.firstOffset + batch.messages.length - 1);
    }
  }

  /** Ends the subscription here; its offset stays. */
  async close(): Promise<void> {
    this.#queue.end();
    await this.#cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #acknowledge(): Promise<void> {
    const next = this.#ackWanted;
    const first = this.#acknowledged;
    if (first >= next) throw new SennitError("INVALID_ARGUMENT", "Nothing to acknowledge");
    try {
      await this.#face.call({
        kind: "ack",
        subscriber: this.#token,
        first: first as Offset,
        next: next as Offset,
      });
    } catch (error) {
      this.#ackWanted = first; // What comes later is not refused for this one's sake.
      throw error;
    }
    this.#acknowledged = next;
  }

  #keep({ firstOffset, messages }: MessageBatch, from: number): void {
    if (from < messages.length) {
      this.#rest = { firstOffset: firstOffset + from, messages: messages.slice(from) };
    }
  }

  /** A batch is taken: the node may send as much again. Of a subscription that has ended the queue tells. */
  async #giveBack(bytes: number): Promise<void> {
    try {
      await this.#face.call({ kind: "credit", subscriber: this.#token, bytes });
    } catch (error) {
      if (!(error instanceof SennitError)) throw error;
    }
  }
}

function messageOf({ firstOffset, messages }: MessageBatch, at: number): Message {
  return { offset: firstOffset + at, payload: messages[at]! };
}
