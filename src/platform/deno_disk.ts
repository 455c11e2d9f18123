/**
 * The disk of a real node: files below one folder. An append is a synchronous write into the page cache (one system
 * call, no thread hop); what waits for the device or may be large, syncs and reads, runs on the runtime's threads.
 *
 * Each path has a queue: an operation starts when those submitted on the same path before it have completed, which a
 * rename does for both its paths. An idle path costs no queue.
 */
import { EMPTY_BYTES } from "../core/bytes.ts";
import type { Token } from "../core/ids.ts";
import type { Disk, DiskEvent, FileEntry } from "../io/mod.ts";
import { diskErrorCode, errorText } from "./disk_errors.ts";
import { createFolderDurably, listFolder, readAt, syncFolder, writeWhole } from "./files.ts";
import { OpenFiles } from "./open_files.ts";
import type { Outlet } from "./outlet.ts";

/** The lock file of a data folder: never shown to node code. */
export const LOCK_FILE = "sennit.lock";

type OperationKind =
  | "createFolder"
  | "append"
  | "read"
  | "truncate"
  | "sync"
  | "rename"
  | "remove"
  | "list"
  | "syncFolder";

interface Operation {
  readonly kind: OperationKind;
  readonly path: string;
  /** Of a rename: the new path; else "". */
  readonly to: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of a read: the offset. */
  readonly at: number;
  /** Of a read or truncate: the length. */
  readonly length: number;
  readonly token: Token;
  readonly incarnation: number;
  started: boolean;
}

const NO_ENTRIES: readonly FileEntry[] = [];

export class DenoDisk implements Disk {
  readonly #root: string;
  readonly #outlet: Outlet;
  readonly #files = new OpenFiles();
  /** Operations on a path that has one running or waiting; the first runs, or waits for its other path. */
  readonly #queues = new Map<string, Operation[]>();
  #running = 0;
  #closed = false;
  #onIdle: (() => void) | null = null;

  constructor(root: string, outlet: Outlet) {
    this.#root = root;
    this.#outlet = outlet;
  }

  createFolder(path: string, token: Token): void {
    this.#submit("createFolder", checkPath(path, true), "", EMPTY_BYTES, 0, 0, token);
  }
  append(path: string, bytes: Uint8Array<ArrayBuffer>, token: Token): void {
    this.#submit("append", checkPath(path), "", bytes, 0, 0, token);
  }
  read(path: string, offset: number, length: number, token: Token): void {
    this.#submit("read", checkPath(path), "", EMPTY_BYTES, checkCount(offset), checkCount(length), token);
  }
  truncate(path: string, length: number, token: Token): void {
    this.#submit("truncate", checkPath(path), "", EMPTY_BYTES, 0, checkCount(length), token);
  }
  sync(path: string, token: Token): void {
    this.#submit("sync", checkPath(path), "", EMPTY_BYTES, 0, 0, token);
  }
  rename(from: string, to: string, token: Token): void {
    this.#submit("rename", checkPath(from), checkPath(to), EMPTY_BYTES, 0, 0, token);
  }
  remove(path: string, token: Token): void {
    this.#submit("remove", checkPath(path), "", EMPTY_BYTES, 0, 0, token);
  }
  list(path: string, token: Token): void {
    this.#submit("list", checkPath(path, true), "", EMPTY_BYTES, 0, 0, token);
  }
  syncFolder(path: string, token: Token): void {
    this.#submit("syncFolder", checkPath(path, true), "", EMPTY_BYTES, 0, 0, token);
  }

  /** Refuses what is submitted from now on, lets the running operations end and closes the files. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#running > 0) await new Promise<void>((resolve) => this.#onIdle = resolve);
    this.#files.closeAll();
  }

  #submit(
    kind: OperationKind,
    path: string,
    to: string,
    bytes: Uint8Array<ArrayBuffer>,
    at: number,
    length: number,
    token: Token,
  ): void {
    const incarnation = this.#outlet.incarnation;
    const operation: Operation = { kind, path, to, bytes, at, length, token, incarnation, started: false };
    if (this.#closed) {
      this.#outlet.deliver(incarnation, failure(operation, new Error("the disk is closed")));
      return;
    }
    this.#enqueue(path, operation);
    if (kind === "rename" && to !== path) this.#enqueue(to, operation);
    this.#advance(path);
  }

  #enqueue(path: string, operation: Operation): void {
    const queue = this.#queues.get(path);
    if (queue === undefined) this.#queues.set(path, [operation]);
    else queue.push(operation);
  }

  /** Starts what is first in the queue, unless it runs or waits for its other path; appends end at once. */
  #advance(path: string): void {
    for (;;) {
      const operation = this.#queues.get(path)?.[0];
      if (operation === undefined || operation.started) return;
      if (operation.kind === "rename" && this.#queues.get(operation.path)![0] !== operation) return;
      if (operation.kind === "rename" && this.#queues.get(operation.to)![0] !== operation) return;
      operation.started = true;
      if (operation.kind !== "append") {
        this.#running += 1;
        void this.#run(operation);
        return;
      }
      const event = this.#append(operation);
      this.#leaveQueue(path);
      this.#outlet.deliver(operation.incarnation, event);
    }
  }

  #leaveQueue(path: string): void {
    const queue = this.#queues.get(path)!;
    if (queue.length === 1) this.#queues.delete(path);
    else queue.shift();
  }

