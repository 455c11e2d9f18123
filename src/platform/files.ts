/** The few things done with files and folders that the runtime does not offer as one call. */
import { dirname } from "node:path";
import { EMPTY_BYTES } from "../core/bytes.ts";
import type { FileEntry } from "../io/mod.ts";

/** Writes all of `bytes`; `written` says how much even where this throws. A write may take less than it was given. */
export function writeWhole(file: Deno.FsFile, bytes: Uint8Array, written: { bytes: number }): void {
  while (written.bytes < bytes.length) {
    const count = file.writeSync(written.bytes === 0 ? bytes : bytes.subarray(written.bytes));
    if (count <= 0) throw new Error("the system took none of the bytes");
    written.bytes += count;
  }
}

/** Up to `length` bytes from `offset`, fewer only at the end of the file; allocates no more than the file holds. */
export async function readAt(
  file: Deno.FsFile,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const wanted = Math.min(length, Math.max(0, file.statSync().size - offset));
  if (wanted === 0) return EMPTY_BYTES;
  const bytes = new Uint8Array(wanted);
  file.seekSync(offset, Deno.SeekMode.Start);
  let done = 0;
  while (done < wanted) {
    const count = await file.read(done === 0 ? bytes : bytes.subarray(done));
    if (count === null) break;
    done += count;
  }
  return done === wanted ? bytes : bytes.slice(0, done);
}

/** fsync of a folder: what makes a created, renamed or removed name durable on POSIX file systems. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await Deno.open(path, { read: true });
  try {
    await folder.sync();
  } finally {
    folder.close();
  }
}

/** Creates the folder and those above it; each new name is synced in the folder that holds it. */
export async function createFolderDurably(path: string, mode = 0o700): Promise<void> {
  const missing: string[] = [];
  for (let at = path; !(await isFolder(at)); at = dirname(at)) missing.push(at);
  for (const folder of missing.reverse()) {
    try {
      await Deno.mkdir(folder, { mode });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists) || !(await isFolder(folder))) throw error;
    }
    await syncFolder(dirname(folder));
  }
}

/** Names and sizes of the files directly in the folder, sorted by code units; a missing folder is empty. */
export async function listFolder(path: string): Promise<FileEntry[]> {
  const entries: FileEntry[] = [];
  try {
    for await (const entry of Deno.readDir(path)) {
      if (entry.isDirectory) continue;
      entries.push({ name: entry.name, sizeBytes: (await Deno.stat(`${path}/${entry.name}`)).size });
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return entries.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** Writes a file so that it is there whole or not at all, also after a crash. */
export async function writeFileDurably(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.new`;
  const file = await Deno.open(temporary, { write: true, create: true, truncate: true, mode });
  try {
    writeWhole(file, new TextEncoder().encode(text), { bytes: 0 });
    await file.sync();
  } finally {
    file.close();
  }
  if (Deno.build.os !== "windows") await Deno.chmod(temporary, mode); // A left-over file keeps its old mode.
  await Deno.rename(temporary, path);
  await syncFolder(dirname(path));
}

async function isFolder(path: string): Promise<boolean> {
  try {
    const info = await Deno.stat(path);
    if (!info.isDirectory) throw new Deno.errors.NotADirectory(`${path} is a file, a folder is needed`);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
