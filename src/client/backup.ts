/** A backup as an async iteration: what was taken is given back as credit, so that the node goes no faster than its reader. */
import { errorOf, type Face } from "./face.ts";
import { PushQueue } from "./push_queue.ts";

/** Bytes that may be on their way and not yet taken. */
const CREDIT_BYTES = 4 * 1024 * 1024;

/** Throws `SennitError` where the backup breaks off. */
export async function* backedUp(face: Face): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const queue = new PushQueue<Uint8Array<ArrayBuffer>>();
  const opened = await face.open({ kind: "backup", creditBytes: CREDIT_BYTES }, (push) => {
    if (push.kind === "subscription-ended") queue.end(errorOf(push.error));
    if (push.kind !== "backup-part") return;
    queue.add(push.bytes);
    if (push.last) queue.end();
  });
  try {
    for await (const bytes of queue) {
      yield bytes;
      await face.call({ kind: "credit", subscriber: opened.token, bytes: bytes.length });
    }
  } finally {
    await opened.cancel();
  }
}
