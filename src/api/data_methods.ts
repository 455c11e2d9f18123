/** The unary methods of MeshDataService, and the messages of its publish and subscribe. */
import {
  AckLevel as WireLevel,
  MeshDataServiceService as Data,
  type PublishRequest,
  type PublishResponse,
  type SubscribeOpen,
  type SubscribeResponse,
} from "../../proto/gen/sennit/mesh/v1/data.ts";
import { BATCH_BYTES_LIMIT } from "../core/limits.ts";
import type { Offset, Sequence } from "../core/ids.ts";
import { SennitError } from "../core/errors.ts";
import type { CallOf } from "../client/mod.ts";
import type { AckLevel, CallFailure, Push, Reply } from "../node/calls.ts";
import { failureFromMessage, failureMessage } from "./failure.ts";
import { streamOf, streamResponse } from "./mesh_methods.ts";
import { unary, type UnaryMethod } from "./method.ts";
import { chosen } from "./words.ts";

const RETENTION_BYTES_DEFAULT = 1024 * 1024 * 1024;
const CREDIT_BYTES_DEFAULT = 4 * 1024 * 1024;

const LEVEL = chosen<AckLevel, WireLevel>("level", [
  ["QUEUED", WireLevel.ACK_LEVEL_QUEUED],
  ["COMMITTED", WireLevel.ACK_LEVEL_COMMITTED],
  ["COMPLETED", WireLevel.ACK_LEVEL_COMPLETED],
]);

export const DATA_METHODS: readonly UnaryMethod[] = [
  unary({
    kind: "stream-open",
    access: "admin",
    definition: Data.openStream,
    toCall: (r) => ({
      ...r,
      kind: "stream-open",
      retentionBytes: r.retentionBytes || RETENTION_BYTES_DEFAULT,
    }),
    toRequest: ({ name, source, targets, subscriptions, retentionBytes, borrow }) => ({
      name,
      source,
      targets: [...targets],
      subscriptions: [...subscriptions],
      retentionBytes,
      borrow,
    }),
    toResponse: (r) => ({ stream: streamResponse(r.stream) }),
    toReply: (r) => {
      if (r.stream === undefined) throw new SennitError("VERSION_MISMATCH", "The response holds no stream");
      return { kind: "stream", stream: streamOf(r.stream) };
    },
  }),
  unary({
    kind: "stream-close",
    access: "admin",
    definition: Data.closeStream,
    toCall: (r) => ({ kind: "stream-close", name: r.name, discard: r.discard }),
    toRequest: (c) => ({ name: c.name, discard: c.discard }),
    toResponse: () => ({}),
    toReply: () => ({ kind: "done" }),
  }),
  unary({
    kind: "stream-list",
    access: "read",
    definition: Data.listStreams,
    toCall: () => ({ kind: "stream-list" }),
    toRequest: () => ({}),
    toResponse: (r) => ({ streams: r.streams.map(streamResponse) }),
    toReply: (r) => ({ kind: "streams", streams: r.streams.map(streamOf) }),
  }),
  unary({
    kind: "producer-open",
    access: "use",
    definition: Data.openProducer,
    toCall: (r) => ({ kind: "producer-open", stream: r.stream, producer: r.producer }),
    toRequest: (c) => ({ stream: c.stream, producer: c.producer }),
    toResponse: ({ producerId, epoch, nextSequence }) => ({ producerId, epoch, nextSequence }),
    toReply: (r) => ({
      kind: "producer",
      producerId: r.producerId,
      epoch: r.epoch,
      nextSequence: r.nextSequence as Sequence,
    }),
  }),
];

function assertBatchSize(batch: Uint8Array): void {
  if (batch.length <= BATCH_BYTES_LIMIT) return;
  throw new SennitError(
    "TOO_LARGE",
    `Cannot publish a batch as it may have ${BATCH_BYTES_LIMIT} bytes: current value is ${batch.length}`,
    { details: { limitBytes: BATCH_BYTES_LIMIT } },
  );
}

/** The batch is a view of what arrived: nobody else holds those bytes. */
export function publishCall(request: PublishRequest): CallOf<"publish"> {
  assertBatchSize(request.batch);
  return {
    kind: "publish",
    stream: request.stream,
    batch: request.batch as Uint8Array<ArrayBuffer>,
    level: LEVEL.read(request.level, "COMMITTED"),
  };
}

export function publishRequest(requestId: number, call: CallOf<"publish">): PublishRequest {
  assertBatchSize(call.batch);
  return { requestId, stream: call.stream, level: LEVEL.write(call.level), batch: call.batch };
}

export function publishResponse(requestId: number, reply: Reply): PublishResponse {
  if (reply.kind === "failed") {
    return { requestId, firstOffset: undefined, duplicate: false, failure: failureMessage(reply.error) };
  }
  if (reply.kind !== "published") {
    throw new TypeError(`Expected a reply of kind "published": got "${reply.kind}"`);
  }
  const firstOffset = reply.firstOffset < 0 ? undefined : reply.firstOffset;
  return { requestId, firstOffset, duplicate: reply.duplicate, failure: undefined };
}

export function publishReply(response: PublishResponse): Reply {
  if (response.failure !== undefined) return { kind: "failed", error: failureFromMessage(response.failure) };
  return { kind: "published", firstOffset: response.firstOffset ?? -1, duplicate: response.duplicate };
}

export function subscribeCall(open: SubscribeOpen): CallOf<"subscribe"> {
  return {
    kind: "subscribe",
    stream: open.stream,
    subscription: open.subscription,
    fromOffset: open.fromOffset === undefined ? null : open.fromOffset as Offset,
    creditBytes: open.creditBytes || CREDIT_BYTES_DEFAULT,
  };
}

export function subscribeOpen(call: CallOf<"subscribe">): SubscribeOpen {
  const { stream, subscription, fromOffset, creditBytes } = call;
  return { stream, subscription, fromOffset: fromOffset ?? undefined, creditBytes };
}

/** What a subscriber is pushed, null for what is not meant for one. */
export function subscribePush(push: Push): SubscribeResponse | null {
  if (push.kind === "delivery") {
    const { baseOffset, skip, count, batch } = push;
    return { response: { $case: "delivery", value: { baseOffset, skip, count, batch } } };
  }
  return push.kind === "subscription-ended" ? subscribeEnded(push.error) : null;
}

export function subscribeEnded(error: CallFailure): SubscribeResponse {
  return { response: { $case: "ended", value: { failure: failureMessage(error) } } };
}
