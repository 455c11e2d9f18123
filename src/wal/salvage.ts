/**
 * Reads a file of which the disk may no longer give back every sector. What cannot be read is zeros: the checksums over it
 * say so, and what lies beside it is kept.
 */
import { SennitError } from "../core/errors.ts";
import type { Disk, DiskEvent } from "../io/mod.ts";
import { diskError, type DiskFlow, readWholeFile, tooLarge } from "./files.ts";

/** Read at once where some of a file cannot be read; what fails is read again in the smallest unit that a disk may lose. */
const PIECE_BYTES = 64 * 1024;
const SECTOR_BYTES = 512;
/** More in one file, and the disk is not one to go on with. */
const UNREADABLE_SECTORS_LIMIT = 256;

export interface Salvaged {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the last sector ends that cannot be read; 0 where all can. */
  readonly unreadableEnd: number;
}

/** Of no bytes where there is no such file. Throws TOO_LARGE above the limit, DISK_FAILED where too much of it cannot be read. */
export function* salvageFile(
  disk: Disk,
  path: string,
  limitBytes: number,
  sizeBytes: number,
): DiskFlow<Salvaged> {
  if (sizeBytes > limitBytes) throw tooLarge(path, limitBytes);
  try {
    const bytes = yield* readWholeFile(disk, path, limitBytes, sizeBytes);
    return { bytes: bytes ?? new Uint8Array(0), unreadableEnd: 0 };
  } catch (error) {
    if (!(error instanceof SennitError) || error.code !== "DISK_FAILED") throw error;
    return yield* readPieces(disk, path, sizeBytes);
  }
}

function* readPieces(disk: Disk, path: string, sizeBytes: number): DiskFlow<Salvaged> {
  const bytes = new Uint8Array(sizeBytes);
  let unreadableEnd = 0;
  let unreadable = 0;
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
    const end = Math.min(at + PIECE_BYTES, sizeBytes);
    if ((yield* readInto(bytes, disk, path, at, end)) === null) continue;
    for (let sector = at; sector < end; sector += SECTOR_BYTES) {
      const sectorEnd = Math.min(sector + SECTOR_BYTES, end);
      const refused = yield* readInto(bytes, disk, path, sector, sectorEnd);
      if (refused === null) continue;
      if (++unreadable > UNREADABLE_SECTORS_LIMIT) throw diskError(refused.code, refused.message);
      unreadableEnd = sectorEnd;
    }
  }
  return { bytes, unreadableEnd };
}

/** Null where it could be read. */
function* readInto(
  bytes: Uint8Array,
  disk: Disk,
  path: string,
  at: number,
  end: number,
): DiskFlow<Extract<DiskEvent, { ok: false }> | null> {
  const event: DiskEvent = yield (token) => disk.read(path, at, end - at, token);
  if (!event.ok) return event;
  bytes.set(event.bytes, at);
  return null;
}
