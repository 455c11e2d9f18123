/**
 * The configuration in force is the last one in the log, committed or not, and below the log the last one that was committed
 * (Raft paper, sections 6 and 7). And a leader changes it only after an entry of its own term and the change before are
 * committed: without that, two leaders can each commit a change that the other knows nothing of (Ongaro, "bug in
 * single-server membership changes", raft-dev, 2015). One change is of one voter; more go by a joint configuration of the old
 * and the new ones, and from that to the new ones (Ongaro's thesis, section 4.3).
 */
import { crc32c } from "../../src/core/crc32c.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import { groupKey, memberKey } from "./keys.ts";
import { encodeConfiguration, EntryKind } from "../../src/raft/mod.ts";
import type { Configuration } from "../../src/raft/types.ts";
import type { GroupLog } from "./group_logs.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** A member as it was last looked at. */
interface Seen {
  readonly host: string;
  readonly incarnation: number;
  readonly configuration: Configuration;
  readonly placed: number;
  readonly base: number;
}

export class ConfigurationRule implements Checker {
  readonly name = "configuration-rule";
  /** Configurations compared with the log's. */
  inputs = 0;
  /** Changes seen at the leader that made them. */
  changeInputs = 0;
  /** By group: index of every committed configuration to the checksum of its content, ascending. */
  readonly #committed = new Map<string, Map<number, number>>();
  readonly #seen = new Map<string, Seen>();
  readonly #judged = new Map<string, number>();
  /** Changes whose before and after were both seen. */
  stepInputs = 0;
  /** Of these, to or from a joint configuration. */
  jointInputs = 0;

  /** By group: terms in which an operator took a group to the survivors of a lost majority. */
  readonly #forced = new Set<string>();

  /** An operator did what no leader may. */
  forced(group: number, generation: number, term: number): void {
    this.#forced.add(`${group}/${generation}/${term}`);
  }

  applied(group: number, generation: number, index: number, kind: number, bytes: Uint8Array): void {
    if (kind !== EntryKind.Configuration) return;
    const key = groupKey(group, generation);
    let committed = this.#committed.get(key);
    if (committed === undefined) this.#committed.set(key, committed = new Map());
    if (!committed.has(index)) committed.set(index, crc32c(bytes));
  }

  check(host: string, incarnation: number, group: GroupInspection, log: GroupLog): void {
    const { configuration, base } = group;
    if (group.isInstalling) return;
    const placed = log.configurationIndexes.at(-1) ?? 0;
    if (group.role === "leader") this.#checkChange(group, log, placed);
    const key = memberKey(group.group, group.generation, group.memberId);
    const last = this.#seen.get(key);
    const seen = last?.host === host && last.incarnation === incarnation ? last : undefined;
    if (seen?.configuration === configuration && seen.placed === placed && seen.base === base) return;
    if (
      seen !== undefined && (log.configurationIndexes.at(-2) ?? 0) === seen.placed && placed > seen.placed &&
      isStillThere(seen, log)
    ) {
      this.#checkStep(group, seen.configuration, placed, log.entry(placed)?.term ?? 0);
    }
    this.#seen.set(key, { host, incarnation, configuration, placed, base });
    const expected = placed > 0
      ? log.entry(placed)?.crc
      : this.committedAt(group.group, group.generation, base);
    if (expected === undefined) return;
    this.inputs += 1;
    if (crc32c(encodeConfiguration(configuration)) === expected) return;
    throw new SafetyViolation(
      this.name,
      `member ${group.memberId} of ${group.name} counts voters [${configuration.incoming}] and learners ` +
        `[${configuration.learners}], outgoing [${configuration.outgoing}], which is not what ${
          placed > 0 ? `entry ${placed}` : "its snapshot"
        } says`,
    );
  }

  #checkChange(group: GroupInspection, log: GroupLog, placed: number): void {
    const { memberId, name, term, commit } = group;
    const key = `${group.group}/${group.generation}/${memberId}/${term}`;
    if (placed <= (this.#judged.get(key) ?? 0) || log.entry(placed)?.term !== term) return;
    this.#judged.set(key, placed);
    const committed = log.entry(commit);
    if (committed === undefined) return;
    this.changeInputs += 1;
    const previous = log.configurationIndexes.at(-2) ?? 0;
    if (committed.term === term && previous <= commit) return;
    throw new SafetyViolation(
      this.name,
      `member ${memberId} changed the configuration of ${name} at ${placed} in term ${term} while it had committed ` +
        `up to ${commit} of term ${committed.term}, and the change before stands at ${previous}`,
    );
  }

  /** From one configuration to the next, as one member's log says. */
  #checkStep(
    { group, generation, memberId, name, configuration }: GroupInspection,
    before: Configuration,
    placed: number,
    term: number,
  ): void {
    if (this.#forced.has(`${group}/${generation}/${term}`)) return;
    // Who waits to be told who its group is knows nobody.
    if (before.incoming.length === 0) return;
    this.stepInputs += 1;
    if (before.outgoing.length + configuration.outgoing.length > 0) this.jointInputs += 1;
    if (isStep(before, configuration)) return;
    throw new SafetyViolation(
      this.name,
      `entry ${placed} at member ${memberId} of ${name} takes voters [${before.incoming}] and [${before.outgoing}] to ` +
        `[${configuration.incoming}] and [${configuration.outgoing}], learners [${before.learners}] to ` +
        `[${configuration.learners}]`,
    );
  }

  /** The last configuration at or before the base of the log, where one was ever committed. */
  /** The checksum of the last configuration that was committed up to `through`; undefined where none was seen. */
  committedAt(group: number, generation: number, through: number): number | undefined {
    let at = 0;
    let found: number | undefined;
    for (const [index, crc] of this.#committed.get(groupKey(group, generation)) ?? []) {
      if (index > through || index < at) continue;
      at = index;
      found = crc;
    }
    return found;
  }
}

/** False where another leader's change has taken its place in the log meanwhile. */
function isStillThere({ placed, configuration }: Seen, log: GroupLog): boolean {
  return placed === 0 || log.entry(placed)?.crc === crc32c(encodeConfiguration(configuration));
}

/** True where any two majorities, of the one and of the other, share a voter; a joint configuration is left for what it was for. */
function isStep(before: Configuration, after: Configuration): boolean {
  if (before.outgoing.length > 0) {
    return after.outgoing.length === 0 && same(after.incoming, before.incoming) &&
      same(after.learners, before.learners);
  }
  if (after.outgoing.length > 0) return same(after.outgoing, before.incoming);
  const added = after.incoming.filter((member) => !before.incoming.includes(member)).length;
  const removed = before.incoming.filter((member) => !after.incoming.includes(member)).length;
  return added + removed <= 1;
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((member, at) => member === b[at]);
}
