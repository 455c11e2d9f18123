/** An operational error as plain data, as it travels to callers. */
import { SennitError } from "../core/errors.ts";
import type { CallFailure } from "./calls.ts";

export function failureOf(error: SennitError): CallFailure {
  return { code: error.code, message: error.message, outcome: error.outcome, details: error.details };
}

/** The same error for a request of which it is not known whether it was applied. */
export function unknownOutcome(error: SennitError): SennitError {
  return new SennitError(error.code, error.message, { outcome: "UNKNOWN", details: { ...error.details } });
}

/** Whoever asked for it takes nothing any more. It may have been opened, and have ended one of its name before. */
export function subscriptionCancelled(): SennitError {
  return new SennitError("SUBSCRIPTION_FENCED", "The subscription was cancelled", { outcome: "UNKNOWN" });
}

/** Of a stream that is gone with all that it held: also with what became of an earlier try. */
export function streamDropped(name: string): SennitError {
  const text = `Stream ${name} is closed, and what it held is dropped`;
  return new SennitError("STREAM_CLOSED", text, { outcome: "UNKNOWN" });
}
