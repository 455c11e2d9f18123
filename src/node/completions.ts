/** What the node's own flows are resumed with, and how its failures become errors. */
import { assert } from "../core/assert.ts";
import { type ErrorCode, SennitError } from "../core/errors.ts";
import type { Token } from "../core/ids.ts";
import type { StoredSnapshot } from "../wal/mod.ts";
import type { CryptoEvent, CryptoResult, DiskEvent } from "../io/mod.ts";

/** What a flow had asked other members for has come. */
export interface FetchEvent {
  readonly kind: "fetched";
  readonly token: Token;
  /** Of an entry; null where it is not needed any more. */
  readonly bytes: Uint8Array | null;
  readonly snapshot: StoredSnapshot | null;
}

/** A flow that waits for something else than an operation of its own may look again. */
export interface TurnEvent {
  readonly kind: "turned";
  readonly token: Token;
}

export type NodeCompletion = DiskEvent | CryptoEvent | FetchEvent | TurnEvent;

/** The result of a cryptographic operation; throws `SennitError` where it failed. */
export function cryptoResult(completion: NodeCompletion): CryptoResult {
  assert(completion.kind === "crypto", "a cryptographic operation completes as one");
  if (!completion.ok) throw new SennitError("NOT_AUTHENTICATED", completion.message);
  return completion.result;
}

const DISK_CODES: Record<string, ErrorCode> = {
  FULL: "DISK_FULL",
  READ_ONLY: "DISK_FAILED",
  NOT_FOUND: "DATA_DAMAGED",
  FAILED: "DISK_FAILED",
};

/** The result of a disk operation; throws `SennitError` where it failed. */
export function diskResult(completion: NodeCompletion): DiskEvent & { readonly ok: true } {
  assert(completion.kind === "disk", "a disk operation completes as one");
  if (!completion.ok) throw new SennitError(DISK_CODES[completion.code] ?? "DISK_FAILED", completion.message);
  return completion;
}
