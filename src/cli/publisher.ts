/**
 * Publishes batches, each exactly once, over whatever node answers. Every message has a sequence in its producer's count;
 * what is not acknowledged is kept, and after any failure the session is opened anew and all of it sent again: the
 * stream drops what it has and answers as if it were new.
 */
import { SennitError } from "../core/errors.ts";
import type { Sequence } from "../core/ids.ts";
import { ulidBytes } from "../core/ulid.ts";
import { expectReply } from "../client/mod.ts";
import type { AckLevel } from "../node/mod.ts";
import { encodeRecordBatch } from "../stream/mod.ts";
import type { Connection, Failover } from "./failover.ts";

export interface PublisherOptions {
  readonly stream: string;
  readonly producer: string;
  readonly level: AckLevel;
  /** Batches that may be under way. */
  readonly window: number;
}

export interface Published {
  readonly messages: number;
  /** Of them, those that the stream had already. */
  readonly duplicates: number;
  /** Offset of the last message, -1 where it is not known. */
  readonly lastOffset: number;
}

interface Session {
  readonly connection: Connection;
  readonly producerId: number;
  readonly epoch: number;
  readonly nextSequence: number;
}

interface Pending {
  readonly baseSequence: Sequence;
  readonly messages: readonly Uint8Array[];
  done: boolean;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #failover: Failover;
  #session: Session | null = null;
  #pending: Pending[] = [];
  #next = 1;
  #messages = 0;
  #duplicates = 0;
  #lastOffset = -1;
  /** Why the session in use is no good any more. */
  #broken: SennitError | null = null;
  #wake: () => void = () => {};

  constructor(options: PublisherOptions, failover: Failover) {
    this.#options = options;
    this.#failover = failover;
  }

  /** Opens the producer's session; gives the sequence that the stream expects next. */
  async open(): Promise<number> {
    this.#session = await this.#connect();
    this.#next = this.#session.nextSequence;
    return this.#next;
  }

  /** Sends messages, and waits while the window is full. Throws what no other node and no patience can help. */
  async send(messages: readonly Uint8Array[]): Promise<void> {
    const pending = { baseSequence: this.#next as Sequence, messages, done: false };
    this.#next += messages.length;
    this.#pending.push(pending);
    if (this.#broken === null) this.#transmit(pending);
    await this.#settle(this.#options.window - 1);
  }

  /** Waits until all is acknowledged. */
  async finish(): Promise<Published> {
    await this.#settle(0);
    return { messages: this.#messages, duplicates: this.#duplicates, lastOffset: this.#lastOffset };
  }

  get acknowledged(): number {
    return this.#messages;
  }

  get inFlight(): number {
    return this.#pending.length;
  }

  close(): void {
    this.#session?.connection.close();
    this.#session = null;
  }

  /** Waits until at most `limit` batches are under way. */
  async #settle(limit: number): Promise<void> {
    while (this.#broken !== null || this.#pending.length > limit) {
      if (this.#broken !== null) await this.#recover(this.#broken);
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #transmit(pending: Pending): void {
    const session = this.#session!;
    const { stream, level } = this.#options;
    const ulid = ulidBytes(Date.now(), crypto.getRandomValues(new Uint8Array(10)));
    const { producerId, epoch } = session;
    const fields = { producerId, epoch, baseSequence: pending.baseSequence, ulid };
    const batch = encodeRecordBatch(fields, pending.messages);
    session.connection.call({ kind: "publish", stream, batch, level }).then(
      (reply) => {
        if (!pending.done && reply.kind === "published") this.#acknowledge(pending, reply);
      },
      (error) => {
        // What an earlier session says of a batch that was sent again meanwhile says nothing.
        if (session !== this.#session || pending.done) return;
        this.#broken ??= asError(error);
        this.#wake();
      },
    );
  }

  #acknowledge(pending: Pending, reply: { readonly firstOffset: number; readonly duplicate: boolean }): void {
    pending.done = true;
    this.#failover.progress();
    const count = pending.messages.length;
    this.#messages += count;
    if (reply.duplicate) this.#duplicates += count;
    if (reply.firstOffset >= 0) this.#lastOffset = Math.max(this.#lastOffset, reply.firstOffset + count - 1);
    this.#pending = this.#pending.filter((candidate) => !candidate.done);
    this.#wake();
  }

  async #recover(error: SennitError): Promise<void> {
    this.close();
    // A batch before this one was lost on its way: as good as a lost connection.
    if (error.code !== "SEQUENCE_GAP") await this.#failover.pauseAfter(error);
    const session = await this.#connect();
    const [first] = this.#pending;
    if (first !== undefined && session.nextSequence < first.baseSequence) {
      session.connection.close();
      throw new SennitError(
        "SEQUENCE_GAP",
        `The stream lacks sequences ${session.nextSequence} to ${
          first.baseSequence - 1
        }: another node took them as ` +
          `QUEUED and holds them; publish when it is back`,
        { outcome: "UNKNOWN", details: { expected: session.nextSequence } },
      );
    }
    this.#session = session;
    this.#broken = null;
    for (const pending of this.#pending) this.#transmit(pending);
  }

  #connect(): Promise<Session> {
    const { stream, producer } = this.#options;
    return this.#failover.connect(async (connection) => {
      const reply = expectReply(
        await connection.call({ kind: "producer-open", stream, producer }),
        "producer",
      );
      const { producerId, epoch, nextSequence } = reply;
      return { connection, producerId, epoch, nextSequence };
    });
  }
}

function asError(error: unknown): SennitError {
  if (error instanceof SennitError) return error;
  throw error;
}
