/**
 * What a member says to be durable is on its disk, in what a loss of power would leave ("servers respond to RPCs after updating
 * stable storage", Raft paper, figure 2): its log up to where it says so, the terms and votes that it has told others, and
 * the vote by which it leads. No crash is needed to see that one would cost something.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import type { Told } from "./promises.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";
import type { FiledGroup } from "./wal_files.ts";

/** Every so many looks at a node its disk is read. */
const LOOKS_BETWEEN = 128;

interface Seen {
  readonly incarnation: number;
  looks: number;
  removals: number;
}

export class DurableLog implements Checker {
  readonly name = "durable-log";
  /** Entries that were looked for. */
  inputs = 0;
  /** Logs that were looked through for what is not in them any more. */
  endInputs = 0;
  /** Looks at groups that a snapshot was being installed in. */
  installInputs = 0;
  readonly #seen = new Map<string, Seen>();
  readonly #due = new Set<string>();
  /** Leaders whose vote for themselves was looked for. */
  readonly #leaders = new Set<string>();

  /** A snapshot has taken the place of a log of this host: its disk is to be read before anything is appended to that. */
  replaced(host: string): void {
    this.#due.add(host);
  }

  /** Who begins to lead has voted for itself durably: its disk is to be read now. */
  leads(host: string, { group, generation, memberId, term, role }: GroupInspection): void {
    if (role !== "leader") return;
    const key = `${group}/${generation}/${memberId}/${term}`;
    if (this.#leaders.has(key)) return;
    this.#leaders.add(key);
    this.#due.add(host);
  }

  /** True where the host's disk is to be read now: soon after a start, where files were taken away, and from time to time. */
  isDue(host: string, incarnation: number, groups: number, removals: number): boolean {
    if (this.#due.delete(host)) return true;
    const seen = this.#seen.get(host);
    if (seen?.incarnation !== incarnation) {
      if (groups > 0) this.#seen.set(host, { incarnation, looks: 0, removals });
      return groups > 0;
    }
    seen.looks += 1;
    const isDue = seen.removals !== removals || seen.looks % LOOKS_BETWEEN === 0;
    seen.removals = removals;
    return isDue;
  }

  /**
   * While a snapshot takes the place of a log nothing counts as durable but what was known to be committed before: the rest of the log
   * is on its way out, and the snapshot not there yet. What counted would be acknowledged at once.
   */
  checkInstall(host: string, { isInstalling, durable, commit, name }: GroupInspection): void {
    if (!isInstalling) return;
    this.installInputs += 1;
    if (durable < commit) return;
    throw new SafetyViolation(
      this.name,
      `${host} says that ${durable} entries of ${name} are durable, while a snapshot that goes to ${commit} is not yet`,
    );
  }

  /** `files`: what is durable of the log's files; null where they cannot be read. */
  check(
    host: string,
    groups: readonly GroupInspection[],
    files: ReadonlyMap<number, FiledGroup> | null,
    toldBy: (group: GroupInspection) => Told | undefined,
    mayBeDamaged: boolean,
  ): void {
    if (files === null && !mayBeDamaged) {
      throw new SafetyViolation(
        this.name,
        `what is durable of the log of ${host} cannot be read to its end, and its disk has lost nothing`,
      );
    }
    if (files === null) return;
    for (const group of groups) {
      if (group.isInstalling) continue;
      const filed = files.get(group.group);
      const own = filed?.generation === group.generation ? filed : undefined;
      if (own !== undefined) this.#checkWhole(host, group, own);
      this.#checkEntries(host, group, own);
      this.#checkWord(host, group, own, toldBy(group));
      if (own !== undefined) this.#checkEnd(host, group, own);
    }
  }

  /** Who starts from this disk finds a log without a gap, from where the disk says that it begins. */
  #checkWhole(host: string, { name }: GroupInspection, { base, entries }: FiledGroup): void {
    let last = base;
    for (const index of entries.keys()) if (index > last) last = index;
    for (let index = base + 1; index <= last; index++) {
      if (entries.has(index)) continue;
      throw new SafetyViolation(
        this.name,
        `the disk of ${host} has entries of ${name} from ${base} to ${last}, and not entry ${index}`,
      );
    }
  }

  #checkEntries(host: string, group: GroupInspection, filed: FiledGroup | undefined): void {
    for (let index = group.base + 1; index <= group.durable; index++) {
      this.inputs += 1;
      const entry = group.entry(index as typeof group.last);
      if (entry === null || filed?.entries.get(index) === entry.term) continue;
      throw new SafetyViolation(
        this.name,
        `${host} says that entry ${index} of term ${entry.term} of ${group.name} is durable, and on its disk there is ` +
          (filed?.entries.get(index) === undefined ? "none" : `one of term ${filed.entries.get(index)}`),
      );
    }
  }

  /** Where all of a log is durable, what was replaced or cut off is gone: a restart would bring it back. */
  #checkEnd(host: string, { name, base, last, durable }: GroupInspection, filed: FiledGroup): void {
    if (durable !== last || filed.base > base) return;
    this.endInputs += 1;
    for (const index of filed.entries.keys()) {
      if (index <= last) continue;
      throw new SafetyViolation(
        this.name,
        `the log of ${name} at ${host} ends with entry ${last}, and on its disk there is an entry ${index}`,
      );
    }
  }

  #checkWord(
    host: string,
    group: GroupInspection,
    filed: FiledGroup | undefined,
    told: Told | undefined,
  ): void {
    const { term = 0, vote = 0 } = filed ?? {};
    const fail = (what: string) => {
      throw new SafetyViolation(
        this.name,
        `${host} ${what} in ${group.name}, and its disk knows of term ${term} and a vote for ${
          vote || "nobody"
        }`,
      );
    };
    if (told !== undefined && told.term > term) fail(`spoke in term ${told.term}`);
    if (told !== undefined && told.voteTerm === term && told.votedFor !== vote) {
      fail(`gave ${told.votedFor} its vote for term ${term}`);
    }
    const isOwn = term === group.term && vote === group.memberId;
    if (group.role === "leader" && !isOwn) fail(`leads term ${group.term}`);
  }
}
