/**
 * Accounts that nodes keep beside what they account for, each reckoned once more from that: what of the log is alive, how much of the
 * disk it takes, how large the key-value is. A limit rests on each, and a wrong one shows in no answer before that is reached:
 * a disk that fills up, writes that are refused.
 */
import type { GroupInspection, NodeInspection } from "../../src/node/inspection.ts";
import { ControlState } from "../../src/node/control_state.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";
import { liveBytesOf, type WalFiles } from "./wal_files.ts";

/** Entries of the control log between two looks at what they came to. */
const ENTRIES_BETWEEN = 32;
/** Dead bytes in so many segments' worth are worth no copy, and as many as the live ones (wal/collector.ts); one more is being written. */
const SPARE_SEGMENTS = 5;
/** What a new segment repeats, of each group. */
const HEAD_BYTES_OF_GROUP = 128;
const HEAD_BYTES = 512;
/** A log that is too large has let a segment go by then, on a disk that works, at a node that has its turns. */
const GROWN_MS = 5_000;
const GROWN_TURNS = 64;

/** A node and its disk at a moment. */
export interface LogMoment {
  readonly host: string;
  readonly incarnation: number;
  readonly turns: number;
  readonly nowUs: number;
  /** Files that the disk was asked to remove so far. */
  readonly removals: number;
  /** The disk hangs, is full, or cannot read what it holds. */
  readonly isHindered: boolean;
  readonly segmentBytes: number;
}

export class Accounts implements Checker {
  readonly name = "accounts";
  /** Key-values reckoned. */
  inputs = 0;
  /** Logs reckoned. */
  logInputs = 0;
  /** Logs that were larger than they should be for long. */
  grownInputs = 0;
  /** By host: since when its log is too large and has lost no segment. */
  readonly #grown = new Map<string, LogMoment>();
  readonly #reckoned = new Map<string, { incarnation: number; applied: number }>();

  /** What all builds tell of whose sizes; `control`: null where the node has none. */
  checkKeyValue(host: string, incarnation: number, node: NodeInspection, isLast: boolean): void {
    const said = node.sizes["keyValueBytes"];
    const control = node.groups.find(({ group }) => group === 0);
    if (said === undefined || control === undefined || node.state !== "member") return;
    if (!this.#isDue(host, incarnation, control, isLast)) return;
    this.inputs += 1;
    const { bytes } = ControlState.decode(control.stateBytes()).keyValues;
    if (said === bytes) return;
    throw new SafetyViolation(
      this.name,
      `the key-value at ${host} after entry ${control.applied} counts as ${said} bytes and has ${bytes}`,
    );
  }

  #isDue(host: string, incarnation: number, { applied }: GroupInspection, isLast: boolean): boolean {
    const last = this.#reckoned.get(host);
    if (last !== undefined && last.incarnation === incarnation) {
      if (!isLast && applied < last.applied + ENTRIES_BETWEEN) return false;
      last.applied = applied;
    } else this.#reckoned.set(host, { incarnation, applied });
    return true;
  }

  /** A log of which nothing is under way: `files` are its files, `segmentBytes` how large one gets. */
  checkLog(
    host: string,
    { sizes, groups }: NodeInspection,
    files: WalFiles,
    diskBytes: number,
    segmentBytes: number,
  ): void {
    const { walBytes, walLiveBytes, walSegments } = sizes;
    if (walBytes === undefined || walLiveBytes === undefined || sizes["walPendingBytes"] !== 0) return;
    this.logInputs += 1;
    const live = liveBytesOf(files);
    const fail = (what: string) => {
      throw new SafetyViolation(this.name, `the log of ${host} ${what}`);
    };
    if (walBytes !== diskBytes) fail(`counts as ${walBytes} bytes, its files have ${diskBytes}`);
    if (walLiveBytes !== live) fail(`takes ${walLiveBytes} bytes for alive, by its files it is ${live}`);
    const limit = limitOf(live, segmentBytes, walSegments!, groups.length + files.closed.size);
    if (diskBytes > limit) fail(`has ${diskBytes} bytes on the disk, ${live} of them alive`);
  }

  /** Also while much is under way: what is too large gets smaller. */
  checkGrowth(moment: LogMoment, { sizes, groups }: NodeInspection): void {
    const { walBytes, walLiveBytes, walSegments } = sizes;
    if (walBytes === undefined || walLiveBytes === undefined) return;
    const { host, incarnation, turns, nowUs, removals, isHindered, segmentBytes } = moment;
    const isFine = walBytes <= limitOf(walLiveBytes, segmentBytes, walSegments!, groups.length);
    const since = this.#grown.get(host);
    if (isFine || isHindered || since?.incarnation !== incarnation || since.removals !== removals) {
      if (isFine || isHindered) this.#grown.delete(host);
      else this.#grown.set(host, moment);
      return;
    }
    this.grownInputs += 1;
    if (nowUs < since.nowUs + 1000 * GROWN_MS || turns < since.turns + GROWN_TURNS) return;
    throw new SafetyViolation(
      this.name,
      `the log of ${host} has ${walBytes} bytes, ${walLiveBytes} of them alive, and no segment went for ${GROWN_MS} ms`,
    );
  }
}

function limitOf(live: number, segmentBytes: number, segments: number, groups: number): number {
  return 2 * live + SPARE_SEGMENTS * segmentBytes + (HEAD_BYTES + HEAD_BYTES_OF_GROUP * groups) * segments;
}
