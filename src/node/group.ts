/**
 * One consensus group on this node: where the effects of a Raft core become writes, frames and applied entries.
 *
 *     frames, proposals ──> Raft ──ready()──┬─> log batch ──durable──> persisted(token), held messages leave
 *                                           ├─> messages that need not wait
 *                                           └─> committed entries ──> machine.apply
 *
 * The core names entries by (index, term); their bytes are in the write-ahead log's cache or are loaded, and what
 * needs them waits meanwhile. A member that is far behind so costs disk reads, never memory.
 */
import { assert } from "../core/assert.ts";
import { type ErrorCode, SennitError } from "../core/errors.ts";
import type { GroupId, Index, Lsn, MemberId, Term } from "../core/ids.ts";
import { APPLY_ENTRIES_PER_TURN, LOAD_BYTES_LIMIT } from "../core/limits.ts";
import {
  type Configuration,
  decodeConfiguration,
  encodeConfiguration,
  EntryKind,
  type EntryMeta,
  type Outgoing,
  type Raft,
  type RaftPayload,
  type Ready,
  type SnapshotChunk,
  type SnapshotMeta,
} from "../raft/mod.ts";
import type { LoadedEntry, StoredSnapshot, Wal } from "../wal/mod.ts";
import { AppendSender } from "./append_sender.ts";
import { type Arrival, Arrivals } from "./arrivals.ts";
import type { GroupInspection, Observer } from "./inspection.ts";
import type { Machine } from "./machine.ts";
import type { SnapshotKeeper } from "./snapshot_keeper.ts";
import { SnapshotReads, SnapshotReceiver, SnapshotSender } from "./snapshot_transfer.ts";

/** What a group needs of its node. */
export interface GroupHost {
  readonly wal: Wal;
  readonly observer: Observer | null;
  /** The monotonic time of this turn. */
  readonly now: number;
  /** Sends one message of a group; entries' and snapshot's bytes are copied before it returns. */
  sendRaft(
    group: Group,
    to: MemberId,
    message: RaftPayload,
    entryBytes: readonly Uint8Array[],
    tail: Uint8Array,
  ): void;
  /** Role, leader or term of the group changed. */
  groupChanged(group: Group): void;
  /** This node cannot go on. */
  fail(error: unknown): void;
}

interface ArrivedSnapshot {
  readonly index: Index;
  readonly term: Term;
  readonly state: Uint8Array<ArrayBuffer>;
}

/** A received snapshot that is being written aside, and what is to follow once it is. */
interface Installing {
  readonly ready: Ready;
  readonly state: Uint8Array<ArrayBuffer>;
  readonly arrivals: readonly Arrival[];
}

interface HeldMessages {
  readonly token: number;
  readonly lsn: Lsn;
  readonly messages: readonly Outgoing[];
}

const NO_BYTES = new Uint8Array(0);

export class Group {
  readonly id: GroupId;
  readonly generation: number;
  readonly name: string;
  readonly raft: Raft;
  readonly machine: Machine;
  readonly snapshots: SnapshotKeeper;
  readonly #host: GroupHost;
  readonly #memberId: MemberId;
  readonly #arrivals = new Arrivals();
  /** By index: the outbox record whose payload is the proposed entry. */
  readonly #fromOutbox = new Map<Index, { readonly term: Term; readonly outboxId: number }>();
  #held: HeldMessages[] = [];
  #applyTo: Index;
  #appliedConfiguration: Configuration;
  #applyLoad = 0;
  readonly #appends: AppendSender;
  #reads: { readonly context: number; readonly index: Index }[] = [];
  #failedReads: number[] = [];
  #installing: Installing | null = null;
  /** Snapshots that came this turn; which of them the core takes is its own to say. */
  #arrivedSnapshots: ArrivedSnapshot[] = [];
  #installedToken = 0;
  readonly #snapshotSender: SnapshotSender;
  readonly #snapshotReceiver = new SnapshotReceiver();
  readonly #snapshotReads = new SnapshotReads((index, done) => this.snapshots.read(index, done));
  #closed = false;

