/** `sennit backup`, `sennit backup verify` and `sennit restore`. */
import { type Face, MeshClient } from "../client/mod.ts";
import { SennitError } from "../core/errors.ts";
import type { BackupSummary } from "../node/mod.ts";
import { type Progress, restore, saveBackup, verifyBackup } from "../platform/mod.ts";
import type { ArgumentsOf } from "./arguments.ts";
import { json, line, table } from "./output.ts";

/** Work that takes longer says so often how far it is. */
const PROGRESS_MS = 2000;
const MIB = 1024 * 1024;

export async function backup(face: Face, args: ArgumentsOf<"backup">, signal: AbortSignal): Promise<void> {
  const { out } = args;
  const summary = await saveBackup(
    out,
    untilInterrupted(new MeshClient(face), signal),
    progressOf("Backed up"),
  );
  const { size } = await Deno.stat(out);
  if (args.json) return await line(json({ file: out, bytes: size, ...summary }));
  await line(`${describe(summary)}\nWritten and verified: ${out}, ${size} bytes`);
}

export async function backupVerify({ file, json: asJson }: ArgumentsOf<"backup-verify">): Promise<void> {
  const summary = await verifyBackup(file, progressOf("Verified"));
  await line(asJson ? json({ file, ...summary }) : `${describe(summary)}\nWhole: ${file}`);
}

export async function restoreMesh(args: ArgumentsOf<"restore">): Promise<void> {
  const { file, data: folder, name } = args;
  const restored = await restore({ file, folder, name, progress: progressOf("Restored") });
  if (args.json) return await line(json(restored));
  const { meshId, backup: summary } = restored;
  await line(
    `${describe(summary)}\nRestored as mesh ${meshId}, with ${name} as its only member: ` +
      `sennit start --data ${restored.folder} --name ${name}`,
  );
}

async function* untilInterrupted(mesh: MeshClient, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const bytes of mesh.backup()) {
    if (signal.aborted) throw new SennitError("SHUTTING_DOWN", "Interrupted: no backup was written");
    yield bytes;
  }
}

function describe(
  { meshName, meshId, node, takenWallMs, members, keys, groups, missing }: BackupSummary,
): string {
  const rows = groups.filter(({ type }) => type !== "control").map(({ name, type, index, ...rest }) => [
    name,
    type,
    index,
    type === "stream" ? `${rest.firstOffset}..${rest.nextOffset}` : "",
  ]);
  return [
    `Mesh "${meshName}" (${meshId}) as ${node} held it at ${new Date(takenWallMs).toISOString()}: ` +
    `members ${members.join(", ")}; ${keys} keys`,
    ...(rows.length > 0 ? [table(["GROUP", "TYPE", "ENTRY", "OFFSETS"], rows)] : []),
    ...missing.map(({ name, members: holders }) =>
      `NOT CONTAINED: ${name}, which ${node} does not hold: it is at ${holders.join(", ")}`
    ),
  ].join("\n");
}

/** Speaks on the standard error where the work takes long. */
function progressOf(what: string): Progress {
  let saidMs = performance.now();
  return (bytes) => {
    const now = performance.now();
    if (now - saidMs < PROGRESS_MS) return;
    saidMs = now;
    console.error(`${what} ${(bytes / MIB).toFixed(0)} MiB`);
  };
}
