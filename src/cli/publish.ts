/** `sennit publish`: lines into a stream. */
import { SennitError } from "../core/errors.ts";
import type { ArgumentsOf } from "./arguments.ts";
import type { Failover } from "./failover.ts";
import { batchesOf, skipping } from "./lines.ts";
import { json, line } from "./output.ts";
import { Publisher } from "./publisher.ts";

const PROGRESS_MS = 500;

export async function publish(
  args: ArgumentsOf<"publish">,
  failover: Failover,
  signal: AbortSignal,
): Promise<void> {
  const { stream, producer, level, window, file } = args;
  const publisher = new Publisher({ stream, producer, level, window }, failover);
  const progress = Deno.stderr.isTerminal() ? setInterval(() => report(publisher), PROGRESS_MS) : null;
  try {
    const source = await openSource(file);
    const expected = await publisher.open();
    // A line of a file has the same sequence in every run. The standard input begins where the last run ended.
    const skipped = file === undefined ? 0 : expected - 1;
    const batches = batchesOf(untilAborted(source, signal), {
      messages: args.batch,
      eager: file === undefined,
    });
    for await (const batch of skipping(batches, skipped)) await publisher.send(batch);
    const { messages, duplicates, lastOffset } = await publisher.finish();
    const said = { messages, duplicates, skipped, lastOffset };
    await line(
      args.json
        ? json(said)
        : `${messages} messages ${level}${skipped > 0 ? `, ${skipped} were before` : ""}`,
    );
  } finally {
    if (progress !== null) {
      clearInterval(progress);
      report(publisher, "\n");
    }
    publisher.close();
  }
}

async function openSource(file: string | undefined): Promise<ReadableStream<Uint8Array>> {
  if (file === undefined) return Deno.stdin.readable;
  try {
    return (await Deno.open(file, { read: true })).readable;
  } catch (error) {
    throw new SennitError("NOT_FOUND", `Cannot read "${file}": ${(error as Error).message}`);
  }
}

/** Ends early when told to: what was read is still published. */
async function* untilAborted(
  source: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = source.getReader();
  const cancel = () => void reader.cancel().catch(() => {}); // It may have ended.
  signal.addEventListener("abort", cancel);
  try {
    while (!signal.aborted) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

function report(publisher: Publisher, end = ""): void {
  const text = `\r${publisher.acknowledged} acknowledged, ${publisher.inFlight} batches under way   ${end}`;
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
