/**
 * The ledger of effects, outside of the mesh: what producers were promised, what consumers did, and which message stands
 * at which offset. It loses nothing and judges at once what can be judged at once; `checkers/delivery.ts` judges the rest.
 */
import { decodeText } from "../../src/core/bytes.ts";

export type Level = "QUEUED" | "COMMITTED" | "COMPLETED";

/** One message, as its producer numbers it. */
export interface Sent {
  readonly id: string;
  acknowledged: Level | null;
  /** Its producer was told that it is not in the stream, which is closed. */
  refused: boolean;
}

/** What one consumer (stream, node, subscription) has done. */
export interface ConsumerLedger {
  readonly stream: string;
  readonly node: string;
  readonly subscription: string;
  readonly mode: "sink" | "acknowledge";
  /** Sink: effects and this offset change in one transaction. */
  nextOffset: number;
  /** Sink: the messages whose effect was made, in order. */
  readonly effects: string[];
  /** Acknowledge: offsets whose effect was made, each with how often. */
  readonly seen: Map<number, number>;
  /** Acknowledge: offsets that were acknowledged, whether an answer has come or not. */
  readonly asked: Set<number>;
  /** Acknowledge: everything below was acknowledged and the reply has come. */
  acknowledgedOffset: number;
  /** Its node is taken away: it need not see everything. */
  isRetired: boolean;
}

/** The id at the beginning of a message's content. */
export function idOf(message: Uint8Array): string {
  const text = decodeText(message);
  return text.slice(0, text.indexOf(" "));
}

export class Effects {
  /** Stream to messages that a producer has handed over, by id. */
  readonly sent = new Map<string, Map<string, Sent>>();
  /** Stream to what stands at its offsets, as anyone has seen it. */
  readonly placed = new Map<string, Map<number, string>>();
  readonly consumers: ConsumerLedger[] = [];
  /** What was seen that must not be. */
  readonly violations: string[] = [];
  /** Streams whose completion waits for every consumer. */
  readonly awaited = new Set<string>();
  /** Streams that somebody has asked to be closed: what is only queued there may never get into them. */
  readonly closed = new Set<string>();
  /** Streams that somebody has asked to be dropped at once: what is in them need not be delivered. */
  readonly discarded = new Set<string>();
  /** Nothing new is sent: who is slow is so no longer. */
  isEnding = false;
  /** Told of messages that a producer was told to be committed. */
  onCommitted: (stream: string, ids: readonly string[]) => void = () => {};
  readonly counts = { sent: 0, acknowledged: 0, effects: 0, redelivered: 0, deliveries: 0, completed: 0 };

  send(stream: string, ids: readonly string[]): void {
    const messages = this.#ofStream(this.sent, stream);
    for (const id of ids) messages.set(id, { id, acknowledged: null, refused: false });
    this.counts.sent += ids.length;
  }

  acknowledge(stream: string, ids: readonly string[], level: Level, firstOffset: number): void {
    const messages = this.#ofStream(this.sent, stream);
    if (level !== "QUEUED") this.onCommitted(stream, ids);
    if (level === "COMPLETED" && firstOffset >= 0) this.#checkCompleted(stream, firstOffset + ids.length);
    for (const [i, id] of ids.entries()) {
      const message = messages.get(id)!;
      message.acknowledged = level;
      this.counts.acknowledged += 1;
      if (firstOffset >= 0) this.place(stream, firstOffset + i, id);
    }
  }

  /** The stream is closed, and these messages are not in it. */
  refuse(stream: string, ids: readonly string[]): void {
    const messages = this.#ofStream(this.sent, stream);
    for (const id of ids) messages.get(id)!.refused = true;
  }

  /** A producer's node is taken away, with what it had only queued. */
  retire(stream: string, producer: string): void {
    for (const message of this.sent.get(stream)?.values() ?? []) {
      if (message.acknowledged === "QUEUED" && message.id.startsWith(`${producer}/`)) {
        message.acknowledged = null;
      }
    }
  }

  /** Someone learned that this message has this offset. */
  place(stream: string, offset: number, id: string): void {
    const places = this.#ofStream(this.placed, stream);
    const before = places.get(offset);
    if (before === undefined) places.set(offset, id);
    else if (before !== id) {
      this.violations.push(`offset ${offset} of ${stream} holds ${before} and ${id}`);
    }
  }

  /** Everything below `end` was said to be processed by all that completion waits for. */
  #checkCompleted(stream: string, end: number): void {
    if (!this.awaited.has(stream)) return;
    for (const ledger of this.consumers) {
      if (ledger.stream !== stream || ledger.isRetired) continue;
      this.counts.completed += 1;
      const isDone = ledger.mode === "sink" ? ledger.nextOffset >= end : ledger.seen.has(end - 1);
      if (isDone) continue;
      this.violations.push(
        `${stream} was said to be completed below ${end}, which its consumer at ${ledger.node} has not seen`,
      );
    }
  }

  #ofStream<Key, Value>(all: Map<string, Map<Key, Value>>, stream: string): Map<Key, Value> {
    let one = all.get(stream);
    if (one === undefined) all.set(stream, one = new Map());
    return one;
  }
}
