/** The messages of consensus in a frame as it arrived: what was said, whoever meant to say it. */
import { decodeRaftFrame } from "../../src/raft/mod.ts";
import { Flag, Frame, frameEnd, FrameType, LINK_FRAME_LIMIT_BYTES } from "../../src/wire/mod.ts";

export type RaftFrame = ReturnType<typeof decodeRaftFrame>;

const frame = new Frame();

/** All of them, in order; other frames and parts of frames hold none. */
export function raftMessages(bytes: Uint8Array): RaftFrame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: RaftFrame[] = [];
  for (let at = 0, end = 0; at < bytes.length; at = end) {
    end = frameEnd(view, at, bytes.length, LINK_FRAME_LIMIT_BYTES);
    if (end < 0) break;
    frame.read(bytes, view, at, end);
    if (frame.type !== FrameType.Raft || (frame.flags & Flag.Chunked) !== 0) continue;
    messages.push(decodeRaftFrame(frame.payload));
  }
  return messages;
}
