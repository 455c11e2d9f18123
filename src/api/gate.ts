/**
 * Whom the server lets in: first by the certificate's role, then, for a node, by whether it is a member now. A
 * certificate outlives an eviction, membership does not.
 */
import { createHash } from "node:crypto";
import { toHex } from "../core/bytes.ts";
import type { CallFailure } from "../node/calls.ts";
import { errorOf, expectReply, type NodeFace } from "../client/mod.ts";
import { type Access, type Caller, callerOf, refusal } from "./access.ts";

/** The part of a server's call that says who calls. */
export interface Authenticated {
  getAuthContext(): { sslPeerCertificate?: { readonly raw?: Uint8Array } };
}

const DEV: Caller = { role: "dev", name: "", number: 0 };
const NOBODY: Caller = { role: "none", name: "", number: 0 };
const KNOWN_CALLERS_LIMIT = 1000;

export class Gate {
  readonly #face: NodeFace;
  readonly #plaintext: boolean;
  readonly #callers = new Map<string, Caller>();

  constructor(face: NodeFace, plaintext: boolean) {
    this.#face = face;
    this.#plaintext = plaintext;
  }

  /** Throws `SennitError` where the caller may not. */
  async admit(call: Authenticated, access: Access): Promise<void> {
    const caller = this.#plaintext ? DEV : this.#callerOf(call);
    const refused = refusal(caller, access) ??
      (caller.role === "node" ? await this.#notMember(caller) : null);
    if (refused !== null) throw errorOf(refused);
  }

  /** A connection makes many calls: its certificate is read once. */
  #callerOf(call: Authenticated): Caller {
    const der = call.getAuthContext().sslPeerCertificate?.raw;
    if (der === undefined) return NOBODY;
    const key = toHex(createHash("sha256").update(der).digest());
    const known = this.#callers.get(key);
    if (known !== undefined) return known;
    const caller = callerOf(der);
    if (this.#callers.size >= KNOWN_CALLERS_LIMIT) this.#callers.clear();
    this.#callers.set(key, caller);
    return caller;
  }

  async #notMember(caller: Caller): Promise<CallFailure | null> {
    const { status } = expectReply(await this.#face.call({ kind: "status" }), "status");
    if (status.members.some((member) => member.name === caller.name && member.number === caller.number)) {
      return null;
    }
    return {
      code: "PERMISSION_DENIED",
      message: `"${caller.name}" is not a member of this mesh`,
      outcome: "NOT_APPLIED",
      details: {},
    };
  }
}
