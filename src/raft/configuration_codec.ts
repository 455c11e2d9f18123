/**
 * The bytes of a configuration: the payload of a Configuration entry, and part of snapshots. A format version (1),
 * then three lists (incoming, outgoing, learners), each a u16 count and that many member ids as u64.
 */
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import type { MemberId } from "../core/ids.ts";
import { ascending, assertConfiguration, CONFIGURATION_MEMBERS_LIMIT } from "./configuration.ts";
import type { Configuration } from "./types.ts";

export const CONFIGURATION_FORMAT = 1;

export function encodeConfiguration(configuration: Configuration): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(encodedConfigurationBytes(configuration));
  writeConfiguration(writer, configuration);
  return writer.take();
}

/** The length of what `encodeConfiguration` returns. */
export function encodedConfigurationBytes({ incoming, outgoing, learners }: Configuration): number {
  return 1 + 3 * 2 + 8 * (incoming.length + outgoing.length + learners.length);
}

/** Throws `DecodeError` for anything that `encodeConfiguration` does not write. */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const reader = new ByteReader(bytes);
  const configuration = readConfiguration(reader);
  reader.end();
  return configuration;
}

export function writeConfiguration(writer: ByteWriter, configuration: Configuration): void {
  assertConfiguration(configuration);
  writer.u8(CONFIGURATION_FORMAT);
  writeMembers(writer, configuration.incoming);
  writeMembers(writer, configuration.outgoing);
  writeMembers(writer, configuration.learners);
}

export function readConfiguration(reader: ByteReader): Configuration {
  const format = reader.u8();
  if (format !== CONFIGURATION_FORMAT) throw new DecodeError(`Unknown format of a configuration: ${format}`);
  const configuration = {
    incoming: readMembers(reader),
    outgoing: readMembers(reader),
    learners: readMembers(reader),
  };
  for (const learner of configuration.learners) {
    if (configuration.incoming.includes(learner)) throw new DecodeError(`Both voter and learner: ${learner}`);
  }
  return configuration;
}

function writeMembers(writer: ByteWriter, members: readonly MemberId[]): void {
  if (members.length > CONFIGURATION_MEMBERS_LIMIT) {
    throw new RangeError(
      `Cannot encode ${members.length} members: the limit is ${CONFIGURATION_MEMBERS_LIMIT}`,
    );
  }
  writer.u16(members.length);
  for (const member of members) writer.u64(member);
}

function readMembers(reader: ByteReader): MemberId[] {
  const count = reader.u16();
  if (count > CONFIGURATION_MEMBERS_LIMIT) throw new DecodeError(`Too many members: ${count}`);
  const members: MemberId[] = [];
  for (let i = 0; i < count; i++) members.push(reader.u64() as MemberId);
  if (!ascending(members)) throw new DecodeError("Members are not ascending");
  return members;
}
