/** A replicated state machine at one of its members: brings commands into its log, and answers questions linearizably. */
import { SennitError } from "../core/errors.ts";
import type { Token } from "../core/ids.ts";
import type { MachineRecord } from "./control_state.ts";
import type { Group } from "./group.ts";
import { Reads } from "./reads.ts";
import { failureOf } from "./replies.ts";
import type { Runtime } from "./runtime.ts";
import type { StreamNode } from "./stream_seat.ts";
import { encodeUserCommand, type UserMachine, type UserResult } from "./user_machine.ts";

/** Why a machine cannot be used at this node. */
export function machineMissing(runtime: Runtime, name: string): SennitError {
  const record = runtime.controlState!.machine(name);
  if (record === null) return new SennitError("NOT_FOUND", `Machine ${name} does not exist: open it first`);
  const members = record.initial.incoming;
  if (!members.includes(runtime.memberId)) {
    const names = members.map((id) => runtime.memberName(id)).join(", ");
    return new SennitError("NOT_FOUND", `This node is no member of machine ${name}: ask one of ${names}`);
  }
  if (runtime.machineNamed(name) === null) {
    const text = `This node's application has no machine ${name}: start it with an app that has it`;
    return new SennitError("UNSUPPORTED", text);
  }
  return new SennitError("NOT_READY", `Machine ${name} is being opened here: repeat in a moment`);
}

export class MachineHost {
  readonly record: MachineRecord;
  readonly group: Group;
  readonly #machine: UserMachine;
  readonly #node: Pick<StreamNode, "callers" | "requests" | "now" | "callTimeoutMs">;
  readonly reads = new Reads();

  constructor(
    record: MachineRecord,
    group: Group,
    machine: UserMachine,
    node: Pick<StreamNode, "callers" | "requests" | "now" | "callTimeoutMs">,
  ) {
    this.record = record;
    this.group = group;
    this.#machine = machine;
    this.#node = node;
  }

  /** True where `work` does nothing before something is asked of the machine or its group was given something. */
  get isIdle(): boolean {
    return this.reads.size === 0;
  }

  /** Answered once the command is applied here. */
  propose(token: Token, command: Uint8Array): void {
    this.#node.requests.submit(
      this.group.id,
      (origin) => encodeUserCommand(origin, command),
      this.#node.now,
      (result) => this.#applied(token, result as UserResult),
      (error) => this.#fail(token, error),
    );
  }

  /** Answered from a state that holds everything committed before. */
  query(token: Token, question: Uint8Array): void {
    this.reads.add(
      () => this.#answer(token, question),
      (error) => this.#fail(token, error),
      this.#node.now,
      this.#node.callTimeoutMs,
    );
  }

  /** True where the group was given something. */
  work(now: number): boolean {
    const replaced = this.#machine.takeRestored();
    for (const result of replaced?.results ?? []) this.#node.requests.applied(result.origin, result);
    for (const result of this.#machine.takeResults()) this.#node.requests.applied(result.origin, result);
    // What a snapshot covers was applied elsewhere, with results that are known nowhere.
    if (replaced !== null) this.#node.requests.skipped(this.group.id, this.#machine.applied);
    return this.reads.work(this.group, now);
  }

  deadline(): number {
    return this.reads.deadline();
  }

  failAll(error: SennitError): void {
    this.reads.failAll(error);
  }

  #applied(token: Token, { answer, index, message }: UserResult): void {
    if (answer !== null) {
      this.#node.callers.reply(token, { kind: "answer", bytes: answer, index });
      return;
    }
    const text = `Machine ${this.record.name} refused the command: ${message}`;
    this.#fail(token, new SennitError("INVALID_ARGUMENT", text, { outcome: "APPLIED" }));
  }

  #answer(token: Token, question: Uint8Array): void {
    let bytes: Uint8Array;
    try {
      bytes = this.#machine.query(question);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#fail(
        token,
        new SennitError("INVALID_ARGUMENT", `Machine ${this.record.name} does not answer: ${text}`),
      );
      return;
    }
    this.#node.callers.reply(token, { kind: "answer", bytes, index: this.#machine.applied });
  }

  #fail(token: Token, error: SennitError): void {
    this.#node.callers.reply(token, { kind: "failed", error: failureOf(error) });
  }
}
