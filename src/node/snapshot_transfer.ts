/**
 * How a snapshot's bytes get from a leader to a member, or from any member to an observer: in chunks that each fit one
 * frame of a link, a window of them under way. A transfer that broke off continues where the receiver stands, also under
 * another leader that has the same snapshot; what the receiver holds is forgotten only with its process, or for another
 * snapshot.
 *
 *   leader      empty chunk: where do you stand? ──>
 *               <── next offset                                  receiver
 *               chunk, chunk, chunk ... ──>      <── next offset, each time
 *
 * Only an answer to the question takes the sender back; any other moves it forward or is late.
 */
import { assert } from "../core/assert.ts";
import { crc32c } from "../core/crc32c.ts";
import type { Index, MemberId, Term } from "../core/ids.ts";
import { SNAPSHOT_WINDOW_CHUNKS } from "../core/limits.ts";
import type { SnapshotChunk, SnapshotChunkReply, SnapshotMeta } from "../raft/mod.ts";

/** A snapshot whose bytes are at hand. */
interface Source {
  readonly index: Index;
  readonly term: Term;
  readonly state: Uint8Array;
  readonly crc: number;
}

/** One receiver's transfer. */
interface Sending {
  readonly source: Source;
  readonly snapshot: SnapshotMeta;
  readonly term: Term;
  readonly kind: SnapshotChunk["kind"];
  acknowledged: number;
  sent: number;
  /** The question was asked and is not answered. */
  asking: boolean;
}

export type SendChunk = (to: MemberId, chunk: SnapshotChunk, bytes: Uint8Array) => void;

/** "done": the receiver has everything. "moved": it has more than before. "late": it says nothing new. */
export type Answered = "done" | "moved" | "late";

const NOTHING = new Uint8Array(0);

export class SnapshotSender {
  readonly #chunkBytes: number;
  readonly #send: SendChunk;
  readonly #sendings = new Map<MemberId, Sending>();

  constructor(chunkBytes: number, send: SendChunk) {
    this.#chunkBytes = chunkBytes;
    this.#send = send;
  }

  /** Transfers under way. */
  get size(): number {
    return this.#sendings.size;
  }

  /** The bytes of a snapshot that is being sent to anybody; null where it has to be read. */
  stateOf(index: Index, term: Term): Uint8Array | null {
    return this.#sourceOf(index, term)?.state ?? null;
  }

  /** Starts a transfer, or goes on with it where it had begun. */
  begin(
    to: MemberId,
    term: Term,
    snapshot: SnapshotMeta,
    state: Uint8Array,
    kind: SnapshotChunk["kind"] = "snapshot-chunk",
  ): void {
    const source = this.#sourceOf(snapshot.index, snapshot.term) ??
      { index: snapshot.index, term: snapshot.term, state, crc: crc32c(state) };
    const sending = { source, snapshot, term, kind, acknowledged: 0, sent: 0, asking: true };
    this.#sendings.set(to, sending);
    this.#sendChunk(to, sending, 0, 0);
  }

  answered(from: MemberId, reply: SnapshotChunkReply): Answered {
    const sending = this.#sendings.get(from);
    if (
      sending === undefined || reply.index !== sending.source.index || reply.stateCrc !== sending.source.crc
    ) {
      return "late";
    }
    const { length } = sending.source.state;
    if (reply.nextOffset > length) return "late";
    if (!sending.asking && reply.nextOffset <= sending.acknowledged) return "late";
    sending.acknowledged = reply.nextOffset;
    if (sending.asking || sending.sent < sending.acknowledged) sending.sent = sending.acknowledged;
    sending.asking = false;
    if (reply.nextOffset === length) {
      this.#sendings.delete(from);
      return "done";
    }
    this.#fill(from, sending);
    return "moved";
  }

  /** Who led leads no longer. */
  clear(): void {
    this.#sendings.clear();
  }

  #fill(to: MemberId, sending: Sending): void {
    const { length } = sending.source.state;
    const limit = sending.acknowledged + SNAPSHOT_WINDOW_CHUNKS * this.#chunkBytes;
    while (sending.sent < length && sending.sent + this.#chunkBytes <= limit) {
      const end = Math.min(length, sending.sent + this.#chunkBytes);
      this.#sendChunk(to, sending, sending.sent, end);
      sending.sent = end;
    }
    assert(sending.sent > sending.acknowledged, "a transfer that is not done has something under way");
  }

