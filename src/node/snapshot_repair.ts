/**
 * Repair of damaged snapshots. A newer one is only a short cut: without it the log is replayed. The one at which the log
 * begins is fetched from another member: the same where one keeps it, else a later one at which a member's log begins,
 * and then this node's log begins there too: what lies before it no member needs any more. Where all logs begin earlier,
 * a member makes it anew.
 */
import { SennitError } from "../core/errors.ts";
import type { GroupId, Index, MemberId } from "../core/ids.ts";
import { SNAPSHOT_ANSWERS_LIMIT, SNAPSHOT_STATE_SENT_BYTES_LIMIT } from "../core/limits.ts";
import type { StoredSnapshot } from "../wal/mod.ts";
import type { Group } from "./group.ts";
import type { NodeMessage } from "./node_messages.ts";

const ANSWER_TIMEOUT_MS = 10_000;
const ROUND_PAUSE_MS = 1000;

export type FetchSnapshotMessage = Extract<NodeMessage, { kind: "fetch-snapshot" }>;
export type FetchedSnapshotMessage = Extract<NodeMessage, { kind: "fetched-snapshot" }>;

/** What this needs of its node. */
export interface SnapshotRepairHost {
  readonly memberId: MemberId;
  readonly reachable: ReadonlySet<MemberId>;
  group(id: GroupId): Group | null;
  sendNode(to: MemberId, message: NodeMessage): boolean;
  /** Reads one of this node's snapshots; null where there is none or it cannot be read. */
  readSnapshot(
    group: GroupId,
    generation: number,
    index: Index,
    done: (stored: StoredSnapshot | null) => void,
  ): void;
  /** Makes one at `index` or later from the log where there is none; null where it cannot be made. */
  rebuildSnapshot(group: Group, index: Index, done: (stored: StoredSnapshot | null) => void): void;
  note(text: string): void;
}

export interface WantedSnapshot {
  readonly group: GroupId;
  readonly generation: number;
  /** For status and notes. */
  readonly name: string;
  /** See `use`. */
  readonly index: Index;
  /**
   * begin: the log begins there, or at a later one that is fetched; it is waited for. file: exactly this one. state: this or
   * a later one. Where nobody in reach has a file or state, that is the answer.
   */
  readonly use: "begin" | "file" | "state";
}

interface Wanted extends WantedSnapshot {
  readonly done: (stored: StoredSnapshot | null) => void;
  readonly asked: Set<MemberId>;
  /** Whom it was asked for last; 0: nobody is asked at present. */
  peer: MemberId;
  dueMs: number;
  fruitless: boolean;
}

export class SnapshotRepair {
  readonly #host: SnapshotRepairHost;
  #wanted: Wanted[] = [];
  /** Snapshots being read for other members. */
  #answering = 0;
  /** Snapshots fetched since the start. */
  repaired = 0;

  constructor(host: SnapshotRepairHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#wanted.length;
  }

