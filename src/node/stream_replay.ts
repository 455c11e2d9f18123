/**
 * The state of a stream as it was after an earlier entry, made anew for a member whose disk has lost the snapshot at which
 * its log begins. That member may have cut its log further than the others, who keep theirs for its sake: then nobody
 * has the snapshot it needs, and a later one would leave out messages that it has still to deliver.
 */
import { SennitError } from "../core/errors.ts";
import type { Flow } from "../core/flow.ts";
import type { GroupId, Index, Token } from "../core/ids.ts";
import { LOAD_BYTES_LIMIT } from "../core/limits.ts";
import { encodeConfiguration, EntryKind } from "../raft/mod.ts";
import { StreamState } from "../stream/mod.ts";
import type { LoadedEntry, Snapshots, StoredSnapshot, Wal } from "../wal/mod.ts";
import type { NodeCompletion } from "./completions.ts";
import type { StreamHost } from "./stream_host.ts";

/** What this needs of its node. */
export interface StreamReplayHost {
  readonly wal: Pick<Wal, "load">;
  readonly snapshotFiles: Pick<Snapshots, "read">;
  readonly flows: { resume(token: Token, completion: NodeCompletion): boolean };
  run<Result>(
    flow: Flow<Result, NodeCompletion>,
    done: (result: Result) => void,
    failed: (error: unknown) => void,
  ): void;
}

interface Beginning {
  readonly state: StreamState;
  readonly configurationBytes: Uint8Array<ArrayBuffer>;
}

export class StreamReplays {
  readonly #host: StreamReplayHost;
  readonly #loading = new Map<number, Token>();
  readonly #loaded = new Map<Token, readonly LoadedEntry[]>();

  constructor(host: StreamReplayHost) {
    this.#host = host;
  }

  /** `done` gets the state after `index`, or null where the log here does not lead there or cannot be read. */
  replay(stream: StreamHost, index: Index, done: (stored: StoredSnapshot | null) => void): void {
    const { snapshots } = stream.group;
    snapshots.hold();
    const end = (stored: StoredSnapshot | null) => {
      snapshots.release();
      done(stored);
    };
    this.#host.run(this.#replay(stream, index), end, (error) => {
      if (!(error instanceof SennitError)) throw error;
      end(null);
    });
  }

  loaded(request: number, entries: readonly LoadedEntry[]): boolean {
    const token = this.#loading.get(request);
    if (token === undefined) return false;
    this.#loading.delete(request);
    this.#loaded.set(token, entries);
    this.#host.flows.resume(token, { kind: "turned", token });
    return true;
  }

  *#replay(stream: StreamHost, index: Index): Flow<StoredSnapshot | null, NodeCompletion> {
    const { id, generation, raft } = stream.group;
    const base = raft.baseIndex;
    const beginning = yield* this.#beginning(stream, base);
    if (beginning === null || index <= base || index > stream.group.applied) return null;
    const { state } = beginning;
    let { configurationBytes } = beginning;
    let term = raft.termAt(base);
    for (let next = base + 1 as Index; next <= index;) {
      const entries = yield* this.#load(id, next, index);
      if (entries.length === 0) return null;
      for (const entry of entries) {
        if (entry.kind === EntryKind.Command) state.apply(entry.index, entry.bytes);
        else state.skip(entry.index);
        if (entry.kind === EntryKind.Configuration) configurationBytes = entry.bytes.slice();
        term = entry.term;
      }
      next = next + entries.length as Index;
    }
    if (term === null) return null;
    return { group: id, generation, index, term, configurationBytes, state: state.encode() };
  }

  /** What the log at hand begins with; null where it cannot be read. */
  *#beginning({ group, record }: StreamHost, base: Index): Flow<Beginning | null, NodeCompletion> {
    if (base === 0) {
      const state = StreamState.create(record.targets, record.subscriptions);
      return { state, configurationBytes: encodeConfiguration(record.initial) };
    }
    const read = this.#host.snapshotFiles.read(group.id, group.generation, base);
    const stored = yield* read as Flow<StoredSnapshot | null, NodeCompletion>;
    if (stored === null) return null;
    const configurationBytes = stored.configurationBytes.slice();
    return { state: StreamState.decode(stored.state, base), configurationBytes };
  }

  /** Some entries from `first` on; none where they cannot be read. */
  *#load(group: GroupId, first: Index, last: Index): Flow<readonly LoadedEntry[], NodeCompletion> {
    const at: { token: Token } = { token: 0 as Token };
    yield (token) => {
      at.token = token;
      this.#loading.set(this.#host.wal.load(group, first, last, LOAD_BYTES_LIMIT), token);
    };
    const entries = this.#loaded.get(at.token)!;
    this.#loaded.delete(at.token);
    return entries;
  }
}
