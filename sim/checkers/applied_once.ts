/**
 * A command is applied at most once (DESIGN section 13: UNKNOWN is said where its fate is not known, and it is not asked for
 * again). Each carries who asked for it and under which number, so that a second one is seen whatever it does. Batches of
 * streams are told apart by their sequences (stream_model.ts).
 */
import type { Origin } from "../../src/core/origin.ts";
import { groupKey } from "./keys.ts";
import { decodeControlCommand } from "../../src/node/control_commands.ts";
import { EntryKind } from "../../src/raft/mod.ts";
import { decodeStreamCommand, RECORD_BATCH_FORMAT } from "../../src/stream/mod.ts";
import { MACHINE_COMMAND_FORMAT } from "../../src/node/mod.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class AppliedOnce implements Checker {
  readonly name = "applied-once";
  /** Commands that somebody waits for. */
  inputs = 0;
  /** By group: who asked for what, and where it stands. */
  readonly #known = new Map<string, Map<string, number>>();

  applied(group: number, generation: number, index: number, kind: number, bytes: Uint8Array): void {
    if (kind !== EntryKind.Command) return;
    const origin = originOf(group, bytes);
    // Number 0 is nobody's: it is sent by several, and doing it twice changes nothing.
    if (origin === null || origin.request === 0) return;
    this.inputs += 1;
    const key = groupKey(group, generation);
    let known = this.#known.get(key);
    if (known === undefined) this.#known.set(key, known = new Map());
    const id = `${origin.member}/${origin.boot}/${origin.request}`;
    const before = known.get(id);
    if (before === undefined) known.set(id, index);
    else if (before !== index) {
      throw new SafetyViolation(
        this.name,
        `request ${origin.request} of member ${origin.member} was applied as entry ${before} and as entry ${index} of ` +
          `group ${group}`,
      );
    }
  }
}

function originOf(group: number, bytes: Uint8Array): Origin | null {
  if (group === 0) return decodeControlCommand(bytes).origin;
  if (bytes[0] === RECORD_BATCH_FORMAT || bytes[0] === MACHINE_COMMAND_FORMAT) return null;
  return decodeStreamCommand(bytes).origin;
}