  /** Groups that wait for the snapshot at which their log begins, and what to say about it. */
  waiting(): { readonly group: GroupId; readonly name: string; readonly trouble: string }[] {
    return this.#wanted.filter((wanted) => wanted.use === "begin").map(
      ({ group, name, index, fruitless }) => {
        const rest = fruitless ? "no member in reach can give it" : "fetched from another member";
        return { group, name, trouble: `snapshot ${index} is damaged on the disk of this node: ${rest}` };
      },
    );
  }

  /** The group is gone from here: nothing of it is missed any more. */
  forget(group: GroupId): void {
    for (const wanted of this.#wanted.filter((each) => each.group === group)) this.#end(wanted, null);
  }

  /** Calls `done` once, with a snapshot at `index` or later; null only where it is not waited for, or the group is dropped. */
  fetch(wanted: WantedSnapshot, now: number, done: (stored: StoredSnapshot | null) => void): void {
    this.#host.note(`snapshot ${wanted.index} of ${wanted.name} is fetched from another member`);
    this.#wanted.push({
      ...wanted,
      done,
      asked: new Set(),
      peer: 0 as MemberId,
      dueMs: now,
      fruitless: false,
    });
  }

  work(now: number): void {
    for (const wanted of this.#wanted) if (wanted.dueMs <= now) this.#ask(wanted, now);
  }

  /** A session came up. */
  reached(): void {
    for (const wanted of this.#wanted) if (wanted.peer === 0) wanted.dueMs = 0;
  }

  deadline(): number {
    let earliest = Infinity;
    for (const { dueMs } of this.#wanted) earliest = Math.min(earliest, dueMs);
    return earliest;
  }

  /** A peer asks. */
  asked(from: MemberId, message: FetchSnapshotMessage): void {
    const { group: id, generation, index } = message;
    const group = this.#host.group(id);
    if (group === null || group.generation !== generation || group.applied < index) {
      this.#answer(from, message, null);
      return;
    }
    if (this.#answering >= SNAPSHOT_ANSWERS_LIMIT) return; // The asker asks elsewhere, and again.
    this.#answering++;
    const done = (stored: StoredSnapshot | null) => {
      this.#answering--;
      const fits = stored !== null && stored.state.length <= SNAPSHOT_STATE_SENT_BYTES_LIMIT;
      this.#answer(from, message, fits ? stored : null);
    };
    const offer = group.snapshots.offer(index);
    if (offer === null) this.#host.rebuildSnapshot(group, index, done);
    else this.#host.readSnapshot(id, generation, offer, done);
  }

  /** A peer has answered. */
  fetched(from: MemberId, message: FetchedSnapshotMessage, now: number): void {
    const { group, generation, wantedIndex } = message;
    const wanted = this.#wanted.find((each) =>
      each.group === group && each.generation === generation && each.index === wantedIndex &&
      each.peer === from
    );
    if (wanted === undefined) return;
    const { snapshot } = message;
    const fits = snapshot !== null &&
      (wanted.use === "file" ? snapshot.index === wanted.index : snapshot.index >= wanted.index);
    if (!fits) {
      this.#ask(wanted, now);
      return;
    }
    this.repaired++;
    this.#end(wanted, { group, generation, ...snapshot });
  }

  #ask(wanted: Wanted, now: number): void {
    const { memberId, reachable } = this.#host;
    const peer = [...reachable].sort((a, b) => a - b).find((each) =>
      each !== memberId && !wanted.asked.has(each)
    );
    if (peer === undefined) {
      if (wanted.use !== "begin") {
        this.#end(wanted, null);
        return;
      }
      wanted.fruitless = true;
      wanted.asked.clear();
      wanted.peer = 0 as MemberId;
      wanted.dueMs = now + ROUND_PAUSE_MS;
      return;
    }
    wanted.asked.add(peer);
    wanted.peer = peer;
    wanted.dueMs = now + ANSWER_TIMEOUT_MS;
    const { group, generation, index } = wanted;
    this.#host.sendNode(peer, { kind: "fetch-snapshot", group, generation, index });
  }

  #end(wanted: Wanted, stored: StoredSnapshot | null): void {
    this.#wanted = this.#wanted.filter((each) => each !== wanted);
    wanted.done(stored);
  }

  #answer(to: MemberId, message: FetchSnapshotMessage, stored: StoredSnapshot | null): void {
    const { group, generation, index } = message;
    const snapshot = stored === null ? null : {
      index: stored.index,
      term: stored.term,
      configurationBytes: stored.configurationBytes,
      state: stored.state,
    };
    this.#host.sendNode(to, { kind: "fetched-snapshot", group, generation, wantedIndex: index, snapshot });
  }
}

/** What to say where a snapshot cannot be read and nobody in reach has it. */
export function snapshotMissing(index: Index, name: string): SennitError {
  return new SennitError(
    "DATA_DAMAGED",
    `Snapshot ${index} of ${name} is damaged and no member in reach has it`,
  );
}
