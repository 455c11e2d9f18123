/**
 * A file that stores messages and their offset in one step: the offset is part of the data, so there are no two things
 * that could disagree. What was stored is found by reading the file, and the next subscription starts behind it: each
 * message is in the file exactly once, however often the process or the machine dies.
 *
 *     0  8B  "SENNITSK"          frames follow, one per delivered batch:
 *     8  u32 format: 1              0  u32  length of the frame in bytes
 *    12  u32 CRC-32C over 0-11      4  u64  offset of the first message
 *                                  12  u32  count of messages, at least 1
 *                                  16  u32  CRC-32C over bytes 0-15 and 20-end
 *                                  20  per message: u32 length, bytes
 *
 * A frame that was being written when everything stopped is a torn tail and is cut. An invalid frame before what had
 * been synced is damage, and is never cut: at most `UNSYNCED_BYTES_LIMIT` may lie behind a torn one.
 */
import { ByteWriter, getU64 } from "../core/bytes.ts";
import { crc32c } from "../core/crc32c.ts";
import { SennitError } from "../core/errors.ts";
import { BATCH_BYTES_LIMIT } from "../core/limits.ts";

const MAGIC = "SENNITSK";
const FORMAT = 1;
export const SINK_HEADER_BYTES = 16;
const FRAME_HEADER_BYTES = 20;
const FRAME_BYTES_LIMIT = FRAME_HEADER_BYTES + BATCH_BYTES_LIMIT;
/** `store` syncs at the latest here, so that what may be torn is bounded. */
export const UNSYNCED_BYTES_LIMIT = 16 * 1024 * 1024;

/** Messages of one delivery, from `firstOffset` on. */
export interface SinkBatch {
  readonly firstOffset: number;
  readonly messages: readonly Uint8Array[];
}

export class SinkFile {
  readonly #file: Deno.FsFile;
  readonly #writer = new ByteWriter(64 * 1024);
  #next: number | null;
  #failed = false;

  private constructor(file: Deno.FsFile, next: number | null) {
    this.#file = file;
    this.#next = next;
  }

