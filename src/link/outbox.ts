/**
 * What waits to be sent to one peer: already encoded frames, per traffic class, in segments of at most one link frame's
 * limit. It outlives connections, so that the choice between two of them loses nothing that had not left.
 *
 * Classes leave in strict order, but a class that waits is served once after every `starvationBytes` of higher ones.
 */
import { assert } from "../core/assert.ts";
import { ByteWriter, EMPTY_BYTES } from "../core/bytes.ts";
import {
  CHUNK_PAYLOAD_BYTES,
  chunkCount,
  encodeChunk,
  type FrameEncoder,
  type Header,
  LINK_FRAME_LIMIT_BYTES,
} from "../wire/mod.ts";
import { TRAFFIC_CLASSES, type TrafficClass } from "./traffic_class.ts";

/** What many outboxes hold together. */
export class QueueTotal {
  bytes = 0;
}

interface Segment {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly frames: number;
}

const SENT: Segment = { bytes: EMPTY_BYTES, frames: 0 };

class ClassQueue {
  /** Full segments, oldest first, from `first` on. */
  sealed: Segment[] = [];
  first = 0;
  /** Frames of the segment being filled. */
  openFrames = 0;
  /** The segment being filled; after all sealed ones. */
  readonly open = new ByteWriter(1024);
  bytes = 0;
  /** Bytes of higher classes that left while this one waited. */
  passedOver = 0;

  /** The length of the oldest segment; 0 where nothing waits. */
  headBytes(): number {
    return this.first < this.sealed.length ? this.sealed[this.first]!.bytes.length : this.open.length;
  }

  seal(): void {
    if (this.open.length === 0) return;
    this.sealed.push({ bytes: this.open.take(), frames: this.openFrames });
    this.open.reset();
    this.openFrames = 0;
  }

  /** Appends the oldest segment to `out`; returns how many frames it holds. */
  moveHead(out: ByteWriter): number {
    this.bytes -= this.headBytes();
    if (this.first < this.sealed.length) {
      const segment = this.sealed[this.first]!;
      out.raw(segment.bytes);
      this.#dropFirst();
      return segment.frames;
    }
    const frames = this.openFrames;
    out.raw(this.open.view());
    this.open.reset();
    this.openFrames = 0;
    return frames;
  }

  clear(): void {
    this.sealed = [];
    this.first = 0;
    this.open.reset();
    this.openFrames = 0;
    this.bytes = 0;
    this.passedOver = 0;
  }

  #dropFirst(): void {
    this.sealed[this.first] = SENT;
    this.first++;
    // Shifting an array costs its length: do it once per many segments.
    if (this.first === this.sealed.length) {
      this.sealed = [];
      this.first = 0;
    } else if (this.first >= 64) {
      this.sealed = this.sealed.slice(this.first);
      this.first = 0;
    }
  }
}

export class Outbox {
  readonly #queues: readonly ClassQueue[];
  readonly #encoder: FrameEncoder;
  readonly #total: QueueTotal;
  readonly #queueLimitBytes: readonly number[];
  readonly #totalLimitBytes: number;
  readonly #starvationBytes: number;
  #bytes = 0;
  #framesOut = 0;

  constructor(
    encoder: FrameEncoder,
    total: QueueTotal,
    limits: {
      readonly queueBytes: readonly number[];
      readonly totalQueueBytes: number;
      readonly starvationBytes: number;
    },
  ) {
    this.#encoder = encoder;
    this.#total = total;
    this.#queueLimitBytes = limits.queueBytes;
    this.#totalLimitBytes = limits.totalQueueBytes;
    this.#starvationBytes = limits.starvationBytes;
    const queues: ClassQueue[] = [];
    for (let i = 0; i < TRAFFIC_CLASSES; i++) queues.push(new ClassQueue());
    this.#queues = queues;
  }

  get bytes(): number {
    return this.#bytes;
  }
  /** Frames that have left by `fill`. */
  get framesOut(): number {
    return this.#framesOut;
  }
  classBytes(trafficClass: TrafficClass): number {
    return this.#queues[trafficClass]!.bytes;
  }

  /** Encodes a message into its class's queue; false where a limit would be passed. */
  put(trafficClass: TrafficClass, header: Header, payload: Uint8Array): boolean {
    const queue = this.#queues[trafficClass]!;
    // An empty queue takes any message: one that alone exceeds the limit could otherwise never leave.
    if (queue.bytes > 0 && queue.bytes + payload.length > this.#queueLimitBytes[trafficClass]!) return false;
    if (this.#total.bytes > 0 && this.#total.bytes + payload.length > this.#totalLimitBytes) return false;
    if (payload.length <= CHUNK_PAYLOAD_BYTES) this.#putWhole(queue, header, payload);
    else this.#putChunks(queue, header, payload);
    return true;
  }

  /** Moves segments to `out` while they fit into `budgetBytes`; true where something is left. */
  fill(out: ByteWriter, budgetBytes: number): boolean {
    let left = budgetBytes;
    while (this.#bytes > 0) {
      const queue = this.#next();
      if (queue.headBytes() > left) return true;
      const moved = queue.headBytes();
      this.#framesOut += queue.moveHead(out);
      left -= moved;
      this.#count(-moved);
      this.#serve(queue, moved);
    }
    return false;
  }

  clear(): void {
    for (const queue of this.#queues) queue.clear();
    this.#count(-this.#bytes);
  }

  #putWhole(queue: ClassQueue, header: Header, payload: Uint8Array): void {
    const { open } = queue;
    const before = open.length;
    this.#encoder.encode(open, header, payload);
    queue.openFrames++;
    const added = open.length - before;
    if (open.length > LINK_FRAME_LIMIT_BYTES) {
      // Too long: what was there is a segment of its own, the new frame begins the next one.
      const all = open.take();
      queue.sealed.push({ bytes: all.subarray(0, before), frames: queue.openFrames - 1 });
      open.reset();
      open.raw(all.subarray(before));
      queue.openFrames = 1;
    }
    queue.bytes += added;
    this.#count(added);
  }

  #putChunks(queue: ClassQueue, header: Header, payload: Uint8Array): void {
    queue.seal();
    const total = chunkCount(payload.length);
    for (let position = 0; position < total; position++) {
      encodeChunk(this.#encoder, queue.open, header, payload, position);
      queue.openFrames++;
      queue.bytes += queue.open.length;
      this.#count(queue.open.length);
      queue.seal();
    }
  }

  /** The queue whose turn it is: the first that waits, unless a lower one has been passed over for long. */
  #next(): ClassQueue {
    let first: ClassQueue | null = null;
    for (const queue of this.#queues) {
      if (queue.bytes === 0) continue;
      if (first === null) first = queue;
      else if (queue.passedOver >= this.#starvationBytes) return queue;
    }
    assert(first !== null, "a queue that is not empty has a class that waits");
    return first;
  }

  #serve(served: ClassQueue, bytes: number): void {
    let lower = false;
    served.passedOver = 0;
    for (const queue of this.#queues) {
      if (queue === served) lower = true;
      else if (lower && queue.bytes > 0) queue.passedOver += bytes;
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#total.bytes += bytes;
  }
}
