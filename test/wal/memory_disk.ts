/**
 * A disk in memory for the tests of this room. It executes one operation at a time when told to, loses at a crash
 * what was not synced, and tears what was under way: `Tear` decides what survives, sector by sector.
 */
import type { Token } from "../../src/core/ids.ts";
import type { Disk, DiskErrorCode, DiskEvent, FileEntry } from "../../src/io/mod.ts";

export type Operation =
  | { kind: "createFolder" | "sync" | "remove" | "list" | "syncFolder"; path: string; token: Token }
  | { kind: "append"; path: string; bytes: Uint8Array<ArrayBuffer>; token: Token }
  | { kind: "read"; path: string; offset: number; length: number; token: Token }
  | { kind: "truncate"; path: string; length: number; token: Token }
  | { kind: "rename"; path: string; to: string; token: Token };

interface MemoryFile {
  /** What a reader sees. */
  content: Uint8Array<ArrayBuffer>;
  /** What a power failure leaves for sure. */
  durable: Uint8Array<ArrayBuffer>;
}

/** What a power failure leaves of bytes that were written and not synced: true keeps the sector. */
export type Tear = (path: string, sector: number, sectors: number) => boolean;

export const SECTOR_BYTES = 64;
export const LOSE_ALL: Tear = () => false;
export const KEEP_ALL: Tear = () => true;

const NONE = new Uint8Array(0);

export class MemoryDisk implements Disk {
  #files = new Map<string, MemoryFile>();
  /** The names that a power failure leaves. */
  #durableNames = new Map<string, MemoryFile>();
  queue: Operation[] = [];
  /** Operations executed since the disk was made. */
  executed = 0;
  /** Bytes that files may have together. */
  capacityBytes = Infinity;
  /** Operations on this file wait, in order; others overtake them. */
  heldPath: string | null = null;
  /** Set to refuse an operation before it is executed. */
  refuse: (operation: Operation) => DiskErrorCode | null = () => null;
  readonly log: string[] = [];

  createFolder(path: string, token: Token): void {
    this.queue.push({ kind: "createFolder", path, token });
  }
  append(path: string, bytes: Uint8Array<ArrayBuffer>, token: Token): void {
    // Takes the bytes for good: whoever still uses them reads poison.
    const taken = bytes.slice();
    bytes.fill(0xdb);
    this.queue.push({ kind: "append", path, bytes: taken, token });
  }
  read(path: string, offset: number, length: number, token: Token): void {
    this.queue.push({ kind: "read", path, offset, length, token });
  }
  truncate(path: string, length: number, token: Token): void {
    this.queue.push({ kind: "truncate", path, length, token });
  }
  sync(path: string, token: Token): void {
    this.queue.push({ kind: "sync", path, token });
  }
  rename(from: string, to: string, token: Token): void {
    this.queue.push({ kind: "rename", path: from, to, token });
  }
  remove(path: string, token: Token): void {
    this.queue.push({ kind: "remove", path, token });
  }
  list(path: string, token: Token): void {
    this.queue.push({ kind: "list", path, token });
  }
  syncFolder(path: string, token: Token): void {
    this.queue.push({ kind: "syncFolder", path, token });
  }

  /** Executes the oldest operation and returns its completion; null where none waits. */
  step(): DiskEvent | null {
    const position = this.queue.findIndex((operation) => operation.path !== this.heldPath);
    const operation = this.queue[position];
    if (operation === undefined) return null;
    this.queue.splice(position, 1);
    this.executed++;
    this.log.push(`${operation.kind} ${operation.path}`);
    const refused = this.refuse(operation) ?? this.#noSpace(operation);
    if (refused !== null) return this.#failed(operation, refused);
    return this.#execute(operation);
  }

