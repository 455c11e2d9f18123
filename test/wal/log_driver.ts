/**
 * Runs a log against a memory disk: recovery, and turns in which completions are fed and what was gathered is flushed.
 */
import { Flows, TokenSource } from "../../src/core/flow.ts";
import type { GroupId, Index, MemberId, Term } from "../../src/core/ids.ts";
import type { DiskEvent } from "../../src/io/mod.ts";
import type { HardState } from "../../src/raft/types.ts";
import {
  type AppendedEntry,
  type DiskFlow,
  Wal,
  type WalOptions,
  type WalRecovery,
} from "../../src/wal/mod.ts";
import type { MemoryDisk } from "./memory_disk.ts";

export const OPTIONS: WalOptions = { folder: "wal", segmentBytes: 4096, cacheBytes: 64 * 1024 };

export class LogDriver {
  readonly disk: MemoryDisk;
  readonly tokens = new TokenSource();
  readonly flows = new Flows<DiskEvent>(this.tokens);
  readonly wal: Wal;
  recovery!: WalRecovery;

  constructor(disk: MemoryDisk, options: Partial<WalOptions> = {}) {
    this.disk = disk;
    this.wal = new Wal({ ...OPTIONS, ...options }, disk, this.tokens);
  }

  static open(disk: MemoryDisk, options: Partial<WalOptions> = {}): LogDriver {
    const driver = new LogDriver(disk, options);
    driver.recovery = driver.run(driver.wal.recover());
    return driver;
  }

  /** Runs a flow to its end; throws what it threw. */
  run<Result>(flow: DiskFlow<Result>): Result {
    let outcome: { result: Result } | { error: unknown } | null = null;
    this.flows.start(flow, (result) => outcome = { result }, (error) => outcome = { error });
    while (outcome === null && this.step());
    const ended = outcome as { result: Result } | { error: unknown } | null;
    if (ended === null) throw new Error("The flow waits for nothing");
    if ("error" in ended) throw ended.error;
    return ended.result;
  }

  /** One completion; false where the disk has nothing to do. */
  step(): boolean {
    const event = this.disk.step();
    if (event === null) return false;
    if (!this.flows.resume(event.token, event) && !this.wal.onDisk(event)) {
      throw new Error(`A completion is nobody's: ${JSON.stringify(event)}`);
    }
    return true;
  }

  /** Flushes and completes until nothing is left to do. */
  settle(): void {
    let turns = 0;
    do {
      if (++turns > 3_000) throw new Error("The log does not come to rest");
      this.wal.flush();
    } while (this.step());
  }
}

export const group = (value: number): GroupId => value as GroupId;
export const at = (value: number): Index => value as Index;
export const inTerm = (value: number): Term => value as Term;

export function hardState(term: number, vote: number, commit: number): HardState {
  return { term: term as Term, vote: vote as MemberId, commit: commit as Index };
}

/** Entries from `first`, one per content, of one term. */
export function entries(first: number, term: number, ...contents: Uint8Array[]): AppendedEntry[] {
  return contents.map((bytes, i) => ({ index: at(first + i), term: inTerm(term), kind: 0, bytes }));
}

/** `length` bytes that depend on the seed. */
export function content(seed: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (seed * 31 + i * 7 + (i >> 3)) & 0xff;
  return bytes;
}
