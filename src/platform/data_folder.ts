/**
 * The data folder of a node belongs to one process: two would write one log. The lock is the kernel's (flock), so it
 * ends with the process however that ends; the process id in the file only tells an operator whom to look for.
 */
import { SennitError } from "../core/errors.ts";
import { LOCK_FILE } from "./deno_disk.ts";
import { diskErrorCode, errorText } from "./disk_errors.ts";
import { createFolderDurably, syncFolder, writeWhole } from "./files.ts";

export class DataFolder {
  /** Absolute. */
  readonly path: string;
  readonly #lock: Deno.FsFile;

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /** Creates the folder where it is missing and takes it. */
  static async open(folder: string): Promise<DataFolder> {
    if (folder === "") throw new TypeError("The data folder has no name");
    try {
      await createFolderDurably(folder);
      const path = await Deno.realPath(folder);
      const lock = await Deno.open(`${path}/${LOCK_FILE}`, {
        read: true,
        write: true,
        create: true,
        mode: 0o600,
      });
      try {
        if (!(await lock.tryLock(true))) throw await inUse(path);
        await writeOwner(lock);
        await syncFolder(path);
      } catch (error) {
        lock.close();
        throw error;
      }
      return new DataFolder(path, lock);
    } catch (error) {
      throw error instanceof SennitError ? error : explain(folder, error);
    }
  }

  /** Gives the folder back. The lock file stays: removing it would let two processes lock two files. */
  close(): void {
    // Closing alone would not free it at once: a child process that is just being started holds a copy of the descriptor.
    this.#lock.unlockSync();
    this.#lock.close();
  }
}

async function writeOwner(lock: Deno.FsFile): Promise<void> {
  const text = new TextEncoder().encode(`${Deno.pid}\n`);
  writeWhole(lock, text, { bytes: 0 });
  await lock.truncate(text.length);
  await lock.syncData();
}

async function inUse(path: string): Promise<SennitError> {
  const owner = (await Deno.readTextFile(`${path}/${LOCK_FILE}`).catch(() => "")).trim();
  const who = /^\d+$/.test(owner) ? `process ${owner}` : "another process";
  return new SennitError(
    "DATA_IN_USE",
    `The data folder ${path} is in use by ${who}: stop that one, or give this node a folder of its own`,
    { details: { folder: path, owner } },
  );
}

function explain(folder: string, error: unknown): SennitError {
  const options = { details: { folder }, cause: error };
  switch (diskErrorCode(error)) {
    case "FULL":
      return new SennitError(
        "DISK_FULL",
        `The disk of the data folder ${folder} is full: free some space or choose another folder`,
        options,
      );
    case "READ_ONLY":
      return new SennitError(
        "DISK_FAILED",
        `The data folder ${folder} cannot be written (read-only or not permitted): ` +
          "make it writable for this user or choose another folder",
        options,
      );
    default:
      return new SennitError(
        "DISK_FAILED",
        `The data folder ${folder} cannot be opened: ${errorText(error)}`,
        options,
      );
  }
}
