/**
 * Backups of a running node: all that it holds of its mesh, pushed to a caller as one file's bytes within the credit that
 * it gives. Each group is read at one linearizable point: a read of the group confirms that everything committed before is
 * applied here, then the end of the log is fixed. While a group's log is read it is not compacted.
 */
import { type ErrorCode, SennitError } from "../core/errors.ts";
import type { Index, Token } from "../core/ids.ts";
import { BACKUPS_LIMIT, LOAD_BYTES_LIMIT, SUBSCRIBER_CREDIT_BYTES_LIMIT } from "../core/limits.ts";
import type { Flow } from "../core/flow.ts";
import { StreamState } from "../stream/mod.ts";
import type { LoadedEntries, LoadedEntry } from "../wal/mod.ts";
import { BackupEncoder, type BackupGroup, type BackupGroupType } from "./backup_format.ts";
import type { NodeCompletion } from "./completions.ts";
import type { StreamRecord } from "./control_state.ts";
import type { Group } from "./group.ts";
import type { Reads } from "./reads.ts";
import { failureOf } from "./replies.ts";
import type { Runtime } from "./runtime.ts";

/** One push: it fits a message of gRPC beside what else is under way. */
const PART_BYTES = 256 * 1024;
/** Of one section of a state. */
const STATE_PIECE_BYTES = 1024 * 1024;
/** A caller that takes nothing for so long is taken for gone: the logs are held for it. */
const IDLE_TIMEOUT_MS = 60_000;

type Task<Result> = Flow<Result, NodeCompletion>;

interface Backup {
  readonly token: Token;
  readonly encoder: BackupEncoder;
  creditBytes: number;
  /** Null while it goes on. */
  ended: SennitError | null;
}

