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
