/** Streams: record batches, producer sessions, subscriptions and offsets as one replicated state machine. Pure. */
export * from "./commands.ts";
export * from "./record_batch.ts";
export { StreamState } from "./state.ts";
export type { StreamResult } from "./state.ts";
export type { ProducerOutcome } from "./producers.ts";
export type { Subscription } from "./subscriptions.ts";
export type { BatchPosition } from "./batch_index.ts";
