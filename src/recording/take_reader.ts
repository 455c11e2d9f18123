/** A take that was recorded, read back from its first byte: whole records, the torn tail of a killed process cut off. */
import { concatBytes, equalBytes } from "../core/bytes.ts";
import { DecodeError, SennitError } from "../core/errors.ts";
import { type SegmentFile, segmentsIn } from "./folder.ts";
import type { RecordingKey } from "./key.ts";
import { blockAt, BlockCipher, claimedEnd, decodeHead, HEAD_BYTES, RECORDING_FORMAT } from "./segment.ts";
import type { SegmentHead } from "./segment.ts";

export class TakeReader {
  readonly take: number;
  /** All that the folder has, oldest first; of the older ones the beginning may be gone. */
  readonly takes: readonly number[];
  /** Bytes at the end that are no whole block, or after which records were to follow; known when all was read. */
  cutBytes = 0;
  readonly #segments: readonly SegmentFile[];
  readonly #cipher: BlockCipher;

  private constructor(
    take: number,
    takes: readonly number[],
    segments: readonly SegmentFile[],
    cipher: BlockCipher,
  ) {
    this.take = take;
    this.takes = takes;
    this.#segments = segments;
    this.#cipher = cipher;
  }

  /** `take` null: the last one. Throws `SennitError` that says what is wrong with the folder, the take or the key. */
  static open(folder: string, key: RecordingKey, take: number | null): TakeReader {
    const all = segmentsOf(folder);
    const takes = [...new Set(all.map((segment) => segment.take))];
    const chosen = take ?? takes.at(-1)!;
    const segments = all.filter((segment) => segment.take === chosen);
    const first = segments[0];
    if (first === undefined) {
      throw new SennitError("NOT_FOUND", `${folder} holds no take ${take}: it has ${takes.join(", ")}`);
    }
    const head = headOf(first, Deno.readFileSync(first.path));
    if (!equalBytes(head.keyCheck, key.check(head.salt))) {
      throw new SennitError(
        "PERMISSION_DENIED",
        `${first.path} was recorded under another key: name the right one with --record-key`,
      );
    }
    if (first.segment > 1) throw wrapped(first);
    return new TakeReader(chosen, takes, segments, new BlockCipher(key.derive(head.salt)));
  }

  /** Whole records, in order; can be read once. */
  *chunks(): Generator<Uint8Array> {
    let expected = 0;
    let parts: Uint8Array[] = [];
    let uncutBytes = 0;
    for (const [place, segment] of this.#segments.entries()) {
      const isLast = place === this.#segments.length - 1;
      if (segment.segment !== place + 1) throw damaged(segment, "the segment before it is missing");
      const bytes = Deno.readFileSync(segment.path);
      // The process may have died before the head of its last file was whole.
      if (isLast && bytes.length < HEAD_BYTES) {
        this.cutBytes += bytes.length;
        break;
      }
      if (headOf(segment, bytes).firstBlock !== expected) {
        throw damaged(segment, "blocks before it are missing");
      }
      let at = HEAD_BYTES;
      while (at < bytes.length) {
        const block = blockAt(bytes, at);
        if (block === null || block.number !== expected) {
          if (!isLast || blockAt(bytes, claimedEnd(bytes, at)) !== null) {
            throw damaged(segment, `the block at ${at} is damaged`);
          }
          this.cutBytes += bytes.length - at;
          break;
        }
        parts.push(this.#decrypt(segment, block));
        uncutBytes += block.end - at;
        at = block.end;
        expected += 1;
        if (!block.mayCut) continue;
        yield parts.length === 1 ? parts[0]! : concatBytes(parts);
        parts = [];
        uncutBytes = 0;
      }
    }
    this.cutBytes += uncutBytes;
  }

  #decrypt(segment: SegmentFile, block: NonNullable<ReturnType<typeof blockAt>>): Uint8Array {
    try {
      return this.#cipher.decrypt(block);
    } catch (error) {
      if (error instanceof DecodeError) throw damaged(segment, error.message);
      throw error;
    }
  }
}

function segmentsOf(folder: string): SegmentFile[] {
  let segments: SegmentFile[];
  try {
    segments = segmentsIn(folder);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) && !(error instanceof Deno.errors.NotADirectory)) {
      throw error;
    }
    throw new SennitError(
      "NOT_FOUND",
      `There is no folder ${folder}: name the one that was given to --record`,
    );
  }
  if (segments.length > 0) return segments;
  throw new SennitError(
    "NOT_FOUND",
    `${folder} holds no recording: make one with \`start --record ${folder}\``,
  );
}

function headOf(segment: SegmentFile, bytes: Uint8Array): SegmentHead {
  let head: SegmentHead;
  try {
    head = decodeHead(bytes);
  } catch (error) {
    if (error instanceof DecodeError) throw damaged(segment, error.message);
    throw error;
  }
  if (head.format !== RECORDING_FORMAT) {
    throw new SennitError(
      "UNSUPPORTED",
      `${segment.path} has format ${head.format}, this build reads ${RECORDING_FORMAT}: replay it with the build that made it`,
    );
  }
  if (head.take !== segment.take || head.segment !== segment.segment) {
    throw damaged(segment, `its head is that of take ${head.take}, segment ${head.segment}`);
  }
  return head;
}

function damaged({ path }: SegmentFile, what: string): SennitError {
  return new SennitError("DATA_DAMAGED", `${path} cannot be read: ${what}`);
}

function wrapped({ take, segment }: SegmentFile): SennitError {
  return new SennitError(
    "UNSUPPORTED",
    `The beginning of take ${take} was overwritten (it is there from segment ${segment} on), and a replay begins ` +
      "where the node began: restart the node, or give the recording more room with --record-bytes",
  );
}
