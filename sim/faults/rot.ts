/**
 * Disks that do not give back what they took: a flipped bit in the log or in a snapshot, a sector that cannot be read at
 * all, a write that went to the wrong place. What is durable is gone for good there, no retry heals it.
 *
 * One machine of a run has the bad disk, and only what is committed is damaged, so that there is another copy of all of
 * it: whatever is lost then is Sennit's fault (as TigerBeetle's fault atlas has it).
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { readWalFiles } from "../checkers/wal_files.ts";
import type { Host } from "../host.ts";
import { rottenHost } from "../machines.ts";
import { SECTOR_BYTES } from "../inode.ts";
import { type Extent, payloadsIn } from "../wal_layout.ts";
import type { Draws } from "../prf.ts";
import type { World } from "../world.ts";
import type { FaultKind } from "./kinds.ts";
import type { MachineFaults } from "./machines.ts";
import type { Faults, Strike, Undo } from "./strike.ts";

const LOG_FOLDER = "wal";
const SNAPSHOT_FOLDER = "snapshots";
/** The node finds out by reading, or at its next start, which then comes at once. */
const RESTARTS_PER_MILLION = 500_000;
/** A sector is lost rather than a bit of it. */
const UNREADABLE_PER_MILLION = 300_000;
/** Three times what a node waits before it seals its log. */
const AT_REST_MS = 1_500;
/** How much of a log decays with its last content: nothing else, some of it, all. */
const DECAYED_PER_MILLION = [0, 200_000, 1_000_000];
/** So often the host is looked at, so long apart. */
const LOOKS = 600;
const LOOK_MS = 5;

/** A part of a file of the log. */
interface Place extends Extent {
  readonly path: string;
}

export class RotFaults implements Faults {
  readonly #world: World;
  readonly #machines: MachineFaults;

  constructor(world: World, machines: MachineFaults) {
    this.#world = world;
    this.#machines = machines;
  }

  /** The one machine of this run whose disk is bad. */
  get host(): Host {
    return rottenHost(this.#world);
  }

  inject(kind: FaultKind, strike: Strike): Undo | null {
    const { host } = this;
    if (kind === "flip-before-read") return this.#flipBeforeRead(strike, host);
    strike.lengthMs += LOOKS * LOOK_MS;
    this.#lookFor(kind, strike, host, LOOKS);
    return () => this.#machines.restart(host);
  }

  /** What lay there whole for long turns out to be damaged when somebody wants it. */
  #flipBeforeRead(strike: Strike, host: Host): Undo | null {
    const { disk } = host;
    if (disk.beforeRead !== null) return null;
    disk.beforeRead = (path, at, length) => {
      const wanted = placesIn(this.#world, host).filter((place) =>
        place.path === path && place.at < at + length && at < place.at + place.length
      );
      if (wanted.length === 0 || !hasCopiesElsewhere(host)) return;
      disk.beforeRead = null;
      const place = strike.draws.pick(wanted);
      const from = Math.max(at, place.at);
      const to = Math.min(at + length, place.at + place.length);
      this.#flip(strike.draws, host, path, strike.draws.between(from, to - 1));
      this.#world.ledger.strike(strike.kind);
    };
    strike.lengthMs += LOOKS * LOOK_MS;
    return () => {
      disk.beforeRead = null;
    };
  }