  /** Power failure: what was not synced is at the mercy of `tear`. The operation under way may have begun. */
  crash(tear: Tear): void {
    const next = this.queue[0];
    if (next?.kind === "append") this.#append(next.path, next.bytes);
    this.queue = [];
    const left = new Map<string, MemoryFile>();
    const names = new Map(this.#durableNames);
    for (const [path, file] of this.#files) {
      // A name that was not synced may survive as well.
      if (names.get(path) !== file && tear(path, -1, 0)) names.set(path, file);
    }
    for (const path of this.#durableNames.keys()) {
      // And so may a name whose removal was not synced, or its removal.
      if (!this.#files.has(path) && tear(path, -1, 0)) names.delete(path);
    }
    for (const [path, file] of names) {
      const content = torn(path, file, tear);
      left.set(path, { content, durable: content });
    }
    this.#files = left;
    this.#durableNames = new Map(left);
  }

  /** The process dies, the machine does not: what was written stays, synced or not. */
  kill(): void {
    this.queue = [];
  }

  content(path: string): Uint8Array<ArrayBuffer> {
    const file = this.#files.get(path);
    if (file === undefined) throw new Error(`No file "${path}"`);
    return file.content;
  }
  /** Puts a file there as if it had always been. */
  plant(path: string, content: Uint8Array): void {
    const file = { content: new Uint8Array(content), durable: new Uint8Array(content) };
    this.#files.set(path, file);
    this.#durableNames.set(path, file);
  }
  unplant(path: string): void {
    this.#files.delete(path);
    this.#durableNames.delete(path);
  }
  get paths(): string[] {
    return [...this.#files.keys()].sort();
  }
  get usedBytes(): number {
    let used = 0;
    for (const file of this.#files.values()) used += file.content.length;
    return used;
  }
  clone(): MemoryDisk {
    const copy = new MemoryDisk();
    const files = new Map<MemoryFile, MemoryFile>();
    const twin = (file: MemoryFile): MemoryFile => {
      const known = files.get(file) ?? { content: file.content.slice(), durable: file.durable.slice() };
      files.set(file, known);
      return known;
    };
    for (const [path, file] of this.#files) copy.#files.set(path, twin(file));
    for (const [path, file] of this.#durableNames) copy.#durableNames.set(path, twin(file));
    copy.queue = this.queue.map((operation) => ({ ...operation }));
    return copy;
  }

  #noSpace(operation: Operation): DiskErrorCode | null {
    if (operation.kind !== "append") return null;
    const room = this.capacityBytes - this.usedBytes;
    if (operation.bytes.length <= room) return null;
    // As much as fits is written before the refusal.
    this.#append(operation.path, operation.bytes.slice(0, Math.max(0, room)));
    return "FULL";
  }

  #execute(operation: Operation): DiskEvent {
    const { path, token } = operation;
    const file = this.#files.get(path);
    switch (operation.kind) {
      case "createFolder":
        return done(token);
      case "append":
        this.#append(path, operation.bytes);
        return done(token);
      case "read":
        if (file === undefined) return this.#failed(operation, "NOT_FOUND");
        return done(token, file.content.slice(operation.offset, operation.offset + operation.length));
      case "truncate":
        if (file === undefined) return this.#failed(operation, "NOT_FOUND");
        file.content = file.content.slice(0, operation.length);
        return done(token);
      case "sync":
        if (file === undefined) return this.#failed(operation, "NOT_FOUND");
        file.durable = file.content.slice();
        return done(token);
      case "rename":
        if (file === undefined) return this.#failed(operation, "NOT_FOUND");
        this.#files.delete(path);
        this.#files.set(operation.to, file);
        return done(token);
      case "remove":
        this.#files.delete(path);
        return done(token);
      case "list":
        return done(token, NONE, this.#list(path));
      case "syncFolder":
        for (const name of this.#durableNames.keys()) {
          if (folder(name) === path) this.#durableNames.delete(name);
        }
        for (const [name, entry] of this.#files) {
          if (folder(name) === path) this.#durableNames.set(name, entry);
        }
        return done(token);
    }
  }

  #append(path: string, bytes: Uint8Array): void {
    const file = this.#files.get(path) ?? { content: NONE, durable: NONE };
    const content = new Uint8Array(file.content.length + bytes.length);
    content.set(file.content);
    content.set(bytes, file.content.length);
    file.content = content;
    this.#files.set(path, file);
  }

  #list(path: string): FileEntry[] {
    const entries: FileEntry[] = [];
    for (const [name, file] of this.#files) {
      if (folder(name) !== path) continue;
      entries.push({ name: name.slice(path.length + 1), sizeBytes: file.content.length });
    }
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #failed(operation: Operation, code: DiskErrorCode): DiskEvent {
    const message = `${operation.kind} "${operation.path}"`;
    return { kind: "disk", token: operation.token, ok: false, code, message };
  }
}

function torn(path: string, file: MemoryFile, tear: Tear): Uint8Array<ArrayBuffer> {
  const { content, durable } = file;
  const same = Math.min(content.length, durable.length);
  if (content.length <= durable.length) {
    // Shortened and not synced: either length may be what is left.
    return content.length < durable.length && tear(path, -1, 0) ? content.slice() : durable.slice();
  }
  const sectors = Math.ceil((content.length - same) / SECTOR_BYTES);
  const left = new Uint8Array(content.length);
  left.set(durable.subarray(0, same));
  let length = same;
  for (let sector = 0; sector < sectors; sector++) {
    if (!tear(path, sector, sectors)) continue; // Zeros where a later sector made it, else the file ends.
    const start = same + sector * SECTOR_BYTES;
    const end = Math.min(start + SECTOR_BYTES, content.length);
    left.set(content.subarray(start, end), start);
    length = end;
  }
  return left.slice(0, length);
}

function folder(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}

function done(token: Token, bytes = NONE, entries: readonly FileEntry[] = []): DiskEvent {
  return { kind: "disk", token, ok: true, bytes, entries };
}
