/** Kv.Session at the server: many requests outstanding on one stream, answered as they finish. */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { KvRequest, KvResponse } from "../../proto/gen/sennit/mesh/v1/kv.ts";
import { foreseen } from "./failure.ts";
import type { NodeFace } from "../client/mod.ts";
import { Exchange } from "./exchange.ts";
import type { Gate } from "./gate.ts";
import { sessionCall, sessionResponse } from "./kv_methods.ts";

export function kvSession(gate: Gate, face: NodeFace) {
  return (call: ServerDuplexStream<KvRequest, KvResponse>) => {
    const exchange = new Exchange(call, (request: KvRequest) => {
      const { requestId } = request;
      const bytes = request.request?.$case === "put" ? request.request.value.value.length : 0;
      exchange.begin(bytes);
      try {
        const call = sessionCall(request);
        face.submit(call, { reply: (reply) => exchange.finish(bytes, sessionResponse(requestId, reply)) });
      } catch (error) {
        const failure = foreseen(error);
        if (failure === null) throw error;
        exchange.finish(bytes, sessionResponse(requestId, { kind: "failed", error: failure }));
      }
    });
    exchange.run(gate, "use");
  };
}
