/**
 * Failures on their way through gRPC: a status for everybody's tools, and the whole of it (code, outcome, details) in
 * the trailer `sennit-failure-bin` for those who want to know more.
 */
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { DecodeError, type ErrorCode, isErrorCode, type Outcome, SennitError } from "../core/errors.ts";
import { failureOf } from "../client/mod.ts";
import type { CallFailure } from "../node/calls.ts";
import { Failure, Outcome as WireOutcome } from "../../proto/gen/sennit/mesh/v1/mesh.ts";

export const FAILURE_TRAILER = "sennit-failure-bin";

export const STATUS_OF: Readonly<Record<ErrorCode, status>> = {
  NOT_READY: status.UNAVAILABLE,
  NO_LEADER: status.UNAVAILABLE,
  NO_QUORUM: status.UNAVAILABLE,
  TIMEOUT: status.DEADLINE_EXCEEDED,
  OVERLOADED: status.RESOURCE_EXHAUSTED,
  SHUTTING_DOWN: status.UNAVAILABLE,
  ALREADY_MEMBER: status.ALREADY_EXISTS,
  NOT_A_MEMBER: status.FAILED_PRECONDITION,
  NAME_TAKEN: status.ALREADY_EXISTS,
  NUMBER_TAKEN: status.ALREADY_EXISTS,
  JOIN_REFUSED: status.PERMISSION_DENIED,
  INVITATION_INVALID: status.INVALID_ARGUMENT,
  EVICTED: status.FAILED_PRECONDITION,
  WRONG_MESH: status.FAILED_PRECONDITION,
  NOT_AUTHENTICATED: status.UNAUTHENTICATED,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
  MESH_CRITICAL: status.FAILED_PRECONDITION,
  UNKNOWN_MEMBER: status.NOT_FOUND,
  LAST_VOTER: status.FAILED_PRECONDITION,
  COMPARE_FAILED: status.ABORTED,
  NOT_FOUND: status.NOT_FOUND,
  STREAM_EXISTS: status.ALREADY_EXISTS,
  UNKNOWN_STREAM: status.NOT_FOUND,
  STREAM_CLOSED: status.FAILED_PRECONDITION,
  NOT_A_STREAM_MEMBER: status.FAILED_PRECONDITION,
  PRODUCER_FENCED: status.ABORTED,
  UNKNOWN_PRODUCER: status.FAILED_PRECONDITION,
  SEQUENCE_GAP: status.OUT_OF_RANGE,
  SUBSCRIPTION_FENCED: status.ABORTED,
  OFFSET_NOT_RETAINED: status.OUT_OF_RANGE,
  RETENTION_HELD: status.RESOURCE_EXHAUSTED,
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  TOO_LARGE: status.RESOURCE_EXHAUSTED,
  UNSUPPORTED: status.UNIMPLEMENTED,
  VERSION_MISMATCH: status.FAILED_PRECONDITION,
  DISK_FULL: status.RESOURCE_EXHAUSTED,
  DISK_FAILED: status.INTERNAL,
  DATA_DAMAGED: status.DATA_LOSS,
  DATA_IN_USE: status.FAILED_PRECONDITION,
  ADDRESS_IN_USE: status.FAILED_PRECONDITION,
  UNREACHABLE: status.UNAVAILABLE,
  CONFIGURATION_INVALID: status.FAILED_PRECONDITION,
};

const OUTCOMES: readonly (readonly [Outcome, WireOutcome])[] = [
  ["NOT_APPLIED", WireOutcome.OUTCOME_NOT_APPLIED],
  ["APPLIED", WireOutcome.OUTCOME_APPLIED],
  ["UNKNOWN", WireOutcome.OUTCOME_UNKNOWN],
];

/** What gRPC itself says where no node answered: only codes that its library makes up. */
const WITHOUT_TRAILER: ReadonlyMap<status, readonly [ErrorCode, Outcome]> = new Map([
  [status.INVALID_ARGUMENT, ["INVALID_ARGUMENT", "NOT_APPLIED"]],
  [status.UNAUTHENTICATED, ["NOT_AUTHENTICATED", "NOT_APPLIED"]],
  [status.PERMISSION_DENIED, ["PERMISSION_DENIED", "NOT_APPLIED"]],
  [status.UNIMPLEMENTED, ["UNSUPPORTED", "NOT_APPLIED"]],
  [status.RESOURCE_EXHAUSTED, ["TOO_LARGE", "NOT_APPLIED"]],
  [status.DEADLINE_EXCEEDED, ["TIMEOUT", "UNKNOWN"]],
]);

export function failureMessage(failure: CallFailure): Failure {
  const details: Record<string, string> = {};
  for (const [name, value] of Object.entries(failure.details)) details[name] = String(value);
  return {
    code: failure.code,
    message: failure.message,
    outcome: OUTCOMES.find(([outcome]) => outcome === failure.outcome)![1],
    details,
  };
}

export function failureFromMessage(message: Failure): CallFailure {
  const details: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(message.details)) {
    const number = Number(value);
    details[name] = Number.isSafeInteger(number) && String(number) === value ? number : value;
  }
  return {
    // A code of a later version: what can be said of it is that this version does not know it.
    code: isErrorCode(message.code) ? message.code : "UNSUPPORTED",
    message: isErrorCode(message.code) ? message.message : `${message.code}: ${message.message}`,
    outcome: OUTCOMES.find(([, wire]) => wire === message.outcome)?.[0] ?? "UNKNOWN",
    details,
  };
}

/** What a handler of grpc-js answers a failed call with. */
export function serviceError(failure: CallFailure): ServiceError {
  const metadata = new Metadata();
  metadata.set(FAILURE_TRAILER, Buffer.from(Failure.encode(failureMessage(failure)).finish()));
  const error = new Error(failure.message);
  return Object.assign(error, { code: STATUS_OF[failure.code], details: failure.message, metadata });
}

/** The failure that an error tells of; null for one that nobody foresaw. */
export function foreseen(error: unknown): CallFailure | null {
  if (error instanceof SennitError) return failureOf(error);
  if (error instanceof DecodeError || error instanceof RangeError) {
    return { code: "INVALID_ARGUMENT", message: error.message, outcome: "NOT_APPLIED", details: {} };
  }
  return null;
}

/** What a handler answers after an error: an unforeseen one is a bug, told to the operator and not to the caller. */
export function serviceErrorOf(error: unknown): ServiceError {
  const failure = foreseen(error);
  if (failure !== null) return serviceError(failure);
  console.error(error);
  const details = "The server met an error of its own, which its log tells";
  return Object.assign(new Error(details), { code: status.INTERNAL, details, metadata: new Metadata() });
}

/** True where a node itself says why, false where gRPC does. */
export function isToldByNode(error: ServiceError): boolean {
  return (error.metadata?.get(FAILURE_TRAILER).length ?? 0) > 0;
}

/** What a failed call of grpc-js says. */
export function failureFromService(error: ServiceError): CallFailure {
  const [trailer] = error.metadata?.get(FAILURE_TRAILER) ?? [];
  if (trailer instanceof Uint8Array) return failureFromMessage(Failure.decode(trailer));
  const [code, outcome] = WITHOUT_TRAILER.get(error.code) ?? ["UNREACHABLE", "UNKNOWN"] as const;
  return { code, outcome, message: error.details || error.message, details: {} };
}
