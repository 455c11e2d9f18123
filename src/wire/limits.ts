/** The limits of the wire, in one place. */

export const WIRE_VERSION = 1;
export const HEADER_BYTES = 48;
/** The length prefix before the header and the one before the metadata. */
export const PREFIX_BYTES = 4;
/** What a frame's length must at least be: header and metadata length. */
export const MIN_FRAME_BYTES = HEADER_BYTES + PREFIX_BYTES;
/** The largest frame length that is read unless the reader asks for less. */
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;
/** No reader may ask for more. */
export const HARD_MAX_FRAME_BYTES = 64 * 1024 * 1024;
export const MAX_META_BYTES = 64 * 1024;
export const MAX_HINT_BYTES = 128;
export const DEFAULT_TTL = 16;
/** No frame between two nodes is larger, prefix included, so that a large payload never delays a heartbeat. */
export const LINK_FRAME_LIMIT_BYTES = 64 * 1024;
/** What is left of a link frame for a chunk's payload, with room for hint and metadata. */
export const CHUNK_PAYLOAD_BYTES = LINK_FRAME_LIMIT_BYTES - 512;
/** More chunks than any message within the limits has. */
export const MAX_CHUNKS = 65_536;
