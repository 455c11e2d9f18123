/**
 * Delivering one stream to the subscribers attached to this node: batches go out as they were published, within each
 * subscriber's credit, and what is acknowledged is brought into the log as offsets.
 */
import { assert } from "../core/assert.ts";
import { SennitError } from "../core/errors.ts";
import type { Index, Offset, Token } from "../core/ids.ts";
import { LOAD_BYTES_LIMIT, SUBSCRIBER_CREDIT_BYTES_LIMIT, SUBSCRIBERS_LIMIT } from "../core/limits.ts";
import {
  encodeStreamCommand,
  type OffsetMove,
  readRecordBatchHeader,
  type StreamResult,
} from "../stream/mod.ts";
import type { LoadedEntry } from "../wal/mod.ts";
import { failureOf, subscriptionCancelled, unknownOutcome } from "./replies.ts";
import type { StreamSeat } from "./stream_seat.ts";
import { Subscriber } from "./subscriber.ts";

/** Acknowledgements of one subscriber whose replies wait for a commit. */
const ACK_WAITERS_LIMIT = 1024;
/** Bytes pushed to one subscriber in one turn. */
const DELIVERY_BYTES_PER_TURN = 1024 * 1024;

export class Delivery {
  readonly #seat: StreamSeat;
  readonly #subscribers = new Map<Token, Subscriber>();
  /** Those that wait for their subscription to be opened. */
  readonly #opening = new Set<Token>();
  #moving = false;
  /** What subscribers had said to have processed when they ended, by the subscription's name, until it is committed. */
  readonly #left = new Map<string, { readonly epoch: number; readonly processed: Offset }>();
  /** The earliest deadline of an acknowledgement that waits. */
  #acksUntilMs = Infinity;

  constructor(seat: StreamSeat) {
    this.#seat = seat;
  }

  owns(subscriber: Token): boolean {
    return this.#subscribers.has(subscriber);
  }

  /** True where nothing is to be done before something is asked. */
  get isIdle(): boolean {
    return this.#subscribers.size === 0 && this.#left.size === 0 && this.#acksUntilMs === Infinity;
  }

  /** Sends what credit allows. */
  deliver(): void {
    for (const subscriber of [...this.#subscribers.values()]) this.#deliver(subscriber);
  }

  /** A load that a subscriber waits for has come. */
  loaded(request: number, entries: readonly LoadedEntry[], failed: string | null): boolean {
    for (const subscriber of this.#subscribers.values()) {
      if (subscriber.load !== request) continue;
      subscriber.load = 0;
      // Damaged: it is fetched from a peer, and delivery goes on then.
      if (failed !== null && failed !== "DATA_DAMAGED" && entries.length === 0) {
        const text = `The messages from offset ${subscriber.cursor} cannot be read: ${failed}`;
        this.#end(subscriber, new SennitError("DATA_DAMAGED", text));
      } else this.#deliver(subscriber, entries);
      return true;
    }
    return false;
  }

  failAll(error: SennitError): void {
    for (const subscriber of [...this.#subscribers.values()]) this.#end(subscriber, error);
    this.#left.clear();
  }

  subscribe(token: Token, name: string, fromOffset: Offset | null, creditBytes: number, now: number): void {
    if (this.#subscribers.size + this.#opening.size >= SUBSCRIBERS_LIMIT) {
      this.#seat.refuse(
        token,
        "OVERLOADED",
        `${SUBSCRIBERS_LIMIT} subscribers are attached, which is the limit`,
      );
      return;
    }
    if (!this.#seat.record.targets.includes(this.#seat.node.memberId)) {
      const targets = this.#seat.record.targets.map((id) => this.#seat.node.memberName(id)).join(", ");
      this.#seat.refuse(
        token,
        "NOT_A_STREAM_MEMBER",
        `This node is no target of ${this.#seat.record.name}: subscribe at ${targets}`,
      );
      return;
    }
    this.#opening.add(token);
    this.#seat.node.requests.submit(
      this.#seat.group.id,
      (origin) =>
        encodeStreamCommand({
          kind: "open-subscription",
          origin,
          member: this.#seat.node.memberId,
          subscription: name,
        }),
      now,
      (result) => {
        if (this.#opening.delete(token)) {
          this.#subscribed(token, result as StreamResult, fromOffset, creditBytes);
        }
      },
      (error) => {
        if (this.#opening.delete(token)) this.#seat.fail(token, error);
      },
    );
  }

  credit(subscriber: Token, bytes: number): void {
    const found = this.#subscribers.get(subscriber);
    if (found === undefined) return;
    found.creditBytes = Math.min(found.creditBytes + bytes, SUBSCRIBER_CREDIT_BYTES_LIMIT);
  }

  acknowledge(token: Token, subscriber: Token, first: Offset, next: Offset): void {
    const found = this.#subscribers.get(subscriber);
    if (found === undefined) {
      this.#seat.refuse(token, "SUBSCRIPTION_FENCED", "The subscription has ended: subscribe again");
      return;
    }
    if (!(first < next && next <= found.cursor)) {
      this.#seat.refuse(
        token,
        "INVALID_ARGUMENT",
        `Cannot acknowledge [${first}, ${next}) as ${found.cursor} is next to be sent`,
      );
      return;
    }
    if (found.waiters.length >= ACK_WAITERS_LIMIT) {
      const text = `${ACK_WAITERS_LIMIT} acknowledgements wait to be committed: repeat later`;
      this.#seat.refuse(token, "OVERLOADED", text);
      return;
    }
    if (!found.acknowledge(first, next)) {
      this.#seat.refuse(
        token,
        "OVERLOADED",
        "Too many separate ranges are acknowledged: acknowledge the first gap",
      );
      return;
    }
    found.waiters.push({ token, next, deadlineMs: Infinity });
  }

