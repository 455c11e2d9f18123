/**
 * Verifies a backup as its sections are read: that they come as they should, that states decode, that entries continue,
 * and that each log, replayed, leads to the very state that the backup says it does. Pure.
 */
import { concatBytes, equalBytes } from "../core/bytes.ts";
import { DecodeError, SennitError } from "../core/errors.ts";
import type { GroupId } from "../core/ids.ts";
import type { Crypto } from "../io/mod.ts";
import { EntryKind } from "../raft/mod.ts";
import { StreamState } from "../stream/mod.ts";
import { SNAPSHOT_BYTES_LIMIT } from "../wal/mod.ts";
import type {
  BackupEntry,
  BackupGroup,
  BackupGroupType,
  BackupMesh,
  BackupSection,
} from "./backup_format.ts";
import { ControlState } from "./control_state.ts";

export interface BackupGroupSummary {
  readonly group: GroupId;
  readonly name: string;
  readonly type: BackupGroupType;
  /** The entry up to which it holds everything that was committed. */
  readonly index: number;
  readonly entries: number;
  /** Of a stream: messages from the first offset up to before the next one are contained; else 0. */
  readonly firstOffset: number;
  readonly nextOffset: number;
}

export interface BackupSummary extends BackupMesh {
  readonly featureLevel: number;
  readonly members: readonly string[];
  readonly keys: number;
  readonly groups: readonly BackupGroupSummary[];
  /** Streams and machines of the mesh that the node did not hold, with the members that do. */
  readonly missing: readonly { readonly name: string; readonly members: readonly string[] }[];
}

interface Open {
  readonly group: BackupGroup;
  readonly parts: Uint8Array[];
  partBytes: number;
  /** Of a stream, once all of its state is there. */
  stream: StreamState | null;
  state: Uint8Array | null;
  /** Of the last entry, or the base. */
  index: number;
  term: number;
}

export class BackupCheck {
  readonly #crypto: Pick<Crypto, "sha256">;
  #mesh: BackupMesh | null = null;
  #control: ControlState | null = null;
  #open: Open | null = null;
  readonly #groups: BackupGroupSummary[] = [];
  readonly #ids = new Set<number>();
  #ended = false;

  constructor(crypto: Pick<Crypto, "sha256">) {
    this.#crypto = crypto;
  }