export class Backups {
  readonly #runtime: Runtime;
  readonly #backups = new Map<Token, Backup>();
  /** Flows that wait for anything, and when each wants to be looked at although nothing came. */
  #waiting: { readonly token: Token; readonly deadlineMs: number }[] = [];
  /** Waits that ended. */
  #wentOn = 0;
  readonly #loading = new Set<number>();
  readonly #loaded = new Map<number, LoadedEntries>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  get size(): number {
    return this.#backups.size;
  }

  /** `control`: reads of the control group. */
  begin(token: Token, creditBytes: number, control: Reads): void {
    if (this.#backups.size >= BACKUPS_LIMIT) {
      throw new SennitError(
        "OVERLOADED",
        `${BACKUPS_LIMIT} backups are being taken at this node: repeat later`,
      );
    }
    const encoder = new BackupEncoder(this.#runtime.io.crypto);
    const backup: Backup = { token, encoder, creditBytes, ended: null };
    this.#backups.set(token, backup);
    this.#runtime.callers.reply(token, { kind: "done" });
    this.#runtime.run(
      this.#take(backup, control),
      () => void this.#backups.delete(token),
      (error) => this.#failed(backup, error),
    );
  }

  credit(token: Token, bytes: number): void {
    const backup = this.#backups.get(token);
    if (backup === undefined) return;
    backup.creditBytes = Math.min(backup.creditBytes + bytes, SUBSCRIBER_CREDIT_BYTES_LIMIT);
  }

  /** Ends it; nothing is pushed any more. */
  cancel(token: Token): boolean {
    const backup = this.#backups.get(token);
    if (backup === undefined) return false;
    this.#backups.delete(token);
    backup.ended = new SennitError("SUBSCRIPTION_FENCED", "The backup was cancelled");
    return true;
  }

  loaded(request: number, entries: readonly LoadedEntry[], failed: ErrorCode | null): boolean {
    if (!this.#loading.delete(request)) return false;
    this.#loaded.set(request, { request, entries, failed });
    return true;
  }

  /** Lets go on what may; true where something did. */
  work(): boolean {
    const waiting = this.#waiting;
    this.#waiting = [];
    const before = this.#wentOn;
    const { flows } = this.#runtime;
    for (const { token } of waiting) flows.resume(token, { kind: "turned", token });
    return this.#wentOn !== before;
  }

  deadline(): number {
    let earliest = Infinity;
    for (const { deadlineMs } of this.#waiting) earliest = Math.min(earliest, deadlineMs);
    return earliest;
  }

  failAll(error: SennitError): void {
    for (const backup of [...this.#backups.values()]) {
      backup.ended = error;
      this.#failed(backup, error);
    }
  }

  #failed(backup: Backup, error: unknown): void {
    if (!(error instanceof SennitError)) throw error;
    if (!this.#backups.delete(backup.token)) return;
    this.#runtime.callers.push(backup.token, { kind: "subscription-ended", error: failureOf(error) });
  }

  *#take(backup: Backup, control: Reads): Task<void> {
    const runtime = this.#runtime;
    const { encoder } = backup;
    yield* this.#confirm(backup, control);
    const { group, machine } = runtime.control!;
    const { meshId, meshName } = machine.state;
    const { identity, io } = runtime;
    const streams = machine.state.streams();
    const machines = machine.state.machines();
    const { recoveryEpoch, name: node } = identity;
    const takenWallMs = Math.floor(io.clock.wallMs());
    const head = encoder.head();
    const mesh = encoder.section({ kind: "mesh", meshId, meshName, recoveryEpoch, node, takenWallMs });
    const state = machine.encode();
    const own = describe(group, "control", state.length, group.applied);
    yield* this.#push(backup, head);
    yield* this.#push(backup, mesh);
    yield* this.#state(backup, own, state);
    yield* this.#endGroup(backup, state);
    const isHere = ({ initial }: Pick<StreamRecord, "initial">) =>
      initial.incoming.includes(runtime.memberId);
    for (const record of streams) if (isHere(record)) yield* this.#stream(backup, record);
    for (const { group: id } of machines) {
      const host = runtime.machines.get(id);
      if (host === undefined) continue;
      yield* this.#confirm(backup, runtime.attend(host).reads);
      const bytes = host.group.machine.encode();
      yield* this.#state(backup, describe(host.group, "machine", bytes.length, host.group.applied), bytes);
      yield* this.#endGroup(backup, bytes);
    }
    yield* this.#push(backup, encoder.end(), true);
  }

  *#stream(backup: Backup, record: StreamRecord): Task<void> {
    const runtime = this.#runtime;
    const opened = runtime.now + runtime.callTimeoutMs;
    const isGone = () => !runtime.controlState!.groups().has(record.group);
    yield* this.#until(backup, opened, () => runtime.streams.has(record.group) || isGone(), () => {
      throw new SennitError("NOT_READY", `Stream ${record.name} is being opened here: repeat the backup`);
    });
    // As a stream of other nodes: what is missing says so.
    if (isGone()) return;
    const host = runtime.streams.get(record.group)!;
    const { group } = host;
    yield* this.#confirm(backup, runtime.attend(host).reads);
    group.snapshots.hold();
    try {
      const reached = host.state.canonicalBytes();
      const last = group.applied;
      const base = group.raft.status().firstIndex - 1 as Index;
      const state = base === 0
        ? StreamState.create(record.targets, record.subscriptions).encode()
        : yield* this.#snapshot(backup, group, base);
      const described = describe(group, "stream", state.length, base, last);
      yield* this.#state(backup, described, state);
      for (let next = base + 1 as Index; next <= last;) {
        const entries = yield* this.#load(backup, group, next, last);
        yield* this.#push(backup, backup.encoder.section({ kind: "entries", entries }));
        next = next + entries.length as Index;
      }
      yield* this.#endGroup(backup, reached);
    } finally {
      group.snapshots.release();
    }
  }

  *#state(backup: Backup, group: BackupGroup, state: Uint8Array): Task<void> {
    yield* this.#push(backup, backup.encoder.section({ kind: "group", ...group }));
    for (let at = 0; at < state.length; at += STATE_PIECE_BYTES) {
      const bytes = state.subarray(at, at + STATE_PIECE_BYTES);
      yield* this.#push(backup, backup.encoder.section({ kind: "state", bytes }));
    }
  }

  /** `reached`: the state after the last entry, as it is on every member. */
  *#endGroup(backup: Backup, reached: Uint8Array): Task<void> {
    const digest = this.#runtime.io.crypto.sha256(reached);
    yield* this.#push(backup, backup.encoder.section({ kind: "group-end", digest }));
  }

  /** Waits until the state here holds everything that was committed before. */
  *#confirm(backup: Backup, reads: Reads): Task<void> {
    const { now, callTimeoutMs } = this.#runtime;
    const read: { outcome: SennitError | "confirmed" | null } = { outcome: null };
    reads.add(
      () => read.outcome = "confirmed",
      (error) => read.outcome = error,
      now,
      callTimeoutMs,
    );
    yield* this.#until(backup, Infinity, () => read.outcome !== null);
    if (read.outcome instanceof SennitError) throw read.outcome;
  }

  *#snapshot(backup: Backup, group: Group, index: Index): Task<Uint8Array> {
    const found: { state: Uint8Array | null | undefined } = { state: undefined };
    group.snapshots.read(index, (state) => {
      found.state = state;
      this.#runtime.io.clock.requestTurn();
    });
    yield* this.#until(backup, Infinity, () => found.state !== undefined);
    if (found.state instanceof Uint8Array) return found.state;
    const text =
      `Snapshot ${index} of ${group.name} cannot be read at this node: repeat the backup, or take it elsewhere`;
    throw new SennitError("DATA_DAMAGED", text);
  }

  *#load(backup: Backup, group: Group, first: Index, last: Index): Task<readonly LoadedEntry[]> {
    const request = this.#runtime.wal.load(group.id, first, last, LOAD_BYTES_LIMIT);
    this.#loading.add(request);
    let loaded: LoadedEntries;
    try {
      yield* this.#until(backup, Infinity, () => this.#loaded.has(request));
      loaded = this.#loaded.get(request)!;
    } finally {
      // Also where the backup has ended in the turn in which they came.
      this.#loading.delete(request);
      this.#loaded.delete(request);
    }
    const { entries, failed } = loaded;
    if (failed === null) return entries;
    const why = failed === "NOT_FOUND"
      ? "was replaced by another member's snapshot meanwhile"
      : failed === "DATA_DAMAGED"
      ? `is damaged on this node's disk at entry ${first}, which is fetched from another member`
      : "cannot be read";
    const code = failed === "NOT_FOUND" ? "NOT_READY" : failed;
    throw new SennitError(code, `The log of ${group.name} ${why}: repeat the backup in a moment`);
  }

  /** Pushes what the caller takes, at its pace. */
  *#push(backup: Backup, bytes: Uint8Array<ArrayBuffer>, isLast = false): Task<void> {
    const { callers } = this.#runtime;
    for (let at = 0; at < bytes.length; at += PART_BYTES) {
      const idle = this.#runtime.now + IDLE_TIMEOUT_MS;
      yield* this.#until(backup, idle, () => backup.creditBytes > 0, () => {
        throw new SennitError(
          "TIMEOUT",
          `Nothing of the backup was taken for ${IDLE_TIMEOUT_MS} ms: take another`,
        );
      });
      const part = bytes.slice(at, at + PART_BYTES);
      backup.creditBytes -= part.length;
      const last = isLast && at + part.length === bytes.length;
      if (last) this.#backups.delete(backup.token);
      callers.push(backup.token, { kind: "backup-part", bytes: part, last });
    }
  }

  *#until(backup: Backup, deadlineMs: number, holds: () => boolean, late?: () => never): Task<void> {
    while (backup.ended === null && !holds()) {
      if (this.#runtime.now >= deadlineMs) late?.();
      yield (token) => this.#waiting.push({ token, deadlineMs });
    }
    this.#wentOn++;
    if (backup.ended !== null) throw backup.ended;
  }
}

function describe(
  group: Group,
  type: BackupGroupType,
  stateBytes: number,
  base: Index,
  last: Index = base,
): BackupGroup {
  const { id, generation, name, raft } = group;
  const at = (index: Index) => {
    const term = raft.termAt(index);
    if (term !== null) return { index, term };
    throw new SennitError(
      "NOT_READY",
      `${name} is being given a snapshot by another member: repeat the backup`,
    );
  };
  return { group: id, generation, type, name, base: at(base), last: at(last), stateBytes };
}
