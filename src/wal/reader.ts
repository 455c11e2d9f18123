/**
 * Reading of contents back from the segments. Neighbouring contents share one disk read; each is verified against
 * the CRC that stands under its header's checksum, the second half of a pair whose first was the write.
 *
 * A job holds where its contents lay when it was started. That stays true: operations on one file complete in order, so
 * a read that was submitted before a file's removal still finds it.
 */
import { assert } from "../core/assert.ts";
import { crc32c } from "../core/crc32c.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { TokenSource } from "../core/flow.ts";
import type { Token } from "../core/ids.ts";
import { LOAD_BYTES_LIMIT } from "../core/limits.ts";
import type { Disk, DiskEvent } from "../io/mod.ts";
import type { Contents, Extent } from "./extent.ts";
import type { Segments } from "./segments.ts";

/** Bytes between two wanted contents that are read along rather than skipped by a second read. */
const GAP_BYTES_LIMIT = 16 * 1024;

export interface ReadJob {
  readonly extents: readonly Extent[];
  /** Of each extent; null while under way and where it cannot be had. */
  readonly bytes: (Uint8Array | null)[];
  /** Positions of what the disk does not have: known before, or found by this job. */
  readonly damaged: Set<number>;
  /** Disk reads that have not completed. */
  waiting: number;
  failed: ErrorCode | null;
}

interface Span {
  readonly job: ReadJob;
  readonly segment: number;
  readonly start: number;
  end: number;
  /** Positions in the job and offsets in the file. */
  readonly members: { readonly position: number; readonly offset: number }[];
  /** The disk has refused to read it once. */
  readonly isSecond: boolean;
}

export class Reader {
  readonly #disk: Disk;
  readonly #tokens: TokenSource;
  readonly #segments: Segments;
  readonly #contents: Contents;
  readonly #spans = new Map<Token, Span>();

  constructor(disk: Disk, tokens: TokenSource, segments: Segments, contents: Contents) {
    this.#disk = disk;
    this.#tokens = tokens;
    this.#segments = segments;
    this.#contents = contents;
  }

  /** Reads in flight. */
  get size(): number {
    return this.#spans.size;
  }

  /** What is in memory is there at once; the job is done when `waiting` is 0. */
  start(extents: readonly Extent[]): ReadJob {
    const job: ReadJob = { extents, bytes: [], damaged: new Set(), waiting: 0, failed: null };
    const missing: number[] = [];
    for (let i = 0; i < extents.length; i++) {
      const extent = extents[i]!;
      const bytes = this.#contents.bytesOf(extent);
      job.bytes.push(bytes);
      if (bytes !== null) continue;
      if (extent.damaged) damaged(job, i);
      else missing.push(i);
    }
    for (const span of this.#plan(job, missing)) this.#submit(span);
    return job;
  }

  #submit(span: Span): void {
    const token = this.#tokens.next();
    this.#spans.set(token, span);
    span.job.waiting++;
    this.#disk.read(this.#segments.path(span.segment), span.start, span.end - span.start, token);
  }

  /** A sector that cannot be read, and not a second time either, costs what lies in it: each content is read by itself. */
  #readApart({ job, segment, members, isSecond }: Span): void {
    for (const member of members) {
      const { position, offset } = member;
      const end = offset + job.extents[position]!.lengthBytes;
      if (isSecond) damaged(job, position);
      else this.#submit({ job, segment, start: offset, end, members: [member], isSecond: true });
    }
  }

  /** The job that the completion belongs to, null where it is not the reader's. */
  onDisk(event: DiskEvent): ReadJob | null {
    const span = this.#spans.get(event.token);
    if (span === undefined) return null;
    this.#spans.delete(event.token);
    span.job.waiting--;
    if (!event.ok) {
      if (event.code === "FAILED") this.#readApart(span);
      else span.job.failed = "DISK_FAILED";
      return span.job;
    }
    for (const { position, offset } of span.members) {
      const extent = span.job.extents[position]!;
      const at = offset - span.start;
      const end = at + extent.lengthBytes;
      if (end > event.bytes.length || crc32c(event.bytes, at, end) !== extent.crc) {
        damaged(span.job, position);
        continue;
      }
      span.job.bytes[position] = event.bytes.slice(at, end);
    }
    return span.job;
  }

  #plan(job: ReadJob, missing: number[]): Span[] {
    const extents = job.extents;
    missing.sort((a, b) => order(extents[a]!, extents[b]!) || a - b);
    const spans: Span[] = [];
    let span: Span | undefined;
    for (const position of missing) {
      const extent = extents[position]!;
      assert(extent.segment > 0, "content that is not in memory is on disk");
      const end = extent.offset + extent.lengthBytes;
      const joins = span !== undefined && span.segment === extent.segment &&
        extent.offset - span.end <= GAP_BYTES_LIMIT && end - span.start <= LOAD_BYTES_LIMIT;
      if (!joins) {
        span = { job, segment: extent.segment, start: extent.offset, end, members: [], isSecond: false };
        spans.push(span);
      }
      span!.end = Math.max(span!.end, end);
      span!.members.push({ position, offset: extent.offset });
    }
    return spans;
  }
}

function damaged(job: ReadJob, position: number): void {
  job.damaged.add(position);
  job.failed = "DATA_DAMAGED";
}

function order(a: Extent, b: Extent): number {
  return a.segment - b.segment || a.offset - b.offset;
}
