/**
 * Why bytes are not a frame. Every text begins as the Rust mesh's protocol names it, so that operators and tests recognise it.
 */
import { DecodeError } from "../core/errors.ts";

const TEXTS = {
  INCOMPLETE: "incomplete frame",
  VERSION: "version unsupported",
  TTL: "invalid ttl",
  SIZE: "size limit exceeded",
  CRYPTO: "malformed crypto section",
  META: "cbor meta invalid",
  HEADER_CHECKSUM: "hdr checksum mismatch",
  PAYLOAD_CHECKSUM: "payload checksum mismatch",
  RESERVED: "reserved bits nonzero",
  TYPE: "unknown type",
  CODE: "unknown code",
  MALFORMED: "malformed frame",
} as const;

export type FrameErrorKind = keyof typeof TEXTS;

export class FrameError extends DecodeError {
  readonly kind: FrameErrorKind;

  /** `value` is the offending number of the kinds that name one: VERSION and SIZE after a colon, TYPE and CODE after a space. */
  constructor(kind: FrameErrorKind, value?: number) {
    const separator = kind === "TYPE" || kind === "CODE" ? " " : ": ";
    super(value === undefined ? TEXTS[kind] : `${TEXTS[kind]}${separator}${value}`);
    this.kind = kind;
  }
}
