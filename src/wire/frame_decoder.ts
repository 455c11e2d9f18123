/**
 * Frames out of a stream of bytes that may be cut anywhere. What is complete in the pushed bytes is read in place;
 * only the part of a frame at the end is kept and copied, never more than one frame's limit.
 */
import { Frame, frameEnd } from "./frame.ts";
import { FrameError } from "./frame_error.ts";
import { HARD_MAX_FRAME_BYTES, MAX_FRAME_BYTES } from "./limits.ts";

const EMPTY = new Uint8Array(0);
const MIN_STORE_BYTES = 4096;

export class FrameDecoder {
  readonly #frame = new Frame();
  readonly #limitBytes: number;
  #bytes: Uint8Array = EMPTY;
  /** Our own buffer for what is incomplete. */
  #store: Uint8Array = EMPTY;
  #view: DataView = new DataView(EMPTY.buffer);
  #at = 0;
  #end = 0;
  /** Set once the stream made no sense: nothing after it does. */
  #failure: FrameError | null = null;

  constructor(limitBytes: number = MAX_FRAME_BYTES) {
    this.#limitBytes = Math.min(limitBytes, HARD_MAX_FRAME_BYTES);
  }

  /** Bytes that wait for the rest of their frame, or for `next`. */
  get pendingBytes(): number {
    return this.#end - this.#at;
  }

  /** Lends `bytes` until `next` returns null; frames handed out before point into them as long as they are lent. */
  push(bytes: Uint8Array): void {
    if (this.#failure !== null) return;
    const pending = this.pendingBytes;
    if (pending === 0) this.#use(bytes, 0, bytes.length);
    else this.#keep(bytes);
  }

  /** The next complete frame, valid until the next call, or null: more bytes are needed. Throws `DecodeError`. */
  next(): Frame | null {
    if (this.#failure !== null) throw this.#failure;
    try {
      const end = frameEnd(this.#view, this.#at, this.#end, this.#limitBytes);
      if (end < 0) {
        if (this.pendingBytes > 0) this.#keep(EMPTY);
        return null;
      }
      this.#frame.read(this.#bytes, this.#view, this.#at, end);
      this.#at = end;
      return this.#frame;
    } catch (error) {
      if (error instanceof FrameError) this.#failure = error;
      this.#store = EMPTY;
      this.#use(EMPTY, 0, 0);
      throw error;
    }
  }

  /** Says that the stream has ended: a frame that began and did not end is an error. */
  end(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.pendingBytes !== 0) throw new FrameError("INCOMPLETE");
  }

  /** Makes what is pending our own and appends `more`, doubling the store so that small pieces stay cheap. */
  #keep(more: Uint8Array): void {
    const pending = this.pendingBytes;
    if (this.#bytes === this.#store && this.#end + more.length <= this.#store.length) {
      this.#store.set(more, this.#end);
      this.#end += more.length;
      return;
    }
    const grown = new Uint8Array(Math.max(2 * pending, pending + more.length, MIN_STORE_BYTES));
    grown.set(this.#bytes.subarray(this.#at, this.#end));
    grown.set(more, pending);
    this.#store = grown;
    this.#use(grown, 0, pending + more.length);
  }

  #use(bytes: Uint8Array, at: number, end: number): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
    this.#end = end;
  }
}
