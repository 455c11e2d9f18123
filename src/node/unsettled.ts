/**
 * Groups of streams and machines in which their leader may have something to put right. What decides that is the control state
 * and the group itself; where neither has changed since a look found nothing to do, nobody looks again: a thousand idle
 * groups cost the regular round nothing.
 */
import type { Index } from "../core/ids.ts";
import type { Group } from "./group.ts";

export class Unsettled {
  readonly #groups = new Set<Group>();
  #controlApplied = 0 as Index;

  /** The group had something to do. */
  add(group: Group): void {
    this.#groups.add(group);
  }

  /** There was nothing to put right, or the group is there no longer. */
  delete(group: Group): void {
    this.#groups.delete(group);
  }

  clear(): void {
    this.#groups.clear();
  }

  /** Those to look at, of all where the control state has changed. What is found settled is to be deleted. */
  take(all: Iterable<Group>, controlApplied: Index): readonly Group[] {
    if (controlApplied !== this.#controlApplied) {
      this.#controlApplied = controlApplied;
      for (const group of all) this.#groups.add(group);
    }
    return [...this.#groups];
  }
}