  /** Detaches a subscriber, also one whose subscription is not open yet: nobody would take what it is sent. */
  cancel(subscriber: Token): boolean {
    if (this.#opening.delete(subscriber)) {
      this.#seat.fail(subscriber, subscriptionCancelled());
      return true;
    }
    const found = this.#subscribers.get(subscriber);
    if (found === undefined) return false;
    this.#end(found, null);
    return true;
  }

  #subscribed(token: Token, result: StreamResult, fromOffset: Offset | null, creditBytes: number): void {
    if (result.kind !== "subscription") return this.#seat.refused(token, result);
    const cursor = fromOffset ?? result.offset;
    if (cursor > this.#seat.state.nextOffset || cursor < this.#seat.state.firstOffset) {
      const { firstOffset, nextOffset } = this.#seat.state;
      const text =
        `Offset ${cursor} of ${this.#seat.record.name} is not retained here: [${firstOffset}, ${nextOffset}] is`;
      this.#seat.refuse(token, "OFFSET_NOT_RETAINED", text, { first: firstOffset, next: nextOffset });
      return;
    }
    const subscriber = new Subscriber({
      token,
      name: result.name,
      epoch: result.epoch,
      cursor,
      processed: cursor > result.offset ? cursor : result.offset,
      // One delivery is always allowed.
      creditBytes: Math.max(1, Math.min(creditBytes, SUBSCRIBER_CREDIT_BYTES_LIMIT)),
    });
    this.#subscribers.set(token, subscriber);
    this.#seat.node.callers.reply(token, { kind: "subscribed", epoch: result.epoch, nextOffset: cursor });
  }

  /** A newer epoch of a subscription of this member ends the earlier subscriber. */
  fence(result: StreamResult & { kind: "subscription" }): void {
    if (result.member !== this.#seat.node.memberId) return;
    for (const subscriber of [...this.#subscribers.values()]) {
      if (subscriber.name === result.name && subscriber.epoch < result.epoch) {
        this.#end(
          subscriber,
          new SennitError("SUBSCRIPTION_FENCED", `Another subscriber took ${result.name} over`),
        );
      }
    }
  }

  /** A snapshot was installed: a newer epoch of a subscription may be among what it covers. */
  afterRestore(): void {
    for (const subscriber of [...this.#subscribers.values()]) {
      const current = this.#seat.state.subscription(this.#seat.node.memberId, subscriber.name);
      if (current === null || current.epoch === subscriber.epoch) continue;
      this.#end(
        subscriber,
        new SennitError("SUBSCRIPTION_FENCED", `Another subscriber took ${subscriber.name} over`),
      );
    }
  }

  #end(subscriber: Subscriber, error: SennitError | null): void {
    const { name, epoch, processed } = subscriber;
    this.#subscribers.delete(subscriber.token);
    this.#left.set(name, { epoch, processed });
    const reason = error ?? subscriptionCancelled();
    for (const { token } of subscriber.waiters) this.#seat.fail(token, unknownOutcome(reason));
    if (error !== null) {
      this.#seat.node.callers.push(subscriber.token, { kind: "subscription-ended", error: failureOf(error) });
    }
  }

  #deliver(subscriber: Subscriber, loaded: readonly LoadedEntry[] = []): void {
    let budget = DELIVERY_BYTES_PER_TURN;
    while (subscriber.load === 0 && subscriber.creditBytes > 0 && budget > 0) {
      if (subscriber.cursor >= this.#seat.state.nextOffset) return;
      const position = this.#seat.state.find(subscriber.cursor);
      if (position === null) {
        const text = `Offset ${subscriber.cursor} of ${this.#seat.record.name} is not retained here any more`;
        this.#end(subscriber, new SennitError("OFFSET_NOT_RETAINED", text));
        return;
      }
      const bytes = this.#entryBytes(position.index, loaded);
      if (bytes === "damaged") return;
      if (bytes === null) {
        subscriber.load = this.#seat.node.wal.load(
          this.#seat.group.id,
          position.index,
          this.#seat.group.applied,
          LOAD_BYTES_LIMIT,
        );
        return;
      }
      const { count } = readRecordBatchHeader(bytes);
      const skip = subscriber.cursor - position.baseOffset;
      assert(skip >= 0 && skip < count, "the batch found holds the offset looked for");
      const batch = bytes.slice() as Uint8Array<ArrayBuffer>;
      this.#seat.node.callers.push(subscriber.token, {
        kind: "delivery",
        baseOffset: position.baseOffset,
        skip,
        count,
        batch,
      });
      subscriber.cursor = position.baseOffset + count as Offset;
      subscriber.creditBytes -= batch.length;
      budget -= batch.length;
    }
  }

  #entryBytes(index: Index, loaded: readonly LoadedEntry[]): Uint8Array | null | "damaged" {
    for (const entry of loaded) if (entry.index === index) return entry.bytes;
    const entry = this.#seat.node.wal.entry(this.#seat.group.id, index);
    assert(entry !== null, `retained entry ${index} is in the log`);
    return entry.damaged ? "damaged" : entry.bytes;
  }

  /** Answers acknowledgements that are committed, and those that have waited too long for it. */
  answerAcks(now: number): void {
    this.#acksUntilMs = Infinity;
    for (const subscriber of this.#subscribers.values()) {
      if (subscriber.waiters.length === 0) continue;
      const committed = this.#seat.state.subscription(this.#seat.node.memberId, subscriber.name)?.offset ?? 0;
      subscriber.waiters = subscriber.waiters.filter((waiter) => {
        if (waiter.next <= committed) this.#seat.node.callers.reply(waiter.token, { kind: "done" });
        else if (waiter.deadlineMs <= now) this.#seat.fail(waiter.token, this.#lateAck());
        else {
          const waitsForCommit = waiter.deadlineMs === Infinity && waiter.next <= subscriber.processed;
          if (waitsForCommit) waiter.deadlineMs = now + this.#seat.node.callTimeoutMs;
          this.#acksUntilMs = Math.min(this.#acksUntilMs, waiter.deadlineMs);
          return true;
        }
        return false;
      });
    }
  }

  /** When an acknowledgement has waited too long. */
  deadline(): number {
    return this.#acksUntilMs;
  }

  #lateAck(): SennitError {
    const text =
      `Stream ${this.#seat.record.name} has not committed the acknowledgement in time; it will when a ` +
      `majority of the stream's members is back: acknowledge again to wait on`;
    return new SennitError("TIMEOUT", text, { outcome: "UNKNOWN" });
  }

  /** At most one proposal of this member's offsets is outstanding; the next one carries all that came meanwhile. */
  moveOffsets(now: number): void {
    if (this.#moving) return;
    const member = this.#seat.node.memberId;
    const moves: OffsetMove[] = [];
    for (const { name, epoch, processed: offset } of this.#subscribers.values()) {
      if (this.#rises(name, epoch, offset)) moves.push({ member, subscription: name, epoch, offset });
    }
    for (const [name, { epoch, processed: offset }] of this.#left) {
      if (this.#rises(name, epoch, offset)) moves.push({ member, subscription: name, epoch, offset });
      else this.#left.delete(name);
    }
    if (moves.length === 0) return;
    this.#moving = true;
    this.#seat.node.requests.submit(
      this.#seat.group.id,
      (origin) => encodeStreamCommand({ kind: "move-offsets", origin, moves }),
      now,
      () => this.#moving = false,
      // Offsets only rise: whatever became of it, saying it again is right.
      () => this.#moving = false,
    );
  }

  #rises(name: string, epoch: number, offset: Offset): boolean {
    const committed = this.#seat.state.subscription(this.#seat.node.memberId, name);
    return committed !== null && committed.epoch === epoch && offset > committed.offset;
  }
}
