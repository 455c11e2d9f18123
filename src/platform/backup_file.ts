/** A backup as a file: written aside, read section by section, and verified without being changed. */
import { dirname } from "node:path";
import { DecodeError, SennitError } from "../core/errors.ts";
import {
  BACKUP_HEAD_BYTES,
  BackupCheck,
  BackupDecoder,
  type BackupSection,
  type BackupSummary,
  backupUnusable,
  SECTION_HEAD_BYTES,
} from "../node/mod.ts";
import { sha256 } from "./deno_crypto.ts";
import { diskErrorCode } from "./disk_errors.ts";
import { readAt, syncFolder, writeWhole } from "./files.ts";

const CRYPTO = { sha256 };

/** Told how many bytes of the file are behind. */
export type Progress = (bytes: number) => void;

/**
 * Keeps a backup as a file: written aside, synced, read back and verified, and only then under its name, which nothing has
 * yet. Throws `SennitError`: INVALID_ARGUMENT where the file exists, DATA_DAMAGED, DISK_FULL; what `parts` throws.
 */
export async function saveBackup(
  path: string,
  parts: AsyncIterable<Uint8Array>,
  progress: Progress = () => {},
): Promise<BackupSummary> {
  await requireNew(path);
  const aside = `${path}.new`;
  try {
    await write(aside, parts, progress);
    const summary = await verifyBackup(aside);
    await Deno.rename(aside, path);
    await syncFolder(dirname(path));
    return summary;
  } catch (error) {
    await Deno.remove(aside).catch(() => {}); // It may not be there.
    if (diskErrorCode(error) !== "FULL") throw error;
    throw new SennitError("DISK_FULL", `The disk of ${path} is full: write the backup elsewhere`, {
      cause: error,
    });
  }
}

/** It holds keys and messages: for its owner alone. */
async function write(path: string, parts: AsyncIterable<Uint8Array>, progress: Progress): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true, mode: 0o600 });
  let bytes = 0;
  for await (const part of parts) {
    writeWhole(file, part, { bytes: 0 });
    progress(bytes += part.length);
  }
  await file.sync();
}

async function requireNew(path: string): Promise<void> {
  try {
    await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  throw new SennitError("INVALID_ARGUMENT", `"${path}" exists already: name a new file, or remove it first`);
}

/**
 * Reads all of a backup and checks all of it: checksums, that states decode, that entries continue, and that each log leads
 * to the state that was backed up. Throws `SennitError`: DATA_DAMAGED, VERSION_MISMATCH; what the file system says of a
 * missing file.
 */
export async function verifyBackup(path: string, progress: Progress = () => {}): Promise<BackupSummary> {
  const check = new BackupCheck(CRYPTO);
  for await (const { section, endsAt } of backupSections(path)) {
    try {
      check.take(section);
    } catch (error) {
      throw backupUnusable(path, error);
    }
    progress(endsAt);
  }
  try {
    return check.summary();
  } catch (error) {
    throw backupUnusable(path, error);
  }
}

/** The sections of a backup in order; their bytes are lent until the next. Throws as `verifyBackup`. */
export async function* backupSections(
  path: string,
): AsyncGenerator<{ readonly section: BackupSection; readonly endsAt: number }> {
  const file = await Deno.open(path, { read: true });
  let at = 0;
  const next = async (length: number) => {
    const bytes = await readAt(file, at, length);
    at += bytes.length;
    if (bytes.length < length) throw new DecodeError(`it is cut off at byte ${at}`);
    return bytes;
  };
  try {
    const decoder = new BackupDecoder(CRYPTO);
    decoder.head(await next(BACKUP_HEAD_BYTES));
    const { size } = await file.stat();
    while (at < size) {
      const head = decoder.sectionHead(await next(SECTION_HEAD_BYTES));
      const section = decoder.section(head, await next(head.payloadBytes));
      yield { section, endsAt: at };
    }
  } catch (error) {
    throw backupUnusable(path, error);
  } finally {
    file.close();
  }
}
