/**
 * The members' side of enrolment: checks a join request, brings the admission into the control log, and has a holder
 * of the authority's key sign. Admission commits first; a candidate that asks again is signed again.
 */
import { equalBytes, toHex } from "../core/bytes.ts";
import { DecodeError, SennitError } from "../core/errors.ts";
import type { Flow } from "../core/flow.ts";
import { CONTROL_GROUP } from "../core/ids.ts";
import type { Io, PeerIdentity } from "../io/mod.ts";
import type { EnrolId, Links } from "../link/mod.ts";
import { checkNodeName, parseAddress } from "../security/mod.ts";
import { cryptoResult, type NodeCompletion } from "./completions.ts";
import { type Candidate, encodeControlCommand } from "./control_commands.ts";
import type { ControlResult, ControlState, Member } from "./control_state.ts";
import { decodeJoinRequest, encodeJoinReply, type JoinReply, type JoinRequest } from "./enrol_messages.ts";
import { type Authority, issueFor } from "./founding.ts";
import type { Requests } from "./requests.ts";

export interface AdmitterHost {
  readonly io: Io;
  readonly links: Links;
  readonly requests: Requests<unknown>;
  readonly recoveryEpoch: number;
  /** Null while this node is no member. */
  control(): ControlState | null;
  /** Throws MESH_CRITICAL where nobody may come in now. */
  refuseWhileCritical(): void;
  /** The authority's certificate and private key, null where this node does not hold it. */
  authority(): Authority | null;
  run<Result>(
    flow: Flow<Result, NodeCompletion>,
    done: (result: Result) => void,
    failed: (error: unknown) => void,
  ): void;
}

export class Admitter {
  readonly #host: AdmitterHost;

  constructor(host: AdmitterHost) {
    this.#host = host;
  }

  onMessage(session: EnrolId, peer: PeerIdentity, bytes: Uint8Array, now: number): void {
    let request: JoinRequest;
    try {
      request = decodeJoinRequest(bytes);
      this.#check(request.candidate, peer);
    } catch (error) {
      if (error instanceof DecodeError) {
        this.#refuse(session, new SennitError("INVALID_ARGUMENT", error.message));
      } else if (error instanceof SennitError) this.#refuse(session, error);
      else throw error;
      return;
    }
    const state = this.#host.control();
    if (state === null) {
      this.#refuse(session, new SennitError("NOT_READY", "This node is not a member yet"));
      return;
    }
    try {
      // Who was admitted before and asks again for its certificate may be who is away.
      if (state.memberByName(request.candidate.name) === null) this.#host.refuseWhileCritical();
    } catch (error) {
      return this.#refuse(session, asError(error));
    }
    this.#host.run(
      this.#verifyKey(request, state.admission.joinKeyHash),
      (verifiedKeyHash) => this.#propose(session, request, verifiedKeyHash, now),
      (error) => this.#refuse(session, asError(error)),
    );
  }

  #check(candidate: Candidate, peer: PeerIdentity): void {
    checkNodeName(candidate.name);
    for (const address of candidate.addresses) parseAddress(address);
    // With a certificate that is believed already, the certificate says who it is; else the key proves itself.
    const proven = peer.trusted
      ? peer.role === "node" && peer.number === candidate.number
      : peer.keyHash === this.#host.io.crypto.publicKeyHash(candidate.publicKey);
    if (!proven || peer.name !== candidate.name) {
      throw new SennitError("NOT_AUTHENTICATED", "The session's certificate is not the candidate's");
    }
  }

  /** A human's key is hashed slowly, so it is verified here and not where the log is applied. */
  *#verifyKey(request: JoinRequest, hash: string): Flow<string, NodeCompletion> {
    if (request.joinKey === "" || hash === "") return "";
    const result = cryptoResult(
      yield (token) =>
        this.#host.io.crypto.submit({ kind: "verify-secret", secret: request.joinKey, hash }, token),
    );
    return result.matches ? hash : "";
  }

  #propose(session: EnrolId, request: JoinRequest, verifiedKeyHash: string, now: number): void {
    const { io } = this.#host;
    const withoutSecret = equalBytes(request.secret, new Uint8Array(request.secret.length));
    const invitationHash = withoutSecret ? "" : toHex(io.crypto.sha256(request.secret));
    const wallMs = Math.floor(io.clock.wallMs());
    this.#host.requests.submit(
      CONTROL_GROUP,
      (origin) =>
        encodeControlCommand({
          kind: "admit",
          origin,
          candidate: request.candidate,
          invitationHash,
          verifiedKeyHash,
          wallMs,
        }),
      now,
      (result) => this.#decided(session, result as ControlResult),
      (error) => this.#refuse(session, error),
    );
  }

  #decided(session: EnrolId, result: ControlResult): void {
    if (result.kind === "refused") {
      this.#refuse(session, new SennitError(result.code, result.message));
      return;
    }
    if (result.kind !== "admitted") return;
    const state = this.#host.control();
    if (state === null) return; // What was being asked of ended in the same turn.
    if (!state.hasAuthority) {
      // Certificates come from outside: nothing to sign.
      this.#admit(session, state, result.member, "");
      return;
    }
    const authority = this.#host.authority();
    if (authority === null) {
      const holders = state.members().filter((member) => state.share(member.memberId) !== null);
      this.#reply(session, { kind: "elsewhere", addresses: holders.flatMap((member) => member.addresses) });
      return;
    }
    this.#host.run(
      issueFor(this.#host.io, authority, result.member),
      (certificate) => {
        const current = this.#host.control();
        if (current !== null) this.#admit(session, current, result.member, certificate);
        else this.#refuse(session, new SennitError("SHUTTING_DOWN", "This node is no member any more"));
      },
      (error) => this.#refuse(session, asError(error)),
    );
  }

  #admit(session: EnrolId, state: ControlState, member: Member, certificate: string): void {
    const peers = state.members().filter((each) => each.memberId !== member.memberId);
    this.#reply(session, {
      kind: "admitted",
      meshId: state.meshId,
      meshName: state.meshName,
      memberId: member.memberId,
      certificate,
      trust: state.trust,
      recoveryEpoch: this.#host.recoveryEpoch,
      peers: peers.map(({ number, memberId, name, addresses }) => ({ number, memberId, name, addresses })),
    });
  }

  #refuse(session: EnrolId, error: SennitError): void {
    this.#reply(session, { kind: "refused", code: error.code, message: error.message });
  }

  #reply(session: EnrolId, reply: JoinReply): void {
    this.#host.links.sendEnrol(session, encodeJoinReply(reply));
  }
}

function asError(error: unknown): SennitError {
  if (error instanceof SennitError) return error;
  throw error;
}
