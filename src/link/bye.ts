/** BYE: why a session ends, as a number of a closed list and a text for people: `reason u8 | text (u32 length, UTF-8)`. */
import { ByteReader, ByteWriter, encodeText } from "../core/bytes.ts";
import { StatusCode } from "../wire/mod.ts";

/** Positions are part of the wire format: append only. */
const REASONS = [
  "DONE",
  "SHUTTING_DOWN",
  "DUPLICATE", // Another connection between the two nodes is kept.
  "MALFORMED", // What arrived was no frame, or none that the session may carry.
  "TIMEOUT",
  "WRONG_MESH",
  "VERSION_MISMATCH",
  "NOT_A_MEMBER",
  "EVICTED",
  "NOT_AUTHENTICATED",
  "UNSUPPORTED",
  "NOT_READY", // Not known here yet: dial again later.
  "OVERLOADED",
  "UNKNOWN", // A reason of a later version.
] as const;
export type ByeReason = (typeof REASONS)[number];

const MAX_TEXT_BYTES = 512;

const RETRYABLE: ReadonlySet<ByeReason> = new Set<ByeReason>([
  "NOT_READY",
  "OVERLOADED",
  "SHUTTING_DOWN",
  "TIMEOUT",
]);
const REFUSALS: ReadonlySet<ByeReason> = new Set<ByeReason>([
  "WRONG_MESH",
  "VERSION_MISMATCH",
  "NOT_A_MEMBER",
  "EVICTED",
  "NOT_AUTHENTICATED",
  "UNSUPPORTED",
  "NOT_READY",
  "OVERLOADED",
]);

export interface Bye {
  readonly reason: ByeReason;
  readonly message: string;
}

/** True where the other end does not want this node now, or at all: reported as `refused`. */
export function isRefusal(reason: ByeReason): boolean {
  return REFUSALS.has(reason);
}

/** True where a later dial may succeed without anybody changing anything. */
export function isRetryable(reason: ByeReason): boolean {
  return RETRYABLE.has(reason);
}

/** The header's status code that goes with a reason. */
export function byeStatus(reason: ByeReason): StatusCode {
  if (reason === "DONE" || reason === "DUPLICATE") return StatusCode.Ok;
  if (reason === "UNSUPPORTED") return StatusCode.Unsupported;
  return RETRYABLE.has(reason) ? StatusCode.Retryable : StatusCode.Fatal;
}

export function encodeBye(reason: ByeReason, message: string): Uint8Array<ArrayBuffer> {
  let text = encodeText(message);
  // A cut inside a character would make the text unreadable at the other end.
  if (text.length > MAX_TEXT_BYTES) text = encodeText(message.slice(0, MAX_TEXT_BYTES / 4));
  return new ByteWriter(64).u8(REASONS.indexOf(reason)).blob(text).take();
}

/** Throws `DecodeError`. */
export function decodeBye(payload: Uint8Array): Bye {
  const reader = new ByteReader(payload);
  return { reason: REASONS[reader.u8()] ?? "UNKNOWN", message: reader.text(MAX_TEXT_BYTES) };
}
