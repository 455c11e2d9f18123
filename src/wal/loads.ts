/**
 * Loads: what callers asked to be read, by request number, until they take it. A load captures the contents it
 * is about when it is asked for, so truncation and collection in the meantime do not touch it; who takes it compares
 * index and term with what is the log by then.
 */
import type { ErrorCode } from "../core/errors.ts";
import type { GroupId, Index, Term } from "../core/ids.ts";
import type { EntryKind } from "../raft/types.ts";
import type { DamageFound } from "./damaged.ts";
import { type Contents, type Extent, isSamePlace } from "./extent.ts";
import type { Reader, ReadJob } from "./reader.ts";
import type { Table } from "./table.ts";

export interface LoadedEntry {
  readonly index: Index;
  readonly term: Term;
  readonly kind: EntryKind;
  /** Shared and never changed by anybody. */
  readonly bytes: Uint8Array;
}

export interface LoadedEntries {
  readonly request: number;
  /**
   * Consecutive from the first asked for, as many as the limit allows and at least one; fewer where one cannot be
   * read, empty where the first cannot.
   */
  readonly entries: readonly LoadedEntry[];
  /** NOT_FOUND: the first is not in the log. DATA_DAMAGED: the disk's bytes are not what was written. DISK_FAILED. */
  readonly failed: ErrorCode | null;
}

export interface LoadedOutbox {
  readonly request: number;
  readonly id: number;
  readonly bytes: Uint8Array | null;
  readonly failed: ErrorCode | null;
}

export interface WantedEntry {
  readonly index: Index;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly extent: Extent;
}

type Request =
  | {
    readonly number: number;
    readonly kind: "entries";
    readonly group: GroupId;
    readonly generation: number;
    readonly wanted: readonly WantedEntry[];
  }
  | { readonly number: number; readonly kind: "outbox"; readonly id: number };

export class Loads {
  readonly #reader: Reader;
  readonly #table: Table;
  readonly #contents: Contents;
  readonly #found: DamageFound;
  readonly #requests = new Map<ReadJob, Request>();
  #next = 1;
  #entries: LoadedEntries[] = [];
  #outbox: LoadedOutbox[] = [];

  constructor(reader: Reader, table: Table, contents: Contents, found: DamageFound) {
    this.#reader = reader;
    this.#table = table;
    this.#contents = contents;
    this.#found = found;
  }

  /** Requests that wait for the disk. */
  get size(): number {
    return this.#requests.size;
  }

  entries(group: GroupId, generation: number, wanted: readonly WantedEntry[]): number {
    const number = this.#next++;
    if (wanted.length === 0) {
      this.#entries.push({ request: number, entries: [], failed: "NOT_FOUND" });
      return number;
    }
    const job = this.#reader.start(wanted.map((entry) => entry.extent));
    this.#requests.set(job, { number, kind: "entries", group, generation, wanted });
    this.finish(job);
    return number;
  }

  outbox(id: number, extent: Extent | null): number {
    const number = this.#next++;
    if (extent === null) {
      this.#outbox.push({ request: number, id, bytes: null, failed: "NOT_FOUND" });
      return number;
    }
    const job = this.#reader.start([extent]);
    this.#requests.set(job, { number, kind: "outbox", id });
    this.finish(job);
    return number;
  }

  /** Ends the request of a job that is done. */
  finish(job: ReadJob): void {
    const request = this.#requests.get(job);
    if (request === undefined || job.waiting > 0) return;
    this.#requests.delete(job);
    const { number: requestNumber } = request;
    if (request.kind === "outbox") {
      const bytes = job.failed === null ? job.bytes[0]! : null;
      this.#learnOutbox(request.id, job);
      this.#outbox.push({ request: requestNumber, id: request.id, bytes, failed: job.failed });
      return;
    }
    const entries: LoadedEntry[] = [];
    for (let i = 0; i < request.wanted.length; i++) {
      const { index, term, kind } = request.wanted[i]!;
      const bytes = job.bytes[i]!;
      if (bytes === null) break;
      entries.push({ index, term, kind, bytes });
    }
    this.#learn(request, job);
    this.#entries.push({ request: requestNumber, entries, failed: entries.length > 0 ? null : job.failed });
  }

  /** Only the places that were read are known now: a copy or repair may have moved a content since. */
  #learn({ group, generation, wanted }: Extract<Request, { kind: "entries" }>, job: ReadJob): void {
    const open = this.#table.groups.get(group);
    const log = open?.generation === generation ? open : undefined;
    for (let i = 0; i < wanted.length; i++) {
      const { index, term, extent } = wanted[i]!;
      if (job.damaged.has(i)) {
        if (log === undefined) this.#found.entry({ group, generation, index, term });
        else this.#found.content(this.#table, log, index, term, extent);
      } else if (log !== undefined && extent.segment !== 0 && job.bytes[i] !== null) {
        const row = this.#table.row(log, index);
        const isThere = row >= 0 && isSamePlace(this.#table.extent(log, row), extent);
        if (isThere) this.#contents.keep(extent, job.bytes[i]!);
      }
    }
  }

  #learnOutbox(id: number, job: ReadJob): void {
    const record = this.#table.outbox.get(id);
    const extent = job.extents[0]!;
    if (record === undefined || extent.segment === 0 || !isSamePlace(record, extent)) return;
    if (job.damaged.has(0)) this.#found.outbox(this.#table, record);
    else if (job.bytes[0] !== null) this.#contents.keep(extent, job.bytes[0]!);
  }

  takeEntries(): LoadedEntries[] {
    const taken = this.#entries;
    this.#entries = [];
    return taken;
  }

  takeOutbox(): LoadedOutbox[] {
    const taken = this.#outbox;
    this.#outbox = [];
    return taken;
  }
}
