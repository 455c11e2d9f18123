/**
 * What was committed stays: State Machine Safety and Leader Completeness (Raft paper, figure 3), and Committed On Quorum:
 * when a leader counts an entry as committed, a majority of the voters of the configuration that it uses holds it
 * durably (section 5.3), and what is applied was counted so.
 *
 * An entry handed to a state machine fixes (group, generation, index) for ever: the same term and content on every member,
 * in every incarnation, and in the log of every later leader.
 */
import { crc32c } from "../../src/core/crc32c.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import { groupKey } from "./keys.ts";
import type { Configuration } from "../../src/raft/types.ts";
import type { GroupLog } from "./group_logs.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

interface Committed {
  readonly term: number;
  readonly kind: number;
  readonly crc: number;
  /** The term of who was first to apply it: it was committed in this term or an earlier one. */
  knownInTerm: number;
}

interface GroupRecord {
  readonly entries: Map<number, Committed>;
  last: number;
  /** First applied and not yet checked for its quorum. */
  fresh: { readonly index: number; readonly by: string }[];
  readonly leadersSeen: Set<string>;
  /** Up to where leaders were seen to count. */
  counted: number;
}

/** A leader as it was last seen. */
interface Leading {
  readonly term: number;
  readonly commit: number;
  readonly configuration: Configuration;
}

export class Commitment implements Checker {
  readonly name = "committed-immutable";
  inputs = 0;
  countInputs = 0;
  quorumInputs = 0;
  leaderInputs = 0;
  readonly #groups = new Map<string, GroupRecord>();
  /** By member and incarnation. */
  readonly #leading = new Map<string, Leading>();

  /** An entry was handed to a state machine. */
  applied(
    host: string,
    group: number,
    generation: number,
    index: number,
    term: number,
    kind: number,
    bytes: Uint8Array,
  ): void {
    this.inputs += 1;
    const record = this.#record(group, generation);
    const crc = crc32c(bytes);
    const before = record.entries.get(index);
    if (before === undefined) {
      record.entries.set(index, { term, kind, crc, knownInTerm: Infinity });
      record.last = Math.max(record.last, index);
      record.fresh.push({ index, by: host });
    } else if (before.term !== term || before.crc !== crc || before.kind !== kind) {
      throw new SafetyViolation(
        this.name,
        `entry ${index} of group ${group} was applied as term ${before.term} crc ${before.crc}, and at ${host} as ` +
          `term ${term} crc ${crc}`,
      );
    }
  }

  /** Of an entry that was applied. */
  termAt(group: number, generation: number, index: number): number | undefined {
    return this.#groups.get(groupKey(group, generation))?.entries.get(index)?.term;
  }

  /** After a host's turn: what it leads, and what it was the first to apply. */
  check(
    host: string,
    incarnation: number,
    group: GroupInspection,
    log: GroupLog,
    logOf: (memberId: number) => GroupLog | undefined,
  ): void {
    const record = this.#record(group.group, group.generation);
    this.#checkCount(`${host}/${incarnation}/${group.group}/${group.generation}`, group, record, logOf);
    if (record.fresh.length > 0) this.#checkQuorum(host, group, record, log, logOf);
    if (group.role === "leader") this.#checkLeader(group, log, record);
  }

