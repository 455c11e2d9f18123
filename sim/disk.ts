/**
 * The simulated disk port: files whose un-synced content and names do not survive a loss of power. Operations on one
 * path run in the order of their submission, each after a drawn time; at a crash some of those under way have happened
 * and some have not, a sync among them: it may have become durable without having said so.
 */
import { EMPTY_BYTES } from "../src/core/bytes.ts";
import type { Token } from "../src/core/ids.ts";
import type { Disk, DiskErrorCode, DiskEvent, FileEntry } from "../src/io/mod.ts";
import { EventKind, type Target } from "./event_queue.ts";
import { FolderNames } from "./folder_names.ts";
import type { Host } from "./host.ts";
import { Inode } from "./inode.ts";
import { poison } from "./poison.ts";
import type { Draws } from "./prf.ts";

/** What one machine's disk does besides working. */
export interface DiskFaults {
  /** Mean of an operation that touches the page cache. */
  cacheMeanUs: number;
  /** Mean of a sync or a read from the device. */
  deviceMeanUs: number;
  /** Mean of a read, where it is another one. */
  readMeanUs: number | null;
  /** Operations that take so long as a stalled device makes them. */
  stallPerMillion: number;
  stallMeanUs: number;
  /** Syncs that fail; the file is of no use from then on, and later processes are lied to about it. */
  syncFailurePerMillion: number;
  /** Bytes that fit on the disk. */
  capacityBytes: number;
  /** No operation ends before this time: a hung device. */
  hungUntilUs: number;
}

export const KIND_DISK: DiskFaults = {
  cacheMeanUs: 10,
  deviceMeanUs: 200,
  readMeanUs: null,
  stallPerMillion: 0,
  stallMeanUs: 0,
  syncFailurePerMillion: 0,
  capacityBytes: Infinity,
  hungUntilUs: 0,
};

type OperationKind =
  | "createFolder"
  | "append"
  | "read"
  | "truncate"
  | "sync"
  | "rename"
  | "remove"
  | "list"
  | "syncFolder";

/** What a loss of power leaves of a file at least. */
export interface DurableFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** While both are the same, `bytes` has at most grown. */
  readonly inode: object;
  readonly rewrites: number;
}

interface Operation {
  readonly kind: OperationKind;
  readonly path: string;
  /** Of a rename: the new path; else "". */
  readonly to: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly at: number;
  readonly length: number;
  readonly token: Token;
  readonly incarnation: number;
  /** When the turn that submitted it was over: a crash before that means it was never submitted. */
  readonly submittedUs: number;
}

interface Outcome {
  readonly code: DiskErrorCode | "OK";
  readonly why: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly entries: readonly FileEntry[];
}

/** After a failed sync the next process reads what is not on the disk, or what is: as the file system has it. */
const CACHE_KEPT_PER_MILLION = 500_000;

const NO_ENTRIES: readonly FileEntry[] = [];
const DONE: Outcome = { code: "OK", why: "", bytes: EMPTY_BYTES, entries: NO_ENTRIES };

/** What a crash did, for the ledger of faults. */
export interface DiskCrash {
  lost: number;
  kept: number;
  torn: number;
  /** What a later sync had called durable after an earlier one had failed. */
  vanished: number;
  namesLost: number;
  /** Syncs under way that had become durable. */
  silentSyncs: number;
}

export class SimDisk implements Disk, Target {
  readonly traceId: number;
  readonly #host: Host;
  readonly #draws: Draws;
  readonly #stallDraws: Draws;
  readonly #syncDraws: Draws;
  #names = new FolderNames();
  /** When the last operation on a path ends; paths at rest have no entry. */
  readonly #busyUntilUs = new Map<string, number>();
  /** Under way, in the order of their submission. */
  readonly #running = new Set<Operation>();
  /** Files on which something was refused; true once an append has succeeded since, which a sync then settles. */
  readonly #refused = new Map<string, boolean>();
  /** Submitted so far. */
  #operations = 0;
  readonly faults: DiskFaults = { ...KIND_DISK };
  /** Called when a sync of so many bytes is under way, until it returns true: whoever wants to strike in the middle of one. */
  ambush: ((startUs: number, endUs: number, bytes: number) => boolean) | null = null;
  /** Called before what was asked for is read: whoever wants it to be damaged just then. */
  beforeRead: ((path: string, at: number, length: number) => void) | null = null;
  /** True where what is asked for cannot be read just then. */
  refusesRead: ((path: string) => boolean) | null = null;
  /** Counts of what the disk did that a kind disk does not do. */
  readonly counts = { full: 0, hung: 0, stalls: 0, syncFailures: 0, lies: 0, readFailures: 0 };
  /** Files taken away so far. */
  removals = 0;
  /** When something was last changed on it. */
  writtenUs = 0;

