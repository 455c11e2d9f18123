/**
 * Repair of damaged entries: what this node's disk has lost is fetched from other members, verified and written back, and
 * only then applied, sent or delivered (Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage", FAST
 * 2018).
 *
 * Index and term name an entry (Raft paper, 5.3), committed or not, so the content that a peer holds under both is the one
 * that was lost; the checksum that stands in this node's own log confirms it. Meanwhile the node votes as before: the
 * header proves what its log holds, and only the content is missing. As leader it can send an entry that it cannot read to
 * nobody. Where no member in reach holds it, the entry may be one that never left this node, and others must be able to
 * lead and replace it: so the leader resigns. If they cannot, because a majority may have it and is away, the group waits,
 * and says so.
 */
import { assert } from "../core/assert.ts";
import { SennitError } from "../core/errors.ts";
import type { GroupId, Index, MemberId } from "../core/ids.ts";
import { DAMAGED_ENTRIES_LIMIT, REPAIR_ANSWERS_LIMIT, REPAIR_REQUESTS_LIMIT } from "../core/limits.ts";
import type { DamagedEntry, EntryView, LoadedEntry, StoredSnapshot, Wal } from "../wal/mod.ts";
import type { Group } from "./group.ts";
import type { NodeMessage } from "./node_messages.ts";

/** An entry that was asked for and did not come is asked for elsewhere. */
const ANSWER_TIMEOUT_MS = 1000;
/** All members in reach were asked in vain: they are asked again after this. */
const ROUND_PAUSE_MS = 1000;

export type FetchMessage = Extract<NodeMessage, { kind: "fetch-entry" }>;
export type FetchedMessage = Extract<NodeMessage, { kind: "fetched-entry" }>;

/** What repair needs of its node. */
export interface RepairHost {
  readonly wal: Wal;
  readonly memberId: MemberId;
  /** Members that a session is up with. */
  readonly reachable: ReadonlySet<MemberId>;
  /** Null where it is not open here. */
  group(id: GroupId): Group | null;
  wake(group: Group): void;
  sendNode(to: MemberId, message: NodeMessage): boolean;
  memberName(id: MemberId): string;
  /** Fetches a snapshot at `index` or later from another member; `done` is called once, with null where nobody has one. */
  fetchState(group: Group, index: Index, now: number, done: (stored: StoredSnapshot | null) => void): void;
  note(text: string): void;
}

/**
 *   waiting -> asked -> writing -> gone (repaired)
 *      ^         |
 *      +---------+  refused, timed out, or the content is not the one
 */
interface Wanted extends DamagedEntry {
  phase: "waiting" | "asked" | "writing";
  /** Members asked in this round. */
  readonly asked: Set<MemberId>;
  /** Whom it was asked for last. */
  peer: MemberId;
  /** When it is looked at again although nothing came. */
  dueMs: number;
  /** Everybody in reach was asked since it was found, and nobody had it. */
  fruitless: boolean;
  /** The content that is being written back, where somebody waits for it. */
  content: Uint8Array | null;
  /** See `whole`. */
  readonly waiters: Waiter[];
}

interface Waiter {
  readonly act: (content: Uint8Array | null) => void;
  readonly onFruitless: () => void;
  readonly onForgotten: () => void;
}

interface Answer {
  readonly to: MemberId;
  readonly message: FetchMessage;
}

export class Repair {
  readonly #host: RepairHost;
  readonly #wanted = new Map<string, Wanted>();
  /** Groups for which a later state is being fetched. */
  readonly #skipping = new Set<GroupId>();
  /** Loads for others, by request. */
  readonly #answers = new Map<number, Answer>();
  /** Loads of what was whole before somebody waited for it, by request. */
  readonly #readings = new Map<number, Wanted>();
  /** Entries repaired since the start. */
  repaired = 0;

  constructor(host: RepairHost) {
    this.#host = host;
  }

  /** Entries that are damaged as far as is known. */
  get size(): number {
    return this.#wanted.size;
  }

