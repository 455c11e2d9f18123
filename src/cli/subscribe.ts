/**
 * `sennit subscribe`: messages to the standard output, or into a sink. A batch is acknowledged after it is out or
 * stored. Into a sink each message goes exactly once, whatever dies; to the standard output at least once.
 */
import { concatBytes } from "../core/bytes.ts";
import { DecodeError, SennitError } from "../core/errors.ts";
import type { Offset } from "../core/ids.ts";
import { errorOf, type OpenCall } from "../client/mod.ts";
import type { CallFailure, Push } from "../node/mod.ts";
import { recordBatchMessages, verifyRecordBatch } from "../stream/mod.ts";
import type { ArgumentsOf } from "./arguments.ts";
import type { Connection, Failover } from "./failover.ts";
import { json, textOrBase64, write } from "./output.ts";
import { readSink, type SinkBatch, SinkFile } from "./sink_file.ts";

const CREDIT_BYTES = 8 * 1024 * 1024;
const NEWLINE = new Uint8Array([10]);

type Delivery = Extract<Push, { kind: "delivery" }>;

/** Where messages go; they have gone when it resolves. */
export type Output = (batches: readonly SinkBatch[]) => Promise<void>;

export interface SubscriberOptions {
  readonly stream: string;
  readonly subscription: string;
  /** Null: behind what was acknowledged. */
  readonly fromOffset: number | null;
  /** Infinity: until aborted. */
  readonly count: number;
}

export async function subscribe(
  args: ArgumentsOf<"subscribe">,
  failover: Failover,
  signal: AbortSignal,
): Promise<void> {
  const sink = args.sink === undefined ? null : await SinkFile.open(args.sink);
  const fromOffset = sink?.nextOffset ?? args.from ?? null;
  const { stream, subscription, count = Infinity } = args;
  const output: Output = sink === null
    ? (batches) => print(batches, args.json)
    : (batches) => sink.store(batches);
  try {
    await new Subscriber({ stream, subscription, fromOffset, count }, output, failover).run(signal);
  } finally {
    sink?.close();
  }
}

export async function printSink(args: ArgumentsOf<"sink">): Promise<void> {
  for await (const batch of readSink(args.file)) await print([batch], args.json);
}

export class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #output: Output;
  readonly #failover: Failover;
  /** Offset behind the last message that is out. */
  #position: number | null;
  #left: number;
  #queue: Delivery[] = [];
  #ended: CallFailure | null = null;
  #wake: () => void = () => {};

  constructor(options: SubscriberOptions, output: Output, failover: Failover) {
    this.#options = options;
    this.#output = output;
    this.#failover = failover;
    this.#position = options.fromOffset;
    this.#left = options.count;
  }

  /** Until `signal`, or so many messages; goes on at another node where one is lost. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#wake());
    while (!signal.aborted && this.#left > 0) {
      const { connection, open } = await this.#connect();
      try {
        await this.#consume(connection, open, signal);
        await open.cancel();
      } catch (error) {
        await this.#failover.pauseAfter(error);
      } finally {
        connection.close();
      }
    }
  }

  #connect(): Promise<{ connection: Connection; open: OpenCall }> {
    const { stream, subscription } = this.#options;
    this.#queue = [];
    this.#ended = null;
    return this.#failover.connect(async (connection) => {
      const fromOffset = this.#position as Offset | null;
      const call = {
        kind: "subscribe",
        stream,
        subscription,
        fromOffset,
        creditBytes: CREDIT_BYTES,
      } as const;
      const open = await connection.open(call, (push) => this.#take(push));
      return { connection, open };
    });
  }

  #take(push: Push): void {
    if (push.kind === "delivery") this.#queue.push(push);
    else if (push.kind === "subscription-ended") this.#ended = push.error;
    this.#wake();
  }

  async #consume(connection: Connection, open: OpenCall, signal: AbortSignal): Promise<void> {
    const subscriber = open.token;
    let acknowledging: Promise<unknown> = Promise.resolve();
    while (!signal.aborted && this.#left > 0) {
      if (this.#queue.length === 0) {
        if (this.#ended !== null) throw errorOf(this.#ended);
        await new Promise<void>((resolve) => this.#wake = resolve);
        continue;
      }
      const deliveries = this.#queue;
      this.#queue = [];
      const batches = deliveries.map((delivery) => this.#wanted(delivery)).filter(({ messages }) =>
        messages.length > 0
      );
      await this.#output(batches);
      this.#failover.progress();
      const bytes = deliveries.reduce((sum, { batch }) => sum + batch.length, 0);
      await connection.call({ kind: "credit", subscriber, bytes });
      await acknowledging; // One at a time: meanwhile the next batches gather.
      const [first] = batches;
      if (first !== undefined) {
        const range = { first: first.firstOffset as Offset, next: this.#position as Offset };
        acknowledging = connection.call({ kind: "ack", subscriber, ...range });
        acknowledging.catch(() => {}); // Thrown where it is awaited.
      }
    }
    await acknowledging;
  }

  /** The messages of a delivery that are for this subscriber, and not out yet. */
  #wanted({ baseOffset, skip, batch }: Delivery): SinkBatch {
    try {
      verifyRecordBatch(batch);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new SennitError("DATA_DAMAGED", `The batch at offset ${baseOffset} is damaged: ${error.message}`);
    }
    const behind = this.#position === null ? 0 : this.#position - baseOffset;
    const messages = recordBatchMessages(batch);
    const from = Math.min(Math.max(skip, behind), messages.length);
    const wanted = messages.slice(from, Math.min(messages.length, from + this.#left));
    const firstOffset = baseOffset + from;
    this.#left -= wanted.length;
    if (wanted.length > 0) this.#position = firstOffset + wanted.length;
    return { firstOffset, messages: wanted };
  }
}

async function print(batches: readonly SinkBatch[], asJson: boolean): Promise<void> {
  const parts: Uint8Array[] = [];
  for (const { firstOffset, messages } of batches) {
    messages.forEach((message, i) => {
      if (!asJson) parts.push(message, NEWLINE);
      else {parts.push(
          new TextEncoder().encode(`${json({ offset: firstOffset + i, message: textOrBase64(message) })}\n`),
        );}
    });
  }
  if (parts.length > 0) await write(concatBytes(parts));
}
