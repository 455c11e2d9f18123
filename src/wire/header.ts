/**
 * The 48-byte header that starts every frame, big-endian.
 *
 * ```
 *  0 version u8   1 type u8   2 flags u16   4 code u8   5 ttl u8   6 reserved u16 = 0
 *  8 message id u64   16 correlation id 2 x u32   24 source u64   32 destination u64
 * 40 route u32   44 hint length u32
 * ```
 */
import { getU64, setU64 } from "../core/bytes.ts";
import { isCount } from "../core/ids.ts";
import { FrameError } from "./frame_error.ts";
import { FrameType, isFrameType, KNOWN_FLAGS, LAST_STATUS_CODE, StatusCode } from "./frame_type.ts";
import { DEFAULT_TTL, MAX_HINT_BYTES, WIRE_VERSION } from "./limits.ts";

/** Mutable, so that one object serves all frames of a writer or a reader. */
export class Header {
  type: FrameType = FrameType.Data;
  flags = 0;
  code: StatusCode = StatusCode.Ok;
  ttl: number = DEFAULT_TTL;
  /** Counts up per source; 0: not tracked. */
  messageId = 0;
  /** The correlation id is opaque, so it stays two halves: no number of 2^53 or more arises. */
  correlationHigh = 0;
  correlationLow = 0;
  /** The original sender's node number. */
  source = 0;
  /** 0: broadcast or not known. */
  destination = 0;
  /** Of `packRoute`. */
  route = 0;
}

/** Writes the header; what the caller set wrongly is a `RangeError`. */
export function encodeHeader(view: DataView, at: number, header: Header, hintBytes: number): void {
  checkHeader(header, hintBytes);
  view.setUint8(at, WIRE_VERSION);
  view.setUint8(at + 1, header.type);
  view.setUint16(at + 2, header.flags);
  view.setUint8(at + 4, header.code);
  view.setUint8(at + 5, header.ttl);
  view.setUint16(at + 6, 0);
  setU64(view, at + 8, header.messageId);
  view.setUint32(at + 16, header.correlationHigh);
  view.setUint32(at + 20, header.correlationLow);
  setU64(view, at + 24, header.source);
  setU64(view, at + 32, header.destination);
  view.setUint32(at + 40, header.route);
  view.setUint32(at + 44, hintBytes);
}

/** Reads and checks the header into `header`; returns the length of the hint. */
export function decodeHeader(view: DataView, at: number, header: Header): number {
  const version = view.getUint8(at);
  if (version !== WIRE_VERSION) throw new FrameError("VERSION", version);
  const type = view.getUint8(at + 1);
  if (!isFrameType(type)) throw new FrameError("TYPE", type);
  const flags = view.getUint16(at + 2);
  if ((flags & ~KNOWN_FLAGS) !== 0) throw new FrameError("RESERVED");
  const code = view.getUint8(at + 4);
  if (code > LAST_STATUS_CODE) throw new FrameError("CODE", code);
  const ttl = view.getUint8(at + 5);
  if (ttl === 0) throw new FrameError("TTL");
  if (view.getUint16(at + 6) !== 0) throw new FrameError("RESERVED");
  const hintBytes = view.getUint32(at + 44);
  if (hintBytes > MAX_HINT_BYTES) throw new FrameError("SIZE", hintBytes);
  header.type = type;
  header.flags = flags;
  header.code = code as StatusCode;
  header.ttl = ttl;
  header.messageId = getU64(view, at + 8);
  header.correlationHigh = view.getUint32(at + 16);
  header.correlationLow = view.getUint32(at + 20);
  header.source = getU64(view, at + 24);
  header.destination = getU64(view, at + 32);
  header.route = view.getUint32(at + 40);
  return hintBytes;
}

/** The time to live after one hop; a frame whose last hop this was is refused. */
export function decrementTtl(ttl: number): number {
  if (ttl <= 1) throw new FrameError("TTL");
  return ttl - 1;
}

function checkHeader(header: Header, hintBytes: number): void {
  if (!isFrameType(header.type)) {
    throw new RangeError(`Cannot encode frame type: current value is ${header.type}`);
  }
  if ((header.flags & ~KNOWN_FLAGS) !== 0) {
    throw new RangeError(`Cannot encode flags: current value is ${header.flags}`);
  }
  if (!(header.ttl >= 1 && header.ttl <= 255)) {
    throw new RangeError(`Cannot encode ttl: current value is ${header.ttl}`);
  }
  if (hintBytes > MAX_HINT_BYTES) {
    throw new RangeError(`Cannot encode hint of ${hintBytes} bytes: the limit is ${MAX_HINT_BYTES}`);
  }
  if (!isCount(header.messageId) || !isCount(header.source) || !isCount(header.destination)) {
    throw new RangeError(
      `Cannot encode header as u64: current values are ${header.messageId}, ${header.source}, ${header.destination}`,
    );
  }
}