  /** Asks for what the log has found damaged and takes care of what was asked for. Once per turn. */
  work(now: number): void {
    for (const found of this.#host.wal.takeDamaged()) this.#found(found, now);
    if (this.#wanted.size === 0) return;
    let free = REPAIR_REQUESTS_LIMIT;
    for (const [key, wanted] of this.#wanted) {
      if (this.#isSettled(wanted)) this.#settle(key, wanted);
      else if (wanted.phase === "asked") {
        if (wanted.dueMs > now) free--;
        else wanted.phase = "waiting";
      }
    }
    // What nobody had so far, which may be much, is asked for after all that somebody may have.
    free = this.#askAll(false, free, now);
    this.#askAll(true, free, now);
  }

  /** Asks for those that are due, at most `free` of them. Returns how many more may be asked for. */
  #askAll(fruitless: boolean, free: number, now: number): number {
    for (const wanted of this.#wanted.values()) {
      if (free === 0) break;
      const isDue = wanted.phase === "waiting" && wanted.dueMs <= now && wanted.fruitless === fruitless;
      if (isDue && this.#ask(wanted, now)) free--;
    }
    return free;
  }

  /** A session came up: who was out of reach may have what is missed. */
  reached(): void {
    for (const wanted of this.#wanted.values()) if (wanted.phase === "waiting") wanted.dueMs = 0;
  }

  deadline(): number {
    let earliest = Infinity;
    let asked = 0;
    for (const { phase } of this.#wanted.values()) if (phase === "asked") asked++;
    for (const { phase, dueMs } of this.#wanted.values()) {
      // What waits for its turn behind others is looked at when one of those has come.
      if (phase === "asked" || (phase === "waiting" && asked < REPAIR_REQUESTS_LIMIT)) {
        earliest = Math.min(earliest, dueMs);
      }
    }
    return earliest;
  }

  /**
   * Calls `act` with the entry's content once it is whole again; with null where the entry is gone. Until then `onFruitless`
   * is called whenever everybody in reach was asked in vain. `onForgotten` takes its place where the group is dropped.
   */
  whole(
    entry: DamagedEntry,
    now: number,
    act: (content: Uint8Array | null) => void,
    onFruitless: () => void,
    onForgotten: () => void,
  ): void {
    this.#found(entry, now);
    const wanted = this.#wanted.get(keyOf(entry.group, entry.index));
    assert(wanted !== undefined, "an entry that is waited for is wanted");
    wanted.waiters.push({ act, onFruitless, onForgotten });
  }

  /** The group is gone from here: nothing of it is missed any more. */
  forget(group: GroupId): void {
    this.#skipping.delete(group);
    const missed: Wanted[] = [];
    for (const map of [this.#wanted, this.#readings] as Map<unknown, Wanted>[]) {
      for (const [key, wanted] of map) {
        if (wanted.group !== group) continue;
        map.delete(key);
        missed.push(wanted);
      }
    }
    for (const { waiters } of missed) for (const { onForgotten } of waiters) onForgotten();
  }

  /** What of a group cannot be read here, for its status; "" for nothing. */
  troubleOf(group: GroupId): string {
    let count = 0;
    let first: Wanted | null = null;
    let fruitless = false;
    for (const wanted of this.#wanted.values()) {
      if (wanted.group !== group) continue;
      count++;
      if (first === null || wanted.index < first.index) first = wanted;
      fruitless ||= wanted.fruitless;
    }
    if (first === null) return "";
    const what = count === 1 ? `entry ${first.index} is` : `${count} entries from ${first.index} on are`;
    const rest = fruitless ? "no member in reach holds what is missing" : "fetched from other members";
    return `${what} damaged on the disk of this node: ${rest}`;
  }

  /** A peer asks for an entry. */
  asked(from: MemberId, message: FetchMessage): void {
    const view = this.#view(message);
    if (view === null || view.damaged) this.#refuse(from, message);
    else if (view.bytes !== null || view.lengthBytes === 0) {
      this.#answer(from, message, view.bytes ?? new Uint8Array(0));
    } else if (this.#answers.size < REPAIR_ANSWERS_LIMIT) {
      const { group, index } = message;
      this.#answers.set(this.#host.wal.load(group, index, index, view.lengthBytes), { to: from, message });
    }
    // Over the limit it is simply not answered: the asker asks again.
  }

  /** A load of the log has come. True where it was asked for here. */
  loaded(request: number, entries: readonly LoadedEntry[]): boolean {
    const wanted = this.#readings.get(request);
    if (wanted !== undefined) {
      this.#readings.delete(request);
      this.#read(wanted, entries[0]);
      return true;
    }
    const answer = this.#answers.get(request);
    if (answer === undefined) return false;
    this.#answers.delete(request);
    const { to, message } = answer;
    const entry = entries[0];
    if (entry === undefined || entry.term !== message.term) this.#refuse(to, message);
    else this.#answer(to, message, entry.bytes);
    return true;
  }

  /** A peer has answered. */
  fetched(from: MemberId, message: FetchedMessage, now: number): void {
    const { group, generation, index, term, content } = message;
    const wanted = this.#wanted.get(keyOf(group, index));
    if (wanted === undefined || wanted.phase === "writing") return;
    if (wanted.term !== term || wanted.generation !== generation || this.#isSettled(wanted)) return;
    if (content !== null && this.#write(wanted, from, content)) return;
    if (wanted.phase !== "asked" || wanted.peer !== from) return;
    wanted.phase = "waiting";
    wanted.dueMs = now;
  }

  #found(found: DamagedEntry, now: number): void {
    const key = keyOf(found.group, found.index);
    const known = this.#wanted.get(key);
    if (known !== undefined && known.term === found.term && known.generation === found.generation) return;
    if (known === undefined && this.#wanted.size >= DAMAGED_ENTRIES_LIMIT) return; // Found again when it is read.
    this.#host.note(`entry ${found.index} of group ${found.group} is damaged on the disk`);
    this.#wanted.set(key, {
      ...found,
      phase: "waiting",
      asked: new Set(),
      peer: 0 as MemberId,
      dueMs: now,
      fruitless: false,
      content: null,
      waiters: known?.waiters ?? [],
    });
  }

  /** Asks the next member; false where there is none to ask. */
  #ask(wanted: Wanted, now: number): boolean {
    const peers = this.#peersOf(wanted.group);
    const peer = peers.find((member) => !wanted.asked.has(member));
    if (peer === undefined) {
      if (!wanted.fruitless) {
        this.#host.note(`nobody in reach holds entry ${wanted.index} of ${wanted.group}`);
      }
      wanted.fruitless = true;
      wanted.asked.clear();
      wanted.dueMs = now + ROUND_PAUSE_MS;
      this.#stepAside(wanted, now);
      this.#skip(wanted, now);
      this.#host.group(wanted.group)?.letGo(wanted.index);
      for (const { onFruitless } of wanted.waiters) onFruitless();
      return false;
    }
    const { group, generation, index, term } = wanted;
    wanted.asked.add(peer);
    wanted.peer = peer;
    wanted.phase = "asked";
    wanted.dueMs = now + ANSWER_TIMEOUT_MS;
    this.#host.sendNode(peer, { kind: "fetch-entry", group, generation, index, term });
    return true;
  }

  /** An entry that may never have left this node must not keep others from leading. */
  #stepAside(wanted: Wanted, now: number): void {
    const group = this.#host.group(wanted.group);
    if (group === null || !group.isLeader || wanted.index <= group.raft.status().commit) return;
    if (this.#peersOf(wanted.group).length === 0) return;
    this.#host.note(`${group.name}: entry ${wanted.index} cannot be sent to anybody, giving leadership up`);
    group.raft.resign(now);
    this.#host.wake(group);
  }

  /** The others may have cut their logs behind it: then a state that it is part of takes its place. */
  #skip(wanted: Wanted, now: number): void {
    const group = this.#host.group(wanted.group);
    if (group === null || this.#skipping.has(group.id)) return;
    if (wanted.index <= group.applied || wanted.index > group.raft.status().commit) return;
    this.#skipping.add(group.id);
    this.#host.fetchState(group, wanted.index, now, (stored) => {
      this.#skipping.delete(group.id);
      if (stored === null || !group.adopt(stored)) return;
      this.#host.note(`${group.name}: goes on with the state after ${stored.index}`);
      this.#host.wake(group);
    });
  }

  /** Members in reach that may hold entries of the group, in order. */
  #peersOf(id: GroupId): MemberId[] {
    const { reachable, memberId } = this.#host;
    const configuration = this.#host.group(id)?.raft.status().configuration;
    const members = configuration === undefined
      ? [...reachable]
      : [...configuration.incoming, ...configuration.outgoing, ...configuration.learners];
    const peers = new Set(members.filter((member) => member !== memberId && reachable.has(member)));
    return [...peers].sort((a, b) => a - b);
  }

  /** False where the content is not the one that was lost. */
  #write(wanted: Wanted, from: MemberId, content: Uint8Array): boolean {
    const { group, generation, index, term } = wanted;
    try {
      this.#host.wal.repairEntry(group, generation, index, term, content);
    } catch (error) {
      if (!(error instanceof SennitError) || error.code !== "DATA_DAMAGED") throw error;
      const text = `other content for entry ${index} of group ${group} came from`;
      this.#host.note(`${text} ${this.#host.memberName(from)}`);
      return false;
    }
    wanted.phase = "writing";
    if (wanted.waiters.length > 0) wanted.content = content.slice();
    return true;
  }

  /** True where the entry is whole again, or is not the one in the log any more. */
  #isSettled(wanted: Wanted): boolean {
    const view = this.#host.wal.entry(wanted.group, wanted.index);
    return view === null || view.term !== wanted.term || !view.damaged;
  }

