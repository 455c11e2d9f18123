/**
 * Restoring a mesh from a backup into an empty folder. All of the backup is verified first; the folder is made aside and takes
 * its name when it is whole and durable.
 */
import { dirname } from "node:path";
import { SennitError } from "../core/errors.ts";
import { type BackupSummary, RestoredNode } from "../node/mod.ts";
import { checkNodeName } from "../security/mod.ts";
import { backupSections, type Progress, verifyBackup } from "./backup_file.ts";
import { DenoPlatform } from "./deno_platform.ts";
import { createFolderDurably, syncFolder } from "./files.ts";

const ASIDE_SUFFIX = ".restoring";

export interface RestoreOptions {
  /** The backup. */
  readonly file: string;
  /** The new node's data folder: empty, or not there. */
  readonly folder: string;
  /** The new node's name. */
  readonly name: string;
  /** Bytes of the backup that are restored. */
  readonly progress?: Progress;
}

export interface Restored {
  readonly name: string;
  readonly folder: string;
  /** Of the new mesh. */
  readonly meshId: string;
  readonly backup: BackupSummary;
}

/**
 * Makes a new mesh with one member of what a backup holds; durable when it resolves. Throws `SennitError`:
 * CONFIGURATION_INVALID where the folder is not empty, DATA_DAMAGED, VERSION_MISMATCH, DISK_FULL.
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const { file, name } = options;
  checkNodeName(name);
  const folder = options.folder.replace(/\/+$/, "");
  await requireEmpty(folder, "name a new folder");
  const aside = folder + ASIDE_SUFFIX;
  await requireEmpty(aside, "if no other restore is under way there, remove it");
  const backup = await verifyBackup(file);
  await createFolderDurably(dirname(folder));
  const platform = await DenoPlatform.open({ folder: aside });
  let meshId: string;
  try {
    meshId = await fill(platform, name, backup, options);
  } catch (error) {
    await platform.close();
    // It was empty before, and is this process's alone.
    await Deno.remove(aside, { recursive: true });
    throw error;
  } finally {
    await platform.close();
  }
  await Deno.rename(aside, folder);
  await syncFolder(dirname(folder));
  return { name, folder, meshId, backup };
}

async function fill(
  platform: DenoPlatform,
  name: string,
  backup: BackupSummary,
  { file, progress }: RestoreOptions,
): Promise<string> {
  const node = new RestoredNode(platform.io, name, backup);
  platform.attach(1, node);
  await run((done, failed) => node.begin(done, failed));
  for await (const { section, endsAt } of backupSections(file)) {
    await run((done, failed) => node.take(section, done, failed));
    progress?.(endsAt);
  }
  return node.meshId;
}

async function requireEmpty(folder: string, wayOut: string): Promise<void> {
  try {
    for await (const { name } of Deno.readDir(folder)) {
      const text = `Cannot restore to ${folder} as it is not empty, "${name}" is in it: ${wayOut}`;
      throw new SennitError("CONFIGURATION_INVALID", text);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function run(task: (done: () => void, failed: (error: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => task(resolve, reject));
}
