/**
 * Which groups want a turn, and when: a turn of the node costs what it does, not what the node holds. A group's deadline follows
 * from its state alone, so it is asked for again only where the group was touched since. Of the heap's items the one at a
 * group's `placedMs` counts; one whose deadline has moved later stays until its time and is then put where it belongs.
 */
import { Heap } from "../core/heap.ts";
import type { Group } from "./group.ts";

interface Planned {
  readonly group: Group;
  /** Groups that are due together have their turns in the order in which they were opened. */
  readonly order: number;
  dueMs: number;
  /** Where it lies in the heap; Infinity where it does not. */
  placedMs: number;
}

const NOBODY: readonly Group[] = [];

/** The heap is made anew when it holds so many items for each group. */
const ITEMS_PER_GROUP_LIMIT = 4;

export class Agenda {
  readonly #planned = new Map<Group, Planned>();
  readonly #touched = new Set<Planned>();
  #heap = new Heap<Planned>();
  #order = 0;

  add(group: Group): void {
    const planned = { group, order: this.#order++, dueMs: Infinity, placedMs: Infinity };
    this.#planned.set(group, planned);
    this.#touched.add(planned);
  }

  /** The group is there no longer; its items in the heap count for nothing. */
  delete(group: Group): void {
    const planned = this.#planned.get(group);
    if (planned === undefined) return;
    planned.dueMs = planned.placedMs = Infinity;
    this.#planned.delete(group);
    this.#touched.delete(planned);
  }

  clear(): void {
    this.#planned.clear();
    this.#touched.clear();
    this.#heap = new Heap();
  }

  /** The group was given something. */
  touch(group: Group): void {
    const planned = this.#planned.get(group);
    if (planned !== undefined) this.#touched.add(planned);
  }

  /** Any group may have been given something. */
  touchAll(): void {
    for (const planned of this.#planned.values()) this.#touched.add(planned);
  }

  /** Groups that have waited until now, and those with entries to apply. */
  due(now: number): readonly Group[] {
    this.#plan(now);
    if (this.#heap.minKey > now) return NOBODY;
    const due: Planned[] = [];
    while (this.#heap.minKey <= now) {
      const placedMs = this.#heap.minKey;
      const planned = this.#heap.pop()!;
      if (planned.placedMs !== placedMs) continue;
      planned.placedMs = Infinity;
      if (planned.dueMs <= now) due.push(planned);
      else this.#place(planned);
    }
    due.sort((a, b) => a.order - b.order);
    for (const planned of due) this.#touched.add(planned);
    return due.map(({ group }) => group);
  }

  /** When the next group will be due. */
  deadline(now: number): number {
    this.#plan(now);
    for (;;) {
      const placedMs = this.#heap.minKey;
      if (placedMs === Infinity) return Infinity;
      const planned = this.#heap.peek()!;
      if (planned.placedMs === placedMs && planned.dueMs === placedMs) return placedMs;
      this.#heap.pop();
      if (planned.placedMs !== placedMs) continue;
      planned.placedMs = Infinity;
      this.#place(planned);
    }
  }

  #plan(now: number): void {
    for (const planned of this.#touched) {
      const { group } = planned;
      planned.dueMs = group.hasWork ? now : group.raft.deadline();
      if (planned.dueMs < planned.placedMs) this.#place(planned);
    }
    this.#touched.clear();
    if (this.#heap.size > ITEMS_PER_GROUP_LIMIT * this.#planned.size) this.#remake();
  }

  #place(planned: Planned): void {
    if (planned.dueMs === Infinity) return;
    planned.placedMs = planned.dueMs;
    this.#heap.push(planned.dueMs, planned);
  }

  #remake(): void {
    this.#heap = new Heap();
    for (const planned of this.#planned.values()) {
      planned.placedMs = Infinity;
      this.#place(planned);
    }
  }
}
