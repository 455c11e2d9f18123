/**
 * `node.json` in the data folder of a running node: where its gRPC port is and the certificate with which whoever may
 * read this file administers it. Written whole or not at all, readable by the owner alone, removed at a clean stop.
 */
import * as v from "valibot";
import { SennitError } from "../core/errors.ts";

export const RECORD_FILE = "node.json";

const SCHEMA = v.object({
  pid: v.number(),
  grpc: v.string(),
  /** Null: plaintext. PEM texts. */
  identity: v.nullable(v.object({
    certificate: v.string(),
    privateKey: v.string(),
    trust: v.array(v.string()),
    serverName: v.string(),
  })),
});

export type LocalRecord = v.InferOutput<typeof SCHEMA>;

export async function writeRecord(folder: string, record: LocalRecord): Promise<void> {
  const aside = `${folder}/${RECORD_FILE}.new`;
  await removeRecordAt(aside); // The mode counts only where the file is made.
  await Deno.writeTextFile(aside, JSON.stringify(record), { mode: 0o600, createNew: true });
  await Deno.rename(aside, `${folder}/${RECORD_FILE}`);
}

export function removeRecord(folder: string): Promise<void> {
  return removeRecordAt(`${folder}/${RECORD_FILE}`);
}

/** UNREACHABLE where no node runs on that folder. */
export async function readRecord(folder: string): Promise<LocalRecord> {
  let text: string;
  try {
    text = await Deno.readTextFile(`${folder}/${RECORD_FILE}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new SennitError(
        "UNREACHABLE",
        `No node runs on "${folder}": start one, or name another by --data or --node`,
      );
    }
    throw new SennitError(
      "PERMISSION_DENIED",
      `Cannot read "${folder}/${RECORD_FILE}": ${(error as Error).message}`,
    );
  }
  try {
    return v.parse(SCHEMA, JSON.parse(text));
  } catch (error) {
    throw new SennitError(
      "DATA_DAMAGED",
      `"${folder}/${RECORD_FILE}" cannot be read: ${(error as Error).message}`,
    );
  }
}

async function removeRecordAt(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
