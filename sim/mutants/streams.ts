/** More bugs of streams: sessions, offsets, retention, the outbox, and what subscribers are sent. */
import type { Mutant } from "./mutant.ts";

export const STREAMS: readonly Mutant[] = [
  {
    id: "gap-accepted",
    says: "a batch is accepted although one before it is missing",
    edits: [{
      file: "src/stream/producers.ts",
      from: 'if (header.baseSequence > expected) return { kind: "gap", expected };',
      to: 'if (header.baseSequence > expected) return { kind: "accept" };',
    }, {
      file: "src/stream/producers.ts",
      from:
        '    assert(header.baseSequence === session.lastSequence + 1, "only the next sequence is accepted");\n',
      to: "",
    }],
  },
  {
    id: "duplicate-accepted",
    says: "a batch that was accepted before is accepted again",
    edits: [{
      file: "src/stream/producers.ts",
      from: "if (header.baseSequence === expected) return",
      to: "if (header.baseSequence === expected || header.baseSequence + header.count === expected) return",
    }, {
      file: "src/stream/producers.ts",
      from:
        '    assert(header.baseSequence === session.lastSequence + 1, "only the next sequence is accepted");\n',
      to: "",
    }],
  },
  {
    id: "duplicate-at-wrong-offset",
    says: "a duplicate is answered with the first offset of its run",
    edits: [{
      file: "src/stream/producers.ts",
      from: "if (into >= 0 && into < range.count) return range.firstOffset + into;",
      to: "if (into >= 0 && into < range.count) return range.firstOffset;",
    }],
  },
  {
    id: "ranges-merged-over-gap",
    says: "runs of a producer's sequences are merged although others' messages lie between",
    edits: [{
      file: "src/stream/producers.ts",
      from: "if (last !== undefined && last.firstOffset + last.count === baseOffset) {",
      to: "if (last !== undefined && last.firstOffset < baseOffset) {",
    }],
  },
  {
    id: "producer-epoch-not-raised",
    says: "a new session of a producer has the epoch of the old one",
    edits: [{
      file: "src/stream/producers.ts",
      from: "session.epoch++;",
      to: "session.epoch = Math.max(1, session.epoch);",
    }],
  },
  {
    id: "subscription-epoch-not-raised",
    says: "a new subscriber does not fence the old one",
    edits: [{
      file: "src/stream/subscriptions.ts",
      from: "subscription.epoch++;",
      to: "subscription.epoch = Math.max(1, subscription.epoch);",
    }],
  },
  {
    id: "offsets-lost-in-snapshot",
    says: "a snapshot holds the subscriptions without how far they are",
    edits: [{
      file: "src/stream/subscriptions.ts",
      from: "offset: reader.u64() as Offset,",
      to: "offset: (reader.u64() * 0) as Offset,",
    }],
  },
  {
    id: "retention-floor-off-by-one",
    says: "the batch in which the slowest subscription stands may be dropped",
    edits: [{
      file: "src/stream/state.ts",
      from: "holding.index - 1 as Index;",
      to: "holding.index;",
    }],
  },
  {
    id: "retention-ignores-slowest",
    says: "what the fastest subscription has processed may be dropped",
    edits: [{
      file: "src/stream/subscriptions.ts",
      from: "if (low === null || each.offset < low) low = each.offset;",
      to: "if (low === null || each.offset > low) low = each.offset;",
    }],
  },
  {
    id: "batch-index-off-by-one",
    says: "a restored member forgets where the first batch after its log's begin lies",
    edits: [{
      file: "src/stream/batch_index.ts",
      from: "if (at > base) index.push(at, offset, size);",
      to: "if (at > base + 1) index.push(at, offset, size);",
    }],
  },
  {
    id: "redelivery-after-ack",
    says: "a subscription begins with the last message that was acknowledged",
    edits: [{
      file: "src/node/delivery.ts",
      from: "const cursor = fromOffset ?? result.offset;",
      to: "const cursor = fromOffset ?? Math.max(0, result.offset - 1) as Offset;",
    }],
  },
  {
    id: "ack-answered-early",
    says: "an acknowledgement is answered before it is committed",
    edits: [{
      file: "src/node/delivery.ts",
      from: "if (waiter.next <= committed) this.#seat",
      to: "if (waiter.next <= Math.max(committed, subscriber.processed)) this.#seat",
    }],
  },
  {
    id: "batch-sent-from-its-begin",
    says: "a subscription that begins within a batch is sent all of it",
    edits: [{
      file: "src/node/delivery.ts",
      from: "        skip,\n        count,",
      to: "        skip: 0 * skip,\n        count,",
    }],
  },
  {
    id: "completed-off-by-one",
    says: "COMPLETED is said one message too early",
    edits: [{
      file: "src/node/publishing.ts",
      from: "this.#completions[count]!.end <= completed) count++;",
      to: "this.#completions[count]!.end <= completed + 1) count++;",
    }],
  },
  {
    id: "outbox-forgotten-at-restart",
    says: "what waited in the outbox is not taken up again after a restart",
    edits: [{
      file: "src/node/stream_host.ts",
      from: "this.#publishing.recover(outboxId);",
      to: "if (outboxId < 0) this.#publishing.recover(outboxId);",
    }],
  },
  {
    id: "outbox-not-handed-again",
    says: "a batch that got lost on its way to the leader is not sent again",
    edits: [{
      file: "src/node/publishing.ts",
      from: "handed.atMs + HAND_AGAIN_MS <= now);",
      to: "handed.atMs + HAND_AGAIN_MS < 0);",
    }],
  },
  {
    id: "outbox-forgets-leader",
    says: "a batch that was handed to one leader is not handed to the next",
    edits: [{
      file: "src/node/publishing.ts",
      from: "handed === null || handed.term !== term || handed.leader !== leader ||",
      to: "handed === null ||",
    }],
  },
  {
    id: "outbox-released-by-epoch",
    says: "a batch leaves the outbox when another session's batch of the same sequence is applied",
    edits: [{
      file: "src/node/outbox.ts",
      from: "return `${header.producerId}/${header.epoch}/${header.baseSequence}`;",
      to: "return `${header.producerId}/${header.baseSequence}`;",
    }],
  },
  {
    id: "credit-not-returned",
    says: "a subscriber's credit is not given back",
    edits: [{
      file: "src/node/delivery.ts",
      from: "found.creditBytes = Math.min(found.creditBytes + bytes, SUBSCRIBER_CREDIT_BYTES_LIMIT);",
      to:
        "found.creditBytes = Math.min(found.creditBytes, SUBSCRIBER_CREDIT_BYTES_LIMIT, bytes + found.creditBytes);",
    }],
  },
  {
    id: "queued-while-opening",
    says:
      "what a session publishes is acknowledged as QUEUED while a newer one of its producer is being opened there",
    edits: [{
      file: "src/node/publishing.ts",
      from: "const refusal = this.#opens.refusal(header.producerId) ?? this.#full();",
      to: "const refusal = this.#full();",
    }],
  },
  {
    id: "processed-still-held",
    says: "the last batch of a stream counts against its retention although everybody has processed it",
    edits: [{
      file: "src/stream/state.ts",
      from: "return this.floor >= this.#nextOffset ? 0 : this.#index.bytesFrom(this.floor);",
      to: "return this.#index.bytesFrom(this.floor);",
    }],
  },
  {
    id: "cancelled-subscribe-opens",
    says: "a subscriber that was cancelled while its subscription was being opened is attached all the same",
    edits: [{
      file: "src/node/delivery.ts",
      from: "if (this.#opening.delete(subscriber)) {",
      to: "if (subscriber === 0 && this.#opening.delete(subscriber)) {",
    }],
  },
];