  constructor(options: {
    readonly id: GroupId;
    readonly generation: number;
    readonly name: string;
    readonly memberId: MemberId;
    readonly raft: Raft;
    readonly machine: Machine;
    readonly appliedConfiguration: Configuration;
    readonly snapshots: SnapshotKeeper;
    readonly snapshotChunkBytes: number;
    readonly host: GroupHost;
  }) {
    this.id = options.id;
    this.generation = options.generation;
    this.name = options.name;
    this.raft = options.raft;
    this.machine = options.machine;
    this.snapshots = options.snapshots;
    this.#memberId = options.memberId;
    this.#host = options.host;
    this.#appliedConfiguration = options.appliedConfiguration;
    this.#applyTo = options.machine.applied;
    this.#appends = new AppendSender(
      this.id,
      this.#host.wal,
      (to, append, entryBytes) => this.#host.sendRaft(this, to, append, entryBytes, NO_BYTES),
    );
    this.#snapshotSender = new SnapshotSender(
      options.snapshotChunkBytes,
      (to, chunk, bytes) => this.#host.sendRaft(this, to, chunk, [], bytes),
    );
  }

  /** Appends that wait for the disk. */
  get appendLoads(): number {
    return this.#appends.size;
  }
  get isLeader(): boolean {
    return this.raft.role === "leader";
  }
  get leader(): MemberId {
    return this.raft.leader;
  }
  /** True where what is applied ends in the leader's term: nothing of an earlier one is left to come. */
  get hasAppliedTerm(): boolean {
    return this.raft.termAt(this.machine.applied) === this.raft.term;
  }
  /** Everything committed as far as this member knows is applied. */
  get applied(): Index {
    return this.machine.applied;
  }

  /** Takes a message from another member. `entryBytes` and `tail` are lent for the turn. */
  step(
    from: MemberId,
    message: RaftPayload,
    entryBytes: readonly Uint8Array[],
    tail: Uint8Array,
    now: number,
  ): void {
    if (this.#closed) return;
    const carriesBytes = "entries" in message || "snapshot" in message;
    // They could not be persisted before the snapshot under way is; the leader sends them again.
    if (carriesBytes && this.#installing !== null) return;
    if ("entries" in message) {
      message.entries.forEach((entry, at) => {
        this.#arrivals.add({ index: entry.index, term: entry.term, bytes: entryBytes[at]! });
      });
    }
    // Snapshots come in chunks, but from and for the first build.
    if (message.kind === "snapshot") {
      const { index, term } = message.snapshot;
      this.#arrivedSnapshots.push({ index, term, state: tail.slice() });
    }
    if (message.kind === "snapshot-chunk" || message.kind === "pulled-chunk") {
      this.#chunkArrived(from, message, tail, now);
    } else if (message.kind === "snapshot-chunk-reply") {
      const answered = this.#snapshotSender.answered(from, message);
      if (answered === "moved") this.raft.snapshotProgress(from, now);
      if (answered === "done") this.raft.snapshotSent(from, true, now);
    } else this.raft.step(from, message, now);
  }

  #chunkArrived(from: MemberId, chunk: SnapshotChunk, bytes: Uint8Array, now: number): void {
    const { term, snapshot, stateBytes, stateCrc } = chunk;
    const isPulled = chunk.kind === "pulled-chunk";
    // Of whom an observer pulls from, also an earlier term's snapshot holds only what is committed.
    if (term < this.raft.term && !isPulled) return;
    const { index } = snapshot;
    const message = { kind: isPulled ? "pulled-snapshot" : "snapshot", term, snapshot } as const;
    let nextOffset = stateBytes;
    // What it covers is here already: the core says so to the leader.
    if (index <= this.raft.commit) this.raft.step(from, message, now);
    else {
      const received = this.#snapshotReceiver.take(chunk, bytes);
      nextOffset = received.nextOffset;
      if (received.resumed) {
        this.#host.observer?.reach("a snapshot goes on where it broke off");
        this.#host.observer?.note(`${this.name}: snapshot ${index} goes on at ${nextOffset}`);
      }
      if (received.state !== null) {
        this.#arrivedSnapshots.push({ index, term: snapshot.term, state: received.state });
        this.raft.step(from, message, now);
      }
    }
    // Who pulls has not entered that term yet, or not durably: it says nothing of it.
    const said = isPulled ? 0 as Term : term;
    const reply = { kind: "snapshot-chunk-reply", term: said, index, stateCrc, nextOffset } as const;
    this.#host.sendRaft(this, from, reply, [], NO_BYTES);
  }

  /** Proposes a command whose bytes are kept until the end of the turn. */
  propose(bytes: Uint8Array, outboxId = 0): ReturnType<Raft["propose"]> {
    // While the disk is full nothing more is gathered for it; whoever proposes comes again.
    if (this.#host.wal.full) return { ok: false, reason: "OVERLOADED", leader: this.leader };
    this.raft.wake(this.#host.now);
    const result = this.raft.propose(EntryKind.Command, bytes.length);
    if (!result.ok) return result;
    if (outboxId === 0) this.#arrivals.add({ index: result.index, term: result.term, bytes });
    else this.#fromOutbox.set(result.index, { term: result.term, outboxId });
    return result;
  }

  /** Does what the core wants done. True where it did something, so that others may have to follow. */
  work(): boolean {
    if (this.#closed) return false;
    let worked = false;
    if (this.#installing === null) {
      const ready = this.raft.ready();
      if (ready !== null) {
        worked = true;
        if (ready.snapshot === null) this.#take(ready);
        else this.#install(ready);
      }
    }
    const { observer } = this.#host;
    if (observer !== null) { for (const mark of this.raft.takeMarks()) observer.reach(mark); }
    this.#arrivals.clear();
    this.#arrivedSnapshots = [];
    this.#fromOutbox.clear();
    if (this.#apply()) worked = true;
    return worked;
  }

  /** Everything in the log up to `lsn` is durable. True where that let something go on. */
  durable(lsn: Lsn): boolean {
    let count = 0;
    while (count < this.#held.length && this.#held[count]!.lsn <= lsn) count++;
    if (this.#closed) return false;
    this.snapshots.durable(lsn);
    if (count === 0) return false;
    const due = this.#held.slice(0, count);
    this.#held = this.#held.slice(count);
    for (const { token, messages } of due) {
      if (this.#installedToken !== 0 && token >= this.#installedToken) this.#restore();
      this.raft.persisted(token);
      for (const outgoing of messages) this.#send(outgoing);
    }
    return true;
  }

  /** A load that this group asked for has come. True where it was this group's. */
  loaded(request: number, entries: readonly LoadedEntry[], failed: ErrorCode | null): boolean {
    const isAppend = this.#appends.has(request);
    if (request !== this.#applyLoad && !isAppend) return false;
    // Not in the log any more: nobody needs it. Damaged: it is fetched from a peer, and what needs it goes on then. Anything
    // else is the disk's, and this member can vouch for its log no longer.
    if (failed !== null && failed !== "NOT_FOUND" && failed !== "DATA_DAMAGED") {
      const text = `The log of ${this.name} cannot be read back from the disk`;
      this.#host.fail(new SennitError(failed, text));
      return true;
    }
    if (!isAppend) {
      this.#applyLoad = 0;
      // A snapshot takes the place of all of it: one that is being installed, or that came in this very turn.
      const isReplaced = this.#installing !== null || this.machine.applied < this.raft.baseIndex;
      if (failed === null && !isReplaced) this.#applyLoaded(entries);
      return true;
    }
    this.#appends.loaded(request, failed === null ? entries : null);
    return true;
  }

  /** True while committed entries wait to be applied and nothing has to be loaded for it. */
  get hasWork(): boolean {
    return !this.#closed && this.#applyLoad === 0 && this.#installing === null &&
      this.machine.applied < this.#applyTo && !this.#nextIsDamaged;
  }

  /** Repair wakes the group once it is whole. */
  get #nextIsDamaged(): boolean {
    return this.#host.wal.entry(this.id, this.machine.applied + 1 as Index)?.damaged ?? false;
  }

  /** Reads that may be answered: their index is applied. */
  takeReads(): number[] {
    const due = this.#reads.filter((read) => read.index <= this.machine.applied);
    if (due.length > 0) this.#reads = this.#reads.filter((read) => read.index > this.machine.applied);
    return due.map((read) => read.context);
  }
  takeFailedReads(): number[] {
    const failed = this.#failedReads;
    this.#failedReads = [];
    return failed;
  }

  /**
   * Takes a later committed state in place of entries that are committed but cannot be read here. False where it is of no use:
   * not committed as far as is known, or overtaken.
   */
  adopt(stored: StoredSnapshot): boolean {
    const { index, term } = stored;
    if (this.#closed || this.#installing !== null) return false;
    if (index <= this.machine.applied || index > this.#applyTo || this.raft.termAt(index) !== term) {
      return false;
    }
    this.machine.restore(stored.state, this.raft.status().firstIndex - 1 as Index);
    this.#appliedConfiguration = decodeConfiguration(stored.configurationBytes);
    this.#applyLoad = 0;
    this.#host.observer?.restored(this.id, this.generation, index, term);
    return true;
  }

  /** No member in reach holds an entry that is damaged here: where nobody has a right to it any more, it is dropped. */
  letGo(index: Index): void {
    if (this.#closed || this.#installing !== null || index > this.machine.compactableThrough()) return;
    if (this.machine.applied > this.raft.status().applied) return; // The core is about to hear of it: this comes again.
    this.snapshots.letGo(index);
    this.#afterApply();
  }

  /** The state as it is, as a member would be given it; null while another takes its place. */
  snapshotNow(): StoredSnapshot | null {
    const { id, generation } = this;
    const index = this.machine.applied;
    const term = this.raft.termAt(index);
    if (this.#closed || this.#installing !== null || term === null) return null;
    const configurationBytes = encodeConfiguration(this.#appliedConfiguration);
    return { group: id, generation, index, term, configurationBytes, state: this.machine.encode() };
  }

  /** Forgets the group; what is under way for it ends in nothing. */
  close(): void {
    this.#closed = true;
  }

  /** Made once, as a group is looked at after every turn. */
  readonly #lookups: Pick<GroupInspection, "votes" | "matches" | "entry" | "stateBytes"> = {
    votes: () => this.raft.votes,
    matches: () => this.raft.peers(),
    entry: (index) => {
      const entry = this.#host.wal.entry(this.id, index);
      return entry === null ? null : { term: entry.term, kind: entry.kind, crc: entry.crc };
    },
    stateBytes: () => this.machine.canonicalBytes(),
  };

  inspect(): GroupInspection {
    const { raft } = this;
    const { votes, matches, entry, stateBytes } = this.#lookups;
    return {
      group: this.id,
      generation: this.generation,
      name: this.name,
      memberId: this.#memberId,
      role: raft.role,
      leader: raft.leader,
      term: raft.term,
      vote: raft.vote,
      // A received snapshot counts once it is durable and restored.
      base: this.#installing === null ? raft.baseIndex : this.machine.applied,
      isInstalling: this.#installing !== null,
      last: raft.lastIndex,
      lastTerm: raft.lastTerm,
      durable: raft.durableIndex,
      commit: raft.commit,
      applied: this.machine.applied,
      configuration: raft.configuration,
      leaseUntilMs: raft.leaseUntilMs,
      transferUntilMs: raft.transferUntilMs,
      isSilent: raft.quiesced,
      votes,
      matches,
      entry,
      stateBytes,
    };
  }

  #take(ready: Ready): void {
    let lsn = 0 as Lsn;
    if (ready.hardState !== null) {
      lsn = this.#host.wal.appendHardState(this.id, this.generation, ready.hardState);
    }
    if (ready.entries.length > 0) lsn = this.#persist(ready.entries);
    const held: Outgoing[] = [];
    for (const outgoing of ready.messages) {
      if (outgoing.afterToken === 0) this.#send(outgoing);
      else held.push(outgoing);
    }
    if (ready.persistToken !== 0) {
      assert(lsn !== 0, "a persist token covers something to persist");
      this.#held.push({ token: ready.persistToken, lsn, messages: [] });
    }
    this.#hold(held);
    if (ready.applyLast > this.#applyTo) this.#applyTo = ready.applyLast;
    for (const read of ready.reads) this.#reads.push(read);
    for (const context of ready.failedReads) this.#failedReads.push(context);
    if (ready.changed && !this.isLeader) this.#snapshotSender.clear();
    if (ready.changed) this.#host.groupChanged(this);
  }

  /** Keeps messages until what their token covers is durable; the token may be of an earlier ready. */
  #hold(messages: readonly Outgoing[]): void {
    for (const outgoing of messages) {
      const at = this.#held.findIndex((held) => held.token >= outgoing.afterToken);
      if (at < 0) this.#send(outgoing);
      else {
        const held = this.#held[at]!;
        this.#held[at] = { ...held, messages: [...held.messages, outgoing] };
      }
    }
  }

  #persist(entries: readonly EntryMeta[]): Lsn {
    const { wal } = this.#host;
    let run: { index: Index; term: Term; kind: EntryKind; bytes: Uint8Array }[] = [];
    let lsn = 0 as Lsn;
    const writeRun = () => {
      if (run.length > 0) lsn = wal.appendEntries(this.id, this.generation, run);
      run = [];
    };
    for (const entry of entries) {
      const outbox = this.#fromOutbox.get(entry.index);
      if (outbox !== undefined && outbox.term === entry.term) {
        writeRun();
        lsn = wal.appendFromOutbox(this.id, this.generation, entry.index, entry.term, outbox.outboxId);
      } else {
        run.push({ index: entry.index, term: entry.term, kind: entry.kind, bytes: this.#bytesOf(entry) });
      }
    }
    writeRun();
    return lsn;
  }

  /** The content of an entry that is about to be persisted. */
  #bytesOf(entry: EntryMeta): Uint8Array {
    if (entry.kind === EntryKind.Noop) return NO_BYTES;
    const arrived = this.#arrivals.bytesOf(entry);
    if (arrived !== null) return arrived;
    assert(
      entry.configuration !== null,
      `the bytes of entry ${entry.index} of term ${entry.term} are at hand`,
    );
    return encodeConfiguration(entry.configuration);
  }

  #send(outgoing: Outgoing): void {
    const { message } = outgoing;
    if ("entries" in message && message.entries.length > 0) this.#appends.send(outgoing);
    else if (message.kind === "snapshot") this.#sendSnapshot(outgoing.to, message, "snapshot-chunk");
    else if (message.kind === "pulled-snapshot") this.#sendSnapshot(outgoing.to, message, "pulled-chunk");
    else this.#host.sendRaft(this, outgoing.to, message, [], NO_BYTES);
  }

  #sendSnapshot(
    to: MemberId,
    { term, snapshot }: { readonly term: Term; readonly snapshot: SnapshotMeta },
    kind: SnapshotChunk["kind"],
  ): void {
    const begin = (state: Uint8Array | null) => {
      if (this.#closed) return;
      if (state === null) {
        this.raft.snapshotSent(to, false, this.#host.now);
        return;
      }
      if (!this.raft.allMembersCurrent && kind === "snapshot-chunk") {
        this.#host.sendRaft(this, to, { kind: "snapshot", term, snapshot }, [], state);
        this.raft.snapshotSent(to, true, this.#host.now);
        return;
      }
      this.#snapshotSender.begin(to, term, snapshot, state, kind);
      this.raft.snapshotProgress(to, this.#host.now);
    };
    const state = this.#snapshotSender.stateOf(snapshot.index, snapshot.term);
    if (state !== null) begin(state);
    else this.#snapshotReads.ask(snapshot.index, `${kind}/${to}`, begin);
  }

  /** Writes a received snapshot aside before anything else of this group is persisted. */
  #install(ready: Ready): void {
    const meta = ready.snapshot!;
    const arrived = this.#arrivedSnapshots.find((each) =>
      each.index === meta.index && each.term === meta.term
    );
    assert(arrived !== undefined, "the state of an accepted snapshot is at hand");
    // Entries that follow the snapshot may have come with it; their bytes are lent for this turn only.
    const arrivals = ready.entries.length === 0 ? [] : this.#arrivals.copies();
    this.#installing = { ready, state: arrived.state, arrivals };
    this.snapshots.write(meta, arrived.state, () => this.#installed(), (error) => this.#host.fail(error));
  }

  #installed(): void {
    if (this.#closed) return;
    const { ready, arrivals } = this.#installing!;
    const meta = ready.snapshot!;
    const lsn = this.#host.wal.setBase(this.id, this.generation, { index: meta.index, term: meta.term });
    assert(ready.persistToken !== 0 && lsn !== 0, "an installed snapshot is persisted under a token");
    this.#installedToken = ready.persistToken;
    this.#arrivals.putBack(arrivals);
    this.#take({ ...ready, snapshot: null });
    if (!this.#held.some((held) => held.token === ready.persistToken)) {
      this.#held.push({ token: ready.persistToken, lsn, messages: [] });
    }
  }

  /** The installed snapshot is durable: it takes the place of the machine's state. */
  #restore(): void {
    const { ready, state } = this.#installing!;
    const meta = ready.snapshot!;
    this.#installing = null;
    this.#installedToken = 0;
    try {
      this.machine.restore(state, meta.index);
    } catch (error) {
      return this.#host.fail(error);
    }
    this.#appliedConfiguration = meta.configuration;
    this.#applyTo = meta.index > this.#applyTo ? meta.index : this.#applyTo;
    this.#applyLoad = 0;
    this.snapshots.installed(meta.index);
    this.#snapshotReceiver.clear();
    this.#host.observer?.reach("a snapshot of another member was installed");
    this.#host.observer?.restored(this.id, this.generation, meta.index, meta.term);
  }

  #apply(): boolean {
    if (!this.hasWork) return false;
    const { wal } = this.#host;
    let budget = APPLY_ENTRIES_PER_TURN;
    while (this.machine.applied < this.#applyTo && budget-- > 0) {
      const index = this.machine.applied + 1 as Index;
      const entry = wal.entry(this.id, index);
      assert(entry !== null, `committed entry ${index} is in the log`);
      if (entry.damaged) break;
      if (entry.bytes === null && entry.kind !== EntryKind.Noop) {
        this.#applyLoad = wal.load(this.id, index, this.#applyTo, LOAD_BYTES_LIMIT);
        break;
      }
      this.#applyOne(index, entry.term, entry.kind, entry.bytes ?? NO_BYTES);
      if (this.#closed) return true;
    }
    this.#afterApply();
    return true;
  }

  #applyLoaded(entries: readonly LoadedEntry[]): void {
    for (const entry of entries) {
      if (entry.index === this.machine.applied + 1 && entry.index <= this.#applyTo) {
        this.#applyOne(entry.index, entry.term, entry.kind, entry.bytes);
        if (this.#closed) return;
      }
    }
    this.#afterApply();
  }

  #applyOne(index: Index, term: Term, kind: EntryKind, bytes: Uint8Array): void {
    this.#host.observer?.applied(this.id, this.generation, index, term, kind, bytes);
    try {
      if (kind === EntryKind.Command) this.machine.apply(index, term, bytes);
      else {
        if (kind === EntryKind.Configuration) this.#appliedConfiguration = decodeConfiguration(bytes);
        this.machine.skip(index);
      }
    } catch (error) {
      return this.#host.fail(error); // This group is closed by it.
    }
    assert(this.machine.applied === index, "the machine applied exactly this entry");
    this.snapshots.applied(bytes.length);
  }

  /** Takes a snapshot where one is due and drops the log before an older one. */
  #afterApply(): void {
    const index = this.machine.applied;
    if (this.snapshots.due()) {
      const term = this.raft.termAt(index);
      assert(term !== null, "an applied entry is in the log");
      this.snapshots.take({ index, term, configuration: this.#appliedConfiguration }, this.machine.encode());
    }
    const base = this.snapshots.candidate(this.machine.compactableThrough());
    if (base === null) return;
    this.raft.compact(base.index);
    const lsn = this.#host.wal.setBase(this.id, this.generation, { index: base.index, term: base.term });
    this.snapshots.compacted(base.index, lsn);
    this.machine.compacted(base.index);
  }
}
