/**
 * A producer session: publishes messages to a stream in order, each once, whatever happens on the way. Messages published
 * in one go travel as one batch. A batch keeps its sequence until it is acknowledged, so that it may be sent again
 * after any failure; after the loss of a node, `resume` goes on at another one.
 */
import { type Outcome, SennitError } from "../core/errors.ts";
import { encodeText } from "../core/bytes.ts";
import type { Sequence } from "../core/ids.ts";
import { BATCH_BYTES_LIMIT, BATCH_MESSAGES_LIMIT, MESSAGE_BYTES_LIMIT } from "../core/limits.ts";
import { ulidBytes } from "../core/ulid.ts";
import type { AckLevel } from "../node/calls.ts";
import { encodeRecordBatch } from "../stream/mod.ts";
import { expectReply, type Face } from "./face.ts";
import { MACHINE, type Surroundings } from "./surroundings.ts";

/** A batch is closed at this size, where there are more messages than fit. */
const BATCH_BYTES_TARGET = 256 * 1024;
const RETRY_MIN_MS = 20;
const RETRY_MAX_MS = 1000;

export interface ProducerOptions {
  /** @default "COMMITTED" */
  readonly level?: AckLevel;
  /** Batches under way at a time. @default 32 */
  readonly window?: number;
  /** For so long failures that may pass are met by trying again. @default 30000 */
  readonly retryMs?: number;
}

export interface Published {
  /** The message's offset; -1 where it is not known: at level QUEUED, or repeated long after. */
  readonly offset: number;
  readonly duplicate: boolean;
}

interface Waiter {
  readonly payload: Uint8Array;
  readonly resolve: (published: Published) => void;
  readonly reject: (error: unknown) => void;
}

interface Batch {
  readonly baseSequence: number;
  readonly waiters: readonly Waiter[];
  readonly ulid: Uint8Array;
  underWay: boolean;
  /** It was sent once and may have been applied, whatever is said of it later. */
  uncertain: boolean;
  failingSinceMs: number;
}

export class Producer {
  readonly stream: string;
  readonly name: string;
  readonly #level: AckLevel;
  readonly #window: number;
  readonly #retryMs: number;
  #face: Face;
  #producerId = 0;
  #epoch = 0;
  #nextSequence = 1;
  /** Not in a batch yet. */
  #loose: Waiter[] = [];
  /** Not acknowledged yet, in order. */
  #batches: Batch[] = [];
  #underWay = 0;
  /** Counts `resume`: what was sent before it is answered to nobody. */
  #session = 0;
  #stalled = false;
  #retryDelayMs = RETRY_MIN_MS;
  #failure: unknown = null;
  #gathering = false;

  private constructor(face: Face, stream: string, name: string, options: ProducerOptions) {
    this.#face = face;
    this.stream = stream;
    this.name = name;
    this.#level = options.level ?? "COMMITTED";
    this.#window = options.window ?? 32;
    this.#retryMs = options.retryMs ?? 30_000;
  }

  /** Opens a session and fences earlier ones of that name. */
  static async open(
    face: Face,
    stream: string,
    name: string,
    options: ProducerOptions = {},
  ): Promise<Producer> {
    const producer = new Producer(face, stream, name, options);
    await producer.#open();
    return producer;
  }

  /** The sequence that the next message gets. Messages of a name are counted from 1, over all its sessions. */
  get nextSequence(): number {
    return this.#nextSequence + this.#loose.length;
  }

