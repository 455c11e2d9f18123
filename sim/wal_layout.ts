/**
 * Where the contents of entries lie in a segment of a node's log: as much of the format as it takes to damage one, read
 * here on its own and not with the node's code.
 *
 *   file    20 bytes | batches
 *   batch   "WALB" u32 | 4 bytes | header bytes u32 | 28 bytes | payload bytes u32 | rest of the header | payload
 */
const FILE_HEADER_BYTES = 20;
const BATCH_MAGIC = 0x57414c42;
const HEADER_BYTES_AT = 8;
const PAYLOAD_BYTES_AT = 40;
const LEAST_HEADER_BYTES = 44;

/** A part of a file. */
export interface Extent {
  readonly at: number;
  readonly length: number;
}

/**
 * The payloads of the batches that have another one behind them: what is damaged there cannot be taken for a write that a
 * crash has torn. `withLast`: that of the last one as well.
 */
export function payloadsIn(bytes: Uint8Array, withLast: boolean): Extent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const payloads: Extent[] = [];
  let at = FILE_HEADER_BYTES;
  while (at + LEAST_HEADER_BYTES <= bytes.length && view.getUint32(at) === BATCH_MAGIC) {
    const start = at + view.getUint32(at + HEADER_BYTES_AT);
    const length = view.getUint32(at + PAYLOAD_BYTES_AT);
    if (start + length > bytes.length) break;
    payloads.push({ at: start, length });
    at = start + length;
  }
  if (!withLast) payloads.pop();
  return payloads.filter((payload) => payload.length > 0);
}
