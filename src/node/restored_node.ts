/**
 * Makes a node's folder of a backup that was verified: the only member of a new mesh, with the keys, streams and machines of
 * the old one. Has no network; is fed one section at a time.
 *
 * Logs keep their indexes, so that producers' sessions and batches are where the state says. Behind the last entry of a
 * stream comes one that gives all its subscriptions to this member. Configurations of the old mesh mean nothing here: they
 * become entries without meaning, and each log begins with this member as the only voter.
 */
import { assert } from "../core/assert.ts";
import { concatBytes } from "../core/bytes.ts";
import { SennitError } from "../core/errors.ts";
import { type Flow, Flows, TokenSource } from "../core/flow.ts";
import type { Index, Lsn, MemberId, Term, Token } from "../core/ids.ts";
import { NO_ORIGIN } from "../core/origin.ts";
import type { Inbox, Io, IoEvent } from "../io/mod.ts";
import { encodeConfiguration, EntryKind } from "../raft/mod.ts";
import { encodeStreamCommand, StreamState } from "../stream/mod.ts";
import { Snapshots, Wal, type WalRecovery } from "../wal/mod.ts";
import type { BackupSummary } from "./backup_check.ts";
import type { BackupEntry, BackupGroup, BackupSection } from "./backup_format.ts";
import type { NodeCompletion } from "./completions.ts";
import { type ControlCommand, decodeControlCommand } from "./control_commands.ts";
import { ControlState } from "./control_state.ts";
import { createIdentity, found, type Founder, saveIdentity } from "./founding.ts";
import type { Identity } from "./identity.ts";
import { localSettings, type NodeSettings, walOptions } from "./settings.ts";

type Task<Result> = Flow<Result, NodeCompletion>;

interface Open {
  readonly group: BackupGroup;
  readonly parts: Uint8Array[];
  /** The next entry; of a log that began at its beginning the first one goes into the state. */
  next: number;
}

const NO_BYTES = new Uint8Array(0);

export class RestoredNode implements Inbox {
  readonly #io: Io;
  readonly #backup: BackupSummary;
  #settings: NodeSettings;
  readonly #tokens = new TokenSource();
  readonly #flows = new Flows<NodeCompletion>(this.#tokens);
  readonly #wal: Wal;
  readonly #snapshots: Snapshots;
  #events: IoEvent[] = [];
  #waiting: Token[] = [];
  #identity: Identity | null = null;
  #open: Open | null = null;

  constructor(io: Io, name: string, backup: BackupSummary) {
    this.#io = io;
    this.#backup = backup;
    this.#settings = localSettings(name);
    this.#wal = new Wal(walOptions(this.#settings), io.disk, this.#tokens);
    this.#snapshots = new Snapshots(io.disk);
  }

  /** Of the new mesh, once all sections are taken. */
  get meshId(): string {
    return this.#identity?.meshId ?? "";
  }

  deliver(_incarnation: number, event: IoEvent): void {
    this.#events.push(event);
    this.#io.clock.requestTurn();
  }

  turn(_incarnation: number): void {
    const events = this.#events;
    this.#events = [];
    for (const event of events) {
      if (event.kind === "disk" && this.#wal.onDisk(event)) continue;
      if (event.kind === "disk" || event.kind === "crypto") this.#flows.resume(event.token, event);
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const token of waiting) this.#flows.resume(token, { kind: "turned", token });
    this.#wal.flush();
  }

  /** Prepares the empty folder; the first task. */
  begin(done: () => void, failed: (error: unknown) => void): void {
    this.#flows.start(this.#begin(), done, failed);
  }

  /** The next section, durable when `done` is called; the folder is a node's with the last. */
  take(section: BackupSection, done: () => void, failed: (error: unknown) => void): void {
    this.#flows.start(this.#take(section), done, failed);
  }

  *#begin(): Task<void> {
    const recovery = yield* this.#wal.recover() as Task<WalRecovery>;
    assert(recovery.failure === null && recovery.groups.length === 0, "the folder is new");
    yield* this.#snapshots.open() as Task<void>;
  }

