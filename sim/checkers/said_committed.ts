/**
 * What a producer is told to be committed was applied somewhere before (DESIGN section 9: COMMITTED is said by a member that
 * has applied the batch). Broken, nothing need be lost in a run: the batch mostly gets there later.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { EntryKind } from "../../src/raft/mod.ts";
import { RECORD_BATCH_FORMAT, recordBatchMessages } from "../../src/stream/mod.ts";
import { idOf } from "../workloads/effects.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class SaidCommitted implements Checker {
  readonly name = "said-committed";
  inputs = 0;
  /** Group to the messages of applied batches, and how far it has been read. */
  readonly #applied = new Map<number, { last: number; readonly ids: Set<string> }>();
  readonly #groups = new Map<string, number>();

  /** An entry was handed to a state machine; the first time counts. */
  applied(group: number, index: number, kind: number, bytes: Uint8Array): void {
    if (group === 0 || kind !== EntryKind.Command || bytes[0] !== RECORD_BATCH_FORMAT) return;
    let applied = this.#applied.get(group);
    if (applied === undefined) this.#applied.set(group, applied = { last: 0, ids: new Set() });
    if (index <= applied.last) return;
    applied.last = index;
    for (const message of recordBatchMessages(bytes)) applied.ids.add(idOf(message));
  }

  /** A stream's group has its name. */
  named({ group, name }: GroupInspection): void {
    if (group !== 0) this.#groups.set(name, group);
  }

  /** True where some state machine of the stream was given the message. */
  isApplied(stream: string, id: string): boolean {
    return this.#applied.get(this.#groups.get(stream) ?? -1)?.ids.has(id) ?? false;
  }

  /** A producer was told that these messages are committed. */
  said(stream: string, ids: readonly string[]): void {
    for (const id of ids) {
      this.inputs += 1;
      if (this.isApplied(stream, id)) continue;
      throw new SafetyViolation(
        this.name,
        `message ${id} of ${stream} was said to be committed and was applied nowhere`,
      );
    }
  }
}
