/**
 * Snapshots as they lie on the disk, in what a loss of power would leave. One that is there says of its entry the term and the
 * configuration that the log had (Raft paper, section 7: "last included index and term", and the latest configuration as of
 * it). And wherever the log on the disk begins after its first entry, there is one of just that: a later one does not do, for who
 * starts from there has to ask others, who may have lost power in the same moment. No restart need come upon it. At rest there is
 * nothing from before where the log begins, and of what comes after no more than a few: else the disk fills up.
 */
import { crc32c } from "../../src/core/crc32c.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";
import type { FiledGroup } from "./wal_files.ts";

/** What was committed, as far as it was seen. */
export interface CommittedFacts {
  /** The term of a committed entry. */
  termAt(group: number, generation: number, index: number): number | undefined;
  /** The checksum of the last configuration that was committed up to there. */
  configurationAt(group: number, generation: number, index: number): number | undefined;
}

interface File {
  readonly name: string;
  readonly bytes: Uint8Array;
}

interface Named {
  readonly group: number;
  readonly generation: number;
  readonly index: number;
}

const NAME = /^(\d+)-(\d+)-(\d+)\.snapshot$/;
const HEADER_BYTES = 56;
/** Newer than the one that the log begins at: three are kept, one is being written. */
const NEWER_LIMIT = 4;
/** While some are on their way out. */
const PILED_LIMIT = 8;

export class SnapshotFiles implements Checker {
  readonly name = "snapshot-files";
  /** Snapshots read. */
  inputs = 0;
  /** Logs that begin after their first entry. */
  baseInputs = 0;
  /** Groups whose snapshots were counted. */
  leftInputs = 0;
  readonly #read = new Set<string>();

  check(
    host: string,
    groups: readonly GroupInspection[],
    files: readonly File[],
    facts: CommittedFacts,
  ): void {
    for (const file of files) {
      const named = parse(file.name);
      const isOpen = groups.some((each) =>
        each.group === named?.group && each.generation === named.generation
      );
      const key = `${host}/${file.name}`;
      if (named === null || !isOpen || this.#read.has(key)) continue;
      this.#read.add(key);
      this.#checkFile(host, named, file.bytes, facts);
    }
  }

  /** `logs`: what the log's files say, null where they cannot be read. */
  checkBases(
    host: string,
    groups: readonly GroupInspection[],
    files: readonly File[],
    logs: ReadonlyMap<number, FiledGroup> | null,
  ): void {
    const there = files.flatMap(({ name }) => parse(name) ?? []);
    // Also of groups that the node has let go of, as long as the disk does not say so.
    for (const [group, { generation, base }] of logs ?? []) {
      if (base === 0) continue;
      this.baseInputs += 1;
      const isHeld = there.some((each) =>
        each.group === group && each.generation === generation && each.index === base
      );
      if (isHeld) continue;
      const name = groups.find((each) => each.group === group)?.name ?? `group ${group}`;
      throw new SafetyViolation(
        this.name,
        `on the disk of ${host} the log of ${name} begins after entry ${base}, and there is no snapshot of just that`,
      );
    }
  }

  /** Where nothing lets the log begin later they are taken all the same. */
  checkPiled(host: string, groups: readonly GroupInspection[], files: readonly Pick<File, "name">[]): void {
    // So many in all groups together prove nothing, and are looked at no further.
    if (files.length <= PILED_LIMIT) return;
    const there = files.flatMap(({ name }) => parse(name) ?? []);
    for (const { group, generation, name, base } of groups) {
      const newer = there.filter((each) =>
        each.group === group && each.generation === generation && each.index > base
      ).length;
      if (newer <= PILED_LIMIT) continue;
      throw new SafetyViolation(
        this.name,
        `${newer} snapshots of ${name} lie on the disk of ${host} beside that at ${base}, where its log begins`,
      );
    }
  }

  /** At rest: `names` are the files that are there. */
  checkLeft(host: string, groups: readonly GroupInspection[], names: readonly string[]): void {
    const there = names.flatMap((name) => parse(name) ?? []);
    for (const { group, generation, name, base, transferUntilMs } of groups) {
      const own = there.filter((each) => each.group === group && each.generation === generation);
      // The first build, which does not tell of handovers either, leaves some behind.
      if (own.length === 0 || transferUntilMs === undefined) continue;
      this.leftInputs += 1;
      const older = own.filter(({ index }) => index < base).length;
      const newer = own.filter(({ index }) => index > base).length;
      if (older === 0 && newer <= NEWER_LIMIT) continue;
      throw new SafetyViolation(
        this.name,
        `the log of ${name} at ${host} begins after entry ${base}, and ${older} snapshots from before and ${newer} from ` +
          "after are still there",
      );
    }
  }

  #checkFile(host: string, named: Named, bytes: Uint8Array, facts: CommittedFacts): void {
    const { group, generation, index } = named;
    this.inputs += 1;
    const fail = (what: string) => {
      throw new SafetyViolation(
        this.name,
        `the snapshot of group ${group} after entry ${index} at ${host} ${what}`,
      );
    };
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < HEADER_BYTES) return fail("ends in its header");
    const u64 = (at: number) => Number(view.getBigUint64(at));
    const configurationEnd = HEADER_BYTES + view.getUint32(40);
    if (configurationEnd + u64(44) !== bytes.length) return fail("is not whole");
    if (u64(8) !== group || u64(16) !== generation || u64(24) !== index) {
      return fail("says that it is another");
    }
    const term = facts.termAt(group, generation, index);
    if (term !== undefined && term !== u64(32)) fail(`says term ${u64(32)}, which is ${term}`);
    const expected = facts.configurationAt(group, generation, index);
    const found = crc32c(bytes, HEADER_BYTES, configurationEnd);
    if (expected !== undefined && expected !== found) fail("has another configuration than was committed");
  }
}

function parse(name: string): Named | null {
  const match = NAME.exec(name);
  if (match === null) return null;
  return { group: Number(match[1]), generation: Number(match[2]), index: Number(match[3]) };
}
