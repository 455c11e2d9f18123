/** A stream of changes from a node far away. */
import type { Client, MethodDefinition, ServiceError } from "@grpc/grpc-js";
import { errorOf } from "../client/mod.ts";
import type { Push, Reply } from "../node/calls.ts";
import { failureFromService } from "./failure.ts";

export interface RemoteWatch {
  readonly reply: Reply;
  cancel(): Promise<void>;
}

/**
 * Opens it. `openedBy`: whether the method's headers or its first message say that it is open; then `read` makes the
 * reply of that message. Of others it makes pushes.
 */
export function openWatch<Request, Response>(
  client: Client,
  method: MethodDefinition<Request, Response>,
  request: Request,
  openedBy: "headers" | "message",
  read: (response: Response) => Push | Reply | null,
  onPush: (push: Push) => void,
): Promise<RemoteWatch> {
  const { path, requestSerialize, responseDeserialize } = method;
  return new Promise((resolve, reject) => {
    const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
    let over = false;
    let open = false;
    const cancel = () => {
      over = true;
      stream.cancel();
      return Promise.resolve();
    };
    const opened = (reply: Reply) => {
      if (!open) resolve({ reply, cancel });
      open = true;
    };
    stream.on("metadata", () => {
      if (openedBy === "headers") opened({ kind: "done" });
    });
    stream.on("data", (response: Response) => {
      const message = read(response);
      if (over || message === null) return;
      if (isPush(message)) onPush(message);
      else opened(message);
    });
    stream.on("error", (error: ServiceError) => {
      const failure = failureFromService(error);
      if (!open) reject(errorOf(failure));
      else if (!over) onPush({ kind: "subscription-ended", error: failure });
      over = true;
    });
  });
}

function isPush(message: Push | Reply): message is Push {
  return message.kind === "mesh-event" || message.kind === "kv-change";
}
