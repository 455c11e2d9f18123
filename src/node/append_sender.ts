/**
 * A leader's appends, and answers to whoever pulls, on their way out: their entries' bytes are at hand, or are read from
 * the disk first. What the core repeats before the read has ended waits for the same read. Otherwise each repetition would
 * be one more read in front of what comes next, and a disk that is slower than the heartbeat would never catch up.
 */
import { assert } from "../core/assert.ts";
import type { GroupId, Index, MemberId, Term } from "../core/ids.ts";
import type { Outgoing, RaftMessage } from "../raft/mod.ts";
import type { LoadedEntry, Wal } from "../wal/mod.ts";

type Append = Extract<RaftMessage, { kind: "append" | "pulled" }>;

/** An append that waits for a read. */
interface Loading {
  readonly to: MemberId;
  /** The latest one that what is being read is enough for. */
  append: Append;
  /** The last index that is being read. */
  readonly last: Index;
}

export type SendAppend = (to: MemberId, append: Append, entryBytes: readonly Uint8Array[]) => void;

export class AppendSender {
  readonly #group: GroupId;
  readonly #wal: Pick<Wal, "entry" | "load">;
  readonly #send: SendAppend;
  /** By the number of the read. */
  readonly #loadings = new Map<number, Loading>();

  constructor(group: GroupId, wal: Pick<Wal, "entry" | "load">, send: SendAppend) {
    this.#group = group;
    this.#wal = wal;
    this.#send = send;
  }

  /** Appends that wait for a read. */
  get size(): number {
    return this.#loadings.size;
  }

  has(request: number): boolean {
    return this.#loadings.has(request);
  }

  /** Sends an append once all its entries' bytes are at hand; drops it where the log has moved on. */
  send({ to, message }: Outgoing): void {
    assert("entries" in message && message.entries.length > 0, "the message carries entries");
    const bytes = this.#bytesOf(message, []);
    if (bytes === "gone") return;
    if (bytes !== null) {
      this.#send(to, message, bytes);
      return;
    }
    const last = message.entries[message.entries.length - 1]!.index;
    const waiting = this.#loadingOf(to, message);
    if (waiting === null) {
      const request = this.#wal.load(this.#group, message.entries[0]!.index, last, Infinity);
      this.#loadings.set(request, { to, append: message, last });
    } else if (last <= waiting.last) waiting.append = message;
    // A longer one is dropped: once the shorter is answered, the core goes on with what follows.
  }

  /** A read has ended; null where it failed. The core sends again what is not acknowledged: what is missing is not sent. */
  loaded(request: number, entries: readonly LoadedEntry[] | null): void {
    const loading = this.#loadings.get(request);
    assert(loading !== undefined, "only what was asked for is read");
    this.#loadings.delete(request);
    if (entries === null) return;
    const bytes = this.#bytesOf(loading.append, entries);
    // Missed again after the read: the cache is smaller than one append.
    if (bytes !== "gone" && bytes !== null) this.#send(loading.to, loading.append, bytes);
  }

  #loadingOf(to: MemberId, { kind, term, previousIndex }: Append): Loading | null {
    for (const loading of this.#loadings.values()) {
      const { append } = loading;
      if (loading.to !== to || append.kind !== kind) continue;
      if (append.previousIndex === previousIndex && append.term === term) return loading;
    }
    return null;
  }

  /** Null where a part of them has to be read. */
  #bytesOf({ entries }: Append, loaded: readonly LoadedEntry[]): Uint8Array[] | null | "gone" {
    const bytes: Uint8Array[] = [];
    for (const { index, term } of entries) {
      const found = this.#entryBytes(index, term, loaded);
      if (found === "gone" || found === null) return found;
      bytes.push(found);
    }
    return bytes;
  }

  #entryBytes(index: Index, term: Term, loaded: readonly LoadedEntry[]): Uint8Array | null | "gone" {
    for (const entry of loaded) if (entry.index === index) return entry.term === term ? entry.bytes : "gone";
    const entry = this.#wal.entry(this.#group, index);
    // What is damaged cannot be sent; the core repeats the append, and by then it may be repaired.
    if (entry === null || entry.term !== term || entry.damaged) return "gone";
    return entry.bytes;
  }
}
