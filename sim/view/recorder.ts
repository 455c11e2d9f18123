/**
 * Turns what passes in a run into rows for the picture: what the nodes are, whenever it changes; what they say; and what is wrong
 * with them and with the wires between them, as it is and not as somebody meant it to be.
 */
import type { GroupInspection, StreamInspection } from "../../src/node/inspection.ts";
import type { EventKind, Target } from "../event_queue.ts";
import type { Host } from "../host.ts";
import type { FrameFate, Watcher } from "../watcher.ts";
import type { World } from "../world.ts";
import { framesIn } from "./frame_words.ts";
import type { BandKind, BandRow, Batch, GroupRow, MessageRow, NodeRow, NoteRow, StreamRow } from "./rows.ts";

/** Wires are looked at so often, and whenever something was noted. */
const WIRES_EVERY_EVENTS = 32;

type Numbers = Omit<GroupRow, "event" | "atUs" | "host" | "name">;

export class RunRecorder implements Watcher {
  #timesUs: number[] = [];
  #targets: number[] = [];
  #kinds: number[] = [];
  #messages: MessageRow[] = [];
  #groups: GroupRow[] = [];
  #nodes: NodeRow[] = [];
  #bands: BandRow[] = [];
  #notes: NoteRow[] = [];
  #events = 0;
  #isNoted = false;
  #bandsBegun = 0;
  readonly #openBands = new Map<string, BandRow>();
  /** `host/group` to what was last said of it. */
  readonly #lastGroups = new Map<string, GroupRow>();
  readonly #lastNodes = new Map<number, string>();

  stepped(world: World, target: Target, kind: EventKind): void {
    this.#events = world.trace.events;
    this.#timesUs.push(world.nowUs);
    this.#targets.push(target.traceId);
    this.#kinds.push(kind);
    for (const host of world.hosts) {
      if (host.hasChanged) this.#lookAtNode(world, host);
      this.#lookAtHost(world, host);
    }
    if (this.#isNoted || this.#events % WIRES_EVERY_EVENTS === 0) this.#lookAtWires(world);
    this.#isNoted = false;
  }

  frame(world: World, from: Host, to: Host, sentUs: number, bytes: Uint8Array, fate: FrameFate): void {
    for (const words of framesIn(bytes)) {
      const event = world.trace.events;
      this.#messages.push({ event, sentUs, atUs: world.nowUs, from: from.id, to: to.id, fate, ...words });
    }
  }

  noted(world: World, host: Host | null, text: string): void {
    this.#isNoted = true;
    this.#notes.push({ event: world.trace.events, atUs: world.nowUs, host: host?.id ?? -1, text });
  }

  /** Ends what still lasts: the run is over. */
  end(world: World): void {
    for (const key of [...this.#openBands.keys()]) this.#endBand(world, key);
  }

  take(): Batch {
    const batch: Batch = {
      events: this.#events,
      timesUs: Float64Array.from(this.#timesUs),
      targets: Uint8Array.from(this.#targets),
      kinds: Uint8Array.from(this.#kinds),
      messages: this.#messages,
      groups: this.#groups,
      nodes: this.#nodes,
      bands: this.#bands,
      notes: this.#notes,
    };
    this.#timesUs = [];
    this.#targets = [];
    this.#kinds = [];
    this.#messages = [];
    this.#groups = [];
    this.#nodes = [];
    this.#bands = [];
    this.#notes = [];
    return batch;
  }

  #lookAtNode(world: World, host: Host): void {
    const node = host.isUp ? host.node?.inspect() : undefined;
    const row: Omit<NodeRow, "event" | "atUs"> = {
      host: host.id,
      state: node?.state ?? "down",
      incarnation: host.incarnation,
      memberId: node?.memberId ?? 0,
      sizes: node?.sizes ?? {},
      streams: streamsOf(node?.streams ?? []),
    };
    const key = JSON.stringify(row);
    if (this.#lastNodes.get(host.id) !== key) {
      this.#lastNodes.set(host.id, key);
      this.#nodes.push({ event: this.#events, atUs: world.nowUs, ...row });
    }
    const groups = node?.groups ?? [];
    for (const group of groups) this.#lookAtGroup(world, host, group.name, numbersOf(group));
    for (const last of this.#lastGroups.values()) {
      if (last.host !== host.id || last.role === "gone") continue;
      if (groups.some((group) => group.group === last.group)) continue;
      this.#lookAtGroup(world, host, last.name, { ...last, role: "gone" });
    }
  }

  #lookAtGroup(world: World, host: Host, name: string, now: Numbers): void {
    const key = `${host.id}/${now.group}`;
    const last = this.#lastGroups.get(key);
    if (last !== undefined && isSame(last, now)) return;
    const row: GroupRow = { ...now, event: this.#events, atUs: world.nowUs, host: host.id, name };
    this.#lastGroups.set(key, row);
    this.#groups.push(row);
  }

  #lookAtHost(world: World, host: Host): void {
    const { faults } = host.disk;
    this.#band(world, "down", host.id, -1, !host.isUp);
    this.#band(world, "paused", host.id, -1, host.isPaused);
    this.#band(world, "disk hung", host.id, -1, faults.hungUntilUs > world.nowUs);
    this.#band(world, "disk full", host.id, -1, faults.capacityBytes !== Infinity);
  }

  #lookAtWires(world: World): void {
    for (const from of world.hosts) {
      for (const to of world.hosts) {
        if (from === to) continue;
        const wire = world.topology.wire(from.id, to.id);
        this.#band(world, "cut", from.id, to.id, wire.cuts > 0);
        this.#band(world, "clogged", from.id, to.id, wire.clogUs > 0);
      }
    }
  }

  #band(world: World, kind: BandKind, host: number, to: number, isOn: boolean): void {
    const key = `${kind}/${host}/${to}`;
    if (isOn === this.#openBands.has(key)) return;
    if (!isOn) return this.#endBand(world, key);
    const row: BandRow = {
      id: this.#bandsBegun++,
      kind,
      host,
      to,
      event: this.#events,
      startUs: world.nowUs,
      endUs: Infinity,
    };
    this.#openBands.set(key, row);
    this.#bands.push(row);
  }

  #endBand(world: World, key: string): void {
    this.#bands.push({ ...this.#openBands.get(key)!, endUs: world.nowUs });
    this.#openBands.delete(key);
  }
}

/** The part of streams that is data. */
export function streamsOf(streams: readonly StreamInspection[]): StreamRow[] {
  return streams.map(({ name, firstOffset, nextOffset, completedOffset }) => {
    return { name, firstOffset, nextOffset, completedOffset };
  });
}

export function numbersOf(group: GroupInspection): Numbers {
  const { role, memberId, leader, term, vote, base, last, durable, commit, applied } = group;
  return { group: group.group, role, memberId, leader, term, vote, base, last, durable, commit, applied };
}

function isSame(a: Numbers, b: Numbers): boolean {
  return a.role === b.role && a.term === b.term && a.vote === b.vote && a.leader === b.leader &&
    a.base === b.base && a.last === b.last && a.durable === b.durable && a.commit === b.commit &&
    a.applied === b.applied && a.memberId === b.memberId;
}
