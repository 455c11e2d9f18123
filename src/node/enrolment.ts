/** How this node comes into a mesh: founds one, or joins one. One attempt at a time; every step is durable before the next. */
import { toHex } from "../core/bytes.ts";
import { SennitError } from "../core/errors.ts";
import type { Token } from "../core/ids.ts";
import type { LinkEvent } from "../link/mod.ts";
import {
  checkNodeName,
  decodeInvitation,
  INVITATION_PREFIX,
  isExpired,
  parseAddress,
  SECRET_BYTES,
} from "../security/mod.ts";
import type { JoinPolicy } from "./calls.ts";
import { candidateOf, found } from "./founding.ts";
import type { Identity } from "./identity.ts";
import { Joiner } from "./joiner.ts";
import { unknownOutcome } from "./replies.ts";
import type { Runtime } from "./runtime.ts";

const JOIN_TIMEOUT_MS = 60_000;

export class Enrolment {
  readonly #runtime: Runtime;
  /** Called when the identity says that the node is a member; `done` once it takes part. */
  readonly #enter: (identity: Identity, done: () => void) => void;
  #joining: { readonly token: Token; readonly joiner: Joiner; readonly authorityHash: string } | null = null;
  #founding = false;

  constructor(runtime: Runtime, enter: (identity: Identity, done: () => void) => void) {
    this.#runtime = runtime;
    this.#enter = enter;
  }

  seed(token: Token, meshName: string, policy: JoinPolicy, joinKey: string): void {
    this.#requireOutside();
    if (meshName === "") throw new SennitError("INVALID_ARGUMENT", "mesh_name is required");
    if (policy === "KEY_REQUIRED" && joinKey === "") {
      throw new SennitError("INVALID_ARGUMENT", "Policy KEY_REQUIRED needs a join key");
    }
    const runtime = this.#runtime;
    this.#founding = true;
    runtime.state = "joining";
    const failed = (error: unknown) => {
      this.#founding = false;
      this.#failed(token, error);
    };
    runtime.run(found(runtime, meshName, policy, joinKey), (founding) => {
      runtime.keepIdentity(() => founding.identity, () => {
        this.#founding = false;
        this.#kept(token, founding.identity);
      }, failed);
    }, failed);
  }

  join(token: Token, text: string, joinKey: string): void {
    this.#requireOutside();
    const runtime = this.#runtime;
    const { addresses, authorityHash, secret } = this.#parse(text);
    const request = { candidate: candidateOf(runtime), secret, joinKey };
    runtime.state = "joining";
    const joiner = new Joiner({
      links: runtime.links,
      addresses,
      authorityHash: authorityHash === "" ? null : authorityHash,
      request,
      now: runtime.now,
      timeoutMs: JOIN_TIMEOUT_MS,
    });
    this.#joining = { token, joiner, authorityHash };
  }

  onLink(event: LinkEvent, now: number): boolean {
    return this.#joining?.joiner.onLink(event, now) ?? false;
  }

  deadline(): number {
    return this.#joining?.joiner.deadline() ?? Infinity;
  }

  tick(now: number): void {
    if (this.#joining === null) return;
    const { token, joiner, authorityHash } = this.#joining;
    joiner.tick(now);
    const { outcome } = joiner;
    if (outcome === null) return;
    this.#joining = null;
    const runtime = this.#runtime;
    if (outcome.kind === "failed") {
      this.#failed(token, outcome.error);
      return;
    }
    const { meshId, meshName, memberId, certificate, trust, peers, recoveryEpoch } = outcome.reply;
    const identity: Identity = {
      ...runtime.identity,
      state: "member",
      meshId,
      meshName,
      memberId,
      recoveryEpoch,
      certificate: certificate === "" ? runtime.identity.certificate : certificate,
      trust,
      authorityHash,
      peers,
      certifiedWallMs: Math.floor(runtime.io.clock.wallMs()),
    };
    runtime.keepIdentity(
      () => identity,
      () => this.#kept(token, identity),
      (error) => this.#failed(token, error),
    );
  }

  /** The mesh may have admitted the node already, which was not told yet. */
  failAll(error: SennitError): void {
    if (this.#joining !== null) this.#runtime.reply(this.#joining.token, unknownOutcome(error));
    this.#joining = null;
  }

  /** The identity is durable: takes part, unless the node ended meanwhile; then it does after its next start. */
  #kept(token: Token, identity: Identity): void {
    const { failure } = this.#runtime;
    if (failure === null) this.#enter(identity, () => this.#joined(token));
    else this.#runtime.reply(token, unknownOutcome(failure));
  }

  #failed(token: Token, error: unknown): void {
    const runtime = this.#runtime;
    if (runtime.state === "joining") runtime.state = "empty";
    if (!(error instanceof SennitError)) throw error;
    runtime.reply(token, error);
  }

  #parse(text: string): { addresses: readonly string[]; authorityHash: string; secret: Uint8Array } {
    if (!text.trim().startsWith(INVITATION_PREFIX) && this.#runtime.settings.certificates !== null) {
      const addresses = text.split(",").map((address) => address.trim());
      for (const address of addresses) parseAddress(address);
      return { addresses, authorityHash: "", secret: new Uint8Array(SECRET_BYTES) };
    }
    const invitation = decodeInvitation(text);
    if (isExpired(invitation, this.#runtime.io.clock.wallMs())) {
      throw new SennitError(
        "INVITATION_INVALID",
        "The invitation expired: ask for a new one with `sennit invite`",
      );
    }
    return {
      addresses: invitation.addresses,
      authorityHash: toHex(invitation.authorityHash),
      secret: invitation.secret,
    };
  }

  #requireOutside(): void {
    const { state, failure, identity } = this.#runtime;
    if (state === "member") {
      throw new SennitError("ALREADY_MEMBER", `This node is a member of ${identity.meshName} already`);
    }
    if (failure !== null) throw failure;
    if (state !== "empty" || this.#founding) {
      throw new SennitError("NOT_READY", `This node is ${state}: repeat in a moment`);
    }
    checkNodeName(identity.name);
  }

  #joined(token: Token): void {
    const { identity, memberId } = this.#runtime;
    this.#runtime.callers.reply(token, {
      kind: "joined",
      meshId: identity.meshId,
      meshName: identity.meshName,
      memberId,
    });
  }
}
