/** A user's state machine as its group drives it, and the directory of machines in the control state. */
import { assertEquals, assertThrows } from "@std/assert";
import { DecodeError, SennitError } from "../../src/core/errors.ts";
import type { Index, MemberId, NodeNumber, Term } from "../../src/core/ids.ts";
import { encodeControlCommand } from "../../src/node/control_commands.ts";
import { ControlState } from "../../src/node/control_state.ts";
import { decodeUserCommand, encodeUserCommand, UserMachine } from "../../src/node/user_machine.ts";
import { decodeStreamCommand } from "../../src/stream/mod.ts";

const ORIGIN = { member: 3 as MemberId, boot: 9, request: 4 };
const TERM = 1 as Term;

class Sum {
  total = 0;
  apply(command: Uint8Array): Uint8Array {
    if (command[0] === 0) throw new RangeError("zero");
    this.total += command[0]!;
    return Uint8Array.of(this.total);
  }
  query(): Uint8Array {
    return Uint8Array.of(this.total);
  }
  snapshot(): Uint8Array {
    return Uint8Array.of(this.total);
  }
  restore(snapshot: Uint8Array): void {
    if (snapshot.length !== 1) throw new RangeError("not a sum");
    this.total = snapshot[0]!;
  }
}

function applied(...commands: number[]): UserMachine {
  const machine = new UserMachine(() => new Sum());
  commands.forEach((command, at) => {
    machine.apply(at + 1 as Index, TERM, encodeUserCommand(ORIGIN, Uint8Array.of(command)));
  });
  return machine;
}

Deno.test("a machine's results carry their origin and what it answered, or what it threw", () => {
  assertEquals(applied(2, 0, 3).takeResults(), [
    { origin: ORIGIN, index: 1 as Index, answer: Uint8Array.of(2), message: "" },
    { origin: ORIGIN, index: 2 as Index, answer: null, message: "zero" },
    { origin: ORIGIN, index: 3 as Index, answer: Uint8Array.of(5), message: "" },
  ]);
});

Deno.test("a machine restored from a snapshot is the machine that wrote it", () => {
  const machine = applied(2, 3);
  const copy = new UserMachine(() => new Sum());
  copy.restore(machine.encode(), 2 as Index);
  assertEquals([copy.applied, copy.query(new Uint8Array())], [2 as Index, Uint8Array.of(5)]);
  assertEquals(copy.canonicalBytes(), machine.canonicalBytes());
  assertEquals(copy.takeRestored()!.results, []);
});

Deno.test("a snapshot that the machine cannot read, or that is none, is refused", () => {
  const bytes = applied(2).encode();
  class Other extends Sum {
    override restore(): void {
      throw new TypeError("another version");
    }
  }
  assertThrows(() => new UserMachine(() => new Other()).restore(bytes, 1 as Index), Error, "another version");
  assertThrows(() => new UserMachine(() => new Sum()).restore(Uint8Array.of(9), 1 as Index), SennitError);
});

Deno.test("a machine's entries are never taken for a stream's, nor the other way round", () => {
  const bytes = encodeUserCommand(ORIGIN, Uint8Array.of(1, 2));
  assertEquals(decodeUserCommand(bytes), { origin: ORIGIN, command: Uint8Array.of(1, 2) });
  assertThrows(() => decodeStreamCommand(bytes), DecodeError);
  for (const wrong of [bytes.subarray(0, 5), Uint8Array.of(1, ...bytes.subarray(1))]) {
    assertThrows(() => decodeUserCommand(wrong), DecodeError);
  }
});

Deno.test("a control state is written as ever until there is a machine", () => {
  const state = new ControlState();
  const before = state.encode();
  assertEquals(before[0], 1);
  const admission = { policy: "OPEN", joinKeyHash: "" } as const;
  const founder = { name: "a", number: 1 as NodeNumber, addresses: [], publicKey: "" };
  const mesh = { meshId: "m", meshName: "m", trust: [], sealedAuthority: new Uint8Array(), featureLevel: 1 };
  const genesis = { kind: "genesis", origin: ORIGIN, admission, founder, ...mesh } as const;
  const machine = { kind: "create-machine", origin: ORIGIN, name: "sum", members: ["a"] } as const;
  state.apply(1 as Index, encodeControlCommand(genesis));
  assertEquals(state.apply(2 as Index, encodeControlCommand(machine)).kind, "machine-created");
  assertEquals(state.apply(3 as Index, encodeControlCommand(machine)).kind, "machine-created");
  const bytes = state.encode();
  assertEquals(bytes[0], 2);
  const copy = ControlState.decode(bytes);
  assertEquals([copy.machines(), copy.encode()], [state.machines(), bytes]);
  const wrong = { ...machine, name: "other", members: ["nobody"] };
  assertEquals(state.apply(4 as Index, encodeControlCommand(wrong)).kind, "refused");
  assertThrows(() => ControlState.decode(Uint8Array.of(3, ...bytes.subarray(1))), DecodeError);
});
