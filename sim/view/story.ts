/**
 * The recorded run as the page asks for it: what was when. Rows only ever arrive in the order of their events, so every question
 * is a binary search.
 */
import type { BandRow, Batch, GroupRow, MessageRow, NodeRow, NoteRow, Result } from "./rows.ts";

export type MarkKind = "election" | "leader" | "fault" | "snapshot" | "note" | "phase" | "violation";

/** A place worth jumping to. */
export interface Mark {
  readonly event: number;
  readonly atUs: number;
  readonly kind: MarkKind;
  readonly host: number;
  readonly group: number;
  readonly text: string;
}

/** One strike of the nemesis, from when it was injected to when it was taken back. */
export interface Strike {
  readonly site: string;
  readonly kind: string;
  readonly event: number;
  readonly startUs: number;
  /** Infinity while it lasts. */
  readonly endUs: number;
  /** It had nothing to strike. */
  readonly isVain: boolean;
}

export interface GroupInfo {
  readonly id: number;
  readonly name: string;
}

/** The highest commit of a group from this time on. */
export interface CommitStep {
  readonly atUs: number;
  readonly commit: number;
}

const ELECTION_KINDS = new Set(["pre-vote", "pre-vote-reply", "vote", "vote-reply", "timeout-now"]);

/** Colour classes of messages. */
export function classOf(
  kind: string,
): "election" | "append" | "reply" | "heartbeat" | "snapshot" | "work" | "link" {
  if (ELECTION_KINDS.has(kind)) return "election";
  if (kind === "append") return "append";
  if (kind === "append-reply") return "reply";
  if (kind.startsWith("heartbeat") || kind.startsWith("read-index")) return "heartbeat";
  if (kind === "snapshot") return "snapshot";
  if (LINK_KINDS.has(kind)) return "link";
  return "work";
}

const LINK_KINDS = new Set(["ack", "credit", "ping", "pong", "hello", "resume", "drain", "bye"]);

export class Story {
  hosts: readonly string[] = [];
  readonly messages: MessageRow[] = [];
  readonly notes: NoteRow[] = [];
  readonly bands = new Map<number, BandRow>();
  readonly marks: Mark[] = [];
  readonly strikes: Strike[] = [];
  /** Of strikes that last: where they stand in `strikes`. */
  readonly #lasting = new Map<string, number>();
  readonly groups = new Map<number, GroupInfo>();
  readonly commits = new Map<number, CommitStep[]>();
  readonly kinds = new Map<string, number>();
  /** `host/group` to its rows. */
  readonly #groupRows = new Map<string, GroupRow[]>();
  readonly #nodeRows = new Map<number, NodeRow[]>();
  readonly #leaders = new Map<string, number>();
  readonly #times: Float64Array[] = [];
  readonly #targets: Uint8Array[] = [];
  readonly #eventKinds: Uint8Array[] = [];
  readonly #starts: number[] = [];
  events = 0;
  endUs = 0;
  result: Result | null = null;

