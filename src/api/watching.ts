/** The server's streams of changes: MeshService.WatchEvents and Kv.Watch. */
import { Metadata, type ServerWritableStream } from "@grpc/grpc-js";
import type { KvWatch, KvWatchReply } from "../../proto/gen/sennit/mesh/v1/kv.ts";
import type { MeshEvent, WatchEventsRequest } from "../../proto/gen/sennit/mesh/v1/mesh.ts";
import type { NodeFace, OpeningCall } from "../client/mod.ts";
import type { CallFailure, Push, Reply } from "../node/calls.ts";
import type { Access } from "./access.ts";
import { serviceError, serviceErrorOf } from "./failure.ts";
import type { Gate } from "./gate.ts";

/** Changes that may wait for a slow watcher before it is let go. */
export const WATCH_BACKLOG_LIMIT = 10_000;

export function watchEvents(gate: Gate, face: NodeFace) {
  return (call: ServerWritableStream<WatchEventsRequest, MeshEvent>) =>
    watch(call, gate, "read", face, () => ({ kind: "watch-events" }), {
      opened: () => null,
      pushed: (push) => push.kind === "mesh-event" ? { ...push.event } : null,
    });
}

export function kvWatch(gate: Gate, face: NodeFace) {
  return (call: ServerWritableStream<KvWatch, KvWatchReply>) =>
    watch(call, gate, "use", face, ({ prefix }) => ({ kind: "kv-watch", prefix }), {
      opened: (reply): KvWatchReply | null =>
        reply.kind === "version" ? { reply: { $case: "started", value: { version: reply.version } } } : null,
      pushed(push): KvWatchReply | null {
        if (push.kind !== "kv-change") return null;
        const { key, value, version } = push;
        return { reply: { $case: "change", value: { key, value: value ?? undefined, version } } };
      },
    });
}

interface Translation<Response> {
  opened(reply: Reply): Response | null;
  pushed(push: Push): Response | null;
}

async function watch<Request, Response>(
  call: ServerWritableStream<Request, Response>,
  gate: Gate,
  access: Access,
  face: NodeFace,
  toCall: (request: Request) => OpeningCall,
  translation: Translation<Response>,
): Promise<void> {
  let over = false;
  const fail = (failure: CallFailure) => {
    if (!over) call.emit("error", serviceError(failure));
    over = true;
  };
  const write = (response: Response | null) => {
    if (over || response === null) return;
    call.write(response);
  };
  call.on("error", () => over = true);
  try {
    await gate.admit(call, access);
    if (call.cancelled) return;
    const token = face.submit(toCall(call.request), {
      reply(reply) {
        if (reply.kind === "failed") return fail(reply.error);
        if (!over) call.sendMetadata(new Metadata()); // Headers now, not with the first change.
        write(translation.opened(reply));
      },
      push(push) {
        if (push.kind === "subscription-ended") fail(push.error);
        else if (call.writableLength >= WATCH_BACKLOG_LIMIT) {
          face.cancel(token).catch(() => {}); // Ended meanwhile: as good.
          fail(overloaded());
        } else write(translation.pushed(push));
      },
    });
    call.on("cancelled", () => {
      over = true;
      face.cancel(token).catch(() => {}); // Ended meanwhile: as good.
    });
  } catch (error) {
    if (!over) call.emit("error", serviceErrorOf(error));
    over = true;
  }
}

function overloaded(): CallFailure {
  return {
    code: "OVERLOADED",
    message: `The watcher is ${WATCH_BACKLOG_LIMIT} changes behind: watch again and read what is there`,
    outcome: "NOT_APPLIED",
    details: { limit: WATCH_BACKLOG_LIMIT },
  };
}