  constructor(host: Host) {
    this.#host = host;
    this.traceId = host.traceId;
    this.#draws = host.world.prf.site(`disk/${host.name}`);
    this.#stallDraws = host.world.prf.site(`stall/${host.name}`);
    this.#syncDraws = host.world.prf.site(`sync-failure/${host.name}`);
  }

  createFolder(path: string, token: Token): void {
    this.#submit("createFolder", checkPath(path, true), "", EMPTY_BYTES, 0, 0, token);
  }
  append(path: string, bytes: Uint8Array<ArrayBuffer>, token: Token): void {
    const copy = bytes.slice();
    poison(bytes);
    this.#submit("append", checkPath(path), "", copy, 0, 0, token);
  }
  read(path: string, offset: number, length: number, token: Token): void {
    this.#submit("read", checkPath(path), "", EMPTY_BYTES, checkCount(offset), checkCount(length), token);
  }
  truncate(path: string, length: number, token: Token): void {
    this.#submit("truncate", checkPath(path), "", EMPTY_BYTES, 0, checkCount(length), token);
  }
  sync(path: string, token: Token): void {
    this.#submit("sync", checkPath(path), "", EMPTY_BYTES, 0, 0, token);
  }
  rename(from: string, to: string, token: Token): void {
    this.#submit("rename", checkPath(from), checkPath(to), EMPTY_BYTES, 0, 0, token);
  }
  remove(path: string, token: Token): void {
    this.#submit("remove", checkPath(path), "", EMPTY_BYTES, 0, 0, token);
  }
  list(path: string, token: Token): void {
    this.#submit("list", checkPath(path, true), "", EMPTY_BYTES, 0, 0, token);
  }
  syncFolder(path: string, token: Token): void {
    this.#submit("syncFolder", checkPath(path, true), "", EMPTY_BYTES, 0, 0, token);
  }

