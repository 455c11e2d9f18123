/** Bugs of streams: what producers are told, what is taken for a duplicate, and how far consumers are taken to be. */
import type { Mutant } from "./mutant.ts";

export const DELIVERY: readonly Mutant[] = [
  {
    id: "snapshot-forgets-sessions",
    says: "a snapshot of a stream leaves its producers' sessions out",
    edits: [{
      file: "src/stream/state.ts",
      from: "this.#producers.write(writer);",
      to: "new Producers().write(writer);",
    }],
  },
  {
    id: "dedupe-lost-at-restart",
    says: "what a producer's session has accepted is forgotten where its state is restored",
    edits: [{
      file: "src/stream/producers.ts",
      from: "lastSequence: reader.u64() as Sequence,",
      to: "lastSequence: (reader.u64() * 0) as Sequence,",
    }],
  },
  {
    id: "dedupe-key-without-epoch",
    says: "a batch of an earlier session of the producer is accepted by its sequence alone",
    edits: [{
      file: "src/stream/producers.ts",
      from: 'if (header.epoch < session.epoch) return { kind: "fenced", epoch: session.epoch };\n',
      to: "",
    }, {
      file: "src/stream/producers.ts",
      from: "session !== undefined && session.epoch === header.epoch",
      to: "session !== undefined",
    }],
  },
  {
    id: "ack-before-handler",
    says: "a message counts as processed when it is pushed to its subscriber",
    edits: [{
      file: "src/node/delivery.ts",
      from: "subscriber.cursor = position.baseOffset + count as Offset;",
      to:
        "const first = subscriber.cursor;\n      subscriber.cursor = position.baseOffset + count as Offset;\n" +
        "      subscriber.acknowledge(first, subscriber.cursor);",
    }],
  },
  {
    id: "ack-before-commit",
    says: "COMMITTED is said when the batch is durable at its own node",
    edits: [{
      file: "src/node/publishing.ts",
      from: 'return waiter.level === "QUEUED";',
      to: 'return waiter.level !== "COMPLETED";',
    }],
  },
  {
    id: "queued-before-durable",
    says: "QUEUED is said before the batch is durable",
    edits: [{
      file: "src/node/publishing.ts",
      from: "if (record.lsn > durable) break;",
      to: "if (record.lsn > durable + 1) break;",
    }],
  },
  {
    id: "completed-at-commit",
    says: "COMPLETED is said when the batch is committed, processed or not",
    edits: [{
      file: "src/node/publishing.ts",
      from: 'if (level !== "COMPLETED") {',
      to: 'if (level !== "QUEUED") {',
    }],
  },
  {
    id: "offset-moved-past-gap",
    says: "an acknowledgement of a later range covers what lies before it",
    edits: [{
      file: "src/node/subscriber.ts",
      from: "while (ranges.length > 0 && ranges[0]!.first <= this.#processed) {",
      to: "while (ranges.length > 0) {",
    }],
  },
  {
    id: "old-subscriber-not-fenced",
    says: "an offset is moved by whatever session of the subscription",
    edits: [{
      file: "src/stream/subscriptions.ts",
      from: "if (subscription === null || subscription.epoch !== epoch) return false;",
      to: "if (subscription === null || epoch < 0) return false;",
    }],
  },
];
