/**
 * How a node gets going: recovers what the disk holds, listens, and, where it is a member, opens the control group from which
 * everything else follows.
 */
import { SennitError } from "../core/errors.ts";
import type { Flow } from "../core/flow.ts";
import { CONTROL_GROUP, type GroupId, type Index, type Lsn, type MemberId, type Term } from "../core/ids.ts";
import { ADDRESSES_PER_MEMBER_LIMIT } from "../core/limits.ts";
import { EntryKind } from "../raft/mod.ts";
import { parseAddress } from "../security/mod.ts";
import { type LoadedEntry, readWholeFile, type RecoveredGroup, type WalRecovery } from "../wal/mod.ts";
import type { NodeCompletion } from "./completions.ts";
import { changesIn } from "./control_commands.ts";
import { ControlMachine } from "./control_machine.ts";
import { ControlState } from "./control_state.ts";
import { createIdentity } from "./founding.ts";
import { controlPlan, openGroup } from "./group_opener.ts";
import type { Group } from "./group.ts";
import { decodeIdentity, type Identity, IDENTITY_BYTES_LIMIT, IDENTITY_PATH } from "./identity.ts";
import { Membership } from "./membership.ts";
import type { Runtime } from "./runtime.ts";

interface AfterDurable {
  readonly lsn: Lsn;
  readonly act: () => void;
}

export class Entrance {
  readonly #runtime: Runtime;
  #membership: Membership | null = null;
  #recovery: WalRecovery | null = null;
  #afterDurable: AfterDurable[] = [];
  /** What enters waits for the control group: told that this node takes part, or that it never will. */
  #entered: (() => void) | null = null;
  /** Others said that this node was removed, before it had begun to enter. */
  #toldRemoved = false;
  /** The load of the control log's entries after a start, the first of them and the last. */
  #expectLoad = 0;
  #expectFirst = 0 as Index;
  #expectLast = 0 as Index;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Null while this node takes no part in a mesh. */
  get membership(): Membership | null {
    return this.#membership;
  }

  start(): void {
    this.#runtime.run(this.#startup(), () => {}, (error) => this.#runtime.fail(error));
  }

  /** Everything in the log up to `lsn` is durable. */
  durable(lsn: Lsn): void {
    const due = this.#afterDurable.filter((each) => each.lsn <= lsn);
    this.#afterDurable = this.#afterDurable.filter((each) => each.lsn > lsn);
    for (const { act } of due) act();
  }

  /** A load of the log has come. True where it was asked for here. */
  loaded(request: number, entries: readonly LoadedEntry[]): boolean {
    if (request !== this.#expectLoad) return false;
    this.#expectLoad = 0;
    this.#expectFromLog(entries);
    // What cannot be read is fetched, and only from members that are let in: the rest of the log names them.
    this.#loadExpected((entries.at(-1)?.index ?? this.#expectFirst) + 1 as Index);
    return true;
  }

  *#startup(): Flow<void, NodeCompletion> {
    const runtime = this.#runtime;
    checkAddresses(runtime.settings.advertisedAddresses);
    const stored = yield* readWholeFile(runtime.io.disk, IDENTITY_PATH, IDENTITY_BYTES_LIMIT) as Flow<
      Uint8Array | null,
      NodeCompletion
    >;
    const identity = stored === null ? yield* createIdentity(runtime) : decodeIdentity(stored);
    if (identity.name !== runtime.settings.name) {
      const text =
        `The data folder belongs to node ${identity.name}, not ${runtime.settings.name}: name it so`;
      throw new SennitError("CONFIGURATION_INVALID", text);
    }
    const recovery = yield* runtime.wal.recover() as Flow<WalRecovery, NodeCompletion>;
    if (recovery.failure !== null) throw unusable(recovery.failure);
    yield* runtime.snapshotFiles.open() as Flow<void, NodeCompletion>;
    const gone = new Map(recovery.closedGroups.map(({ group, generation }) => [group, generation]));
    const isGone = (group: GroupId, generation: number) => generation <= (gone.get(group) ?? -1);
    yield* runtime.snapshotFiles.removeAll(isGone) as Flow<void, NodeCompletion>;
    this.#recovery = recovery;
    runtime.connect(identity);
    // Before anybody can come in.
    if (identity.state === "member") runtime.expected.tell(identity.peers);
    runtime.setPeers([], 0);
    runtime.links.listen(runtime.settings.listenAddress, runtime.now);
  }

  /** The listener is up: the node knows how others reach it. */
  listening(address: string, begin: () => void): void {
    const runtime = this.#runtime;
    runtime.boundAddress = address;
    const { identity } = runtime;
    if (identity.state === "member") {
      this.enter(identity, begin);
      return;
    }
    runtime.state = identity.state === "removed" ? "evicted" : "empty";
    if (identity.state === "removed") {
      const text = "The node was removed from the mesh: remove its data folder and join again to come back";
      runtime.failure = new SennitError("EVICTED", text);
    }
    begin();
  }

