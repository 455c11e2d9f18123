/**
 * The folder of recordings: one take for each start of a node, each in numbered segment files of bounded size. All of it
 * together keeps below a limit: the oldest segment goes first.
 *
 * Writing is synchronous and never synced: what a turn handed over survives the death of the process, not that of the
 * machine.
 */
import { randomBytes } from "node:crypto";
import { SennitError } from "../core/errors.ts";
import type { RecordSink } from "./recorder.ts";
import type { RecordingKey } from "./key.ts";
import { BLOCK_OVERHEAD_BYTES, BlockCipher, encodeHead, HEAD_BYTES } from "./segment.ts";
import { RECORDING_FORMAT, SALT_BYTES } from "./segment.ts";

export const RECORD_BYTES_DEFAULT = 1024 * 1024 * 1024;
export const RECORD_BYTES_MIN = 256 * 1024;
const SEGMENTS_OF_LIMIT = 16;
const SEGMENT_LIMIT_BYTES = 64 * 1024 * 1024;
const LOCK_FILE = "lock";
/** Says where the key is, so that a replay on the same machine finds it. */
export const KEY_PATH_FILE = "key-is-at";
const FILE_NAME = /^take-(\d{6,})-(\d{6,})\.rec$/;

export interface SegmentFile {
  readonly path: string;
  readonly take: number;
  readonly segment: number;
  readonly sizeBytes: number;
}

/** The segments in a folder, oldest first. */
export function segmentsIn(folder: string): SegmentFile[] {
  const found: SegmentFile[] = [];
  for (const { name, isFile } of Deno.readDirSync(folder)) {
    const match = FILE_NAME.exec(name);
    if (match === null || !isFile) continue;
    const path = `${folder}/${name}`;
    const [take, segment] = [Number(match[1]), Number(match[2])];
    found.push({ path, take, segment, sizeBytes: Deno.statSync(path).size });
  }
  return found.sort((a, b) => a.take - b.take || a.segment - b.segment);
}

export interface TakeOptions {
  readonly folder: string;
  /** Of all takes together, at least `RECORD_BYTES_MIN`. */
  readonly limitBytes: number;
  readonly keyPath: string;
  readonly key: RecordingKey;
  /** Told once where writing fails, nothing is recorded from then on; and once where the take's beginning goes. */
  readonly onTrouble: (error: SennitError) => void;
}

/** One take that is being written. */
export class TakeWriter {
  readonly #options: TakeOptions;
  #lock: Deno.FsFile | null;
  readonly #older: SegmentFile[];
  readonly #take: number;
  readonly #salt = new Uint8Array(randomBytes(SALT_BYTES));
  readonly #cipher: BlockCipher;
  readonly #segmentBytes: number;
  #totalBytes: number;
  #file: Deno.FsFile | null = null;
  #filePath = "";
  #fileBytes = 0;
  #segment = 0;
  #block = 0;

  private constructor(options: TakeOptions, lock: Deno.FsFile) {
    this.#options = options;
    this.#lock = lock;
    this.#older = segmentsIn(options.folder);
    this.#totalBytes = this.#older.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
    this.#take = (this.#older.at(-1)?.take ?? 0) + 1;
    this.#cipher = new BlockCipher(options.key.derive(this.#salt));
    this.#segmentBytes = Math.min(SEGMENT_LIMIT_BYTES, Math.floor(options.limitBytes / SEGMENTS_OF_LIMIT));
  }

  /** Makes the folder where it is missing, takes it, and begins a take. `DATA_IN_USE` where somebody records into it. */
  static open(options: TakeOptions): TakeWriter {
    if (options.limitBytes < RECORD_BYTES_MIN) {
      throw new RangeError(`A recording needs at least ${RECORD_BYTES_MIN} bytes`);
    }
    Deno.mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    const lock = Deno.openSync(`${options.folder}/${LOCK_FILE}`, { write: true, create: true, mode: 0o600 });
    try {
      if (!lock.tryLockSync(true)) {
        throw new SennitError(
          "DATA_IN_USE",
          `Another process records into ${options.folder}: give each node a folder of its own with --record`,
          { details: { folder: options.folder } },
        );
      }
      const writer = new TakeWriter(options, lock);
      Deno.writeTextFileSync(`${options.folder}/${KEY_PATH_FILE}`, `${Deno.realPathSync(options.keyPath)}\n`);
      writer.#rotate();
      return writer;
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  readonly sink: RecordSink = (records) => {
    if (this.#file === null) return false;
    try {
      const pieceBytes = this.#segmentBytes - HEAD_BYTES - BLOCK_OVERHEAD_BYTES;
      for (let at = 0; at < records.length; at += pieceBytes) {
        const end = Math.min(records.length, at + pieceBytes);
        this.#append(records.subarray(at, end), end === records.length);
      }
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  };

  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#lock?.unlockSync();
    this.#lock?.close();
    this.#lock = null;
  }

  #append(plain: Uint8Array, mayCut: boolean): void {
    if (this.#fileBytes + plain.length + BLOCK_OVERHEAD_BYTES > this.#segmentBytes) this.#rotate();
    this.#write(this.#cipher.encrypt(this.#block, mayCut, plain));
    this.#block += 1;
  }

  #rotate(): void {
    const { folder, limitBytes, key } = this.#options;
    if (this.#file !== null) {
      this.#file.close();
      this.#file = null;
      this.#older.push({
        path: this.#filePath,
        take: this.#take,
        segment: this.#segment,
        sizeBytes: this.#fileBytes,
      });
    }
    while (this.#totalBytes + this.#segmentBytes > limitBytes && this.#older.length > 0) {
      const oldest = this.#older.shift()!;
      Deno.removeSync(oldest.path);
      this.#totalBytes -= oldest.sizeBytes;
      if (oldest.take === this.#take && oldest.segment === 1) this.#tellWrapped();
    }
    this.#segment += 1;
    const digits = (number: number) => String(number).padStart(6, "0");
    this.#filePath = `${folder}/take-${digits(this.#take)}-${digits(this.#segment)}.rec`;
    this.#file = Deno.openSync(this.#filePath, { write: true, createNew: true, mode: 0o600 });
    this.#fileBytes = 0;
    this.#write(encodeHead({
      format: RECORDING_FORMAT,
      take: this.#take,
      segment: this.#segment,
      firstBlock: this.#block,
      salt: this.#salt,
      keyCheck: key.check(this.#salt),
    }));
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += this.#file!.writeSync(bytes.subarray(at));
    this.#fileBytes += bytes.length;
    this.#totalBytes += bytes.length;
  }

  #tellWrapped(): void {
    const { folder, limitBytes, onTrouble } = this.#options;
    onTrouble(
      new SennitError(
        "UNSUPPORTED",
        `The recording in ${folder} has reached its ${limitBytes} bytes and lost its beginning, so that it cannot be ` +
          "replayed: restart the node to begin another, and give it more room with --record-bytes",
      ),
    );
  }

  #fail(cause: unknown): void {
    this.#file?.close();
    this.#file = null;
    this.#options.onTrouble(
      new SennitError(
        "DISK_FAILED",
        `Cannot record into ${this.#options.folder} any more, the node goes on without: ${
          (cause as Error).message
        }`,
        { cause },
      ),
    );
  }
}
