/** Many requests outstanding on one bidirectional stream, matched to their responses by number. */
import type { Client, ClientDuplexStream, MethodDefinition, ServiceError } from "@grpc/grpc-js";
import type { Reply } from "../node/calls.ts";
import { failureFromService, isToldByNode } from "./failure.ts";

export class Pipeline<Request, Response extends { requestId: number }> {
  readonly #client: Client;
  readonly #method: MethodDefinition<Request, Response>;
  readonly #toReply: (response: Response) => Reply;
  #stream: ClientDuplexStream<Request, Response> | null = null;
  #waiting = new Map<number, (reply: Reply) => void>();
  #next = 1;

  constructor(
    client: Client,
    method: MethodDefinition<Request, Response>,
    toReply: (response: Response) => Reply,
  ) {
    this.#client = client;
    this.#method = method;
    this.#toReply = toReply;
  }

  /** Sends a request and gives its reply, `failed` included. */
  send(request: (requestId: number) => Request): Promise<Reply> {
    const requestId = this.#next++;
    const message = request(requestId); // Throws where it is too large, before anything waits for it.
    const stream = this.#stream ??= this.#connect();
    return new Promise((resolve) => {
      this.#waiting.set(requestId, resolve);
      stream.write(message);
    });
  }

  close(): void {
    this.#stream?.end();
    this.#stream = null;
  }

  #connect(): ClientDuplexStream<Request, Response> {
    const { path, requestSerialize, responseDeserialize } = this.#method;
    const stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const waiting = this.#waiting = new Map();
    stream.on("data", (response: Response) => {
      const resolve = waiting.get(response.requestId);
      waiting.delete(response.requestId);
      resolve?.(this.#toReply(response));
    });
    const lost = (reply: Reply) => {
      if (this.#stream === stream) this.#stream = null; // The next request opens another.
      for (const resolve of waiting.values()) resolve(reply);
      waiting.clear();
    };
    stream.on("error", (error: ServiceError) => {
      const failure = failureFromService(error);
      // A refusal of the whole stream by the node holds for each request. Where gRPC broke it, nothing is known.
      const outcome = isToldByNode(error) ? failure.outcome : "UNKNOWN";
      lost({ kind: "failed", error: { ...failure, outcome } });
    });
    stream.on("end", () =>
      lost({
        kind: "failed",
        error: { code: "UNREACHABLE", message: "The node ended the stream", outcome: "UNKNOWN", details: {} },
      }));
    return stream;
  }
}
