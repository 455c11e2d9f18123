/** A subscription at a node far away: one stream that carries deliveries one way and acknowledgements the other. */
import type { Client, ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
import type { SubscribeRequest, SubscribeResponse } from "../../proto/gen/sennit/mesh/v1/data.ts";
import type { Offset } from "../core/ids.ts";
import { type CallOf, errorOf } from "../client/mod.ts";
import type { CallFailure, Push, Reply } from "../node/calls.ts";
import { subscribeOpen } from "./data_methods.ts";
import { failureFromMessage, failureFromService } from "./failure.ts";
import { DATA_SERVICE } from "./subscribing.ts";

const LOST: CallFailure = {
  code: "UNREACHABLE",
  message: "The node ended the subscription without a word",
  outcome: "UNKNOWN",
  details: {},
};
const DONE: Reply = { kind: "done" };

export class RemoteSubscription {
  readonly #stream: ClientDuplexStream<SubscribeRequest, SubscribeResponse>;
  readonly #onPush: (push: Push) => void;
  readonly #onOver: () => void;
  readonly #acks = new Map<number, (reply: Reply) => void>();
  #nextAck = 1;
  #over = false;
  /** Settled once: by the node's first word or by its refusal. */
  readonly #opening = Promise.withResolvers<Reply>();
  #isOpen = false;

  constructor(client: Client, call: CallOf<"subscribe">, onPush: (push: Push) => void, onOver: () => void) {
    this.#onPush = onPush;
    this.#onOver = onOver;
    const { path, requestSerialize, responseDeserialize } = DATA_SERVICE.subscribe;
    this.#stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#stream.on("data", (response: SubscribeResponse) => this.#take(response));
    this.#stream.on("error", (error: ServiceError) => this.#end(failureFromService(error)));
    this.#stream.on("end", () => this.#end(LOST));
    this.#stream.write({ request: { $case: "open", value: subscribeOpen(call) } });
  }

  /** The reply; throws `SennitError` where the subscription is refused. */
  get opened(): Promise<Reply> {
    return this.#opening.promise;
  }

  acknowledge(first: Offset, next: Offset): Promise<Reply> {
    if (this.#over) return Promise.resolve({ kind: "failed", error: { ...LOST, outcome: "NOT_APPLIED" } });
    return new Promise((resolve) => {
      const requestId = this.#nextAck++;
      this.#acks.set(requestId, resolve);
      this.#stream.write({ request: { $case: "ack", value: { requestId, first, next } } });
    });
  }

  credit(bytes: number): void {
    if (!this.#over) this.#stream.write({ request: { $case: "credit", value: { bytes } } });
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#stream.cancel();
    this.#finish(LOST);
  }

  #take({ response }: SubscribeResponse): void {
    if (this.#over) return;
    switch (response?.$case) {
      case "opened": {
        const { epoch, nextOffset } = response.value;
        this.#isOpen = true;
        this.#opening.resolve({ kind: "subscribed", epoch, nextOffset: nextOffset as Offset });
        break;
      }
      case "delivery": {
        const { baseOffset, skip, count, batch } = response.value;
        this.#onPush({
          kind: "delivery",
          baseOffset: baseOffset as Offset,
          skip,
          count,
          batch: batch as Uint8Array<ArrayBuffer>,
        });
        break;
      }
      case "acked": {
        const { requestId, failure } = response.value;
        const resolve = this.#acks.get(requestId);
        this.#acks.delete(requestId);
        resolve?.(failure === undefined ? DONE : { kind: "failed", error: failureFromMessage(failure) });
        break;
      }
      case "ended":
        this.#end(response.value.failure === undefined ? LOST : failureFromMessage(response.value.failure));
        break;
    }
  }

  #end(failure: CallFailure): void {
    if (this.#over) return;
    this.#over = true;
    this.#finish(failure);
    if (this.#isOpen) this.#onPush({ kind: "subscription-ended", error: failure });
    else this.#opening.reject(errorOf(failure));
  }

  #finish(failure: CallFailure): void {
    for (const resolve of this.#acks.values()) {
      resolve({ kind: "failed", error: { ...failure, outcome: "UNKNOWN" } });
    }
    this.#acks.clear();
    this.#onOver();
  }
}