  #sendChunk(to: MemberId, { source, snapshot, term, kind }: Sending, offset: number, end: number): void {
    const stateBytes = source.state.length;
    const chunk = {
      kind,
      term,
      snapshot,
      stateBytes,
      stateCrc: source.crc,
      offset,
    } as const;
    this.#send(to, chunk, offset === end ? NOTHING : source.state.subarray(offset, end));
  }

  #sourceOf(index: Index, term: Term): Source | null {
    for (const { source } of this.#sendings.values()) {
      if (source.index === index && source.term === term) return source;
    }
    return null;
  }
}

/**
 * Reads of snapshots that are to be sent. Who asks again before the read has ended waits for the same one, and once: whoever pulls
 * repeats its question, and a disk that hangs would have each of them wait for ever.
 */
export class SnapshotReads {
  readonly #read: (index: Index, done: (state: Uint8Array | null) => void) => void;
  /** By what is being read: what each who asked wants done with it. */
  readonly #waiting = new Map<Index, Map<string, (state: Uint8Array | null) => void>>();

  constructor(read: (index: Index, done: (state: Uint8Array | null) => void) => void) {
    this.#read = read;
  }

  /** `who`: of what it asked before only the last is done. */
  ask(index: Index, who: string, done: (state: Uint8Array | null) => void): void {
    const waiting = this.#waiting.get(index);
    if (waiting !== undefined) {
      waiting.set(who, done);
      return;
    }
    const first = new Map([[who, done]]);
    this.#waiting.set(index, first);
    this.#read(index, (state) => {
      this.#waiting.delete(index);
      for (const each of first.values()) each(state);
    });
  }
}

/** What of a snapshot has come so far. */
interface Partial {
  readonly index: Index;
  readonly term: Term;
  readonly stateBytes: number;
  readonly stateCrc: number;
  bytes: Uint8Array<ArrayBuffer>;
  received: number;
}

export interface Received {
  /** Where the next chunk is to begin. */
  readonly nextOffset: number;
  /** All of it, where this chunk was the last. */
  readonly state: Uint8Array<ArrayBuffer> | null;
  /** This is the question of a sender, and something of the snapshot is here. */
  readonly resumed: boolean;
}

export class SnapshotReceiver {
  #partial: Partial | null = null;

  take(chunk: SnapshotChunk, bytes: Uint8Array): Received {
    const partial = this.#partialOf(chunk);
    const fits = chunk.offset === partial.received && partial.received + bytes.length <= partial.stateBytes;
    if (fits) append(partial, bytes);
    const resumed = bytes.length === 0 && partial.received > 0;
    if (partial.received < partial.stateBytes) return { nextOffset: partial.received, state: null, resumed };
    this.#partial = null;
    // What is not what the leader has read is fetched once more.
    const state = partial.bytes.slice(0, partial.stateBytes);
    if (crc32c(state) !== partial.stateCrc) return { nextOffset: 0, state: null, resumed: false };
    return { nextOffset: partial.stateBytes, state, resumed };
  }

  /** What has come is of no use any more. */
  clear(): void {
    this.#partial = null;
  }

  #partialOf({ snapshot: { index, term }, stateBytes, stateCrc }: SnapshotChunk): Partial {
    const partial = this.#partial;
    const isSame = partial !== null && partial.index === index && partial.term === term &&
      partial.stateBytes === stateBytes && partial.stateCrc === stateCrc;
    if (isSame) return partial;
    this.#partial = { index, term, stateBytes, stateCrc, bytes: new Uint8Array(0), received: 0 };
    return this.#partial;
  }
}

/** Room grows with what comes, not with what is announced. */
function append(partial: Partial, bytes: Uint8Array): void {
  const needed = partial.received + bytes.length;
  if (needed > partial.bytes.length) {
    const grown = new Uint8Array(Math.min(partial.stateBytes, Math.max(needed, 2 * partial.bytes.length)));
    grown.set(partial.bytes.subarray(0, partial.received));
    partial.bytes = grown;
  }
  partial.bytes.set(bytes, partial.received);
  partial.received = needed;
}