  get #surroundings(): Surroundings {
    return this.#face.surroundings ?? MACHINE;
  }

  /** Messages that are not acknowledged yet. */
  get pending(): number {
    let count = this.#loose.length;
    for (const batch of this.#batches) count += batch.waiters.length;
    return count;
  }

  /**
   * Publishes one message; resolves when it is acknowledged at the producer's level. Messages published without waiting in
   * between share batches. TOO_LARGE where it has more than MESSAGE_BYTES_LIMIT bytes. The bytes belong to the producer
   * until then: they may have to be sent again.
   */
  publish(message: Uint8Array | string): Promise<Published> {
    const payload = typeof message === "string" ? encodeText(message) : message;
    if (payload.length > MESSAGE_BYTES_LIMIT) {
      return Promise.reject(
        new SennitError(
          "TOO_LARGE",
          `A message may have ${MESSAGE_BYTES_LIMIT} bytes, this one has ${payload.length}`,
        ),
      );
    }
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#loose.push({ payload, resolve, reject });
      if (this.#gathering) return;
      this.#gathering = true;
      queueMicrotask(() => {
        this.#gathering = false;
        this.#pump();
      });
    });
  }

  /**
   * Goes on at another node after the first was lost: what it had committed is not sent again. Where this fails, what is
   * pending stays so: resume at yet another node.
   */
  async resume(face: Face): Promise<void> {
    // From here on the old session is nobody's: it may say that it is fenced before the new one is known here.
    const session = ++this.#session;
    this.#stalled = true;
    for (const batch of this.#batches) {
      batch.uncertain ||= batch.underWay;
      batch.underWay = false;
    }
    this.#underWay = 0;
    this.#face = face;
    const next = await this.#open();
    if (session !== this.#session) return;
    if (next > this.#nextSequence) {
      const text =
        `Another session of producer ${this.name} published meanwhile: sequences are not this one's`;
      const error = new SennitError("PRODUCER_FENCED", text, { outcome: "UNKNOWN" });
      this.#failAll(error);
      throw error;
    }
    this.#failure = null;
    while (this.#batches.length > 0 && this.#batches[0]!.baseSequence < next) {
      const done = this.#batches.shift()!;
      for (const waiter of done.waiters) waiter.resolve({ offset: -1, duplicate: true });
    }
    this.#stalled = false;
    this.#pump();
  }

  async #open(): Promise<number> {
    const call = { kind: "producer-open", stream: this.stream, producer: this.name } as const;
    const { producerId, epoch, nextSequence } = expectReply(await this.#face.call(call), "producer");
    this.#producerId = producerId;
    this.#epoch = epoch;
    if (this.#batches.length === 0) this.#nextSequence = nextSequence;
    return nextSequence;
  }

  #pump(): void {
    while (!this.#stalled && this.#underWay < this.#window) {
      const batch = this.#batches.find((each) => !each.underWay) ?? this.#nextBatch();
      if (batch === null) return;
      void this.#send(batch, this.#session);
    }
  }

  #nextBatch(): Batch | null {
    let bytes = 0;
    let count = 0;
    for (const { payload } of this.#loose) {
      if (count > 0 && (bytes + payload.length + 4 > BATCH_BYTES_TARGET || count === BATCH_MESSAGES_LIMIT)) {
        break;
      }
      bytes += payload.length + 4;
      count++;
    }
    if (count === 0) return null;
    const batch: Batch = {
      baseSequence: this.#nextSequence,
      waiters: this.#loose.splice(0, count),
      ulid: ulidBytes(this.#surroundings.nowMs(), this.#surroundings.randomBytes(10)),
      underWay: false,
      uncertain: false,
      failingSinceMs: 0,
    };
    this.#nextSequence += count;
    this.#batches.push(batch);
    return batch;
  }

  async #send(batch: Batch, session: number): Promise<void> {
    batch.underWay = true;
    this.#underWay++;
    const bytes = encodeRecordBatch({
      producerId: this.#producerId,
      epoch: this.#epoch,
      baseSequence: batch.baseSequence as Sequence,
      ulid: batch.ulid,
    }, batch.waiters.map((waiter) => waiter.payload));
    let failure: unknown = null;
    let firstOffset = -1;
    let duplicate = false;
    try {
      const call = { kind: "publish", stream: this.stream, batch: bytes, level: this.#level } as const;
      const reply = expectReply(await this.#face.call(call), "published");
      firstOffset = reply.firstOffset;
      duplicate = reply.duplicate;
    } catch (error) {
      failure = error;
    }
    if (session !== this.#session) return;
    batch.underWay = false;
    this.#underWay--;
    if (this.#failure !== null) return; // It was told already.
    if (failure === null) this.#acknowledged(batch, firstOffset, duplicate);
    else this.#refused(batch, failure);
    if (this.#stalled && this.#underWay === 0 && this.#failure === null) this.#retryLater(session);
  }

  #acknowledged(batch: Batch, firstOffset: number, duplicate: boolean): void {
    this.#batches.splice(this.#batches.indexOf(batch), 1);
    this.#retryDelayMs = RETRY_MIN_MS;
    batch.waiters.forEach((waiter, at) => {
      waiter.resolve({ offset: firstOffset < 0 ? -1 : firstOffset + at, duplicate });
    });
    this.#pump();
  }

  /** What may pass is tried again from the first batch on, once everything under way has been answered. */
  #refused(batch: Batch, error: unknown): void {
    batch.failingSinceMs ||= this.#surroundings.nowMs();
    batch.uncertain ||= !(error instanceof SennitError) || error.outcome !== "NOT_APPLIED";
    const overtaken = error instanceof SennitError && error.code === "SEQUENCE_GAP" &&
      batch !== this.#batches[0];
    const passing = overtaken || (error instanceof SennitError && this.#passes(error));
    if (!passing || this.#surroundings.nowMs() - batch.failingSinceMs > this.#retryMs) {
      this.#failAll(error);
      return;
    }
    this.#stalled = true;
  }

  /** With the node of this process it is over when that stops; another may be started again. */
  #passes({ code, retriable }: SennitError): boolean {
    return retriable && (code !== "SHUTTING_DOWN" || this.#face.isRemote === true);
  }

  #retryLater(session: number): void {
    const delay = this.#retryDelayMs;
    this.#retryDelayMs = Math.min(2 * delay, RETRY_MAX_MS);
    this.#surroundings.after(delay, () => {
      if (session !== this.#session) return;
      this.#stalled = false;
      this.#pump();
    });
  }

  /** The session is of no use any more, until `resume`. Of each message is said what is known of it. */
  #failAll(error: unknown): void {
    this.#failure = error;
    this.#stalled = true;
    const batches = this.#batches;
    const loose = this.#loose;
    this.#batches = [];
    this.#loose = [];
    for (const batch of batches) {
      const reason = batch.uncertain || batch.underWay ? withOutcome(error, "UNKNOWN") : error;
      for (const waiter of batch.waiters) waiter.reject(reason);
    }
    for (const waiter of loose) waiter.reject(withOutcome(error, "NOT_APPLIED"));
  }
}

function withOutcome(error: unknown, outcome: Outcome): unknown {
  if (!(error instanceof SennitError) || error.outcome === outcome) return error;
  const { code, message, details } = error;
  return new SennitError(code, message, { outcome, details: { ...details }, cause: error });
}

/** A batch of the target's size and one message of the largest size stay below what a node takes. */
if (BATCH_BYTES_TARGET + MESSAGE_BYTES_LIMIT > BATCH_BYTES_LIMIT) {
  throw new RangeError("Batch limits contradict");
}
