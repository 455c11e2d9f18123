/**
 * A user's state machine as its group drives it: commands and results are bytes that only the user's code understands. It must do
 * the same on every member with the same commands, and know nothing else.
 */
import { assert } from "../core/assert.ts";
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { DecodeError, SennitError } from "../core/errors.ts";
import type { Index } from "../core/ids.ts";
import { VALUE_BYTES_LIMIT } from "../core/limits.ts";
import { type Origin, readOrigin, writeOrigin } from "../core/origin.ts";
import { type AppliedState, ResultMachine } from "./result_machine.ts";

export interface UserStateMachine {
  /** Changes the state, and answers. What it throws is the answer, on every member. */
  apply(command: Uint8Array): Uint8Array;
  /** Looks at the state and changes nothing. */
  query(question: Uint8Array): Uint8Array;
  /** The whole state: equal bytes for equal states. */
  snapshot(): Uint8Array;
  restore(snapshot: Uint8Array): void;
}

/** Names of machines to what makes an empty one. */
export type UserMachines = Readonly<Record<string, () => UserStateMachine>>;

export interface UserResult {
  readonly origin: Origin;
  readonly index: Index;
  /** Null: it threw. */
  readonly answer: Uint8Array | null;
  readonly message: string;
}

/** No stream's entry begins with it. */
export const MACHINE_COMMAND_FORMAT = 77;
const STATE_FORMAT = 1;
const MESSAGE_LENGTH = 1000;

export function encodeUserCommand(origin: Origin, command: Uint8Array): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(64 + command.length);
  writer.u8(MACHINE_COMMAND_FORMAT);
  writeOrigin(writer, origin);
  return writer.blob(command).take();
}

/** Throws `DecodeError`. */
export function decodeUserCommand(bytes: Uint8Array): { origin: Origin; command: Uint8Array } {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== MACHINE_COMMAND_FORMAT) {
    throw new DecodeError("Format of a machine's command is unknown");
  }
  const origin = readOrigin(reader);
  const command = reader.blob(VALUE_BYTES_LIMIT).slice();
  reader.end();
  return { origin, command };
}

class UserState implements AppliedState<UserResult> {
  applied = 0 as Index;
  /** Null where the log is only counted: of a stopped node. */
  readonly user: UserStateMachine | null;

  constructor(user: UserStateMachine | null) {
    this.user = user;
  }

  apply(index: Index, bytes: Uint8Array): UserResult {
    this.skip(index);
    const { origin, command } = decodeUserCommand(bytes);
    if (this.user === null) return { origin, index, answer: null, message: "" };
    try {
      return { origin, index, answer: this.user.apply(command).slice(), message: "" };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      return { origin, index, answer: null, message: text.slice(0, MESSAGE_LENGTH) };
    }
  }

  skip(index: Index): void {
    assert(index === this.applied + 1, "entries are applied in order, each once");
    this.applied = index;
  }

  encode(): Uint8Array<ArrayBuffer> {
    assert(this.user !== null, "a machine that is only counted has no snapshot");
    return new ByteWriter(4096).u8(STATE_FORMAT).u64(this.applied).blob(this.user.snapshot()).take();
  }
}

export class UserMachine extends ResultMachine<UserState, UserResult> {
  readonly #create: (() => UserStateMachine) | null;

  /** Null: entries are counted and mean nothing. */
  constructor(create: (() => UserStateMachine) | null) {
    super(new UserState(create?.() ?? null));
    this.#create = create;
  }

  query(question: Uint8Array): Uint8Array {
    assert(this.state.user !== null, "a machine that is only counted is asked nothing");
    return this.state.user.query(question).slice();
  }

  override canonicalBytes(): Uint8Array<ArrayBuffer> {
    return this.state.encode();
  }
  override compactableThrough(): Index {
    return this.applied;
  }
  override compacted(): void {}

  protected override decode(bytes: Uint8Array): UserState {
    const reader = new ByteReader(bytes);
    if (reader.u8() !== STATE_FORMAT) throw new DecodeError("Format of a machine's snapshot is unknown");
    const applied = reader.u64() as Index;
    const snapshot = reader.blob().slice();
    reader.end();
    const state = new UserState(this.#create?.() ?? null);
    try {
      state.user?.restore(snapshot);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new SennitError("DATA_DAMAGED", `A state machine cannot be restored from its snapshot: ${text}`);
    }
    state.applied = applied;
    return state;
  }
}
