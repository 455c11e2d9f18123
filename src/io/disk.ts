/**
 * The disk port: files below one data folder, named by relative paths with `/`. Operations on one path
 * complete in the order in which they were submitted. Only what was synced survives a crash: content by `sync`
 * of the file, names (created, renamed, removed) by `syncFolder` of their folder ("" is the data folder).
 *
 * Buffers: `append` takes the bytes for good; bytes read belong to the reader.
 */
import type { Token } from "../core/ids.ts";

export interface Disk {
  /** Creates the folder and those above it, if missing; durable when it completes. */
  createFolder(path: string, token: Token): void;
  /** Writes at the end, creating the file. */
  append(path: string, bytes: Uint8Array<ArrayBuffer>, token: Token): void;
  /** Up to `length` bytes from `offset`; fewer only at the end of the file. */
  read(path: string, offset: number, length: number, token: Token): void;
  truncate(path: string, length: number, token: Token): void;
  sync(path: string, token: Token): void;
  /** Replaces `to` if it exists. */
  rename(from: string, to: string, token: Token): void;
  /** Removes a file; a missing file is not an error. */
  remove(path: string, token: Token): void;
  /** Names and sizes of the files directly in the folder, sorted by name; a missing folder is empty. */
  list(path: string, token: Token): void;
  syncFolder(path: string, token: Token): void;
}

export interface FileEntry {
  readonly name: string;
  readonly sizeBytes: number;
}

/** FULL: no space left. READ_ONLY: not permitted. NOT_FOUND: no such file. FAILED: anything else. */
export type DiskErrorCode = "FULL" | "READ_ONLY" | "NOT_FOUND" | "FAILED";

export type DiskEvent =
  | {
    readonly kind: "disk";
    readonly token: Token;
    readonly ok: true;
    /** What `read` read, empty for others. */
    readonly bytes: Uint8Array<ArrayBuffer>;
    /** What `list` found, empty for others. */
    readonly entries: readonly FileEntry[];
  }
  | {
    readonly kind: "disk";
    readonly token: Token;
    readonly ok: false;
    readonly code: DiskErrorCode;
    /** Names the operation and the path. */
    readonly message: string;
  };
