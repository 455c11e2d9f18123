/**
 * Operational errors: what a caller can meet although neither it nor Sennit made a mistake, or because of
 * what it asked for. The other two kinds are never mixed with it: a caller's programming mistake is a
 * `TypeError` or `RangeError` thrown at the boundary; Sennit's own bug is an `AssertionFailure`.
 *
 * Every error says what became of the request (`outcome`), so that a caller knows whether it may be
 * repeated. UNKNOWN is safe to repeat only where the request carries its own identity (a producer sequence).
 */

/** What became of the request that failed. */
export type Outcome = "NOT_APPLIED" | "APPLIED" | "UNKNOWN";

/** The closed list of codes. A code is stable, scripts may rely on it. */
const CODES = [
  // Who is there, who is asked
  "NOT_READY", // The node has not recovered or not joined a mesh yet.
  "NO_LEADER", // No leader is known for the group; quorum may be away.
  "NO_QUORUM", // The group cannot commit at present.
  "TIMEOUT", // The deadline passed; the outcome says what is known.
  "OVERLOADED", // A named limit is reached; wait and repeat.
  "SHUTTING_DOWN", // The node drains.
  // Mesh and membership
  "ALREADY_MEMBER",
  "NOT_A_MEMBER",
  "NAME_TAKEN",
  "NUMBER_TAKEN",
  "JOIN_REFUSED", // Policy, key or invitation.
  "INVITATION_INVALID",
  "EVICTED",
  "WRONG_MESH",
  "NOT_AUTHENTICATED",
  "PERMISSION_DENIED",
  "UNKNOWN_MEMBER",
  "LAST_VOTER",
  "MESH_CRITICAL", // Half of the members or more are away: evictions alone are admitted.
  // Key-value
  "COMPARE_FAILED",
  "NOT_FOUND",
  // Streams
  "STREAM_EXISTS",
  "UNKNOWN_STREAM",
  "STREAM_CLOSED",
  "NOT_A_STREAM_MEMBER",
  "PRODUCER_FENCED",
  "UNKNOWN_PRODUCER",
  "SEQUENCE_GAP",
  "SUBSCRIPTION_FENCED",
  "OFFSET_NOT_RETAINED",
  "RETENTION_HELD",
  // Input
  "INVALID_ARGUMENT",
  "TOO_LARGE",
  "UNSUPPORTED",
  "VERSION_MISMATCH",
  // Storage and transport
  "DISK_FULL",
  "DISK_FAILED",
  "DATA_DAMAGED",
  "DATA_IN_USE",
  "ADDRESS_IN_USE",
  "UNREACHABLE",
  "CONFIGURATION_INVALID",
] as const;
export type ErrorCode = (typeof CODES)[number];

const KNOWN: ReadonlySet<string> = new Set(CODES);

/** False for a code of a later version. */
export function isErrorCode(text: string): text is ErrorCode {
  return KNOWN.has(text);
}

const RETRIABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "NOT_READY",
  "NO_LEADER",
  "NO_QUORUM",
  "TIMEOUT",
  "OVERLOADED",
  "SHUTTING_DOWN",
  "RETENTION_HELD",
  "MESH_CRITICAL",
  "DISK_FULL", // The node goes on by itself once there is space; until then another one may serve.
  "UNREACHABLE",
]);

/** One operational error. `message` names the thing and the way out: capital first letter, no final period. */
export class SennitError extends Error {
  override readonly name = "SennitError";
  readonly code: ErrorCode;
  readonly outcome: Outcome;
  /** What machines may want to know: the expected sequence, the leader's name, the limit. */
  readonly details: Readonly<Record<string, string | number>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { outcome?: Outcome; details?: Record<string, string | number>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.outcome = options.outcome ?? "NOT_APPLIED";
    this.details = options.details ?? {};
  }

  /** True where the same request may succeed later without a change. */
  get retriable(): boolean {
    return RETRIABLE.has(this.code);
  }
}

/** Bytes from outside (a link, a file, a client) that are not what they claim to be. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}
