/**
 * The fixed parts of the log's files, format version 1, big-endian. A segment file is a file header and then batches,
 * one after the other:
 *
 *   file    magic u32 | version u16 | reserved u16 | segment u64 | CRC-32C of the 16 bytes before u32
 *   batch   magic u32 | version u16 | reserved u16 | header bytes u32 | header CRC u32 | segment u64 | LSN u64
 *           | offset in the file u64 | payload bytes u32 | payload CRC u32 | previous batch's header CRC u32
 *           | head records u32 | records u32 | the records (records.ts) | payload
 *
 * The header CRC covers the whole header but itself, and with it the payload's CRC, so that chaining header CRCs
 * chains everything. Segment and offset inside the header unmask a batch that lies where it was not written.
 */
import { assert } from "../core/assert.ts";
import { ByteReader, type ByteWriter } from "../core/bytes.ts";
import { crc32c } from "../core/crc32c.ts";
import { DecodeError, SennitError } from "../core/errors.ts";
import { type Lsn, MAX_NUMBER } from "../core/ids.ts";

export const FORMAT_VERSION = 1;
export const FILE_MAGIC = 0x57414c46; // "WALF"
export const FILE_HEADER_BYTES = 20;
export const BATCH_MAGIC = 0x57414c42; // "WALB"
export const BATCH_HEADER_BYTES = 60;
/** One batch, header and payload: what one turn of the node may gather. */
export const WAL_BATCH_BYTES_LIMIT = 1024 * 1024 * 1024;

const HEADER_CRC_AT = 12;
const NAME_DIGITS = 16;
const NAME_PATTERN = /^[0-9]{16}\.wal$/;

export function segmentName(id: number): string {
  return `${String(id).padStart(NAME_DIGITS, "0")}.wal`;
}

/** The segment that a file's name stands for, null where it is no segment. */
export function parseSegmentName(name: string): number | null {
  if (!NAME_PATTERN.test(name)) return null;
  const id = Number(name.slice(0, NAME_DIGITS));
  return id >= 1 && id <= MAX_NUMBER ? id : null;
}

export function writeFileHeader(writer: ByteWriter, segment: number): void {
  const start = writer.length;
  writer.u32(FILE_MAGIC).u16(FORMAT_VERSION).u16(0).u64(segment);
  writer.u32(crc32c(writer.view(), start, start + 16));
}

/** Throws `DecodeError` where the bytes are no header of that segment, VERSION_MISMATCH where it is a newer one's. */
export function checkFileHeader(bytes: Uint8Array, segment: number, path: string): void {
  const reader = new ByteReader(bytes);
  if (reader.u32() !== FILE_MAGIC) throw new DecodeError(`Not a segment of the log: ${path}`);
  const version = reader.u16();
  reader.u16();
  const id = reader.u64();
  if (reader.u32() !== crc32c(bytes, 0, 16)) throw new DecodeError(`Checksum of the file header: ${path}`);
  refuseOtherVersion(version, path);
  if (id !== segment) throw new DecodeError(`Segment ${id} lies in the file of segment ${segment}`);
}

export function refuseOtherVersion(version: number, path: string): void {
  if (version === FORMAT_VERSION) return;
  throw new SennitError(
    "VERSION_MISMATCH",
    `Cannot read "${path}" as it has format version ${version}: this version reads ${FORMAT_VERSION}`,
  );
}

/** The fixed part of a batch's header, verified against its CRC. */
export interface BatchHeader {
  readonly version: number;
  readonly headerBytes: number;
  readonly headerCrc: number;
  readonly segment: number;
  readonly lsn: Lsn;
  readonly offset: number;
  readonly payloadBytes: number;
  readonly payloadCrc: number;
  readonly previousCrc: number;
  /** How many of the records, from the first, repeat the state at the head of a segment. */
  readonly headRecords: number;
  readonly records: number;
}

export interface BatchFields {
  readonly segment: number;
  readonly lsn: Lsn;
  readonly offset: number;
  readonly payloadBytes: number;
  readonly payloadCrc: number;
  readonly previousCrc: number;
  readonly headRecords: number;
  readonly records: number;
}

/** Writes a batch's header with its records at the writer's end and returns the header's CRC. */
export function writeBatchHeader(writer: ByteWriter, fields: BatchFields, records: Uint8Array): number {
  const start = writer.length;
  const headerBytes = BATCH_HEADER_BYTES + records.length;
  assert(headerBytes + fields.payloadBytes <= WAL_BATCH_BYTES_LIMIT, "a batch of the log fits its limit");
  writer.u32(BATCH_MAGIC).u16(FORMAT_VERSION).u16(0).u32(headerBytes).u32(0);
  writer.u64(fields.segment).u64(fields.lsn).u64(fields.offset);
  writer.u32(fields.payloadBytes).u32(fields.payloadCrc).u32(fields.previousCrc);
  writer.u32(fields.headRecords).u32(fields.records);
  assert(writer.length - start === BATCH_HEADER_BYTES, "the fixed part of a batch's header has its size");
  writer.raw(records);
  const crc = headerCrc(writer.view(), start, headerBytes);
  writer.patchU32(start + HEADER_CRC_AT, crc);
  return crc;
}

/**
 * The batch header at `at`, null where there is none whose CRC holds. Throws VERSION_MISMATCH where one holds
 * that is of another version.
 */
export function readBatchHeader(bytes: Uint8Array, at: number, path: string): BatchHeader | null {
  if (bytes.length - at < BATCH_HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, BATCH_HEADER_BYTES);
  if (view.getUint32(0) !== BATCH_MAGIC) return null;
  const headerBytes = view.getUint32(8);
  if (headerBytes < BATCH_HEADER_BYTES || headerBytes > bytes.length - at) return null;
  const crc = view.getUint32(HEADER_CRC_AT);
  if (crc !== headerCrc(bytes, at, headerBytes)) return null;
  const version = view.getUint16(4);
  refuseOtherVersion(version, path);
  const reader = new ByteReader(bytes, at + 16, at + BATCH_HEADER_BYTES);
  return {
    version,
    headerBytes,
    headerCrc: crc,
    segment: reader.u64(),
    lsn: reader.u64() as Lsn,
    offset: reader.u64(),
    payloadBytes: reader.u32(),
    payloadCrc: reader.u32(),
    previousCrc: reader.u32(),
    headRecords: reader.u32(),
    records: reader.u32(),
  };
}

function headerCrc(bytes: Uint8Array, at: number, headerBytes: number): number {
  const before = crc32c(bytes, at, at + HEADER_CRC_AT);
  return crc32c(bytes, at + HEADER_CRC_AT + 4, at + headerBytes, before);
}
