/**
 * What a producer is told to be committed was applied somewhere before (DESIGN section 9: COMMITTED is said by a member that
 * has applied the batch). Broken, nothing need be lost in a run: the batch mostly gets there later.
 */
import type { GroupInspection } from "../../src/node/inspection.ts";
import { EntryKind } from "../../src/raft/mod.ts";
import { MACHINE_COMMAND_FORMAT } from "../../src/node/mod.ts";
import { decodeStreamCommand, RECORD_BATCH_FORMAT, recordBatchMessages } from "../../src/stream/mod.ts";
import { idOf } from "../workloads/effects.ts";
import { nameOf, numberOf } from "../workloads/lives.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

export class SaidCommitted implements Checker {
  readonly name = "said-committed";
  inputs = 0;
  /** Group to the messages of applied batches, and how far it has been read. */
  readonly #applied = new Map<number, { last: number; isClosed: boolean; readonly ids: Set<string> }>();
  /** By name: the groups that streams of this name had, in their order. */
  readonly #groups = new Map<string, number[]>();

  /** An entry was handed to a state machine; the first time counts. */
  applied(group: number, index: number, kind: number, bytes: Uint8Array): void {
    if (group === 0 || kind !== EntryKind.Command || bytes[0] === MACHINE_COMMAND_FORMAT) return;
    let applied = this.#applied.get(group);
    if (applied === undefined) {
      this.#applied.set(group, applied = { last: 0, isClosed: false, ids: new Set() });
    }
    if (index <= applied.last) return;
    applied.last = index;
    if (bytes[0] !== RECORD_BATCH_FORMAT) {
      applied.isClosed ||= decodeStreamCommand(bytes).kind === "close";
      return;
    }
    // What comes behind is refused by every state machine.
    if (applied.isClosed) return;
    for (const message of recordBatchMessages(bytes)) applied.ids.add(idOf(message));
  }

  /** A stream's group has its name. */
  named({ group, name }: GroupInspection): void {
    if (group === 0) return;
    const groups = this.#groups.get(name) ?? [];
    if (!groups.includes(group)) this.#groups.set(name, [...groups, group].sort((a, b) => a - b));
  }

  /** True where some state machine of the stream was given the message. */
  isApplied(stream: string, id: string): boolean {
    const group = this.#groups.get(nameOf(stream))?.[numberOf(stream) - 1] ?? -1;
    return this.#applied.get(group)?.ids.has(id) ?? false;
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
