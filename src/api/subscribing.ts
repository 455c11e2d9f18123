/**
 * MeshDataService.Subscribe at the server: the first request opens a subscription, later ones acknowledge and give
 * credit, responses carry deliveries unopened. What may wait to be sent is bounded by the credit.
 */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import {
  MeshDataServiceService,
  PublishRequest,
  PublishResponse,
  type SubscribeAck,
  type SubscribeRequest,
  SubscribeResponse,
} from "../../proto/gen/sennit/mesh/v1/data.ts";
import { SennitError } from "../core/errors.ts";
import type { Offset, Token } from "../core/ids.ts";
import type { NodeFace } from "../client/mod.ts";
import type { Push, Reply } from "../node/calls.ts";
import { subscribeCall, subscribePush } from "./data_methods.ts";
import { failureMessage, serviceError, serviceErrorOf } from "./failure.ts";
import type { Gate } from "./gate.ts";

/** The service, whose busiest messages are sent as views instead of copies. */
export const DATA_SERVICE = {
  ...MeshDataServiceService,
  publish: {
    ...MeshDataServiceService.publish,
    requestSerialize: (value: PublishRequest) => viewOf(PublishRequest.encode(value).finish()),
    responseSerialize: (value: PublishResponse) => viewOf(PublishResponse.encode(value).finish()),
  },
  subscribe: {
    ...MeshDataServiceService.subscribe,
    responseSerialize: (value: SubscribeResponse) => viewOf(SubscribeResponse.encode(value).finish()),
  },
};

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

type Call = ServerDuplexStream<SubscribeRequest, SubscribeResponse>;

export function subscribing(gate: Gate, face: NodeFace) {
  return (call: Call) => {
    new Subscriber(call, face).run(gate);
  };
}

class Subscriber {
  readonly #call: Call;
  readonly #face: NodeFace;
  #token: Token | null = null;
  #over = false;

  constructor(call: Call, face: NodeFace) {
    this.#call = call;
    this.#face = face;
  }

  async run(gate: Gate): Promise<void> {
    this.#call.on("error", () => this.#cancel());
    this.#call.on("cancelled", () => this.#cancel());
    try {
      await gate.admit(this.#call, "use");
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#call.on("end", () => {
      this.#cancel();
      this.#call.end();
    });
    this.#call.on("data", (request: SubscribeRequest) => {
      if (this.#over) return; // Nobody would end what a late request opened.
      try {
        this.#take(request);
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  #take({ request }: SubscribeRequest): void {
    if (request?.$case === "open") {
      if (this.#token !== null) throw new SennitError("INVALID_ARGUMENT", "The subscription is open already");
      this.#token = this.#face.submit(subscribeCall(request.value), {
        reply: (reply) => this.#opened(reply),
        push: (push) => this.#push(push),
      });
      return;
    }
    if (this.#token === null) {
      throw new SennitError("INVALID_ARGUMENT", "The first request opens the subscription");
    }
    if (request?.$case === "ack") this.#acknowledge(this.#token, request.value);
    else if (request?.$case === "credit") {
      this.#face.submit({ kind: "credit", subscriber: this.#token, bytes: request.value.bytes }, {
        reply() {},
      });
    } else throw new SennitError("INVALID_ARGUMENT", "The request asks for nothing that is known");
  }

  #opened(reply: Reply): void {
    if (this.#over) return;
    if (reply.kind === "failed") {
      this.#over = true;
      this.#call.emit("error", serviceError(reply.error));
    } else if (reply.kind === "subscribed") {
      const { epoch, nextOffset } = reply;
      this.#write({ response: { $case: "opened", value: { epoch, nextOffset } } });
    }
  }

  #push(push: Push): void {
    const response = subscribePush(push);
    if (response === null) return;
    this.#write(response);
    if (push.kind !== "subscription-ended") return;
    this.#over = true;
    this.#call.end();
  }

  #acknowledge(subscriber: Token, { requestId, first, next }: SubscribeAck): void {
    const call = { kind: "ack", subscriber, first: first as Offset, next: next as Offset } as const;
    this.#face.submit(call, {
      reply: (reply) => {
        const failure = reply.kind === "failed" ? failureMessage(reply.error) : undefined;
        this.#write({ response: { $case: "acked", value: { requestId, failure } } });
      },
    });
  }

  #write(response: SubscribeResponse): void {
    if (!this.#over) this.#call.write(response);
  }

  #fail(error: unknown): void {
    this.#cancel();
    this.#call.emit("error", serviceErrorOf(error));
  }

  /** The client has gone or is refused: nobody takes deliveries any more. */
  #cancel(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#token !== null) this.#face.cancel(this.#token).catch(() => {}); // Ended meanwhile: as good.
  }
}
