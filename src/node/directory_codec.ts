/** How the control state writes its directory of streams, and lists of members. */
import type { ByteReader, ByteWriter } from "../core/bytes.ts";
import type { GroupId, MemberId } from "../core/ids.ts";
import { readTexts, writeTexts } from "./control_commands.ts";
import type { StreamRecord } from "./control_state.ts";

/** Of one list: above any limit that was ever checked before one was written. */
export const LIST_LIMIT = 0xffff;

export function writeStream(writer: ByteWriter, stream: StreamRecord): void {
  writer.u64(stream.group).text(stream.name).u64(stream.source);
  writeMembers(writer, stream.targets);
  writeTexts(writer, stream.subscriptions);
  writer.u64(stream.retentionBytes);
  writeMembers(writer, stream.initial.incoming);
  writer.bool(stream.closed);
}

export function readStream(reader: ByteReader): StreamRecord {
  return {
    group: reader.u64() as GroupId,
    name: reader.text(),
    source: reader.u64() as MemberId,
    targets: readMembers(reader),
    subscriptions: readTexts(reader, LIST_LIMIT),
    retentionBytes: reader.u64(),
    initial: { incoming: readMembers(reader), outgoing: [], learners: [] },
    closed: reader.bool(),
  };
}

export function writeMembers(writer: ByteWriter, members: readonly MemberId[]): void {
  writer.u32(members.length);
  for (const member of members) writer.u64(member);
}

export function readMembers(reader: ByteReader): MemberId[] {
  const members: MemberId[] = [];
  for (let left = reader.u32(); left > 0; left--) members.push(reader.u64() as MemberId);
  return members;
}
