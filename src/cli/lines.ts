/** Lines of a byte stream, gathered into batches of messages. */
import { concatBytes } from "../core/bytes.ts";
import { SennitError } from "../core/errors.ts";
import { MESSAGE_BYTES_LIMIT } from "../core/limits.ts";

const NEWLINE = 10;
/** Well below the limit of a batch: several are under way at once. */
export const BATCH_BYTES_TARGET = 512 * 1024;

export interface BatchOptions {
  readonly messages: number;
  /** Hands on what is there after each piece that is read, instead of waiting for a full batch. */
  readonly eager: boolean;
}

/** Each line without its newline is a message; a last one without a newline too. TOO_LARGE names the line. */
export async function* batchesOf(
  source: AsyncIterable<Uint8Array>,
  options: BatchOptions,
): AsyncGenerator<Uint8Array[]> {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for await (const lines of linesOf(source)) {
    for (const line of lines) {
      if (
        batch.length >= options.messages || (batch.length > 0 && bytes + line.length > BATCH_BYTES_TARGET)
      ) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push(line);
      bytes += line.length;
    }
    if (options.eager && batch.length > 0) {
      yield batch;
      batch = [];
      bytes = 0;
    }
  }
  if (batch.length > 0) yield batch;
}

/** The lines that each piece completes. */
async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  let count = 0;
  const check = (length: number) => {
    if (length <= MESSAGE_BYTES_LIMIT) return;
    throw new SennitError("TOO_LARGE", `Line ${count + 1} is longer than ${MESSAGE_BYTES_LIMIT} bytes`, {
      details: { line: count + 1, limitBytes: MESSAGE_BYTES_LIMIT },
    });
  };
  for await (const piece of source) {
    const lines: Uint8Array[] = [];
    let from = 0;
    for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, from)) {
      check(restBytes + at - from);
      lines.push(concatBytes([...rest, piece.subarray(from, at)]));
      count++;
      rest = [];
      restBytes = 0;
      from = at + 1;
    }
    if (from < piece.length) {
      rest.push(piece.slice(from)); // The reader may use its buffer again.
      restBytes += piece.length - from;
      check(restBytes);
    }
    yield lines;
  }
  if (restBytes > 0) yield [concatBytes(rest)];
}

/** Leaves out the first `count` messages. */
export async function* skipping(
  batches: AsyncIterable<Uint8Array[]>,
  count: number,
): AsyncGenerator<Uint8Array[]> {
  let left = count;
  for await (const batch of batches) {
    const skip = Math.min(left, batch.length);
    left -= skip;
    if (skip < batch.length) yield batch.slice(skip);
  }
}
