/**
 * The content of one simulated file: what readers see now, what is durable, and what a crash makes of the difference.
 *
 * The durable content is kept whole; what was written or cut since the last sync is a view over it. At a crash the
 * un-synced part is lost, kept, or torn per sector of 512 bytes: a disk promises no more than that a sector is old or new.
 *
 * After a failed sync the pages that did not reach the disk count as clean (Rebello et al., "Can Applications Recover from
 * fsync Failures?", ATC 2020). On some file systems a new process still reads them from the cache, later syncs succeed
 * without writing them, and a loss of power shows that they were never there; on others they are what the disk has.
 */
import type { Draws } from "./prf.ts";

export const SECTOR_BYTES = 512;
/** What a sector may come back as when it was being written: neither old nor new. */
const GARBAGE_PER_MILLION = 100_000;
/** Torn writes of which one sector is missing and no more. */
const ONE_MISSING_PER_MILLION = 500_000;

interface Range {
  readonly from: number;
  readonly to: number;
}

export type CrashEffect = "clean" | "lost" | "kept" | "torn" | "vanished";

export class Inode {
  #content: Uint8Array<ArrayBuffer> = new Uint8Array(256);
  #length = 0;
  #durable: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** Content below it has not changed since the last sync. */
  #cleanBelow = 0;
  /** A sync failed: what reached the disk is not known, and nothing more is promised (as the real port has it). */
  damaged = false;
  /** Times that durable bytes changed otherwise than by what was written behind them. */
  rewrites = 0;
  /** What can be read and is not on the disk, although it counts as clean; null where there is nothing of the kind. */
  #phantom: Range | null = null;

  /** Sectors that the device does not give back any more. */
  readonly #unreadable: Range[] = [];

  get length(): number {
    return this.#length;
  }
  get isClean(): boolean {
    return this.#phantom === null && this.#cleanBelow === this.#length &&
      this.#length === this.#durable.length;
  }

  /** Written since the last sync. */
  get unsyncedBytes(): number {
    return this.#length - this.#cleanBelow;
  }

