/** State machines that applied the same entries are byte for byte the same (Schneider, "Implementing fault-tolerant services", 1990). */
import { crc32c } from "../../src/core/crc32c.ts";
import type { GroupInspection } from "../../src/node/inspection.ts";
import { groupKey, memberKey } from "./keys.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

/** The states of so many indexes of a group are remembered. */
const REMEMBERED = 512;

interface LookedAt {
  readonly host: string;
  readonly incarnation: number;
  readonly applied: number;
}

export class StateEquality implements Checker {
  readonly name = "state-equality";
  /** Comparisons: states seen at an index at which another member's was seen. */
  inputs = 0;
  readonly #states = new Map<string, Map<number, { readonly crc: number; readonly host: string }>>();
  /** By member: where it was when it was last looked at, so that one state is not encoded twice. */
  readonly #lookedAt = new Map<string, LookedAt>();

  /** `always`: also at an index at which nobody has been seen yet. */
  check(host: string, incarnation: number, group: GroupInspection, always: boolean): void {
    const key = groupKey(group.group, group.generation);
    let states = this.#states.get(key);
    if (states === undefined) this.#states.set(key, states = new Map());
    const known = states.get(group.applied);
    if (known === undefined && !always && group.applied % 8 !== 0) return;
    const { applied } = group;
    const place = memberKey(group.group, group.generation, group.memberId);
    const last = this.#lookedAt.get(place);
    if (last?.applied === applied && last.incarnation === incarnation && last.host === host) return;
    this.#lookedAt.set(place, { host, incarnation, applied });
    const crc = crc32c(group.stateBytes());
    if (known === undefined) {
      states.set(group.applied, { crc, host });
      if (states.size > REMEMBERED) states.delete(states.keys().next().value!);
      return;
    }
    this.inputs += 1;
    if (known.crc !== crc) {
      throw new SafetyViolation(
        this.name,
        `${group.name} after entry ${group.applied} differs between ${known.host} and ${host}`,
      );
    }
  }
}