  /** Takes part as the member that the identity says; `done` once the control group is there. */
  enter(identity: Identity, done: () => void): void {
    const runtime = this.#runtime;
    runtime.setIdentity(identity);
    runtime.expected.tell(identity.peers);
    runtime.setPeers([], 0);
    const recovered = this.#recovery!;
    this.#membership = new Membership(runtime, recovered.groups, recovered.outbox);
    this.#entered = done;
    if (this.#toldRemoved) return this.toldRemoved();
    const control = this.#membership.takeRecovered(CONTROL_GROUP);
    if (control === null && identity.genesis.length > 0) this.#writeGenesis(identity);
    else this.#openControl(control);
  }

  /**
   * A member says that this node was removed. It counts from the first dial on: by the time the control group is open the
   * others may be where this node does not find them, and what it cannot open without them nobody gives it any more.
   */
  toldRemoved(): void {
    const runtime = this.#runtime;
    if (runtime.failure !== null) return;
    this.#toldRemoved = true;
    if (this.#membership === null) return;
    runtime.observer?.reach("the others say that this node was removed");
    if (runtime.state !== "member") {
      runtime.observer?.reach("a node that is starting is told that it was removed");
    }
    this.#membership.removed("The other members say that this node was removed");
    this.#sayEntered();
  }

  #sayEntered(): void {
    const entered = this.#entered;
    this.#entered = null;
    entered?.();
  }

  #writeGenesis(identity: Identity): void {
    const { wal } = this.#runtime;
    const bytes = new Uint8Array(identity.genesis);
    const index = 1 as Index;
    const term = 1 as Term;
    const hardState = { term, vote: 0 as MemberId, commit: 0 as Index };
    wal.openGroup(CONTROL_GROUP, 0);
    wal.appendHardState(CONTROL_GROUP, 0, hardState);
    const lsn = wal.appendEntries(CONTROL_GROUP, 0, [{ index, term, kind: EntryKind.Command, bytes }]);
    const recovered: RecoveredGroup = {
      group: CONTROL_GROUP,
      generation: 0,
      hardState,
      base: { index: 0 as Index, term: 0 as Term },
      entries: [{
        index,
        term,
        kind: EntryKind.Command,
        lengthBytes: bytes.length,
        crc: 0,
        configurationBytes: null,
        damaged: false,
      }],
    };
    this.#afterDurable.push({ lsn, act: () => this.#openControl(recovered) });
  }

  #openControl(recovered: RecoveredGroup | null): void {
    const runtime = this.#runtime;
    const machine = new ControlMachine(new ControlState());
    const plan = controlPlan(machine, recovered);
    // Before the group is open: what it cannot begin without may have to come from those whom its log names.
    this.#expectLast = recovered?.entries.at(-1)?.index ?? 0 as Index;
    if (recovered !== null) this.#loadExpected(recovered.base.index + 1 as Index);
    runtime.run(
      openGroup(runtime, plan),
      (group) => this.#controlOpened(group, machine),
      (error) => runtime.fail(error),
    );
  }

  #controlOpened(group: Group, machine: ControlMachine): void {
    const runtime = this.#runtime;
    // It was removed, stopped or failed meanwhile.
    if (runtime.failure !== null) return;
    runtime.state = "member";
    runtime.control = { group, machine };
    runtime.addGroup(group);
    if (machine.takeRestored()) this.#membership!.refresh(machine.state);
    this.#afterOpening();
  }

  #afterOpening(): void {
    const runtime = this.#runtime;
    const { identity, failure } = runtime;
    if (failure === null && identity.genesis.length > 0) {
      // The log holds it from now on.
      runtime.keepIdentity(
        (current) => ({ ...current, genesis: [] }),
        () => {},
        (error) => runtime.fail(error),
      );
    }
    // What was restored may say that this node was removed: it answers calls then, and says so.
    if (failure === null || failure.code === "EVICTED") this.#sayEntered();
  }

  #loadExpected(first: Index): void {
    if (first > this.#expectLast) return;
    this.#expectFirst = first;
    this.#expectLoad = this.#runtime.wal.load(CONTROL_GROUP, first, this.#expectLast, Infinity);
  }

  /**
   * After a restart the commit index may not be known yet. Whom the log would make a member is let in, and
   * where the log says that a member is now it is looked for: a majority may need it to find out.
   */
  #expectFromLog(entries: readonly LoadedEntry[]): void {
    const runtime = this.#runtime;
    runtime.expected.read(changesIn(entries));
    const state = runtime.controlState;
    runtime.setPeers(state?.members() ?? [], state?.applied ?? 0);
  }
}

/** It is unknown what the log said: whoever voted on it might take back what it had promised. */
function unusable(failure: SennitError): SennitError {
  const text =
    `${failure.message}: evict this node and start it on an empty folder, the other members hold what it had`;
  return new SennitError(failure.code, text, { details: failure.details });
}

function checkAddresses(addresses: readonly string[]): void {
  for (const address of addresses) parseAddress(address);
  if (addresses.length <= ADDRESSES_PER_MEMBER_LIMIT) return;
  const text = `A node advertises at most ${ADDRESSES_PER_MEMBER_LIMIT} addresses, not ${addresses.length}`;
  throw new SennitError("CONFIGURATION_INVALID", text);
}
