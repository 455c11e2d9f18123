/** The messages of consensus in a frame as it arrived: what was said, whoever meant to say it. */
import { DecodeError } from "../../src/core/errors.ts";
import { decodeRaftFrame } from "../../src/raft/mod.ts";
import { Flag, Frame, frameEnd, FrameType, LINK_FRAME_LIMIT_BYTES } from "../../src/wire/mod.ts";
import { SafetyViolation } from "./verdict.ts";

export type RaftFrame = ReturnType<typeof decodeRaftFrame>;

const frame = new Frame();

/** All of them before a damaged one, in order; other frames and parts of frames hold none. */
export function raftMessages(bytes: Uint8Array): RaftFrame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: RaftFrame[] = [];
  for (let at = 0, end = 0; at < bytes.length; at = end) {
    end = endOf(bytes, view, at);
    if (end < 0) break;
    if (frame.type !== FrameType.Raft || (frame.flags & Flag.Chunked) !== 0) continue;
    messages.push(decoded(frame.payload));
  }
  return messages;
}

/** Reads the frame at `at` and returns where it ends; less than 0 where it is damaged. */
function endOf(bytes: Uint8Array, view: DataView, at: number): number {
  try {
    const end = frameEnd(view, at, bytes.length, LINK_FRAME_LIMIT_BYTES);
    if (end >= 0) frame.read(bytes, view, at, end);
    return end;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return -1;
  }
}

/** What arrives as it was sent can be read: nobody but a node wrote it. */
function decoded(payload: Uint8Array): RaftFrame {
  try {
    return decodeRaftFrame(payload);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new SafetyViolation("frame-integrity", `a message was sent that nobody takes: ${error.message}`);
  }
}
