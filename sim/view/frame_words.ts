/** Frames in words: what a node said to another, for a line beside an arrow. */
import { toHex } from "../../src/core/bytes.ts";
import { DecodeError } from "../../src/core/errors.ts";
import { decodeNodeMessage } from "../../src/node/node_messages.ts";
import { decodeRaftFrame } from "../../src/raft/mod.ts";
import { Flag, type Frame, FrameDecoder, FrameType } from "../../src/wire/mod.ts";

export interface FrameWords {
  readonly kind: string;
  /** -1 where it concerns none. */
  readonly group: number;
  readonly text: string;
  readonly bytes: number;
}

const NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(FrameType).map(([name, type]) => [type, name.toLowerCase()]),
);
const SHOWN_BYTES = 12;

/** All frames that lie whole in what was sent at once. */
export function framesIn(bytes: Uint8Array): FrameWords[] {
  const words: FrameWords[] = [];
  try {
    const decoder = new FrameDecoder();
    decoder.push(bytes);
    for (let frame = decoder.next(); frame !== null; frame = decoder.next()) words.push(wordsOf(frame));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    words.push({ kind: "nonsense", group: -1, text: error.message, bytes: bytes.length });
  }
  return words;
}

function wordsOf(frame: Frame): FrameWords {
  const bytes = frame.payload.length;
  const isWhole = (frame.flags & Flag.Chunked) === 0;
  if (frame.type === FrameType.Raft && isWhole) return { ...raftWords(frame.payload), bytes };
  if (frame.type === FrameType.Node && isWhole) {
    const { kind, ...rest } = decodeNodeMessage(frame.payload);
    const { group } = rest as { group?: number };
    return { kind, group: group ?? -1, text: fieldsOf({ ...rest, group: undefined }), bytes };
  }
  const kind = NAMES[frame.type] ?? `type ${frame.type}`;
  return { kind, group: -1, text: isWhole ? "" : "a part of a message", bytes };
}

function raftWords(payload: Uint8Array): Omit<FrameWords, "bytes"> {
  const { envelope, message, entryBytes } = decodeRaftFrame(payload);
  const { kind, ...rest } = message;
  const fields: Record<string, unknown> = { ...rest };
  if ("entries" in message) {
    const { entries } = message;
    fields["entries"] = entries.length === 0
      ? "none"
      : `${entries[0]!.index}..${entries.at(-1)!.index} (${
        entryBytes.reduce((sum, each) => sum + each.length, 0)
      } bytes)`;
  }
  if ("snapshot" in message) fields["snapshot"] = `${message.snapshot.index}/${message.snapshot.term}`;
  return {
    kind,
    group: envelope.group,
    text: `${fieldsOf(fields)} (member ${envelope.from} to ${envelope.to})`,
  };
}

function fieldsOf(fields: Readonly<Record<string, unknown>>): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    parts.push(`${name} ${value instanceof Uint8Array ? bytesInWords(value) : String(value)}`);
  }
  return parts.join(", ");
}

function bytesInWords(bytes: Uint8Array): string {
  const shown = toHex(bytes.subarray(0, SHOWN_BYTES));
  return bytes.length <= SHOWN_BYTES ? shown : `${shown}… (${bytes.length} bytes)`;
}