  /** The next section; its bytes are lent for the call. Throws `DecodeError` where it should not be there or be so. */
  take(section: BackupSection): void {
    if (this.#ended) throw new DecodeError("something follows its end");
    switch (section.kind) {
      case "mesh":
        if (this.#mesh !== null) throw new DecodeError("it names its mesh twice");
        this.#mesh = section;
        break;
      case "group":
        this.#begin(section);
        break;
      case "state":
        this.#state(section.bytes);
        break;
      case "entries":
        for (const entry of section.entries) this.#entry(entry);
        break;
      case "group-end":
        this.#endGroup(section.digest);
        break;
      case "end":
        if (this.#open !== null || this.#control === null || section.groups !== this.#groups.length) {
          throw new DecodeError("it ends before all of its groups do");
        }
        this.#ended = true;
        break;
    }
  }

  /** What the backup holds. Throws `DecodeError` where its end has not come. */
  summary(): BackupSummary {
    if (!this.#ended || this.#mesh === null || this.#control === null) throw new DecodeError("it is cut off");
    const control = this.#control;
    const nameOf = (member: number) => control.members().find(({ memberId }) => memberId === member)?.name;
    const missing = [...control.streams(), ...control.machines()]
      .filter(({ group }) => !this.#ids.has(group))
      .map(({ name, initial }) => ({
        name,
        members: initial.incoming.map((member) => nameOf(member) ?? `member ${member}`),
      }));
    const { meshId, meshName, recoveryEpoch, node, takenWallMs } = this.#mesh;
    return {
      meshId,
      meshName,
      recoveryEpoch,
      node,
      takenWallMs,
      featureLevel: control.featureLevel,
      members: control.members().map(({ name }) => name),
      keys: control.keyValues.size,
      groups: this.#groups,
      missing,
    };
  }

  #begin(group: BackupGroup): void {
    const isFirst = this.#groups.length === 0;
    if (this.#mesh === null || this.#open !== null || isFirst !== (group.type === "control")) {
      throw new DecodeError("its groups are not in their order");
    }
    if (group.base.index > group.last.index || this.#ids.has(group.group)) {
      throw new DecodeError(`the log of ${group.name} is not one`);
    }
    if (group.stateBytes > SNAPSHOT_BYTES_LIMIT || group.stateBytes === 0) {
      throw new DecodeError(`the state of ${group.name} has ${group.stateBytes} bytes`);
    }
    const control = this.#control;
    const directory = group.type === "stream" ? control?.stream(group.name) : control?.machine(group.name);
    if (group.type !== "control" && directory?.group !== group.group) {
      throw new DecodeError(`${group.name} is not in the mesh's directory`);
    }
    if (group.type !== "stream" && group.base.index !== group.last.index) {
      throw new DecodeError(`${group.name} is a state without a log`);
    }
    this.#ids.add(group.group);
    const { index, term } = group.base;
    this.#open = { group, parts: [], partBytes: 0, stream: null, state: null, index, term };
  }

  #state(bytes: Uint8Array): void {
    const open = this.#opened();
    open.partBytes += bytes.length;
    if (open.partBytes > open.group.stateBytes) {
      throw new DecodeError(`${open.group.name} has too much state`);
    }
    open.parts.push(bytes.slice());
    if (open.partBytes === open.group.stateBytes) this.#stateComplete(open);
  }

  #stateComplete(open: Open): void {
    const { type, name, base } = open.group;
    const state = concatBytes(open.parts);
    open.parts.length = 0;
    open.state = state;
    let applied: number = base.index;
    if (type === "stream") {
      open.stream = StreamState.decode(state, base.index);
      applied = open.stream.applied;
    } else if (type === "control") {
      this.#control = ControlState.decode(state);
      applied = this.#control.applied;
      if (this.#control.meshId !== this.#mesh!.meshId) throw new DecodeError("its state is of another mesh");
    }
    if (applied !== base.index) throw new DecodeError(`the state of ${name} is not of its log's begin`);
  }

  #entry({ index, term, kind, bytes }: BackupEntry): void {
    const open = this.#opened();
    const { group, stream } = open;
    const follows = index === open.index + 1 && term >= open.term && index <= group.last.index;
    if (stream === null || !follows) throw new DecodeError(`entry ${index} of ${group.name} does not follow`);
    if (kind === EntryKind.Command) stream.apply(index, bytes);
    else stream.skip(index);
    open.index = index;
    open.term = term;
  }

  #endGroup(digest: Uint8Array): void {
    const open = this.#opened();
    const { group, state, stream } = open;
    if (state === null || open.index !== group.last.index || open.term !== group.last.term) {
      throw new DecodeError(`${group.name} is not complete`);
    }
    const reached = stream === null ? state : stream.canonicalBytes();
    if (!equalBytes(this.#crypto.sha256(reached), digest)) {
      throw new DecodeError(`the log of ${group.name} does not lead to the state that was backed up`);
    }
    this.#groups.push({
      group: group.group,
      name: group.name,
      type: group.type,
      index: group.last.index,
      entries: group.last.index - group.base.index,
      firstOffset: stream?.firstOffset ?? 0,
      nextOffset: stream?.nextOffset ?? 0,
    });
    this.#open = null;
  }

  #opened(): Open {
    if (this.#open === null) throw new DecodeError("a part of a group stands outside of one");
    return this.#open;
  }
}

/** What is said of a backup that cannot be used. Any other error is passed on. */
export function backupUnusable(path: string, error: unknown): unknown {
  if (!(error instanceof DecodeError)) return error;
  const text = `Backup "${path}" is damaged, ${error.message}: use another copy, or take a new one`;
  return new SennitError("DATA_DAMAGED", text, { details: { file: path }, cause: error });
}
