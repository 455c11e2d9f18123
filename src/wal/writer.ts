/**
 * Writes one batch at a time: one append, one sync, and for a new segment a sync of the folder. Nothing is durable
 * before all of them succeeded.
 *
 * A failed sync is final: what the disk kept of the data is unknown, and repeating the sync may report success
 * for data that is gone (Rebello et al., "Can Applications Recover from fsync Failures?", ATC 2020). A full disk is
 * not: what was written in part is cut off and the same batch is written again when asked.
 */
import { assert } from "../core/assert.ts";
import { SennitError } from "../core/errors.ts";
import type { TokenSource } from "../core/flow.ts";
import type { Token } from "../core/ids.ts";
import type { Disk, DiskEvent } from "../io/mod.ts";
import type { Batch } from "./batch.ts";
import type { Segment, Segments } from "./segments.ts";

/**
 *   idle -> writing -> durable -> idle
 *              |  ^
 *      FULL    v  | retry
 *           cutting -> full            any failure but FULL of an append: failed, for good
 */
type Phase = "idle" | "writing" | "durable" | "cutting" | "full" | "failed";

const NO_TOKEN = 0 as Token;

export class Writer {
  readonly #disk: Disk;
  readonly #tokens: TokenSource;
  readonly #segments: Segments;
  readonly #folder: string;
  #phase: Phase = "idle";
  #failure: SennitError | null = null;
  /** The header's CRC of the last durable batch. */
  #previousCrc = 0;
  #batch: Batch | null = null;
  #segment: Segment | null = null;
  #headerCrc = 0;
  #sizeBytes = 0;
  #bodyBytes = 0;
  #appendToken = NO_TOKEN;
  #syncToken = NO_TOKEN;
  #folderToken = NO_TOKEN;
  #cutToken = NO_TOKEN;
  /** The append was refused for want of space. */
  #refused = false;
  /** From a refused append until the batch is durable. */
  #full = false;

  constructor(disk: Disk, tokens: TokenSource, segments: Segments, folder: string) {
    this.#disk = disk;
    this.#tokens = tokens;
    this.#segments = segments;
    this.#folder = folder;
  }

  get idle(): boolean {
    return this.#phase === "idle";
  }
  get full(): boolean {
    return this.#full;
  }
  get failure(): SennitError | null {
    return this.#failure;
  }

  /** What was recovered ends with the header of this CRC. */
  continueAfter(headerCrc: number): void {
    this.#previousCrc = headerCrc;
  }

  fail(error: SennitError): void {
    this.#failure ??= error;
    this.#phase = "failed";
  }

  /** Takes the batch and returns the body size that its segment will have. `segmentId` is the one it opens, if it does. */
  write(batch: Batch, segmentId: number): number {
    assert(this.#phase === "idle", "one batch is in flight");
    const segment = batch.opensSegment ? this.#segments.add(segmentId) : this.#segments.current;
    assert(segment !== undefined, "a batch that opens no segment continues one");
    this.#batch = batch;
    this.#segment = segment;
    this.#submit(batch, segment);
    return segment.bodyBytes + this.#bodyBytes;
  }

  /** Writes the batch that found no space once more. */
  retry(): void {
    if (this.#phase !== "full") return;
    assert(this.#batch !== null && this.#segment !== null, "a full log has a batch that waits");
    this.#submit(this.#batch, this.#segment);
  }

  /** True where the completion was the writer's. */
  onDisk(event: DiskEvent): boolean {
    if (event.token === this.#appendToken) this.#appended(event);
    else if (event.token === this.#syncToken) this.#synced(event);
    else if (event.token === this.#folderToken) this.#folderSynced(event);
    else if (event.token === this.#cutToken) this.#cutOff(event);
    else return false;
    if (this.#phase === "writing" && this.#settled) {
      if (this.#refused) this.#cut();
      else this.#phase = "durable";
    }
    return true;
  }

  /** The batch, once, when it is durable; the writer is idle again then. */
  takeDurable(): { batch: Batch; segment: Segment } | null {
    if (this.#phase !== "durable") return null;
    assert(this.#batch !== null && this.#segment !== null, "what became durable was a batch");
    const done = { batch: this.#batch, segment: this.#segment };
    this.#segments.grow(this.#segment, this.#sizeBytes, this.#bodyBytes);
    this.#previousCrc = this.#headerCrc;
    this.#batch = null;
    this.#segment = null;
    this.#full = false;
    this.#phase = "idle";
    return done;
  }

  get #settled(): boolean {
    return this.#appendToken === NO_TOKEN && this.#syncToken === NO_TOKEN && this.#folderToken === NO_TOKEN;
  }

  #submit(batch: Batch, segment: Segment): void {
    const encoded = batch.encode(segment.id, segment.sizeBytes, this.#previousCrc);
    this.#headerCrc = encoded.headerCrc;
    this.#sizeBytes = encoded.bytes.length;
    this.#bodyBytes = encoded.bytes.length - encoded.headBytes;
    this.#refused = false;
    this.#phase = "writing";
    this.#appendToken = this.#tokens.next();
    this.#disk.append(segment.path, encoded.bytes, this.#appendToken);
    // Operations on one file complete in order, so the sync covers the append. A new file's name must wait for it.
    if (!batch.opensSegment) this.#sync(segment);
  }

  #sync(segment: Segment): void {
    this.#syncToken = this.#tokens.next();
    this.#disk.sync(segment.path, this.#syncToken);
  }

  #appended(event: DiskEvent): void {
    this.#appendToken = NO_TOKEN;
    assert(this.#batch !== null && this.#segment !== null, "what was appended was a batch");
    if (!event.ok) {
      if (event.code === "FULL") this.#refused = true;
      else this.#refuse("Cannot write the log", event);
      return;
    }
    if (!this.#batch.opensSegment) return;
    this.#sync(this.#segment);
    this.#folderToken = this.#tokens.next();
    this.#disk.syncFolder(this.#folder, this.#folderToken);
  }

  #synced(event: DiskEvent): void {
    this.#syncToken = NO_TOKEN;
    if (!event.ok) this.#refuse("Cannot sync the log", event);
  }

  #folderSynced(event: DiskEvent): void {
    this.#folderToken = NO_TOKEN;
    if (!event.ok) this.#refuse("Cannot sync the log's folder", event);
  }

  /** Takes back what may have been written of a batch that found no space. */
  #cut(): void {
    assert(this.#segment !== null, "what is cut off lies in a segment");
    this.#phase = "cutting";
    this.#full = true;
    this.#cutToken = this.#tokens.next();
    const { path, sizeBytes } = this.#segment;
    if (sizeBytes === 0) this.#disk.remove(path, this.#cutToken);
    else this.#disk.truncate(path, sizeBytes, this.#cutToken);
  }

  #cutOff(event: DiskEvent): void {
    this.#cutToken = NO_TOKEN;
    if (!event.ok) this.#refuse("Cannot cut a partial batch off the log", event);
    else if (this.#phase === "cutting") this.#phase = "full";
  }

  #refuse(what: string, event: Extract<DiskEvent, { ok: false }>): void {
    const message = `${what} as the disk refused (${event.code}): ${event.message}`;
    this.fail(new SennitError("DISK_FAILED", message, { outcome: "UNKNOWN" }));
  }
}