  #settle(key: string, wanted: Wanted): void {
    this.#wanted.delete(key);
    if (wanted.phase === "writing") {
      this.repaired++;
      this.#host.note(`entry ${wanted.index} of group ${wanted.group} is repaired`);
    }
    const group = this.#host.group(wanted.group);
    if (group !== null) this.#host.wake(group);
    if (wanted.waiters.length > 0) this.#tell(wanted);
  }

  /** Tells who waits for the entry what its content is. It may have been whole before anybody waited: then it is read. */
  #tell(wanted: Wanted): void {
    const { group, index, term, waiters } = wanted;
    const { wal } = this.#host;
    const view = wal.entry(group, index);
    const isThere = view !== null && view.term === term;
    const content = wanted.content ?? (isThere ? view.bytes : null);
    if (content === null && isThere) {
      this.#readings.set(wal.load(group, index, index, view.lengthBytes), wanted);
      return;
    }
    for (const { act } of waiters) act(content?.slice() ?? null);
  }

  /** Where it cannot be read any more it is missed again. */
  #read(wanted: Wanted, entry: LoadedEntry | undefined): void {
    const { group, generation, index, term, waiters } = wanted;
    if (entry?.term === term) {
      for (const { act } of waiters) act(entry.bytes.slice());
      return;
    }
    this.#found({ group, generation, index, term }, 0);
    this.#wanted.get(keyOf(group, index))?.waiters.push(...waiters);
  }

  /** The entry that a peer asks for, null where this node does not hold it. */
  #view({ group, generation, index, term }: FetchMessage): EntryView | null {
    if (this.#host.group(group)?.generation !== generation) return null;
    const view = this.#host.wal.entry(group, index);
    return view !== null && view.term === term ? view : null;
  }

  #refuse(to: MemberId, { group, generation, index, term }: FetchMessage): void {
    this.#host.sendNode(to, { kind: "fetched-entry", group, generation, index, term, content: null });
  }

  #answer(to: MemberId, { group, generation, index, term }: FetchMessage, content: Uint8Array): void {
    this.#host.sendNode(to, { kind: "fetched-entry", group, generation, index, term, content });
  }
}

function keyOf(group: GroupId, index: Index): string {
  return `${group}/${index}`;
}