  /** A log at rest loses its last content and others with it; false where it is not at rest or nothing of it has copies. */
  decay(draws: Draws): boolean {
    const { host } = this;
    if (!isAtRest(this.#world, host) || !hasCopiesElsewhere(host)) return false;
    const places = placesIn(this.#world, host);
    const share = draws.pick(DECAYED_PER_MILLION);
    for (const [i, { path, at, length }] of places.entries()) {
      const isLast = i === places.length - 1;
      if (isLast || draws.chance(share)) this.#flip(draws, host, path, at + draws.below(length));
    }
    return places.length > 0;
  }

  #flip(draws: Draws, host: Host, path: string, at: number): void {
    host.disk.damage(path, at, new Uint8Array([1 << draws.below(8)]));
    this.#world.note(host, `a bit of ${path} flips at ${at}`);
  }

  /** Waits for a moment in which the host holds nothing that has no copy. */
  #lookFor(kind: FaultKind, strike: Strike, host: Host, looksLeft: number): void {
    if (hasCopiesElsewhere(host) && this.#damage(kind, strike, host)) {
      this.#world.ledger.strike(kind);
      if (!strike.draws.chance(RESTARTS_PER_MILLION)) return;
      this.#machines.crash(host, false, this.#world.prf.site(`${strike.site}/crash/${host.name}`));
    } else if (looksLeft > 0) {
      strike.later(1000 * LOOK_MS, () => this.#lookFor(kind, strike, host, looksLeft - 1));
    }
  }

  #damage(kind: FaultKind, strike: Strike, host: Host): boolean {
    if (kind === "flipped-bit") return this.#flipBit(strike, host);
    return kind === "misdirected-write" ? this.#misdirect(strike, host) : this.#damageSnapshot(strike, host);
  }

  #flipBit(strike: Strike, host: Host): boolean {
    const places = placesIn(this.#world, host);
    if (places.length === 0) return false;
    const place = strike.draws.pick(places);
    const { path, at, length } = place;
    const where = at + strike.draws.below(length);
    if (this.#loseSector(strike, host, place)) return true;
    this.#flip(strike.draws, host, path, where);
    return true;
  }

  /** Not where the sector holds anything else: the rest of it is not what is to be struck. */
  #loseSector(strike: Strike, host: Host, { path, at, length }: Place): boolean {
    const draws = this.#world.prf.site(`${strike.site}/sector/${host.name}`);
    const first = Math.ceil(at / SECTOR_BYTES);
    const sectors = Math.floor((at + length) / SECTOR_BYTES) - first;
    if (sectors <= 0 || !draws.chance(UNREADABLE_PER_MILLION)) return false;
    const from = (first + draws.below(sectors)) * SECTOR_BYTES;
    host.disk.losesSector(path, from, from + SECTOR_BYTES);
    this.#world.note(host, `${path} cannot be read at ${from}`);
    return true;
  }

  /** What was meant for one place lies in another; the first has what was there before it: nothing. */
  #misdirect(strike: Strike, host: Host): boolean {
    const places = placesIn(this.#world, host);
    if (places.length < 2) return false;
    const [from, to] = [strike.draws.pick(places), strike.draws.pick(places)];
    if (from === to) return false;
    const length = Math.min(from.length, to.length, SECTOR_BYTES);
    const meant = host.disk.durableBytes(from.path).slice(from.at, from.at + length);
    const there = host.disk.durableBytes(to.path).slice(to.at, to.at + length);
    host.disk.damage(from.path, from.at, meant);
    host.disk.damage(to.path, to.at, there.map((byte, i) => byte ^ meant[i]!));
    this.#world.note(host, `${length} bytes of ${from.path} at ${from.at} lie in ${to.path} at ${to.at}`);
    return true;
  }

  #damageSnapshot(strike: Strike, host: Host): boolean {
    const paths = host.disk.filesIn(SNAPSHOT_FOLDER).filter((path) =>
      host.disk.durableBytes(path).length > 0
    );
    if (paths.length === 0) return false;
    const path = strike.draws.pick(paths);
    const { length } = host.disk.durableBytes(path);
    const at = strike.draws.below(length);
    if (this.#loseSector(strike, host, { path, at: 0, length })) return true;
    this.#flip(strike.draws, host, path, at);
    return true;
  }
}

/** True where all that this node holds is committed, and with it on other disks. */
function hasCopiesElsewhere(host: Host): boolean {
  const node = host.node?.inspect();
  if (node === undefined || !host.isUp || node.state !== "member") return false;
  if ((node.sizes["outboxBatches"] ?? 0) > 0 || (node.sizes["inputs"] ?? 0) > 0 || !host.disk.isWritten) {
    return false;
  }
  const areCommitted = node.groups.every(({ last, commit, configuration }) =>
    last === commit && configuration.incoming.length > 1
  );
  return areCommitted && isAllOpen(host, node.groups);
}

/** True where the disk holds nothing but what these groups show: not of a group that is still being opened, nor of an outbox. */
function isAllOpen(host: Host, groups: readonly GroupInspection[]): boolean {
  const files = readWalFiles(host.disk.durableFiles(LOG_FOLDER).map(({ bytes }) => bytes));
  return files !== null && files.outbox.size === 0 &&
    [...files.groups.keys()].every((id) => groups.some(({ group }) => group === id));
}

function placesIn(world: World, host: Host): Place[] {
  // Of a log at rest the last batch is a seal, and the one before it was durable.
  const withLast = isAtRest(world, host);
  return host.disk.filesIn(LOG_FOLDER).flatMap((path) =>
    payloadsIn(host.disk.durableBytes(path), withLast).map((extent) => ({ path, ...extent }))
  );
}

/** A log that has been still for so long is sealed, where nothing kept it from that. */
function isAtRest({ nowUs }: World, host: Host): boolean {
  const { disk, isPaused } = host;
  return !isPaused && disk.isWritten && disk.faults.capacityBytes === Infinity &&
    nowUs - disk.writtenUs >= 1000 * AT_REST_MS;
}