  append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#content.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#content.length));
      grown.set(this.#content.subarray(0, this.#length));
      this.#content = grown;
    }
    this.#content.set(bytes, this.#length);
    this.#length = needed;
  }

  /** Null where a sector of it cannot be read. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> | null {
    for (const { from, to } of this.#unreadable) if (from < offset + length && offset < to) return null;
    return this.#content.slice(Math.min(offset, this.#length), Math.min(offset + length, this.#length));
  }

  truncate(length: number): void {
    if (length > this.#length) {
      this.append(new Uint8Array(length - this.#length));
      return;
    }
    this.#length = length;
    this.#cleanBelow = Math.min(this.#cleanBelow, length);
    if (this.#phantom !== null) {
      this.#phantom = rangeOf(this.#phantom.from, Math.min(this.#phantom.to, length));
    }
  }

  /** Returns false where it says that what is readable is durable, and it is not. */
  sync(): boolean {
    if (this.isClean) return true;
    if (this.#phantom === null) {
      this.#syncAll();
      return true;
    }
    if (this.#cleanBelow === this.#length) return false;
    const readable = this.#content.slice(0, this.#length);
    this.#exorcise();
    this.#syncAll();
    this.#content.set(readable);
    return false;
  }

  /** The cache's pages that are not on the disk become what is: old bytes, and nothing where there were none. */
  #exorcise(): void {
    const { from, to } = this.#phantom!;
    this.#content.fill(0, from, to);
    if (from < this.#durable.length) this.#content.set(this.#durable.subarray(from, to), from);
  }

  #syncAll(): void {
    const clean = this.#cleanBelow;
    if (clean < this.#durable.length) this.rewrites += 1;
    if (this.#length > this.#durable.buffer.byteLength || clean < this.#durable.length) {
      const room = new Uint8Array(new ArrayBuffer(Math.max(256, 2 * this.#length)));
      room.set(this.#content.subarray(0, this.#length));
      this.#durable = room.subarray(0, this.#length);
    } else {
      // Appended only: the durable bytes stay, the new ones go behind them.
      const from = this.#durable.length;
      this.#durable = new Uint8Array(this.#durable.buffer, 0, this.#length);
      this.#durable.set(this.#content.subarray(from, this.#length), from);
    }
    this.#cleanBelow = this.#length;
  }

  /** What a loss of power would leave at the least. Lent. */
  get durable(): Uint8Array {
    return this.#durable;
  }

  /** The device forgets durable bits: those that are set in `mask` flip. */
  damage(at: number, mask: Uint8Array): void {
    this.rewrites += 1;
    for (let i = 0; i < mask.length && at + i < this.#durable.length; i++) {
      this.#durable[at + i]! ^= mask[i]!;
      if (at + i < this.#cleanBelow) this.#content[at + i]! ^= mask[i]!;
    }
  }

  /** The device does not give these bytes back any more. */
  losesSector(from: number, to: number): void {
    this.#unreadable.push({ from, to });
  }

  /** A sync fails: from here on the process that saw it is promised nothing. */
  failSync(): void {
    this.damaged = true;
  }

  /** Another process opens the file after a failed sync. `keeps`: it reads what is not on the disk, and nobody says so. */
  reopen(keeps: boolean): void {
    this.damaged = false;
    if (!keeps) {
      this.#become(this.#durable.slice());
      return;
    }
    const from = Math.min(this.#phantom?.from ?? Infinity, this.#cleanBelow);
    this.#phantom = rangeOf(from, this.#length);
    this.#cleanBelow = this.#length;
  }

  /** The file after a loss of power. */
  crash(draws: Draws): CrashEffect {
    if (this.isClean) return "clean";
    if (this.#phantom !== null) {
      const isAll = this.#cleanBelow === this.#length;
      this.#exorcise();
      if (isAll) this.#become(this.#durable.slice());
      if (isAll) return "vanished";
      this.#phantom = null;
    }
    const fate = draws.below(4);
    if (fate === 0) {
      this.sync();
      return "kept";
    }
    if (fate === 1) {
      this.#become(this.#durable.slice());
      return "lost";
    }
    this.#become(this.#tear(draws));
    return "torn";
  }

  /** Any sector for itself; or else all of the new length is there but one sector. */
  #tear(draws: Draws): Uint8Array<ArrayBuffer> {
    const clean = this.#cleanBelow;
    const longest = Math.max(this.#length, this.#durable.length);
    const isOneMissing = this.#length > this.#durable.length && draws.chance(ONE_MISSING_PER_MILLION);
    const length = isOneMissing ? this.#length : this.#tornLength(draws);
    const missing = isOneMissing ? draws.between(clean, length - 1) : -1;
    const torn = new Uint8Array(length);
    torn.set(this.#content.subarray(0, Math.min(clean, length)));
    const firstSector = clean - clean % SECTOR_BYTES;
    for (let at = firstSector; at < Math.min(length, longest); at += SECTOR_BYTES) {
      const from = Math.max(at, clean);
      const to = Math.min(at + SECTOR_BYTES, length);
      const isOld = isOneMissing ? from <= missing && missing < to : draws.chance(500_000);
      const source = isOld ? this.#durable : this.#content.subarray(0, this.#length);
      if (from < source.length) torn.set(source.subarray(from, Math.min(to, source.length)), from);
      if ((isOld || !isOneMissing) && draws.chance(GARBAGE_PER_MILLION)) {
        this.#scribble(torn, from, to, draws);
      }
    }
    return torn;
  }

  /**
   * The old length, the new one, or that of some of the sectors between. Half of the time the new one: a file system may write the
   * length before the content, and then all is there but what it says.
   */
  #tornLength(draws: Draws): number {
    const clean = this.#cleanBelow;
    const ends = [this.#length, Math.max(clean, this.#durable.length)];
    const between = draws.between(Math.min(...ends), Math.max(...ends));
    ends.push(Math.max(clean, between - between % SECTOR_BYTES), between, this.#length, this.#length);
    return draws.pick(ends);
  }

  #scribble(torn: Uint8Array, from: number, to: number, draws: Draws): void {
    for (let i = from; i < to; i++) torn[i] = draws.below(256);
  }

  #become(content: Uint8Array<ArrayBuffer>): void {
    this.rewrites += 1;
    this.#durable = content;
    this.#content = content.slice();
    this.#length = content.length;
    this.#cleanBelow = content.length;
    this.#phantom = null;
  }
}

function rangeOf(from: number, to: number): Range | null {
  return from < to ? { from, to } : null;
}