  add(batch: Batch): void {
    if (batch.timesUs.length > 0) {
      this.#starts.push(this.events);
      this.#times.push(batch.timesUs);
      this.#targets.push(batch.targets);
      this.#eventKinds.push(batch.kinds);
      this.events += batch.timesUs.length;
      this.endUs = batch.timesUs.at(-1)!;
    }
    for (const message of batch.messages) {
      this.messages.push(message);
      this.kinds.set(message.kind, (this.kinds.get(message.kind) ?? 0) + 1);
    }
    for (const row of batch.groups) this.#addGroup(row);
    for (const row of batch.nodes) push(this.#nodeRows, row.host, row);
    for (const row of batch.bands) this.#addBand(row);
    for (const row of batch.notes) this.#addNote(row);
  }

  end(result: Result): void {
    this.result = result;
    this.marks.sort((a, b) => a.event - b.event);
    if (!this.isBroken) return;
    const text = `${result.outcome}: ${result.message.split("\n")[0]}`;
    // The node that the message names, else the one of the last event.
    const named = this.hosts.findIndex((name) => new RegExp(`\\b${name}\\b`).test(result.message));
    const last = this.targetOf(this.events) - 1;
    const host = named >= 0 ? named : last < this.hosts.length ? last : -1;
    this.marks.push({ event: result.events, atUs: this.endUs, kind: "violation", host, group: -1, text });
  }

  get isBroken(): boolean {
    return this.result !== null && this.result.outcome !== "ok" && this.result.outcome !== "stopped";
  }

  // Events: numbered from 1; 0 is before the first.

  timeOf(event: number): number {
    if (event <= 0) return 0;
    const [batch, at] = this.#place(Math.min(event, this.events) - 1);
    return this.#times[batch]?.[at] ?? 0;
  }
  targetOf(event: number): number {
    const [batch, at] = this.#place(event - 1);
    return this.#targets[batch]?.[at] ?? 0;
  }
  kindOf(event: number): number {
    const [batch, at] = this.#place(event - 1);
    return this.#eventKinds[batch]?.[at] ?? 0;
  }
  /** The last event that happened by then. */
  eventAt(timeUs: number): number {
    let low = 0;
    let high = this.events;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.timeOf(middle) <= timeUs) low = middle;
      else high = middle - 1;
    }
    return low;
  }
  /** The next event of a host after this one, or before it. */
  nextOf(host: number, event: number, step: 1 | -1): number {
    for (let at = event + step; at >= 1 && at <= this.events; at += step) {
      if (this.targetOf(at) === host + 1) return at;
    }
    return event;
  }

  // States.

  groupRows(host: number, group: number): readonly GroupRow[] {
    return this.#groupRows.get(`${host}/${group}`) ?? [];
  }
  groupAt(host: number, group: number, event: number): GroupRow | null {
    const rows = this.groupRows(host, group);
    return rows[lastUpTo(rows, event)] ?? null;
  }
  nodeAt(host: number, event: number): NodeRow | null {
    const rows = this.#nodeRows.get(host) ?? [];
    return rows[lastUpTo(rows, event)] ?? null;
  }
  /** Who leads a group by then, of the highest term; -1: nobody. */
  leaderAt(group: number, event: number): number {
    let [leader, term] = [-1, -1];
    for (let host = 0; host < this.hosts.length; host++) {
      const row = this.groupAt(host, group, event);
      if (row?.role === "leader" && row.term > term) [leader, term] = [host, row.term];
    }
    return leader;
  }

  /** Messages that arrive at or after this time begin here. */
  firstMessage(fromUs: number): number {
    let low = 0;
    let high = this.messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.messages[middle]!.atUs < fromUs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // Rows.

  #addGroup(row: GroupRow): void {
    const key = `${row.host}/${row.group}`;
    const before = this.#groupRows.get(key)?.at(-1);
    push(this.#groupRows, key, row);
    if (!this.groups.has(row.group)) {
      this.groups.set(row.group, { id: row.group, name: row.name === "" ? `group ${row.group}` : row.name });
    }
    const steps = this.commits.get(row.group) ?? [];
    this.commits.set(row.group, steps);
    if (row.commit > (steps.at(-1)?.commit ?? 0)) steps.push({ atUs: row.atUs, commit: row.commit });
    if (before?.role === row.role) return;
    const { event, atUs, host, group, term } = row;
    const name = this.groups.get(group)!.name;
    const who = this.hosts[host] ?? "";
    if (row.role === "leader") {
      const isNew = this.#leaders.get(`${group}`) !== host;
      this.#leaders.set(`${group}`, host);
      const text = `${who} ${isNew ? "becomes leader" : "leads again"} of ${name} in term ${term}`;
      this.marks.push({ event, atUs, kind: "leader", host, group, text });
    } else if (row.role === "candidate" || row.role === "pre-candidate") {
      this.marks.push({
        event,
        atUs,
        kind: "election",
        host,
        group,
        text: `${who} is ${row.role} of ${name}, term ${term}`,
      });
    }
  }

  #addBand(row: BandRow): void {
    if (!this.bands.has(row.id) && row.to < 0) {
      const text = `${this.hosts[row.host]} is ${row.kind}`;
      this.marks.push({
        event: row.event,
        atUs: row.startUs,
        kind: "fault",
        host: row.host,
        group: -1,
        text,
      });
    }
    this.bands.set(row.id, row);
  }

  #addNote(row: NoteRow): void {
    this.notes.push(row);
    const { event, atUs, host } = row;
    if (this.#addStrike(row)) return;
    const who = host < 0 ? "" : `${this.hosts[host]}: `;
    this.marks.push({ event, atUs, kind: kindOfNote(row), host, group: -1, text: who + row.text });
  }

  /** True for the word that a strike ends: no place to jump to. */
  #addStrike({ event, atUs, text }: NoteRow): boolean {
    const [, site, kind, rest] = text.match(/^(nemesis\/\d+): ([\w-]+)(.*)$/) ?? [];
    if (site === undefined) return false;
    if (rest === " ends") {
      const at = this.#lasting.get(site)!;
      this.#lasting.delete(site);
      this.strikes[at] = { ...this.strikes[at]!, endUs: atUs };
      return true;
    }
    const isVain = rest !== "";
    if (!isVain) this.#lasting.set(site, this.strikes.length);
    this.strikes.push({ site, kind: kind!, event, startUs: atUs, endUs: isVain ? atUs : Infinity, isVain });
    return false;
  }

  #place(index: number): [batch: number, at: number] {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    return [low, index - (this.#starts[low] ?? 0)];
  }
}

function kindOfNote({ host, text }: NoteRow): MarkKind {
  if (text.startsWith("heal ")) return "phase";
  if (text.startsWith("restored group")) return "snapshot";
  return host < 0 || /^(crash|power lost|restart)/.test(text) ? "fault" : "note";
}

function push<Key, Row>(rows: Map<Key, Row[]>, key: Key, row: Row): void {
  const some = rows.get(key);
  if (some === undefined) rows.set(key, [row]);
  else some.push(row);
}

/** The index of the last row that is not later than the event; -1: none. */
export function lastUpTo(rows: readonly { readonly event: number }[], event: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.event <= event) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
