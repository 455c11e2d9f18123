/**
 * One end of a simulated connection, with the frames that it has sent. A frame leaves when the frames before it have, at the
 * wire's pace, and arrives after its latency, never before the one ahead of it: connections are ordered, so a lost
 * frame is a long wait for it and for all behind it.
 */
import type { ConnectionId } from "../src/io/mod.ts";
import type { Host } from "./host.ts";

export interface SentFrame {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Not null: no frame but the sender's word that it closed. */
  readonly closeReason: string | null;
  /** When the sender's turn was over. */
  readonly sentUs: number;
  /** Infinity while the wire is cut. */
  departUs: number;
  arriveUs: number;
}

export type EndState = "opening" | "open" | "closing" | "closed";

export class ConnectionEnd {
  readonly id: ConnectionId;
  readonly host: Host;
  readonly incarnation: number;
  peer!: ConnectionEnd;
  state: EndState = "opening";
  /** Frames under way to the peer, the next to arrive at `head`. */
  #frames: SentFrame[] = [];
  #head = 0;
  /** The first frame that may not have left yet. */
  #undeparted = 0;
  #bufferedBytes = 0;
  departFreeUs = 0;
  lastArriveUs = 0;
  /** True while the head waits for a cut wire. */
  isStalled = false;
  /** An arrival event is under way for the head. */
  isScheduled = false;
  /** Somebody on the way forgot this connection: what is sent from here vanishes, and no answer says so. */
  isForgotten = false;
  /** Frames that came to this end. */
  arrivals = 0;
  /** More than the low-water mark was waiting, and `drained` has not been told since. */
  isAboveLowWater = false;

  constructor(id: ConnectionId, host: Host) {
    this.id = id;
    this.host = host;
    this.incarnation = host.incarnation;
  }

  get isLive(): boolean {
    return this.host.isUp && this.host.incarnation === this.incarnation;
  }
  get head(): SentFrame | undefined {
    return this.#frames[this.#head];
  }
  get waiting(): number {
    return this.#frames.length - this.#head;
  }

  push(frame: SentFrame): void {
    this.#frames.push(frame);
    this.#bufferedBytes += frame.bytes.length;
  }

  shift(): SentFrame | undefined {
    const frame = this.#frames[this.#head];
    if (frame === undefined) return undefined;
    if (this.#undeparted === this.#head) {
      this.#bufferedBytes -= frame.bytes.length;
      this.#undeparted += 1;
    }
    this.#head += 1;
    if (this.#head >= 64 && 2 * this.#head >= this.#frames.length) {
      this.#frames.splice(0, this.#head);
      this.#undeparted -= this.#head;
      this.#head = 0;
    }
    return frame;
  }

  /** Bytes that have not left at `nowUs`. */
  buffered(nowUs: number): number {
    const frames = this.#frames;
    while (this.#undeparted < frames.length && frames[this.#undeparted]!.departUs <= nowUs) {
      this.#bufferedBytes -= frames[this.#undeparted]!.bytes.length;
      this.#undeparted += 1;
    }
    return this.#bufferedBytes;
  }

  /** When no more than `bytes` will be waiting to leave; Infinity while the wire is cut. */
  departsBelow(bytes: number, nowUs: number): number {
    let left = this.buffered(nowUs);
    for (let i = this.#undeparted; i < this.#frames.length && left > bytes; i++) {
      left -= this.#frames[i]!.bytes.length;
      if (left <= bytes) return this.#frames[i]!.departUs;
    }
    return nowUs;
  }

  /** Gives every frame that has not arrived new times: the wire is whole again, or slower. */
  replan(nowUs: number, delayUs: number, bytesPerMs: number): void {
    let departUs = Math.max(nowUs, 0);
    let arriveUs = nowUs + delayUs;
    for (let i = this.#head; i < this.#frames.length; i++) {
      const frame = this.#frames[i]!;
      if (frame.departUs > nowUs) {
        departUs += Math.ceil(frame.bytes.length * 1000 / bytesPerMs);
        frame.departUs = departUs;
      }
      arriveUs = Math.max(arriveUs, Math.min(frame.departUs, departUs) + delayUs);
      frame.arriveUs = arriveUs;
    }
    this.departFreeUs = departUs;
    this.lastArriveUs = Math.max(this.lastArriveUs === Infinity ? 0 : this.lastArriveUs, arriveUs);
  }

  /** Frames that had not left are gone with their sender; those on the wire still arrive. */
  dropUndeparted(nowUs: number): SentFrame[] {
    this.buffered(nowUs);
    const dropped = this.#frames.splice(this.#undeparted);
    this.#bufferedBytes = 0;
    this.departFreeUs = nowUs;
    this.lastArriveUs = this.#frames.at(-1)?.arriveUs ?? nowUs;
    return dropped;
  }

  dropAll(): SentFrame[] {
    const dropped = this.#frames.slice(this.#head);
    this.#frames = [];
    this.#head = 0;
    this.#undeparted = 0;
    this.#bufferedBytes = 0;
    this.isStalled = false;
    this.isAboveLowWater = false;
    return dropped;
  }
}
