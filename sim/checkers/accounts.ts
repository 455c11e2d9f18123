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

export class Accounts implements Checker {
  readonly name = "accounts";
  /** Key-values reckoned. */
  inputs = 0;
  /** Logs reckoned. */
  logInputs = 0;
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
    const headBytes = HEAD_BYTES + HEAD_BYTES_OF_GROUP * (groups.length + files.closed.size);
    const limit = 2 * live + SPARE_SEGMENTS * segmentBytes + headBytes * walSegments!;
    if (diskBytes > limit) fail(`has ${diskBytes} bytes on the disk, ${live} of them alive`);
  }
}
