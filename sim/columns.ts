/**
 * A run as text that reads downwards: one line for each event that matters, one column for each node, which says its role,
 * term and commit in the group of the line, and what is wrong with it (in the manner of TigerBeetle's simulator).
 */
import type { EventKind, Target } from "./event_queue.ts";
import type { Host } from "./host.ts";
import type { Watcher } from "./watcher.ts";
import type { World } from "./world.ts";

/** What a line can be about. */
export const COLUMN_KINDS = ["role", "term", "commit", "snapshot", "fault", "note"] as const;
export type ColumnKind = (typeof COLUMN_KINDS)[number];

export interface ColumnFilter {
  /** Names of hosts; all where it is left out. */
  readonly nodes?: readonly string[];
  readonly kinds?: readonly ColumnKind[];
  /** A group's name, such as `control` or a stream's. */
  readonly group?: string;
}

export const LEGEND = "L leads, f follows, p asks for a pre-vote, c is a candidate, - has not the group; " +
  "x down, z paused, / cut off from somebody; * whom the line is about; then term/commit";

const ROLE_GLYPHS: Readonly<Record<string, string>> = {
  leader: "L",
  follower: "f",
  "pre-candidate": "p",
  candidate: "c",
};

/** What is shown of a node in a group. */
interface State {
  readonly role: string;
  readonly term: number;
  readonly commit: number;
  readonly base: number;
}

interface Line {
  readonly event: number;
  readonly timeUs: number;
  readonly group: string;
  readonly cells: readonly string[];
  readonly text: string;
}

export class Columns implements Watcher {
  readonly #filter: ColumnFilter;
  readonly #limit: number;
  readonly #lines: Line[] = [];
  readonly #states = new Map<string, State>();
  readonly #groups = new Set<string>();
  readonly #names: string[] = [];
  #left = 0;

  /** Keeps the last `limit` lines. */
  constructor(filter: ColumnFilter = {}, limit = Infinity) {
    this.#filter = filter;
    this.#limit = limit;
  }

  stepped(world: World, _target: Target, _kind: EventKind): void {
    for (const host of world.hosts) if (host.hasChanged) this.#look(world, host);
  }

  frame(): void {}

  noted(world: World, host: Host | null, text: string): void {
    // What happens to a host is the world's doing unless its node says it.
    const isFault = host === null || /^(crash|power lost|restart)/.test(text);
    const group = text.match(/^([\w-]+): /)?.[1] ?? "";
    if (host !== null && this.#groups.has(group)) {
      // That a role changed is seen at the node itself, with what it was before.
      if (!/: [a-z-]+ in term \d+, leader /.test(text)) this.#add(world, host, "note", group, text);
    } else this.#add(world, host, isFault ? "fault" : "note", this.#filter.group ?? "control", text);
    if (host !== null && !host.isUp) this.#forget(host);
  }

  /** A head and the lines, oldest first. */
  format(): string[] {
    const width = Math.max(14, ...this.#lines.flatMap(({ cells }) => cells.map((cell) => cell.length)));
    const groups = Math.max(5, ...this.#lines.map(({ group }) => group.length));
    const row = (event: string, seconds: string, group: string, cells: readonly string[], text: string) =>
      `${event.padStart(8)} ${seconds.padStart(11)}  ${group.padEnd(groups)}  ${
        cells.map((cell) => cell.padEnd(width)).join(" ")
      } ${text}`.trimEnd();
    const left = this.#left === 0 ? [] : [`(${this.#left} lines before these)`];
    return [
      LEGEND,
      ...left,
      row("event", "seconds", "group", this.#names, ""),
      ...this.#lines.map(({ event, timeUs, group, cells, text }) =>
        row(String(event), (timeUs / 1_000_000).toFixed(6), group, cells, text)
      ),
    ];
  }

  #look(world: World, host: Host): void {
    const groups = host.node?.inspect().groups ?? [];
    for (const { name, role, term, commit, base } of groups) {
      this.#groups.add(name);
      const before = this.#states.get(keyOf(host, name));
      const now: State = { role, term, commit, base };
      this.#states.set(keyOf(host, name), now);
      const kind = changeOf(before, now);
      if (kind !== null) this.#add(world, host, kind, name, describe(kind, before, now));
    }
  }

  #forget(host: Host): void {
    for (const group of this.#groups) this.#states.delete(keyOf(host, group));
  }

  #add(world: World, host: Host | null, kind: ColumnKind, group: string, text: string): void {
    const { nodes, kinds, group: wanted } = this.#filter;
    const shown = world.hosts.filter(({ name }) => nodes?.includes(name) ?? true);
    if (this.#names.length === 0) this.#names.push(...shown.map(({ name }) => name));
    if (kinds !== undefined && !kinds.includes(kind)) return;
    if (host !== null && !shown.includes(host)) return;
    if (wanted !== undefined && group !== wanted) return;
    const cells = shown.map((each) => `${each === host ? "*" : " "}${this.#cell(world, each, group)}`);
    this.#lines.push({ event: world.trace.events, timeUs: world.nowUs, group, cells, text });
    if (this.#lines.length <= this.#limit) return;
    this.#lines.shift();
    this.#left += 1;
  }

  #cell(world: World, host: Host, group: string): string {
    const isCut = world.hosts.some((other) => other !== host && !isOpen(world, host, other));
    const trouble = `${host.isPaused ? "z" : ""}${isCut ? "/" : ""}`;
    if (!host.isUp) return `x ${isCut ? "/" : ""}`.trimEnd();
    const state = this.#states.get(keyOf(host, group));
    if (state === undefined) return `- ${trouble}`.trimEnd();
    return `${ROLE_GLYPHS[state.role] ?? "?"}${trouble} ${state.term}/${state.commit}`;
  }
}

function keyOf(host: Host, group: string): string {
  return `${host.name} ${group}`;
}

function isOpen({ topology }: World, a: Host, b: Host): boolean {
  return topology.isOpen(a.id, b.id) && topology.isOpen(b.id, a.id);
}

function changeOf(before: State | undefined, now: State): ColumnKind | null {
  if (before === undefined || before.role !== now.role) return "role";
  if (before.term !== now.term) return "term";
  if (before.base !== now.base) return "snapshot";
  return before.commit === now.commit ? null : "commit";
}

function describe(kind: ColumnKind, before: State | undefined, now: State): string {
  if (kind === "role") {
    return before === undefined ? `begins as ${now.role}` : `${before.role} -> ${now.role}`;
  }
  if (kind === "term") return `term ${before!.term} -> ${now.term}`;
  if (kind === "snapshot") return `log begins after ${now.base}`;
  return `commits ${before!.commit} -> ${now.commit}`;
}
