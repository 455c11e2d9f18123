/**
 * The numbers of the wire: frame types, flags, status codes. The first eleven types, the six flags and the five codes
 * are those of the Rust mesh's protocol; types from 0x20 on are Sennit's own. Part of the format: never renumbered.
 */

export const FrameType = {
  Data: 0x00,
  Ack: 0x01,
  Credit: 0x02,
  Ping: 0x03,
  Pong: 0x04,
  Hello: 0x05,
  Resume: 0x06,
  Drain: 0x07,
  Bye: 0x08,
  TopologyUpdate: 0x09,
  TopologyRequest: 0x0a,
  /** Messages of consensus groups. */
  Raft: 0x20,
  /** Calls between nodes: forwarded proposals and their answers. */
  Node: 0x21,
  /** The join exchange: all that an ENROL session may carry. */
  Enrol: 0x22,
  /** Membership gossip. */
  Gossip: 0x23,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(FrameType));

export function isFrameType(value: number): value is FrameType {
  return KNOWN_TYPES.has(value);
}

export const Flag = {
  Chunked: 1 << 0,
  ChunkEnd: 1 << 1,
  EndToEndEncrypted: 1 << 2,
  Compressed: 1 << 3,
  /** A forwarder keeps the frame on the path of its flow. */
  RouteLock: 1 << 4,
  HeaderChecksum: 1 << 5,
} as const;

/** All flags that this version knows; any other bit is an error. */
export const KNOWN_FLAGS = 0x3f;

export const StatusCode = { Ok: 0, Retryable: 1, Fatal: 2, Busy: 3, Unsupported: 4 } as const;
export type StatusCode = (typeof StatusCode)[keyof typeof StatusCode];
export const LAST_STATUS_CODE = StatusCode.Unsupported;
