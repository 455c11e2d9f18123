/**
 * The state of the nodes after the cursor's event: of all at once as recorded, and of the chosen one in depth, from node code that was
 * run again up to there.
 */
/// <reference lib="dom" />
import { EventKind } from "../event_queue.ts";
import { element, type Row, table } from "./elements.ts";
import type { GroupRow, HostMoment, MessageRow, Moment } from "./rows.ts";
import type { Story } from "./story.ts";
import { formatTime, termClass } from "./theme.ts";
import type { ViewState } from "./view_state.ts";

const KIND_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(EventKind).map(([name, kind]) => [kind, name]),
);
/** Messages of the cursor's event that are listed. */
const SAID_LIMIT = 8;

export function fillMoment(panel: HTMLElement, story: Story, view: ViewState, moment: Moment | null): void {
  const { event } = view;
  const parts: (Node | null)[] = [
    heading(
      `Event ${event}`,
      `of ${story.events}, ${formatTime(story.timeOf(event))}, ${whatHappens(story, event)}`,
    ),
    ...messagesOf(story, event),
    view.selected === null ? null : messageCard(story, view.selected),
    ...[...story.groups.values()]
      .filter(({ id }) => !view.hiddenGroups.has(id))
      .sort((a, b) => a.id - b.id)
      .flatMap(({ id, name }) => groupTable(story, view, id, name)),
    ...nodeInDepth(story, view, moment !== null && moment.event === event ? moment : null),
  ];
  panel.replaceChildren(...parts.filter((part) => part !== null));
}

function heading(title: string, rest: string): HTMLElement {
  return element("h2", {}, `${title} `, element("small", {}, rest));
}

function whatHappens(story: Story, event: number): string {
  if (event === 0) return "nothing has happened";
  const target = story.targetOf(event);
  const kind = KIND_NAMES[story.kindOf(event)] ?? "?";
  return `${kind} at ${story.hosts[target - 1] ?? "the world"}`;
}

function messagesOf(story: Story, event: number): HTMLElement[] {
  const atUs = story.timeOf(event);
  const said: HTMLElement[] = [];
  for (let at = story.firstMessage(atUs); at < story.messages.length; at++) {
    const message = story.messages[at]!;
    if (message.atUs > atUs || said.length >= SAID_LIMIT) break;
    if (message.event === event) said.push(messageCard(story, message));
  }
  for (const note of story.notes) {
    if (note.event === event && note.host >= -1) {
      said.push(element("p", { class: "facts" }, `“${note.text}”`));
    }
    if (note.event > event) break;
  }
  return said;
}

export function messageCard(story: Story, message: MessageRow): HTMLElement {
  const { from, to, kind, text, sentUs, atUs, bytes, fate, group } = message;
  return element(
    "p",
    { class: "facts" },
    element("b", {}, `${story.hosts[from]} → ${story.hosts[to]} ${kind}`),
    group < 0 ? "" : ` of ${story.groups.get(group)?.name ?? `group ${group}`}`,
    fate === "lost" ? " (lost)" : "",
    element("br"),
    text === "" ? null : text,
    text === "" ? null : element("br"),
    `sent ${formatTime(sentUs)}, ${fate} after ${((atUs - sentUs) / 1000).toFixed(3)} ms, ${bytes} bytes`,
  );
}

function term(value: number): HTMLElement {
  return element("span", { class: "term", style: termClass(value) }, String(value));
}

function groupTable(story: Story, view: ViewState, group: number, name: string): Node[] {
  const rows: Row[] = [];
  story.hosts.forEach((host, i) => {
    const row = story.groupAt(i, group, view.event);
    if (row === null) return;
    const classes = [row.role, row.event === view.event ? "new" : "", i === view.host ? "chosen" : ""];
    rows.push({
      className: classes.join(" "),
      cells: row.role === "gone" ? [host, "–"] : cellsOf(host, row),
    });
  });
  if (rows.length === 0) return [];
  const leader = story.leaderAt(group, view.event);
  const columns = [
    { title: "node" },
    { title: "role" },
    { title: "term" },
    { title: "vote", className: "n" },
    { title: "log", className: "n" },
    { title: "durable", className: "n" },
    { title: "commit", className: "n" },
    { title: "applied", className: "n" },
  ] as const;
  return [heading(name, leader < 0 ? "nobody leads" : `${story.hosts[leader]} leads`), table(columns, rows)];
}

function cellsOf(host: string, row: GroupRow): Row["cells"] {
  const { role, vote, base, last, durable, commit, applied } = row;
  return [
    host,
    role,
    term(row.term),
    vote === 0 ? "–" : vote,
    `${base + 1}..${last}`,
    durable,
    commit,
    applied,
  ];
}

function nodeInDepth(story: Story, view: ViewState, moment: Moment | null): Node[] {
  const name = story.hosts[view.host] ?? "";
  const row = story.nodeAt(view.host, view.event);
  const head = heading(
    name,
    row === null ? "" : `${row.state}, incarnation ${row.incarnation}, member ${row.memberId}`,
  );
  const host = moment?.hosts[view.host];
  if (host === undefined) {
    return [head, element("p", { class: "never" }, "The node's code is being run up to this event…")];
  }
  return [
    head,
    ...hostFacts(host),
    ...host.groups.flatMap((group) => [
      heading(
        group.name,
        `voters ${group.configuration}; state of ${group.stateBytes} bytes, CRC ${group.stateCrc}`,
      ),
      table(
        [{ title: "index", className: "n" }, { title: "term" }, { title: "kind" }, { title: "CRC-32C" }, {
          title: "",
        }],
        [...group.entries].reverse().map((entry) => ({
          cells: [entry.index, term(entry.term), entry.kind, entry.crc, fateOf(entry.index, group)],
        })),
      ),
    ]),
  ];
}

function fateOf(index: number, group: { durable: number; commit: number; applied: number }): string {
  if (index <= group.applied) return "applied";
  if (index <= group.commit) return "committed";
  return index <= group.durable ? "durable" : "in memory";
}

function hostFacts(host: HostMoment): HTMLElement[] {
  const facts = element(
    "p",
    { class: "facts", id: "live-facts" },
    host.isUp ? (host.isPaused ? "up, paused" : "up") : "down",
    `, ${host.turns} turns, disk ${host.diskBytes} bytes, its wall clock says ${
      new Date(host.wallMs).toISOString()
    }`,
  );
  const { node } = host;
  if (node === null) return [facts];
  const sizes = Object.entries(node.sizes).map(([size, n]) => `${size} ${n}`).join(", ");
  const streams = node.streams.map((stream) => ({
    cells: [stream.name, stream.firstOffset, stream.nextOffset, stream.completedOffset],
  }));
  const columns = [
    { title: "stream" },
    ...["first", "next", "completed"].map((title) => ({ title, className: "n" as const })),
  ];
  return [
    facts,
    element("p", { class: "facts" }, sizes),
    ...(streams.length === 0 ? [] : [table(columns, streams)]),
  ];
}
