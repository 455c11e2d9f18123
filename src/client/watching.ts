/** Watches as async iterations: opened with the first `next`, cancelled when the loop is left. */
import { SennitError } from "../core/errors.ts";
import type { Push } from "../node/calls.ts";
import { errorOf, type Face, type OpeningCall } from "./face.ts";
import { PushQueue } from "./push_queue.ts";

/** Changes that may wait for a slow loop before it ends with OVERLOADED. */
export const WATCH_BACKLOG_LIMIT = 10_000;

/** Throws `SennitError` where the watch ends by itself: what comes afterwards would be missed without a word. */
export async function* watched<Item>(
  face: Face,
  call: OpeningCall,
  pick: (push: Push) => Item | null,
): AsyncGenerator<Item> {
  const queue = new PushQueue<Item>();
  const opened = await face.open(call, (push) => {
    const item = pick(push);
    if (push.kind === "subscription-ended") queue.end(errorOf(push.error));
    else if (queue.size >= WATCH_BACKLOG_LIMIT) queue.end(overloaded());
    else if (item !== null) queue.add(item);
  });
  try {
    yield* queue;
  } finally {
    await opened.cancel();
  }
}

function overloaded(): SennitError {
  const text = `The watch is ${WATCH_BACKLOG_LIMIT} changes behind: watch again and read what is there`;
  return new SennitError("OVERLOADED", text, { details: { limit: WATCH_BACKLOG_LIMIT } });
}
