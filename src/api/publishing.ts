/** MeshDataService.Publish at the server: batches pass through unopened, each answered when its level is reached. */
import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { PublishRequest, PublishResponse } from "../../proto/gen/sennit/mesh/v1/data.ts";
import { foreseen } from "./failure.ts";
import type { NodeFace } from "../client/mod.ts";
import { publishCall, publishResponse } from "./data_methods.ts";
import { Exchange } from "./exchange.ts";
import type { Gate } from "./gate.ts";

export function publishing(gate: Gate, face: NodeFace) {
  return (call: ServerDuplexStream<PublishRequest, PublishResponse>) => {
    const exchange = new Exchange(call, (request: PublishRequest) => {
      const { requestId } = request;
      const bytes = request.batch.length;
      exchange.begin(bytes);
      try {
        const call = publishCall(request);
        face.submit(call, { reply: (reply) => exchange.finish(bytes, publishResponse(requestId, reply)) });
      } catch (error) {
        const failure = foreseen(error);
        if (failure === null) throw error;
        exchange.finish(bytes, publishResponse(requestId, { kind: "failed", error: failure }));
      }
    });
    exchange.run(gate, "use");
  };
}
