/** MeshService.Backup at both ends: a file's bytes, as fast as the one who asked takes them. */
import type { Client, ClientReadableStream, ServerWritableStream, ServiceError } from "@grpc/grpc-js";
import {
  type BackupPart,
  type BackupRequest,
  MeshServiceService,
} from "../../proto/gen/sennit/mesh/v1/mesh.ts";
import type { NodeFace } from "../client/mod.ts";
import type { CallFailure, Push } from "../node/calls.ts";
import { failureFromService, serviceError, serviceErrorOf } from "./failure.ts";
import type { Gate } from "./gate.ts";

/** Bytes that the node may push before what it pushed has left. */
const CREDIT_BYTES = 2 * 1024 * 1024;

/** The server's end. */
export function backingUp(gate: Gate, face: NodeFace) {
  return async (call: ServerWritableStream<BackupRequest, BackupPart>): Promise<void> => {
    let over = false;
    const fail = (failure: CallFailure) => {
      if (!over) call.emit("error", serviceError(failure));
      over = true;
    };
    call.on("error", () => over = true);
    try {
      await gate.admit(call, "admin");
      if (call.cancelled) return;
      const give = (bytes: number) =>
        face.submit({ kind: "credit", subscriber: token, bytes }, { reply() {} });
      const token = face.submit({ kind: "backup", creditBytes: CREDIT_BYTES }, {
        reply(reply) {
          if (reply.kind === "failed") fail(reply.error);
        },
        push(push) {
          if (push.kind === "subscription-ended") return fail(push.error);
          if (push.kind !== "backup-part" || over) return;
          const { bytes, last } = push;
          if (call.write({ bytes })) give(bytes.length);
          else call.once("drain", () => give(bytes.length));
          if (!last) return;
          over = true;
          call.end();
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
  };
}

/** The client's end: reads on only while there is credit. */
export class RemoteBackup {
  readonly #stream: ClientReadableStream<BackupPart>;
  #creditBytes: number;
  #over = false;

  constructor(client: Client, creditBytes: number, onPush: (push: Push) => void) {
    const { path, requestSerialize, responseDeserialize } = MeshServiceService.backup;
    this.#creditBytes = creditBytes;
    this.#stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {});
    this.#stream.on("data", ({ bytes }: BackupPart) => {
      if (this.#over) return;
      this.#creditBytes -= bytes.length;
      if (this.#creditBytes <= 0) this.#stream.pause();
      onPush({ kind: "backup-part", bytes: new Uint8Array(bytes), last: false });
    });
    this.#stream.on(
      "end",
      () => this.#end(onPush, { kind: "backup-part", bytes: new Uint8Array(0), last: true }),
    );
    this.#stream.on("error", (error: ServiceError) => {
      this.#end(onPush, { kind: "subscription-ended", error: failureFromService(error) });
    });
  }

  credit(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#creditBytes > 0 && !this.#over) this.#stream.resume();
  }

  cancel(): void {
    this.#over = true;
    this.#stream.cancel();
  }

  #end(onPush: (push: Push) => void, push: Push): void {
    if (!this.#over) onPush(push);
    this.#over = true;
  }
}
