/**
 * The names of a simulated disk: which file a path means now, and which it would mean after a loss of power. A created,
 * renamed or removed name is durable only once its folder was synced; until then a crash keeps the changes of a folder up
 * to some point in their order, as a journalling file system does.
 */
import type { Inode } from "./inode.ts";
import type { Draws } from "./prf.ts";

interface NameChange {
  readonly name: string;
  readonly inode: Inode | null;
  /** Of a rename within the folder: the name that ends in the same instant. */
  readonly endedName: string;
}

interface Folder {
  readonly now: Map<string, Inode>;
  readonly durable: Map<string, Inode>;
  pending: NameChange[];
}

export class FolderNames {
  readonly #folders = new Map<string, Folder>([["", newFolder()]]);

  createFolder(path: string): void {
    const parts = path.split("/");
    for (let i = 1; i <= parts.length; i++) {
      const above = parts.slice(0, i).join("/");
      if (!this.#folders.has(above)) this.#folders.set(above, newFolder());
    }
  }
  hasFolder(path: string): boolean {
    return this.#folders.has(path);
  }
  find(path: string): Inode | undefined {
    return this.#folders.get(folderOf(path))?.now.get(nameOf(path));
  }
  /** False where the folder is missing. */
  link(path: string, inode: Inode): boolean {
    const folder = this.#folders.get(folderOf(path));
    if (folder === undefined) return false;
    change(folder, { name: nameOf(path), inode, endedName: "" });
    return true;
  }
  unlink(path: string): void {
    const folder = this.#folders.get(folderOf(path));
    if (folder?.now.has(nameOf(path))) change(folder, { name: nameOf(path), inode: null, endedName: "" });
  }
  /** Within one folder both names change in one instant, as rename promises. */
  rename(from: string, to: string): boolean {
    const inode = this.find(from);
    const target = this.#folders.get(folderOf(to));
    if (inode === undefined || target === undefined) return false;
    if (from === to) return true;
    if (folderOf(from) === folderOf(to)) {
      change(target, { name: nameOf(to), inode, endedName: nameOf(from) });
    } else {
      change(target, { name: nameOf(to), inode, endedName: "" });
      this.unlink(from);
    }
    return true;
  }
  /** Names and files directly in the folder, sorted by name. */
  list(path: string): (readonly [string, Inode])[] {
    const entries = [...this.#folders.get(path)?.now ?? []];
    return entries.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  }
  /**
   * What a loss of power would leave at least: a name that was taken away may be gone before its folder is synced. One that leads
   * to another file now is there in any case, and may still lead to the file before.
   */
  listDurable(path: string): (readonly [string, Inode])[] {
    const { now, durable } = this.#folders.get(path) ?? newFolder();
    const entries = [...durable].filter(([name]) => now.has(name));
    return entries.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  }
  syncFolder(path: string): void {
    const folder = this.#folders.get(path);
    if (folder === undefined) return;
    for (const one of folder.pending) apply(folder.durable, one);
    folder.pending = [];
  }
  /** Every file that a name leads to, now or durably, each once. */
  inodes(): Set<Inode> {
    const all = new Set<Inode>();
    for (const folder of this.#folders.values()) {
      for (const inode of folder.now.values()) all.add(inode);
    }
    return all;
  }
  /** Returns how many changes of names were lost. */
  crash(draws: Draws): number {
    let lost = 0;
    for (const folder of this.#folders.values()) {
      const kept = folder.pending.length === 0 ? 0 : draws.between(0, folder.pending.length);
      for (const one of folder.pending.slice(0, kept)) apply(folder.durable, one);
      lost += folder.pending.length - kept;
      folder.pending = [];
      folder.now.clear();
      for (const [name, inode] of folder.durable) folder.now.set(name, inode);
    }
    return lost;
  }
}

function newFolder(): Folder {
  return { now: new Map(), durable: new Map(), pending: [] };
}

function change(folder: Folder, one: NameChange): void {
  apply(folder.now, one);
  folder.pending.push(one);
}

function apply(names: Map<string, Inode>, { name, inode, endedName }: NameChange): void {
  if (endedName !== "") names.delete(endedName);
  if (inode === null) names.delete(name);
  else names.set(name, inode);
}

function folderOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at < 0 ? "" : path.slice(0, at);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
