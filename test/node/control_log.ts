/** A control state with a short way of applying commands, and the mesh that most tests begin with. */
import { assertEquals } from "@std/assert";
import { assert } from "../../src/core/assert.ts";
import type { ErrorCode } from "../../src/core/errors.ts";
import type { Index, MemberId, NodeNumber } from "../../src/core/ids.ts";
import type { Origin } from "../../src/core/origin.ts";
import {
  type Admission,
  type Candidate,
  type ControlCommand,
  encodeControlCommand,
} from "../../src/node/control_commands.ts";
import { FIRST_FEATURE_LEVEL } from "../../src/node/feature_level.ts";
import { type ControlResult, ControlState } from "../../src/node/control_state.ts";

/** A command without its origin, kind by kind. */
export type Body = ControlCommand extends infer Each
  ? Each extends ControlCommand ? Omit<Each, "origin"> : never
  : never;

export const OPEN: Admission = { policy: "OPEN", joinKeyHash: "" };

export function candidate(name: string, number: number, publicKey = `key of ${name}`): Candidate {
  return { name, number: number as NodeNumber, addresses: [`${name}:1`], publicKey };
}

export class ControlLog {
  state = new ControlState();
  readonly entries: Uint8Array<ArrayBuffer>[] = [];

  /** Applies the command as the next entry; its result is for whom it is from. */
  apply(body: Body): ControlResult {
    const index = this.entries.length + 1 as Index;
    const origin: Origin = { member: 7 as MemberId, boot: 8, request: index };
    const bytes = encodeControlCommand({ ...body, origin } as ControlCommand);
    this.entries.push(bytes);
    const result = this.state.apply(index, bytes);
    assertEquals(result.origin, origin);
    assertEquals(this.state.applied, index);
    return result;
  }

  /** The code of a refusal; "" where the command was not refused. A refusal changes nothing but how far is applied. */
  refusal(body: Body): ErrorCode | "" {
    const before = this.state.encode();
    const result = this.apply(body);
    if (result.kind !== "refused") return "";
    const after = this.state.encode();
    // The format byte, the level where it is written, and the applied index.
    const head = this.state.featureLevel > FIRST_FEATURE_LEVEL ? 13 : 9;
    assertEquals(after.subarray(head), before.subarray(head), "a refused command changes nothing");
    return result.code;
  }

  found(admission: Admission = OPEN): this {
    this.apply({
      kind: "genesis",
      meshId: "mesh",
      meshName: "test",
      admission,
      founder: candidate("a", 11),
      trust: ["authority"],
      featureLevel: FIRST_FEATURE_LEVEL,
      sealedAuthority: new Uint8Array([1, 2]),
    });
    return this;
  }

  admit(who: Candidate, options: { invitation?: string; key?: string; wallMs?: number } = {}): ControlResult {
    return this.apply(admission(who, options));
  }

  /** Admits a member that nothing speaks against. */
  member(name: string, number: number): MemberId {
    const result = this.admit(candidate(name, number));
    assert(result.kind === "admitted" && !result.again, `${name} is admitted`);
    return result.member.memberId;
  }
}

export function admission(
  who: Candidate,
  options: { invitation?: string; key?: string; wallMs?: number } = {},
): Body {
  const { invitation = "", key = "", wallMs = 1000 } = options;
  return { kind: "admit", candidate: who, invitationHash: invitation, verifiedKeyHash: key, wallMs };
}
