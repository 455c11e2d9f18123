/**
 * Who may have which session: the judgement over a received HELLO, from what the transport proved, who this node is and who the
 * current members are.
 */
import { equalBytes } from "../core/bytes.ts";
import type { PeerIdentity } from "../io/mod.ts";
import type { ByeReason } from "./bye.ts";
import { type Hello, MAX_SESSION_VERSION, MIN_SESSION_VERSION } from "./hello.ts";
import type { PeerMember, SelfIdentity } from "./options.ts";

export interface Judgement {
  readonly hello: Hello;
  readonly identity: PeerIdentity;
  readonly self: SelfIdentity;
  /** Of `self`. */
  readonly meshId: Uint8Array;
  /** For what this node dialled; "accepted" where the other end did. */
  readonly purpose: "member" | "enrol" | "accepted";
  /** The member that was dialled, else null. */
  readonly dialled: PeerMember | null;
  /** The current member with the number that HELLO names, if any. */
  readonly member: PeerMember | undefined;
  /** Member ids up to here are known to this node: one that is not current was removed. */
  readonly knownMemberId: number;
}

export type Verdict =
  | { readonly session: "member" | "enrol" }
  | {
    readonly session: "refused";
    readonly reason: ByeReason;
    readonly message: string;
    /** Nothing but its recovery epoch keeps the other end, which is of this mesh, from being a member. */
    readonly otherEpoch: boolean;
  };

const MEMBER: Verdict = { session: "member" };
const ENROL: Verdict = { session: "enrol" };

export function judgeHello(judgement: Judgement): Verdict {
  const { hello, purpose } = judgement;
  if (hello.versionMin > MAX_SESSION_VERSION || hello.versionMax < MIN_SESSION_VERSION) {
    return refused(
      "VERSION_MISMATCH",
      `Versions ${hello.versionMin} to ${hello.versionMax} are offered, ${MIN_SESSION_VERSION} to ${MAX_SESSION_VERSION} are spoken here`,
    );
  }
  if (hello.role === "client") return refused("UNSUPPORTED", "Client sessions are not served on this link");
  if (isOtherMesh(judgement)) return refused("WRONG_MESH", "This node belongs to another mesh");
  if (purpose === "enrol") return judgeSponsor(judgement);
  if (hello.role === "enrol") return judgeJoiner(judgement);
  return judgeMember(judgement);
}

/** We dialled to enrol: the other end must be an enrolled node and be what its certificate says. */
function judgeSponsor({ hello, identity }: Judgement): Verdict {
  if (hello.role !== "node") {
    return refused("NOT_READY", "The node that was asked has not joined a mesh itself");
  }
  return certificateMismatch(hello, identity) ?? ENROL;
}

function judgeJoiner({ self, purpose }: Judgement): Verdict {
  if (purpose === "member") {
    return refused("NOT_READY", "The node that was dialled has not joined the mesh yet");
  }
  return isEnrolled(self) ? ENROL : refused("NOT_READY", "This node has not joined a mesh yet");
}

function judgeMember(judgement: Judgement): Verdict {
  const { hello, identity, self, dialled, member } = judgement;
  if (!isEnrolled(self)) return refused("NOT_READY", "This node has not joined a mesh yet");
  if (!identity.trusted) return refused("NOT_AUTHENTICATED", "The certificate is not of this mesh");
  const mismatch = certificateMismatch(hello, identity);
  if (mismatch !== null) return mismatch;
  if (hello.recoveryEpoch !== self.recoveryEpoch) {
    const message = `Recovery epoch ${hello.recoveryEpoch} met ${self.recoveryEpoch}`;
    return { session: "refused", reason: "WRONG_MESH", message, otherEpoch: true };
  }
  if (hello.memberId === self.memberId || hello.number === self.number) {
    return refused("NOT_A_MEMBER", `"${hello.name}" presents this node's own identity`);
  }
  const current = member !== undefined && member.memberId === hello.memberId && member.name === hello.name;
  if (!current) return judgeStranger(judgement);
  if (dialled !== null && dialled.number !== hello.number) {
    return refused("NOT_A_MEMBER", `"${dialled.name}" was dialled and "${hello.name}" answered`);
  }
  return MEMBER;
}

/** Not current here: removed, or admitted so lately that this node has not applied it. */
function judgeStranger({ hello, knownMemberId }: Judgement): Verdict {
  if (hello.memberId === 0) return refused("NOT_A_MEMBER", `"${hello.name}" has no member id`);
  if (hello.memberId > knownMemberId) {
    return refused("NOT_READY", `Member ${hello.memberId} "${hello.name}" is not known here yet`);
  }
  return refused("EVICTED", `Member ${hello.memberId} "${hello.name}" is no longer a member`);
}

function certificateMismatch(hello: Hello, identity: PeerIdentity): Verdict | null {
  if (identity.role === "node" && identity.number === hello.number && identity.name === hello.name) {
    return null;
  }
  return refused(
    "NOT_AUTHENTICATED",
    `Node ID verification failed: "${hello.name}" (${hello.number}) shows the certificate of ` +
      `${identity.role} "${identity.name}" (${identity.number})`,
  );
}

/** A joiner may not know its mesh yet; everybody else must name ours. */
function isOtherMesh({ hello, meshId, self }: Judgement): boolean {
  if (self.meshId === "") return false;
  if (hello.role === "enrol" && isZero(hello.meshId)) return false;
  return !equalBytes(hello.meshId, meshId);
}

export function isEnrolled(self: SelfIdentity): boolean {
  return self.meshId !== "" && self.memberId !== 0;
}

function isZero(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}

function refused(reason: ByeReason, message: string): Verdict {
  return { session: "refused", reason, message, otherEpoch: false };
}