  /** Opens or creates it for this process alone; cuts a torn tail. DATA_IN_USE, DATA_DAMAGED. */
  static async open(path: string): Promise<SinkFile> {
    const file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
    try {
      if (!await file.tryLock(true)) {
        throw new SennitError("DATA_IN_USE", `"${path}" is in use by another process`);
      }
      const size = (await file.stat()).size;
      let next: number | null = null;
      if (size < SINK_HEADER_BYTES) await createHeader(file, path, size);
      else {
        await checkHeader(file, path);
        let end = SINK_HEADER_BYTES;
        for await (const frame of frames(file, size)) {
          if (next !== null && frame.firstOffset < next) throw damaged(path, end, "offsets go back");
          next = frame.firstOffset + frame.messages.length;
          end = frame.end;
        }
        if (size - end > UNSYNCED_BYTES_LIMIT) throw damaged(path, end, "the frame there is invalid");
        await file.truncate(end);
        await file.seek(end, Deno.SeekMode.Start);
        await file.syncData();
      }
      return new SinkFile(file, next);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** The offset behind the last stored message: where to subscribe from. Null: nothing is stored yet. */
  get nextOffset(): number | null {
    return this.#next;
  }

  /** Stores batches for good: when it resolves they survive everything. After a failure nothing more is stored. */
  async store(batches: readonly SinkBatch[]): Promise<void> {
    if (this.#failed) throw new SennitError("DISK_FAILED", "The sink failed before: open it anew");
    this.#failed = true; // Until it has gone well: a failed write leaves half a frame, a failed sync nothing certain.
    for (const batch of batches) {
      if (this.#writer.length > UNSYNCED_BYTES_LIMIT - FRAME_BYTES_LIMIT) await this.#flush();
      this.#append(batch);
    }
    await this.#flush();
    this.#failed = false;
  }

  close(): void {
    // Closing alone would not free it at once: a child process that is just being started holds a copy of the descriptor.
    this.#file.unlockSync();
    this.#file.close();
  }

  #append({ firstOffset, messages }: SinkBatch): void {
    if (messages.length === 0) return;
    if (this.#next !== null && firstOffset < this.#next) {
      throw new RangeError(`Cannot store offset ${firstOffset} as the sink is at ${this.#next}`);
    }
    const writer = this.#writer;
    const start = writer.length;
    writer.u32(0).u64(firstOffset).u32(messages.length).u32(0);
    for (const message of messages) writer.blob(message);
    writer.patchU32(start, writer.length - start);
    writer.patchU32(start + 16, checksum(writer.view().subarray(start)));
    this.#next = firstOffset + messages.length;
  }

  async #flush(): Promise<void> {
    await writeAll(this.#file, this.#writer.view());
    await this.#file.syncData();
    this.#writer.reset();
  }
}

/** The messages of a sink that may be in use: up to its last whole frame. */
export async function* readSink(path: string): AsyncGenerator<SinkBatch> {
  using file = await Deno.open(path, { read: true });
  await checkHeader(file, path);
  yield* frames(file, (await file.stat()).size);
}

interface Frame extends SinkBatch {
  /** Where the next frame starts. */
  readonly end: number;
}

/** Whole and valid frames from the file's position on; ends before the first that is not. */
async function* frames(file: Deno.FsFile, size: number): AsyncGenerator<Frame> {
  const head = new Uint8Array(4);
  for (let at = SINK_HEADER_BYTES; at + FRAME_HEADER_BYTES <= size;) {
    if (!await readWhole(file, head)) return;
    const length = new DataView(head.buffer).getUint32(0);
    if (length < FRAME_HEADER_BYTES || length > FRAME_BYTES_LIMIT || at + length > size) return;
    const bytes = new Uint8Array(length);
    bytes.set(head);
    if (!await readWhole(file, bytes.subarray(4))) return;
    at += length;
    const frame = decodeFrame(bytes);
    if (frame === null) return;
    yield { ...frame, end: at };
  }
}

function decodeFrame(bytes: Uint8Array): SinkBatch | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(16) !== checksum(bytes)) return null;
  const messages: Uint8Array[] = [];
  for (let at = FRAME_HEADER_BYTES; at < bytes.length;) {
    const length = view.getUint32(at);
    messages.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return messages.length === view.getUint32(12) ? { firstOffset: getU64(view, 4), messages } : null;
}

function checksum(frame: Uint8Array): number {
  return crc32c(frame, FRAME_HEADER_BYTES, frame.length, crc32c(frame, 0, 16));
}

function header(): Uint8Array {
  const writer = new ByteWriter(SINK_HEADER_BYTES).raw(new TextEncoder().encode(MAGIC)).u32(FORMAT);
  return writer.u32(crc32c(writer.view())).take();
}

/** Writes the header of a new file, or of one whose creation was torn: anybody else's short file is left alone. */
async function createHeader(file: Deno.FsFile, path: string, size: number): Promise<void> {
  const found = new Uint8Array(size);
  const wanted = header();
  if (!await readWhole(file, found) || found.some((byte, at) => byte !== wanted[at])) throw foreign(path);
  await file.truncate(0);
  await file.seek(0, Deno.SeekMode.Start);
  await writeAll(file, header());
  await file.sync();
  // The file's name must last as well.
  const slash = path.lastIndexOf("/");
  using folder = await Deno.open(slash < 0 ? "." : path.slice(0, slash + 1));
  await folder.sync();
}

async function checkHeader(file: Deno.FsFile, path: string): Promise<void> {
  const found = new Uint8Array(SINK_HEADER_BYTES);
  const wanted = header();
  if (await readWhole(file, found) && found.every((byte, at) => byte === wanted[at])) return;
  throw foreign(path);
}

function foreign(path: string): SennitError {
  return new SennitError("DATA_DAMAGED", `"${path}" is not a sink of this version`);
}

function damaged(path: string, at: number, what: string): SennitError {
  return new SennitError("DATA_DAMAGED", `"${path}" is damaged at byte ${at}: ${what}`, { details: { at } });
}

async function readWhole(file: Deno.FsFile, into: Uint8Array): Promise<boolean> {
  for (let at = 0; at < into.length;) {
    const count = await file.read(into.subarray(at));
    if (count === null) return false;
    at += count;
  }
  return true;
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}
