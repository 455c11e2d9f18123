/**
 * What a leader knows of one peer, and how it sends to it:
 *
 *   probe      one append at a time, until it is known where the logs agree
 *   replicate  a window of appends in flight, sent before the earlier ones are answered
 *   snapshot   nothing but a snapshot, since what the peer needs is no longer in the log
 *
 * `match < next` always. `match` is what the peer said is durable there and never falls; `next` is a guess.
 */
import { assert } from "../core/assert.ts";
import type { Index } from "../core/ids.ts";

export type ProgressState = "probe" | "replicate" | "snapshot";

export class Progress {
  state: ProgressState = "probe";
  match = 0 as Index;
  next: Index;
  /** In `probe`: an append is out and not answered. */
  probeSent = false;
  /** In `replicate`: appends or their replies seem lost; ask where the peer stands. */
  probeWanted = false;
  /** When the peer last answered in this term. */
  contactMs: number;
  /** The highest commit index told. */
  toldCommit = 0 as Index;
  /** The highest round of heartbeats answered. */
  answeredRound = 0;
  /** In `snapshot`: which, and when to try again. */
  snapshotIndex = 0 as Index;
  snapshotDeadlineMs = Infinity;
  /** `match` at the last reply to a heartbeat: no move between two of them is a sign of loss. */
  matchAtHeartbeat = 0 as Index;

  /** Appends in flight, oldest first from `#head`: the last index of each, and its payload bytes. */
  #lastIndexes: Index[] = [];
  #sizes: number[] = [];
  #head = 0;
  #inflightBytes = 0;

  constructor(next: Index, nowMs: number) {
    assert(next > 0, "the first entry is 1");
    this.next = next;
    this.contactMs = nowMs;
  }

  get inflightMessages(): number {
    return this.#lastIndexes.length - this.#head;
  }
  get inflightBytes(): number {
    return this.#inflightBytes;
  }

  hasRoom(messagesLimit: number, bytesLimit: number): boolean {
    return this.inflightMessages < messagesLimit && (this.#inflightBytes < bytesLimit);
  }

  /** An append with entries up to `lastIndex` was sent in `replicate`. */
  sent(lastIndex: Index, bytes: number): void {
    assert(this.state === "replicate", "a window exists only while replicating");
    assert(lastIndex >= this.next, "what is sent moves on");
    this.#lastIndexes.push(lastIndex);
    this.#sizes.push(bytes);
    this.#inflightBytes += bytes;
    this.next = lastIndex + 1 as Index;
  }

  /** The peer has everything up to `index`. True where that is news. */
  matched(index: Index): boolean {
    const news = index > this.match;
    if (news) this.match = index;
    if (this.next <= index) this.next = index + 1 as Index;
    while (this.#head < this.#lastIndexes.length && this.#lastIndexes[this.#head]! <= index) {
      this.#inflightBytes -= this.#sizes[this.#head]!;
      this.#head++;
    }
    if (this.#head === this.#lastIndexes.length) this.#forgetInflight();
    else if (this.#head >= 64) this.#shiftInflight();
    assert(this.match < this.next, "what matched is not sent again");
    return news;
  }

  becomeProbe(next: Index): void {
    assert(next > this.match, "what matched is not probed");
    this.#enter("probe");
    this.next = next;
  }

  becomeReplicate(): void {
    this.#enter("replicate");
    this.next = this.match + 1 as Index;
  }

  becomeSnapshot(index: Index, deadlineMs: number): void {
    assert(index > this.match, "a snapshot brings something new");
    this.#enter("snapshot");
    this.snapshotIndex = index;
    this.snapshotDeadlineMs = deadlineMs;
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.probeSent = false;
    this.probeWanted = false;
    this.snapshotIndex = 0 as Index;
    this.snapshotDeadlineMs = Infinity;
    this.#forgetInflight();
  }

  #forgetInflight(): void {
    this.#lastIndexes.length = 0;
    this.#sizes.length = 0;
    this.#head = 0;
    this.#inflightBytes = 0;
  }

  #shiftInflight(): void {
    this.#lastIndexes.splice(0, this.#head);
    this.#sizes.splice(0, this.#head);
    this.#head = 0;
    assert(this.#lastIndexes.length === this.#sizes.length, "the two columns of the window are one");
  }
}