  async #run(operation: Operation): Promise<void> {
    const event = await this.#perform(operation);
    this.#running -= 1;
    this.#leaveQueue(operation.path);
    const other = operation.kind === "rename" && operation.to !== operation.path;
    if (other) this.#leaveQueue(operation.to);
    this.#outlet.deliver(operation.incarnation, event);
    this.#advance(operation.path);
    if (other) this.#advance(operation.to);
    if (this.#running === 0) this.#onIdle?.();
  }

  async #perform(operation: Operation): Promise<DiskEvent> {
    const path = this.#absolute(operation.path);
    try {
      let bytes = EMPTY_BYTES;
      let entries = NO_ENTRIES;
      if (operation.kind === "read") bytes = await this.#read(operation, path);
      else if (operation.kind === "list") entries = await this.#list(operation.path, path);
      else await this.#change(operation, path);
      return success(operation, bytes, entries);
    } catch (error) {
      return failure(operation, error);
    }
  }

  async #change(operation: Operation, path: string): Promise<void> {
    switch (operation.kind) {
      case "sync":
        return await this.#sync(path);
      case "truncate":
        return await this.#truncate(operation, path);
      case "rename":
        return await this.#rename(path, this.#absolute(operation.to));
      case "remove":
        return await this.#remove(path);
      case "createFolder":
        return await createFolderDurably(path);
      default:
        return await syncFolder(path);
    }
  }

  #append(operation: Operation): DiskEvent {
    const path = this.#absolute(operation.path);
    try {
      this.#refuseDamaged(path);
      const file = this.#files.acquire(path, true);
      try {
        this.#write(file, path, operation.bytes);
      } finally {
        this.#files.release(path);
      }
      return success(operation, EMPTY_BYTES, NO_ENTRIES);
    } catch (error) {
      return failure(operation, error);
    }
  }

  /** Writes all of it, or takes back what it wrote: a full disk leaves no half of a record behind. */
  #write(file: Deno.FsFile, path: string, bytes: Uint8Array): void {
    const written = { bytes: 0 };
    try {
      writeWhole(file, bytes, written);
    } catch (error) {
      if (written.bytes > 0) this.#takeBack(file, path, written.bytes);
      throw error;
    }
  }

  #takeBack(file: Deno.FsFile, path: string, bytes: number): void {
    try {
      file.truncateSync(file.statSync().size - bytes);
    } catch (error) {
      this.#files.markDamaged(path, `half an append could not be taken back: ${errorText(error)}`);
    }
  }

  async #read(operation: Operation, path: string): Promise<Uint8Array<ArrayBuffer>> {
    const file = this.#files.acquire(path, false);
    try {
      return await readAt(file, operation.at, operation.length);
    } finally {
      this.#files.release(path);
    }
  }

  async #sync(path: string): Promise<void> {
    this.#refuseDamaged(path);
    const file = this.#files.acquire(path, false);
    try {
      await file.syncData();
    } catch (error) {
      this.#files.markDamaged(path, "an earlier sync failed, what reached the disk is not known");
      throw new Error(`${errorText(error)} (never synced again, what reached the disk is not known)`);
    } finally {
      this.#files.release(path);
    }
  }

  async #truncate(operation: Operation, path: string): Promise<void> {
    this.#refuseDamaged(path);
    const file = this.#files.acquire(path, false);
    try {
      await file.truncate(operation.length);
    } finally {
      this.#files.release(path);
    }
  }

  async #rename(from: string, to: string): Promise<void> {
    this.#files.forget(from);
    this.#files.forget(to);
    await Deno.rename(from, to);
    if (from !== to) this.#files.moveDamage(from, to);
  }

  async #remove(path: string): Promise<void> {
    this.#files.forget(path);
    try {
      await Deno.remove(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    this.#files.clearDamage(path);
  }

  async #list(relative: string, path: string): Promise<readonly FileEntry[]> {
    const entries = await listFolder(path);
    return relative === "" ? entries.filter((entry) => entry.name !== LOCK_FILE) : entries;
  }

  #refuseDamaged(path: string): void {
    const why = this.#files.damage(path);
    if (why !== null) throw new Error(why);
  }

  #absolute(path: string): string {
    return path === "" ? this.#root : `${this.#root}/${path}`;
  }
}

function success(
  operation: Operation,
  bytes: Uint8Array<ArrayBuffer>,
  entries: readonly FileEntry[],
): DiskEvent {
  return { kind: "disk", token: operation.token, ok: true, bytes, entries };
}

function failure(operation: Operation, error: unknown): DiskEvent {
  const path = operation.path === "" ? "the data folder" : operation.path;
  const paths = operation.kind === "rename" ? `${path} to ${operation.to}` : path;
  const message = `Cannot ${operation.kind} ${paths}: ${errorText(error)}`;
  return { kind: "disk", token: operation.token, ok: false, code: diskErrorCode(error), message };
}

/** A caller's mistake, not the world's: node code never makes a path of what came from outside. */
function checkPath(path: string, isFolder = false): string {
  if (path === "" && isFolder) return path;
  const good = path.length > 0 && path.length <= 512 && path !== LOCK_FILE &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== ".." && !/[\0\\:]/.test(part));
  if (!good) throw new TypeError(`Not a path below the data folder: ${JSON.stringify(path)}`);
  return path;
}

function checkCount(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`Not an offset or length: ${value}`);
  return value;
}