  *#take(section: BackupSection): Task<void> {
    switch (section.kind) {
      case "mesh":
        return;
      case "group":
        this.#open = { group: section, parts: [], next: section.base.index + 1 };
        return;
      case "state":
        this.#open!.parts.push(section.bytes.slice());
        return;
      case "entries":
        return yield* this.#entries(section.entries);
      case "group-end":
        return yield* this.#endGroup();
      case "end":
        // The folder is nobody's before.
        yield* saveIdentity({ io: this.#io }, this.#identity!) as Task<Identity>;
    }
  }

  *#entries(entries: readonly BackupEntry[]): Task<void> {
    const [first, ...rest] = entries;
    if (first === undefined) return;
    const open = this.#open!;
    yield* this.#openStream(open, first);
    const written = (first.index < open.next ? rest : entries).map((entry) =>
      entry.kind === EntryKind.Configuration ? { ...entry, kind: EntryKind.Noop, bytes: NO_BYTES } : entry
    );
    if (written.length === 0) return;
    const { group, generation } = open.group;
    const lsn = this.#wal.appendEntries(group, generation, written);
    open.next = written[written.length - 1]!.index + 1;
    yield* this.#durable(lsn);
  }

  *#endGroup(): Task<void> {
    const open = this.#open!;
    const { type, group, generation, last } = open.group;
    if (type === "control") yield* this.#found(open);
    else if (type === "machine") yield* this.#beginLog(open.group, last, concatBytes(open.parts));
    else {
      yield* this.#openStream(open, null);
      const term = last.term + 1 as Term;
      const index = open.next as Index;
      const bytes = encodeStreamCommand({ kind: "take-over", origin: NO_ORIGIN, member: this.#memberId });
      this.#wal.appendHardState(group, generation, { term, vote: 0 as MemberId, commit: index });
      yield* this.#durable(
        this.#wal.appendEntries(group, generation, [{ index, term, kind: EntryKind.Command, bytes }]),
      );
    }
    this.#open = null;
  }

  /** A stream's log begins at a snapshot: where it began at nothing, at the one after its first entry. */
  *#openStream(open: Open, first: BackupEntry | null): Task<void> {
    if (open.parts.length === 0) return;
    const { group } = open;
    const { base } = group;
    const bytes = concatBytes(open.parts);
    open.parts.length = 0;
    if (base.index > 0) return yield* this.#beginLog(group, base, bytes);
    const state = StreamState.decode(bytes, base.index);
    const index = 1 as Index;
    if (first?.kind === EntryKind.Command) state.apply(index, first.bytes);
    else state.skip(index);
    open.next = index + 1;
    yield* this.#beginLog(group, { index, term: first?.term ?? 1 as Term }, state.encode());
  }

  /** The new mesh: its id, authority and only member. The control log begins with what that makes of the old state. */
  *#found(open: Open): Task<void> {
    const before = ControlState.decode(concatBytes(open.parts));
    const io = this.#io;
    // Without an authority of its own the mesh goes on with certificates from outside.
    const certificates = before.hasAuthority
      ? null
      : { certificate: "", privateKey: "", trust: before.trust };
    this.#settings = { ...this.#settings, certificates };
    const made = yield* createIdentity({ io, settings: this.#settings });
    const boot = io.random.draw("node/boot", 0);
    const founder: Founder = { io, settings: this.#settings, boot, addresses: [], identity: made };
    const { identity, genesis } = yield* found(founder, before.meshName, before.admission.policy, "");
    const command = decodeControlCommand(genesis) as ControlCommand & { kind: "genesis" };
    const held = new Set(this.#backup.groups.map(({ group }) => group));
    const state = before.restoredBy(command, (group) => held.has(group));
    // Its age has the certificate renewed soon after the first start, when the node's addresses are known.
    this.#identity = { ...identity, memberId: state.applied, genesis: [], certifiedWallMs: 0 };
    const begin = { index: state.applied, term: open.group.last.term + 1 as Term };
    yield* this.#beginLog(open.group, begin, state.encode());
  }

  *#beginLog(
    { group, generation }: BackupGroup,
    base: { readonly index: Index; readonly term: Term },
    state: Uint8Array,
  ): Task<void> {
    const configurationBytes = encodeConfiguration({
      incoming: [this.#memberId],
      outgoing: [],
      learners: [],
    });
    yield* this.#snapshots.write(group, generation, { ...base, configurationBytes }, state) as Task<void>;
    this.#wal.openGroup(group, generation);
    this.#wal.setBase(group, generation, base);
    const hardState = { term: base.term, vote: 0 as MemberId, commit: base.index };
    yield* this.#durable(this.#wal.appendHardState(group, generation, hardState));
  }

  get #memberId(): MemberId {
    assert(this.#identity !== null, "the control group comes first");
    return this.#identity.memberId as MemberId;
  }

  *#durable(lsn: Lsn): Task<void> {
    this.#wal.flush();
    while (this.#wal.durableLsn < lsn) {
      if (this.#wal.failure !== null) throw this.#wal.failure;
      if (this.#wal.full) throw new SennitError("DISK_FULL", "The disk is full: restore to a larger one");
      yield (token) => this.#waiting.push(token);
    }
  }
}
