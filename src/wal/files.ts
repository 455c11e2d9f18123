/**
 * Small files as wholes: read at once, replaced so that a crash leaves either the old or the new content.
 */
import { assert } from "../core/assert.ts";
import { type ErrorCode, SennitError } from "../core/errors.ts";
import type { Flow } from "../core/flow.ts";
import type { Token } from "../core/ids.ts";
import { LOAD_BYTES_LIMIT } from "../core/limits.ts";
import type { Disk, DiskErrorCode, DiskEvent } from "../io/mod.ts";

export type DiskFlow<Result> = Flow<Result, DiskEvent>;
export type DiskSuccess = Extract<DiskEvent, { ok: true }>;

/** What is added to a path while its new content is written aside. */
export const ASIDE_SUFFIX = ".new";

/** One operation of a flow; throws the disk's refusal as a `SennitError`. */
export function* diskStep(submit: (token: Token) => void): DiskFlow<DiskSuccess> {
  const event: DiskEvent = yield submit;
  if (!event.ok) throw diskError(event.code, event.message);
  return event;
}

export function diskError(code: DiskErrorCode, message: string): SennitError {
  const codes: Record<DiskErrorCode, ErrorCode> = {
    FULL: "DISK_FULL",
    READ_ONLY: "PERMISSION_DENIED",
    NOT_FOUND: "NOT_FOUND",
    FAILED: "DISK_FAILED",
  };
  return new SennitError(codes[code], `Disk refused: ${message}`, { outcome: "UNKNOWN" });
}

export function tooLarge(path: string, limitBytes: number): SennitError {
  return new SennitError("TOO_LARGE", `Cannot read "${path}" as it is over ${limitBytes} bytes`);
}

/** The folder of a path, "" for the data folder itself. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

/**
 * The content of a file of at most `limitBytes`, null where there is no such file. Throws TOO_LARGE above the
 * limit. Who knows the file's size gives it as `expectedBytes`, and it is one read.
 */
export function* readWholeFile(
  disk: Disk,
  path: string,
  limitBytes: number,
  expectedBytes = 0,
): DiskFlow<Uint8Array<ArrayBuffer> | null> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (;;) {
    // One more than expected: a read that comes short is the end.
    const wanted = Math.min(Math.max(LOAD_BYTES_LIMIT, expectedBytes + 1 - length), limitBytes + 1 - length);
    const at = length;
    const event: DiskEvent = yield (token) => disk.read(path, at, wanted, token);
    if (!event.ok) {
      if (event.code === "NOT_FOUND" && length === 0) return null;
      throw diskError(event.code, event.message);
    }
    assert(event.bytes.length <= wanted, "a read returns no more than was asked for");
    parts.push(event.bytes);
    length += event.bytes.length;
    if (length > limitBytes) {
      throw tooLarge(path, limitBytes);
    }
    if (event.bytes.length < wanted) return joinParts(parts, length);
  }
}

function joinParts(parts: Uint8Array<ArrayBuffer>[], length: number): Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Replaces a file's content durably: written aside, synced, renamed, folder synced. Its folder must exist. */
export function* replaceFile(disk: Disk, path: string, bytes: Uint8Array): DiskFlow<void> {
  const aside = path + ASIDE_SUFFIX;
  yield* diskStep((token) => disk.remove(aside, token));
  yield* diskStep((token) => disk.append(aside, new Uint8Array(bytes), token));
  yield* diskStep((token) => disk.sync(aside, token));
  yield* diskStep((token) => disk.rename(aside, path, token));
  yield* diskStep((token) => disk.syncFolder(folderOf(path), token));
}
