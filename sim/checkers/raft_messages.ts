/** The messages of consensus in a frame as it arrived: what was said, whoever meant to say it. */
import { decodeRaftFrame } from "../../src/raft/mod.ts";
import { Flag, FrameDecoder, FrameType } from "../../src/wire/mod.ts";

export type RaftFrame = ReturnType<typeof decodeRaftFrame>;

/** All of them, in order; other frames and parts of frames hold none. */
export function raftMessages(bytes: Uint8Array): RaftFrame[] {
  const decoder = new FrameDecoder();
  decoder.push(bytes);
  const messages: RaftFrame[] = [];
  for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
    if (frame.type !== FrameType.Raft || (frame.flags & Flag.Chunked) !== 0) continue;
    messages.push(decodeRaftFrame(frame.payload));
  }
  return messages;
}
