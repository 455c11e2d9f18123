/**
 * The files that a disk keeps open, least recently used closed first, so that an append costs one system call. A
 * file whose state on the disk is no longer known is marked damaged: what is written to it or synced then fails.
 * After a failed fsync the kernel forgets the lost pages and reports success the next time (Rebello et al., "Can
 * Applications Recover from fsync Failures?", ATC 2020), so a second sync would lie.
 */
import { assert } from "../core/assert.ts";

/** Idle files above this number are closed. */
const MAX_IDLE_FILES = 64;

interface OpenFile {
  readonly file: Deno.FsFile;
  users: number;
}

export class OpenFiles {
  /** In order of last use. */
  readonly #files = new Map<string, OpenFile>();
  readonly #damaged = new Map<string, string>();

  /** The open file at `path`; opens it where needed, creates it where asked. `release` must follow. */
  acquire(path: string, create: boolean): Deno.FsFile {
    let open = this.#files.get(path);
    if (open === undefined) {
      open = { file: Deno.openSync(path, { read: true, append: true, create, mode: 0o600 }), users: 0 };
      this.#closeIdle();
    } else {
      this.#files.delete(path);
    }
    this.#files.set(path, open);
    open.users += 1;
    return open.file;
  }

  release(path: string): void {
    const open = this.#files.get(path);
    assert(open !== undefined && open.users > 0, "a released file is open");
    open.users -= 1;
  }

  /** Closes the file before its name changes hands. */
  forget(path: string): void {
    const open = this.#files.get(path);
    if (open === undefined) return;
    assert(open.users === 0, "a file whose name changes hands is idle");
    this.#files.delete(path);
    open.file.close();
  }

  markDamaged(path: string, why: string): void {
    if (!this.#damaged.has(path)) this.#damaged.set(path, why);
  }

  /** The name now belongs to another file, or to none. */
  clearDamage(path: string): void {
    this.#damaged.delete(path);
  }

  moveDamage(from: string, to: string): void {
    const why = this.#damaged.get(from);
    this.#damaged.delete(from);
    if (why === undefined) this.#damaged.delete(to);
    else this.#damaged.set(to, why);
  }

  /** Why the file at `path` may no longer be written, or null. */
  damage(path: string): string | null {
    return this.#damaged.get(path) ?? null;
  }

  closeAll(): void {
    for (const open of this.#files.values()) open.file.close();
    this.#files.clear();
  }

  #closeIdle(): void {
    if (this.#files.size < MAX_IDLE_FILES) return;
    for (const [path, open] of this.#files) {
      if (open.users > 0) continue;
      this.#files.delete(path);
      open.file.close();
      return;
    }
  }
}
