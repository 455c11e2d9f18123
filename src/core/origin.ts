/**
 * Who asked for a log entry: lets the node that forwarded a command recognise it when it is applied, and answer
 * its caller. Part of the entry, so it is the same on every member and decides nothing there.
 */
import type { ByteReader, ByteWriter } from "./bytes.ts";
import type { MemberId } from "./ids.ts";

export interface Origin {
  /** 0 where nobody waits for the answer. */
  readonly member: MemberId;
  /** Drawn anew at each start of the node, so that an answer never reaches a later incarnation's caller. */
  readonly boot: number;
  readonly request: number;
}

export const NO_ORIGIN: Origin = { member: 0 as MemberId, boot: 0, request: 0 };

export function writeOrigin(writer: ByteWriter, origin: Origin): void {
  writer.u64(origin.member).u32(origin.boot).u64(origin.request);
}

export function readOrigin(reader: ByteReader): Origin {
  return { member: reader.u64() as MemberId, boot: reader.u32(), request: reader.u64() };
}