  /** Nothing is under way, and no file waits for what was refused: what the node meant to write is durable. */
  get isSettled(): boolean {
    return this.#running.size === 0 && this.#refused.size === 0;
  }
  /** The same, whatever is being read. */
  get isWritten(): boolean {
    return this.#refused.size === 0 && [...this.#running].every(({ kind }) => kind === "read");
  }
  /** The files of a folder as a loss of power would leave them at least, sorted by name. Lent. */
  durableFiles(folder: string): DurableFile[] {
    return this.#names.listDurable(folder).map(([name, inode]) => {
      return { name, bytes: inode.durable, inode, rewrites: inode.rewrites };
    });
  }
  get usedBytes(): number {
    let used = 0;
    for (const inode of this.#names.inodes()) used += inode.length;
    return used;
  }

  /** Paths of the files directly in a folder, sorted. */
  filesIn(folder: string): string[] {
    return this.#names.list(folder).map(([name]) => folder === "" ? name : `${folder}/${name}`);
  }
  /** What is durable of a file. Lent. */
  durableBytes(path: string): Uint8Array {
    return this.#names.find(path)?.durable ?? EMPTY_BYTES;
  }
  /** The device forgets: durable bits that are set in `mask` flip, and no retry heals them. */
  damage(path: string, at: number, mask: Uint8Array): void {
    this.#names.find(path)?.damage(at, mask);
  }

  /** Nor does it give these bytes back at all. */
  losesSector(path: string, from: number, to: number): void {
    this.#names.find(path)?.losesSector(from, to);
  }

  onEvent(_kind: EventKind, incarnation: number, _b: number, payload: unknown): void {
    const operation = payload as Operation;
    if (incarnation !== this.#host.incarnation || !this.#host.isUp) return;
    // What a device that hung was released from came to its end before.
    if (!this.#running.delete(operation)) return;
    this.#leave(operation.path);
    if (operation.to !== "") this.#leave(operation.to);
    const outcome = this.#perform(operation);
    this.#settle(operation, outcome);
    if (outcome.bytes.length > 0) this.#host.world.hashBytes(outcome.bytes);
    this.#host.deliver(incarnation, eventOf(operation, outcome));
  }

  #settle({ kind, path }: Operation, { code }: Outcome): void {
    if (code !== "OK" && code !== "NOT_FOUND") this.#refused.set(path, false);
    else if (kind === "append" && this.#refused.has(path)) this.#refused.set(path, true);
    else if (kind === "sync" && this.#refused.get(path) === true) this.#refused.delete(path);
  }

  /**
   * The device hangs no more: all that waited for it ends now, in the order in which it was asked for. Also what waits since an
   * earlier strike, whatever a later one has made of the time.
   */
  release(): void {
    const { world, incarnation } = this.#host;
    this.faults.hungUntilUs = 0;
    let endUs = world.nowUs;
    for (const operation of this.#running) {
      endUs += 1;
      this.#busyUntilUs.set(operation.path, endUs);
      if (operation.to !== "") this.#busyUntilUs.set(operation.to, endUs);
      world.schedule(endUs, this, EventKind.DiskDone, incarnation, operation.token, operation);
    }
  }

  /** Another, empty disk takes its place; the machine is off. */
  wipe(): void {
    this.#names = new FolderNames();
  }

  /** The process died and the machine went on: what had run stays in the page cache, un-synced. */
  killProcess(draws: Draws): void {
    this.#runSome(draws);
    for (const inode of this.#names.inodes()) {
      if (inode.damaged) inode.reopen(draws.chance(CACHE_KEPT_PER_MILLION));
    }
  }

  /** The machine lost power. */
  losePower(draws: Draws): DiskCrash {
    const silentSyncs = this.#runSome(draws);
    const crash: DiskCrash = { lost: 0, kept: 0, torn: 0, vanished: 0, namesLost: 0, silentSyncs };
    crash.namesLost = this.#names.crash(draws);
    for (const inode of this.#names.inodes()) {
      const effect = inode.crash(draws);
      if (effect !== "clean") crash[effect] += 1;
      inode.damaged = false;
    }
    return crash;
  }

  /** Of the operations under way on each path, the first so many had happened. Returns how many syncs did. */
  #runSome(draws: Draws): number {
    const nowUs = this.#host.world.nowUs;
    let syncs = 0;
    const stopped = new Set<string>();
    for (const operation of this.#running) {
      if (operation.submittedUs > nowUs || stopped.has(operation.path)) continue;
      if (operation.to !== "" && stopped.has(operation.to)) continue;
      if (draws.chance(500_000)) {
        stopped.add(operation.path);
        if (operation.to !== "") stopped.add(operation.to);
        continue;
      }
      if (this.#perform(operation).code === "OK" && operation.kind.startsWith("sync")) syncs += 1;
    }
    this.#running.clear();
    this.#busyUntilUs.clear();
    this.#refused.clear();
    return syncs;
  }

  #submit(
    kind: OperationKind,
    path: string,
    to: string,
    bytes: Uint8Array<ArrayBuffer>,
    at: number,
    length: number,
    token: Token,
  ): void {
    const host = this.#host;
    const submittedUs = host.effectAtUs();
    const operation: Operation = {
      kind,
      path,
      to,
      bytes,
      at,
      length,
      token,
      incarnation: host.incarnation,
      submittedUs,
    };
    let startUs = Math.max(submittedUs, this.#busyUntilUs.get(path) ?? 0);
    if (to !== "") startUs = Math.max(startUs, this.#busyUntilUs.get(to) ?? 0);
    let endUs = startUs + this.#durationUs(kind, Math.max(bytes.length, length));
    if (endUs < this.faults.hungUntilUs) {
      this.counts.hung += 1;
      endUs = this.faults.hungUntilUs;
    }
    this.#busyUntilUs.set(path, endUs);
    if (to !== "") this.#busyUntilUs.set(to, endUs);
    this.#running.add(operation);
    if (bytes.length > 0) host.world.hashBytes(bytes);
    host.world.schedule(endUs, this, EventKind.DiskDone, operation.incarnation, token, operation);
    if (kind === "sync" && this.ambush !== null) {
      if (this.ambush(startUs, endUs, this.#unsyncedBytes(path))) this.ambush = null;
    }
  }

  #unsyncedBytes(path: string): number {
    let bytes = this.#names.find(path)?.unsyncedBytes ?? 0;
    for (const operation of this.#running) if (operation.path === path) bytes += operation.bytes.length;
    return bytes;
  }

  #durationUs(kind: OperationKind, bytes: number): number {
    const faults = this.faults;
    this.#operations += 1;
    const isDevice = kind === "sync" || kind === "syncFolder" || kind === "read" || kind === "createFolder";
    const deviceMeanUs = kind === "read" ? faults.readMeanUs ?? faults.deviceMeanUs : faults.deviceMeanUs;
    let duration = 1 + this.#draws.exponential(isDevice ? deviceMeanUs : faults.cacheMeanUs) + (bytes >> 10);
    if (this.#stallDraws.chance(faults.stallPerMillion)) {
      this.counts.stalls += 1;
      const { world, name } = this.#host;
      duration += world.prf.site(`stall/${name}/${this.#operations}`).exponential(faults.stallMeanUs);
    }
    return duration;
  }

  #leave(path: string): void {
    if ((this.#busyUntilUs.get(path) ?? Infinity) <= this.#host.world.nowUs) this.#busyUntilUs.delete(path);
  }

  #perform(operation: Operation): Outcome {
    const { kind, path } = operation;
    if (kind !== "read" && kind !== "list") this.writtenUs = this.#host.world.nowUs;
    if (kind === "createFolder") {
      this.#names.createFolder(path);
      return DONE;
    }
    if (kind === "list") return this.#list(path);
    if (kind === "syncFolder") return this.#syncFolder(path);
    if (kind === "append") return this.#append(operation);
    if (kind === "remove") {
      this.#names.unlink(path);
      this.removals += 1;
      return DONE;
    }
    const inode = this.#names.find(path);
    if (inode === undefined) return failed("NOT_FOUND", "no such file");
    switch (kind) {
      case "read":
        return this.#read(inode, operation);
      case "truncate":
        if (inode.damaged) return DAMAGED;
        inode.truncate(operation.length);
        return DONE;
      case "sync":
        return this.#sync(inode);
      case "rename":
        return this.#names.rename(path, operation.to) ? DONE : failed("NOT_FOUND", "no such folder");
    }
  }

  #read(inode: Inode, { path, at, length }: Operation): Outcome {
    this.beforeRead?.(path, at, length);
    const bytes = this.refusesRead?.(path) ? null : inode.read(at, length);
    if (bytes !== null) return { ...DONE, bytes };
    this.counts.readFailures += 1;
    return failed("FAILED", "input/output error");
  }

  #append({ path, bytes }: Operation): Outcome {
    let inode = this.#names.find(path);
    if (inode?.damaged) return DAMAGED;
    if (this.faults.capacityBytes !== Infinity && this.usedBytes + bytes.length > this.faults.capacityBytes) {
      this.counts.full += 1;
      return failed("FULL", "no space left on the device");
    }
    if (inode === undefined) {
      inode = new Inode();
      if (!this.#names.link(path, inode)) return failed("NOT_FOUND", "no such folder");
    }
    inode.append(bytes);
    return DONE;
  }

  #sync(inode: Inode): Outcome {
    if (inode.damaged) return DAMAGED;
    if (this.#syncDraws.chance(this.faults.syncFailurePerMillion)) {
      this.counts.syncFailures += 1;
      inode.failSync();
      return failed("FAILED", "input/output error");
    }
    if (!inode.sync()) this.counts.lies += 1;
    return DONE;
  }

  #syncFolder(path: string): Outcome {
    if (!this.#names.hasFolder(path)) return failed("NOT_FOUND", "no such folder");
    this.#names.syncFolder(path);
    return DONE;
  }

  #list(path: string): Outcome {
    const entries = this.#names.list(path).map(([name, inode]) => ({ name, sizeBytes: inode.length }));
    return { ...DONE, entries };
  }
}

function failed(code: DiskErrorCode, why: string): Outcome {
  return { ...DONE, code, why };
}

const DAMAGED = failed("FAILED", "an earlier sync failed, what reached the disk is not known");

function eventOf(operation: Operation, { code, why, bytes, entries }: Outcome): DiskEvent {
  const { token } = operation;
  if (code === "OK") return { kind: "disk", token, ok: true, bytes, entries };
  const path = operation.path === "" ? "the data folder" : operation.path;
  const paths = operation.kind === "rename" ? `${path} to ${operation.to}` : path;
  return { kind: "disk", token, ok: false, code, message: `Cannot ${operation.kind} ${paths}: ${why}` };
}

/** Paths that were looked at: a run has few and uses them often. */
const goodPaths = new Set<string>();
const GOOD_PATHS_LIMIT = 4_096;

/** A caller's mistake, not the world's: node code never makes a path of what came from outside. */
function checkPath(path: string, isFolder = false): string {
  if ((path === "" && isFolder) || goodPaths.has(path)) return path;
  const good = path.length > 0 && path.length <= 512 &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== ".." && !/[\0\\:]/.test(part));
  if (!good) throw new TypeError(`Not a path below the data folder: ${JSON.stringify(path)}`);
  if (goodPaths.size >= GOOD_PATHS_LIMIT) goodPaths.clear();
  goodPaths.add(path);
  return path;
}

function checkCount(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`Not an offset or length: ${value}`);
  return value;
}
