/**
 * A forwarded read has a name that its member never used before, in no earlier incarnation either: else a late answer to one read
 * answers another that was asked after it (etcd raft issue 20418: a read context that comes twice returns a stale index). The
 * stale answer needs a rare meeting; a name that comes again can be seen.
 */
import type { RaftFrame } from "./raft_messages.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class ReadNames implements Checker {
  readonly name = "read-names";
  /** Forwarded reads. */
  inputs = 0;
  /** By group and member. */
  readonly #used = new Map<string, Set<number>>();

  heard({ envelope: { group, generation, from }, message }: RaftFrame): void {
    if (message.kind !== "read-index") return;
    this.inputs += 1;
    const key = `${group}/${generation}/${from}`;
    let used = this.#used.get(key);
    if (used === undefined) this.#used.set(key, used = new Set());
    if (used.has(message.context)) {
      throw new SafetyViolation(
        this.name,
        `member ${from} of group ${group} asks two reads under the name ${message.context}`,
      );
    }
    used.add(message.context);
  }
}
