/**
 * What a stream group's log holds besides record batches. An entry's first byte tells which it is: 1 is a
 * record batch as published, 129 and up are the commands here. Unknown kinds stop the node: it is too old.
 */
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import type { MemberId, Offset } from "../core/ids.ts";
import { NAME_CHARACTERS_LIMIT, STREAM_NAME_BYTES_LIMIT } from "../core/limits.ts";
import { type Origin, readOrigin, writeOrigin } from "../core/origin.ts";

const KIND = {
  "open-producer": 129,
  "open-subscription": 130,
  "move-offsets": 131,
  "close": 132,
  "remove-member": 133,
  "take-over": 134,
};

export interface OffsetMove {
  readonly member: MemberId;
  readonly subscription: string;
  readonly epoch: number;
  readonly offset: Offset;
}

export type StreamCommand =
  | { readonly kind: "open-producer"; readonly origin: Origin; readonly producer: string }
  | {
    readonly kind: "open-subscription";
    readonly origin: Origin;
    readonly member: MemberId;
    readonly subscription: string;
  }
  | { readonly kind: "move-offsets"; readonly origin: Origin; readonly moves: readonly OffsetMove[] }
  | { readonly kind: "close"; readonly origin: Origin }
  | { readonly kind: "remove-member"; readonly origin: Origin; readonly member: MemberId }
  /** Restored from a backup: all members' subscriptions are this one's from here on. */
  | { readonly kind: "take-over"; readonly origin: Origin; readonly member: MemberId };

export function encodeStreamCommand(command: StreamCommand): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(64);
  writer.u8(KIND[command.kind]);
  writeOrigin(writer, command.origin);
  switch (command.kind) {
    case "open-producer":
      writer.text(command.producer);
      break;
    case "open-subscription":
      writer.u64(command.member).text(command.subscription);
      break;
    case "move-offsets":
      writer.u32(command.moves.length);
      for (const move of command.moves) {
        writer.u64(move.member).text(move.subscription).u32(move.epoch).u64(move.offset);
      }
      break;
    case "close":
      break;
    case "remove-member":
    case "take-over":
      writer.u64(command.member);
      break;
  }
  return writer.take();
}

/** Throws `DecodeError`. */
export function decodeStreamCommand(bytes: Uint8Array): StreamCommand {
  const reader = new ByteReader(bytes);
  const kind = reader.u8();
  const origin = readOrigin(reader);
  const command = decodeBody(kind, origin, reader);
  reader.end();
  return command;
}

function decodeBody(kind: number, origin: Origin, reader: ByteReader): StreamCommand {
  switch (kind) {
    case KIND["open-producer"]:
      return { kind: "open-producer", origin, producer: reader.text(STREAM_NAME_BYTES_LIMIT) };
    case KIND["open-subscription"]: {
      const member = reader.u64() as MemberId;
      return { kind: "open-subscription", origin, member, subscription: reader.text(NAME_CHARACTERS_LIMIT) };
    }
    case KIND["move-offsets"]: {
      const moves: OffsetMove[] = [];
      for (let left = reader.u32(); left > 0; left--) {
        moves.push({
          member: reader.u64() as MemberId,
          subscription: reader.text(NAME_CHARACTERS_LIMIT),
          epoch: reader.u32(),
          offset: reader.u64() as Offset,
        });
      }
      return { kind: "move-offsets", origin, moves };
    }
    case KIND["close"]:
      return { kind: "close", origin };
    case KIND["remove-member"]:
      return { kind: "remove-member", origin, member: reader.u64() as MemberId };
    case KIND["take-over"]:
      return { kind: "take-over", origin, member: reader.u64() as MemberId };
    default:
      throw new DecodeError(`Stream command ${kind} is unknown to this version`);
  }
}
