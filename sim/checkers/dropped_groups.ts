/**
 * Groups of closed streams go, and only then (DESIGN section 7: "closed groups leave tombstones"). No member drops one before the
 * control log says so; unless an operator forced it that is said after every member of the group has applied the end of its
 * log, as nobody could tell it to who has not; and what is durably gone from a member's disk never comes back, as its tombstone
 * stays there. At the end no disk holds anything of them.
 */
import type { NodeInspection } from "../../src/node/inspection.ts";
import { EntryKind } from "../../src/raft/mod.ts";
import { decodeStreamCommand, RECORD_BATCH_FORMAT } from "../../src/stream/mod.ts";
import { MACHINE_COMMAND_FORMAT } from "../../src/node/mod.ts";
import type { DroppedGroup } from "../control_log.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";
import { type FiledGroup, readWalFiles } from "./wal_files.ts";

interface Seen {
  readonly incarnation: number;
  readonly memberId: number;
  readonly groups: Set<number>;
}

/** A host's disk, in what a loss of power would leave. */
export interface Disk {
  readonly segments: readonly Uint8Array[];
  /** Names of snapshots. */
  readonly snapshots: readonly string[];
}

export class DroppedGroups implements Checker {
  readonly name = "dropped-groups";
  /** Groups that left a member. */
  inputs = 0;
  /** Members of dropped groups that had to have applied the end. */
  endInputs = 0;
  /** Disks that were searched for what is left of a group that they held. */
  diskInputs = 0;
  readonly #isDropped: (group: number) => boolean;
  readonly #seen = new Map<string, Seen>();
  /** Where the log of a group says that it is closed. */
  readonly #closedAt = new Map<number, number>();
  /** By member and group: how far it was seen to have applied. */
  readonly #applied = new Map<number, Map<number, number>>();
  /** By group and member, those that are durably gone. */
  readonly #gone = new Set<string>();
  /** The same, and those of disks that cannot be read to their end. */
  readonly #left = new Set<string>();
  /** By group and member: tombstones that were durable. */
  readonly #buried = new Set<string>();

  constructor(isDropped: (group: number) => boolean) {
    this.#isDropped = isDropped;
  }

  /** An entry was handed to a state machine. */
  applied(group: number, index: number, kind: number, bytes: Uint8Array): void {
    if (group === 0 || kind !== EntryKind.Command || this.#closedAt.has(group)) return;
    if (bytes[0] === RECORD_BATCH_FORMAT || bytes[0] === MACHINE_COMMAND_FORMAT) return;
    if (decodeStreamCommand(bytes).kind === "close") this.#closedAt.set(group, index);
  }

  /** The control log says that a group is dropped. */
  dropped({ group, name, forced, members }: DroppedGroup): void {
    if (forced) return;
    const closedAt = this.#closedAt.get(group);
    if (closedAt === undefined) this.#fail(`${name} is dropped, and its log never said that it is closed`);
    for (const member of members) {
      this.endInputs += 1;
      const applied = this.#applied.get(member)?.get(group) ?? 0;
      if (applied >= closedAt!) continue;
      this.#fail(
        `${name} is dropped although member ${member} has applied ${applied} of it, and it was closed at ${closedAt}`,
      );
    }
  }

  /** After a host's turn. */
  look(host: string, incarnation: number, { memberId, state, groups }: NodeInspection): void {
    let known = this.#applied.get(memberId);
    if (known === undefined) this.#applied.set(memberId, known = new Map());
    for (const { group, applied } of groups) {
      if (applied > (known.get(group) ?? -1)) known.set(group, applied);
    }
    const before = this.#seen.get(host);
    if (before?.incarnation === incarnation && before.groups.size === groups.length) return;
    this.#seen.set(host, { incarnation, memberId, groups: new Set(groups.map(({ group }) => group)) });
    for (const { group, name } of groups) {
      if (this.#gone.has(keyOf(group, memberId))) {
        this.#fail(`${name} was dropped by ${host}, durably, and is there again`);
      }
    }
    if (before?.incarnation !== incarnation || state !== "member") return;
    for (const group of before.groups) {
      if (groups.some((each) => each.group === group)) continue;
      this.inputs += 1;
      if (!this.#isDropped(group)) {
        this.#fail(`${host} has left group ${group}, and the control log does not say that it is dropped`);
      }
    }
  }

  /** What the host's log has on the disk, and which tombstones; null where that cannot be read. */
  lookAtDisk(
    host: string,
    files: ReadonlyMap<number, FiledGroup> | null,
    closed: ReadonlySet<number> | null = null,
  ): void {
    const seen = this.#seen.get(host);
    if (seen === undefined) return;
    for (const group of this.#applied.get(seen.memberId)?.keys() ?? []) {
      this.#lookAtTombstone(host, group, seen.memberId, closed);
      if (files?.has(group) || seen.groups.has(group) || !this.#isDropped(group)) continue;
      const key = keyOf(group, seen.memberId);
      this.#left.add(key);
      if (files !== null) this.#gone.add(key);
    }
  }

  /** Nobody else remembers that the group is gone once the control log begins after that. */
  #lookAtTombstone(host: string, group: number, member: number, closed: ReadonlySet<number> | null): void {
    const key = keyOf(group, member);
    if (closed?.has(group)) this.#buried.add(key);
    else if (closed !== null && this.#buried.has(key)) {
      this.#fail(`the tombstone of group ${group} was durable at ${host}, and is there no more`);
    }
  }

  /** True where the member held the group and its disk is durably rid of it, or it never held it. */
  hasLetGo(member: number, group: number): boolean {
    return this.#left.has(keyOf(group, member)) || !this.#applied.get(member)?.has(group);
  }

  /** After convergence. */
  checkFinal(host: string, memberId: number, dropped: readonly DroppedGroup[], disk: Disk): void {
    const files = readWalFiles(disk.segments);
    const outbox = new Set(files?.outbox.values());
    for (const { group, name } of dropped) {
      if (!this.#applied.get(memberId)?.has(group)) continue;
      this.diskInputs += 1;
      const fail = (what: string) =>
        this.#fail(`${name} is dropped, and on the disk of ${host} there is ${what}`);
      if (files?.groups.has(group)) fail("its log");
      if (outbox.has(group)) fail("its outbox");
      const snapshot = disk.snapshots.find((each) => Number(each.split("-")[0]) === group);
      if (snapshot !== undefined) fail(`its snapshot ${snapshot}`);
    }
  }

  #fail(what: string): never {
    throw new SafetyViolation(this.name, what);
  }
}

function keyOf(group: number, member: number): string {
  return `${group}/${member}`;
}
