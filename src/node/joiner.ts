/**
 * The joiner's side of enrolment: dials the addresses of a token one after the other over a pinned session, asks, and
 * ends with what a member answered. Temporary refusals move on to the next address until the deadline. A request that
 * was sent and not answered may have been granted: then the failure says that the outcome is unknown.
 */
import { DecodeError, isErrorCode, SennitError } from "../core/errors.ts";
import type { EnrolId, LinkEvent, Links } from "../link/mod.ts";
import { decodeJoinReply, encodeJoinRequest, type JoinReply, type JoinRequest } from "./enrol_messages.ts";
import { unknownOutcome } from "./replies.ts";

/** Pause before the addresses are gone through once more. */
const RETRY_MS = 500;
/** One address may take so long to answer. */
const ADDRESS_TIMEOUT_MS = 15_000;
const TEMPORARY: ReadonlySet<string> = new Set([
  "NOT_READY",
  "NO_LEADER",
  "NO_QUORUM",
  "TIMEOUT",
  "OVERLOADED",
  "SHUTTING_DOWN",
  "UNREACHABLE",
]);

/** Refusals of a member that may have proposed the admission before it lost sight of it. */
const DOUBTFUL: ReadonlySet<string> = new Set(["NO_LEADER", "NO_QUORUM", "TIMEOUT", "SHUTTING_DOWN"]);

export type JoinOutcome =
  | { readonly kind: "admitted"; readonly reply: JoinReply & { readonly kind: "admitted" } }
  | { readonly kind: "failed"; readonly error: SennitError };

export class Joiner {
  readonly #links: Links;
  readonly #request: JoinRequest;
  readonly #authorityHash: string | null;
  readonly #deadlineMs: number;
  #addresses: readonly string[];
  #at = 0;
  #session: EnrolId | null = null;
  /** The session's peer was asked and has not answered. */
  #isAsked = false;
  #wakeMs: number;
  #last: SennitError;
  #outcome: JoinOutcome | null = null;
  /** The request under way, or an earlier one, may have been granted although nobody said so. */
  #isUncertain = false;
  /** Addresses in a row that turned out to belong to another mesh. */
  #foreign = 0;

  constructor(options: {
    readonly links: Links;
    readonly addresses: readonly string[];
    /** Hexadecimal; null: the joiner has a trusted certificate already. */
    readonly authorityHash: string | null;
    readonly request: JoinRequest;
    readonly now: number;
    readonly timeoutMs: number;
  }) {
    this.#links = options.links;
    this.#addresses = options.addresses;
    this.#authorityHash = options.authorityHash;
    this.#request = options.request;
    this.#deadlineMs = options.now + options.timeoutMs;
    this.#wakeMs = options.now;
    this.#last = new SennitError("UNREACHABLE", `No member answered at ${options.addresses.join(", ")}`);
  }

  /** Set once: how the attempt ended. */
  get outcome(): JoinOutcome | null {
    return this.#outcome;
  }

  deadline(): number {
    return this.#outcome === null ? Math.min(this.#wakeMs, this.#deadlineMs) : Infinity;
  }

  tick(now: number): void {
    if (this.#outcome !== null) return;
    if (now >= this.#deadlineMs) {
      this.#end({ kind: "failed", error: this.#last });
      return;
    }
    if (now < this.#wakeMs) return;
    if (this.#session !== null) {
      const session = this.#session;
      this.#sessionEnded();
      this.#foreign = 0;
      this.#links.closeEnrol(session, "no answer in time");
      this.#next(now);
      return;
    }
    this.#session = this.#links.dialEnrol(
      this.#addresses[this.#at % this.#addresses.length]!,
      this.#authorityHash,
      now,
    );
    this.#wakeMs = now + ADDRESS_TIMEOUT_MS;
  }

  /** Takes an event of the joiner's own session. True where it was. */
  onLink(event: LinkEvent, now: number): boolean {
    if (this.#outcome !== null || this.#session === null || !("id" in event) || event.id !== this.#session) {
      return false;
    }
    switch (event.kind) {
      case "enrol-opened":
        this.#isAsked = this.#links.sendEnrol(event.id, encodeJoinRequest(this.#request));
        return true;
      case "enrol-message":
        this.#answered(event.bytes, now);
        return true;
      case "enrol-closed":
        this.#sessionEnded();
        this.#closed(event.code, event.reason, now);
        return true;
    }
    return false;
  }

  /** An address that belongs to another mesh may be an old one; where all of them do, the token is of no use. */
  #closed(code: string, reason: string, now: number): void {
    if (code === "NOT_AUTHENTICATED") {
      this.#last = new SennitError("NOT_AUTHENTICATED", reason);
      this.#foreign++;
    } else {
      this.#last = new SennitError("UNREACHABLE", `No session with ${this.#address()}: ${reason}`);
      this.#foreign = 0;
    }
    if (this.#foreign >= this.#addresses.length) this.#end({ kind: "failed", error: this.#last });
    else this.#next(now);
  }

  #answered(bytes: Uint8Array, now: number): void {
    const session = this.#session!;
    this.#session = null;
    this.#isAsked = false;
    this.#foreign = 0;
    let reply: JoinReply;
    try {
      reply = decodeJoinReply(bytes);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      reply = { kind: "refused", code: "VERSION_MISMATCH", message: `Not understood: ${error.message}` };
    }
    this.#links.closeEnrol(session, "done");
    switch (reply.kind) {
      case "admitted":
        this.#end({ kind: "admitted", reply });
        break;
      case "elsewhere":
        this.#isUncertain = true; // Admitted, and to be signed by another.
        this.#addresses = [...new Set([...reply.addresses, ...this.#addresses])];
        this.#at = 0;
        this.#wakeMs = now + RETRY_MS;
        break;
      case "refused":
        this.#last = refusal(reply.code, reply.message);
        this.#isUncertain ||= DOUBTFUL.has(reply.code);
        if (TEMPORARY.has(reply.code)) this.#next(now);
        else this.#end({ kind: "failed", error: this.#last });
        break;
    }
  }

  /** Nobody answers on this session any more. */
  #sessionEnded(): void {
    this.#isUncertain ||= this.#isAsked;
    this.#isAsked = false;
    this.#session = null;
  }

  #next(now: number): void {
    this.#at++;
    this.#wakeMs = this.#at % this.#addresses.length === 0 ? now + RETRY_MS : now;
  }

  #address(): string {
    return this.#addresses[this.#at % this.#addresses.length]!;
  }

  #end(outcome: JoinOutcome): void {
    if (this.#session !== null) this.#links.closeEnrol(this.#session, "done");
    this.#sessionEnded();
    const isUnknown = outcome.kind === "failed" && this.#isUncertain;
    this.#outcome = isUnknown ? { kind: "failed", error: unknownOutcome(outcome.error) } : outcome;
  }
}

/** What a member refused with. A code that is not known here is of a later version. */
function refusal(code: string, message: string): SennitError {
  return isErrorCode(code)
    ? new SennitError(code, message)
    : new SennitError("UNSUPPORTED", `${code}: ${message}`);
}