  /** A leader counts by the newest configuration in its own log, which nobody else need have heard of yet (section 6). */
  #checkCount(
    key: string,
    group: GroupInspection,
    record: GroupRecord,
    logOf: (memberId: number) => GroupLog | undefined,
  ): void {
    const { role, term, commit, configuration } = group;
    if (role !== "leader") {
      this.#leading.delete(key);
      return;
    }
    const before = this.#leading.get(key);
    if (before?.term === term && before.commit === commit && before.configuration === configuration) return;
    this.#leading.set(key, { term, commit, configuration });
    // What it knew to be committed when it began to lead was counted by others.
    if (before?.term !== term || commit <= before.commit) return;
    const entry = group.entry(commit);
    if (entry === null) return;
    this.countInputs += 1;
    const holds = (member: number) => holdsDurably(logOf(member), commit, entry.term);
    // It may have gone over to another configuration before or after it counted, in the same turn.
    if (!hasMajorities(configuration, holds) && !hasMajorities(before.configuration, holds)) {
      throw new SafetyViolation(
        "committed-on-quorum",
        `member ${group.memberId} leads term ${term} of ${group.name} and committed entry ${commit} of term ` +
          `${entry.term} while only ${describe(configuration, holds)} hold it durably`,
      );
    }
    record.counted = Math.max(record.counted, commit);
  }

  #checkQuorum(
    host: string,
    group: GroupInspection,
    record: GroupRecord,
    own: GroupLog,
    logOf: (memberId: number) => GroupLog | undefined,
  ): void {
    const fresh = record.fresh.filter((each) => each.by === host);
    if (fresh.length === 0) return;
    record.fresh = record.fresh.filter((each) => each.by !== host);
    for (const { index } of fresh) {
      const entry = record.entries.get(index)!;
      entry.knownInTerm = group.term;
      const { term, kind } = entry;
      if (index <= record.counted) continue;
      // A change of configuration may have been committed by another set of voters than the one in use now.
      if (kind !== 0 || this.#isNearConfiguration(record, own, index)) continue;
      this.quorumInputs += 1;
      const holds = (member: number) => holdsDurably(logOf(member), index, term);
      if (!hasMajorities(group.configuration, holds)) {
        throw new SafetyViolation(
          "committed-on-quorum",
          `entry ${index} of term ${term} of ${group.name} was applied at ${host} while only ` +
            `${describe(group.configuration, holds)} hold it durably`,
        );
      }
    }
  }

  #isNearConfiguration(record: GroupRecord, log: GroupLog, index: number): boolean {
    // One that is appended is in use already, whether anybody has applied it or not.
    if (log.configurationIndexes.some((at) => at > index - 32)) return true;
    for (let near = index - 32; near <= record.last; near++) {
      if (record.entries.get(near)?.kind === 2) return true;
    }
    return false;
  }

  /** A new leader's log holds everything that was committed before its term. */
  #checkLeader(group: GroupInspection, log: GroupLog, record: GroupRecord): void {
    const key = `${group.term}/${group.memberId}`;
    if (record.leadersSeen.has(key)) return;
    record.leadersSeen.add(key);
    this.leaderInputs += 1;
    for (let index = group.base + 1; index <= record.last; index++) {
      const committed = record.entries.get(index);
      // A leader of an earlier term than that of the commit need not have it, however late it hears of its votes.
      if (committed === undefined || committed.knownInTerm >= group.term) continue;
      const here = log.entry(index);
      if (here === undefined || here.term !== committed.term) {
        throw new SafetyViolation(
          "leader-completeness",
          `member ${group.memberId} leads term ${group.term} of ${group.name} without entry ${index} of term ` +
            `${committed.term}, which was committed (it has ${
              here === undefined ? "nothing" : `term ${here.term}`
            })`,
        );
      }
    }
  }

  #record(group: number, generation: number): GroupRecord {
    const key = groupKey(group, generation);
    let record = this.#groups.get(key);
    if (record === undefined) {
      this.#groups.set(
        key,
        record = { entries: new Map(), last: 0, fresh: [], leadersSeen: new Set(), counted: 0 },
      );
    }
    return record;
  }
}

/** True where more than half of both sets hold it; of one set where the other is empty. */
export function hasMajorities(configuration: Configuration, holds: (member: number) => boolean): boolean {
  return [configuration.incoming, configuration.outgoing].every((voters) =>
    voters.length === 0 || 2 * voters.filter(holds).length > voters.length
  );
}

function holdsDurably(log: GroupLog | undefined, index: number, term: number): boolean {
  if (log === undefined) return false;
  return index <= log.base || (index <= log.durable && log.entry(index)?.term === term);
}

function describe({ incoming, outgoing }: Configuration, holds: (member: number) => boolean): string {
  return `[${incoming.filter(holds)}] of [${incoming}], outgoing [${outgoing}],`;
}
