/**
 * One open WebSocket as a connection of the network port. Frames are binary messages. Sending allocates nothing
 * beyond what the library does: the callback that tells of an emptied buffer is one per connection, and is handed
 * over only while more than the low-water mark is waiting.
 */
import type { Buffer } from "node:buffer";
import type { WebSocket } from "./web_socket.ts";
import type { ConnectionId, NetworkEvent } from "../io/mod.ts";

/** The largest frame that is sent or taken. Link frames are far smaller (DESIGN section 5). */
export const MAX_FRAME_BYTES = 1024 * 1024;
/** `drained` tells that no more than this waits. */
export const LOW_WATER_BYTES = 64 * 1024;
/** A close that the other end does not answer, or whose frames do not leave, ends after this long. */
export const CLOSE_TIMEOUT_MS = 2_000;
/** RFC 6455 section 5.5: a control frame has at most 125 bytes, two of which are the code. */
const MAX_REASON_BYTES = 123;

const NORMAL_CLOSURE = 1000;
const NO_STATUS = 1005;
const WITHOUT_CALLBACK = { binary: true } as const;

export class WssConnection {
  readonly id: ConnectionId;
  readonly incarnation: number;
  readonly #socket: WebSocket;
  readonly #deliver: (event: NetworkEvent) => void;
  /** More than the low-water mark was waiting at the last send, and `drained` has not been told since. */
  #isAbove = false;
  #closing = false;
  #closed = false;
  #reason = "";
  #closeTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    id: ConnectionId,
    incarnation: number,
    socket: WebSocket,
    deliver: (event: NetworkEvent) => void,
  ) {
    this.id = id;
    this.incarnation = incarnation;
    this.#socket = socket;
    this.#deliver = deliver;
    socket.on("message", (data, isBinary) => this.#onMessage(data, isBinary));
    socket.on("error", (error) => this.#reason ||= error.message);
    socket.on("close", (code, reason) => this.#onClose(code, reason));
  }

  send(frame: Uint8Array<ArrayBuffer>): void {
    if (frame.length > MAX_FRAME_BYTES) {
      throw new RangeError(`A frame has at most ${MAX_FRAME_BYTES} bytes, not ${frame.length}`);
    }
    if (this.#closing || this.#closed) return;
    if (this.#isAbove || this.#socket.bufferedAmount + frame.length > LOW_WATER_BYTES) {
      this.#isAbove = true;
      this.#socket.send(frame, WITHOUT_CALLBACK, this.#onSent);
    } else {
      this.#socket.send(frame, WITHOUT_CALLBACK);
    }
  }

  buffered(): number {
    return this.#closed ? 0 : this.#socket.bufferedAmount;
  }

  close(reason: string): void {
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    this.#reason = reason;
    this.#socket.close(NORMAL_CLOSURE, truncateText(reason, MAX_REASON_BYTES));
    this.#closeTimer = setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS);
  }

  /** Ends at once, without a word to the other end. */
  terminate(reason: string): void {
    this.#reason ||= reason;
    this.#socket.terminate();
  }

  readonly #onSent = (): void => {
    if (!this.#isAbove || this.#closed || this.#socket.bufferedAmount > LOW_WATER_BYTES) return;
    this.#isAbove = false;
    this.#deliver({ kind: "drained", connection: this.id });
  };

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#closing || this.#closed) return;
    if (!isBinary) {
      this.#reason ||= "a text message is not a frame";
      this.#socket.close(1003, "frames are binary messages"); // RFC 6455 section 7.4.1: unsupported data.
      this.#closeTimer ??= setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS);
      return;
    }
    // A Buffer's slice() is a view where Uint8Array's is a copy: node code is given what the types say.
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    this.#deliver({ kind: "frame", connection: this.id, bytes });
  }

  #onClose(code: number, reason: Buffer): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer);
    const said = reason.length > 0 ? reason.toString("utf8") : describeCode(code);
    this.#deliver({ kind: "closed", connection: this.id, reason: this.#reason || said });
  }
}

/** RFC 6455 section 7.4.1. */
function describeCode(code: number): string {
  if (code === NORMAL_CLOSURE || code === NO_STATUS) return "closed by the other end";
  if (code === 1006) return "the connection was lost";
  return `closed by the other end with code ${code}`;
}

/** Cuts UTF-8 to so many bytes without splitting a character. */
function truncateText(text: string, limitBytes: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= limitBytes) return text;
  return new TextDecoder().decode(bytes.subarray(0, limitBytes)).replace(/\uFFFD+$/, "");
}
