/**
 * The space-time diagram (Lamport, "Time, clocks, and the ordering of events", CACM'78): a lane for each node, time to the right,
 * an arrow for each message; under each lane a strip for each of its groups, coloured by term and as thick as its role.
 * Only what the window shows is drawn.
 */
/// <reference lib="dom" />
import { Arrows, type Lane } from "./arrows.ts";
import { FAULTS_HEIGHT, FaultTrack } from "./fault_track.ts";
import type { BandRow, GroupRow } from "./rows.ts";
import { lastUpTo, type Story, type Strike } from "./story.ts";
import { AXIS, drawLine, GUTTER, Surface } from "./surface.ts";
import { formatTime, type Theme, tickUs } from "./theme.ts";
import type { ViewState } from "./view_state.ts";

const STRIP = 11;
const COMMIT_ROW = 40;
/** What a lane needs above its line. */
const LANE_ABOVE = 13;
const TICKS_LIMIT = 3_000;

export class Diagram {
  readonly canvas: HTMLCanvasElement;
  readonly #story: Story;
  readonly #view: ViewState;
  readonly #theme: Theme;
  readonly #context: CanvasRenderingContext2D;
  readonly #on: Surface;
  readonly arrows: Arrows;
  readonly #faults: FaultTrack;
  #lanes: Lane[] = [];
  /** Group to its commit index at the cursor. */
  readonly #commits = new Map<number, number>();
  hoverX = -1;

  constructor(canvas: HTMLCanvasElement, story: Story, view: ViewState, theme: Theme) {
    this.canvas = canvas;
    this.#story = story;
    this.#view = view;
    this.#theme = theme;
    this.#on = new Surface(canvas, story, view, theme);
    this.#context = this.#on.context;
    this.arrows = new Arrows(this.#on);
    this.#faults = new FaultTrack(this.#on);
  }

  timeAt(x: number): number {
    return this.#on.timeAt(x);
  }

  hostAt(y: number): number {
    return this.#lanes.find((lane) => y >= lane.top && y < lane.top + lane.height)?.host ?? -1;
  }

  /** What is wrong there, with the mesh, with a wire or with a node. */
  wrongAt(x: number, y: number): (BandRow | Strike)[] {
    const what = this.#faults.at(x, y);
    if (what !== null) return [what];
    const host = this.hostAt(y);
    const timeUs = this.timeAt(x);
    return [...this.#story.bands.values()].filter((band) =>
      band.to < 0 && band.host === host && band.startUs <= timeUs && band.endUs >= timeUs
    );
  }
  /** The group whose strip or commit row is under the pointer; -1: none. */
  groupAt(y: number): number {
    const groups = this.#groups();
    const lane = this.#lanes.find((lane) => y >= lane.top && y < lane.top + lane.height);
    if (lane !== undefined) {
      const at = Math.floor((y - lane.y - 7) / STRIP);
      return y > lane.y + 7 ? groups[at] ?? -1 : -1;
    }
    return groups[Math.floor((y - this.#commitsTop()) / COMMIT_ROW)] ?? -1;
  }

  draw(): void {
    this.#on.resize();
    const context = this.#context;
    context.clearRect(0, 0, this.#on.width, this.#on.height);
    this.#place();
    this.#drawBands();
    this.#drawAxis();
    this.#drawLanes();
    context.save();
    context.beginPath();
    context.rect(GUTTER, 0, this.#on.width - GUTTER, this.#on.height);
    context.clip();
    this.arrows.draw(this.#lanes);
    this.#drawTicks();
    this.#drawStrips();
    this.#faults.draw();
    this.#drawCommits();
    this.#drawCursor();
    context.restore();
    this.#drawNames();
  }

  #groups(): number[] {
    return [...this.#story.groups.keys()].filter((group) => !this.#view.hiddenGroups.has(group)).sort((
      a,
      b,
    ) => a - b);
  }
  #commitsTop(): number {
    return this.#on.height - this.#groups().length * COMMIT_ROW;
  }

  #place(): void {
    const hosts = this.#story.hosts.map((_, host) => host).filter((host) =>
      !this.#view.hiddenHosts.has(host)
    );
    const height = this.#groups().length * STRIP + LANE_ABOVE + 12;
    const first = AXIS + FAULTS_HEIGHT + LANE_ABOVE;
    const room = this.#commitsTop() - 6 - height + LANE_ABOVE - first;
    const distance = Math.max(height, room / Math.max(1, hosts.length - 1));
    this.#lanes = hosts.map((host, i) => {
      const y = Math.round(first + i * distance);
      return { host, y, top: y - LANE_ABOVE, height };
    });
  }

  #drawAxis(): void {
    const context = this.#context;
    const { startUs, endUs, spanUs } = this.#view;
    const step = tickUs(spanUs, (this.#on.width - GUTTER) / 110);
    context.fillStyle = this.#theme.color("muted");
    context.strokeStyle = this.#theme.color("line");
    context.lineWidth = 1;
    for (let us = Math.max(0, Math.ceil(startUs / step) * step); us <= endUs; us += step) {
      const x = Math.round(this.#on.x(us)) + 0.5;
      if (x < GUTTER) continue;
      drawLine(context, x, AXIS - 5, x, this.#on.height);
      context.fillText(formatTime(us, step * 8), x + 4, AXIS / 2);
    }
  }

  #drawBands(): void {
    const context = this.#context;
    for (const band of this.#story.bands.values()) {
      if (band.to >= 0 || band.endUs < this.#view.startUs || band.startUs > this.#view.endUs) continue;
      const lane = this.#lanes.find((lane) => lane.host === band.host);
      if (lane === undefined) continue;
      const [x0, x1] = this.#on.clip(band.startUs, band.endUs);
      context.fillStyle = this.#theme.band(band.kind);
      context.fillRect(x0, lane.top, Math.max(1, x1 - x0), lane.height);
    }
  }

  #drawLanes(): void {
    const context = this.#context;
    for (const lane of this.#lanes) {
      context.strokeStyle = this.#theme.color("faint");
      drawLine(context, GUTTER, lane.y + 0.5, this.#on.width, lane.y + 0.5);
    }
  }

  #drawNames(): void {
    const context = this.#context;
    const { host: chosen, event } = this.#view;
    for (const { host, y } of this.#lanes) {
      if (host === chosen) {
        context.fillStyle = this.#theme.color("accent");
        context.fillRect(0, y - 8, 3, 16);
      }
      context.fillStyle = this.#theme.color("ink");
      context.font = '600 13px system-ui, "Segoe UI", Arial, sans-serif';
      context.fillText(this.#story.hosts[host]!, 12, y);
      context.font = '11px system-ui, "Segoe UI", Arial, sans-serif';
      context.fillStyle = this.#theme.color("muted");
      context.fillText(this.#story.nodeAt(host, event)?.state ?? "", 42, y);
      this.#groups().forEach((group, i) => {
        context.fillStyle = this.#theme.color("faint");
        context.font = '9px system-ui, "Segoe UI", Arial, sans-serif';
        context.textAlign = "right";
        context.fillText(this.#story.groups.get(group)!.name, GUTTER - 6, y + 7 + i * STRIP + STRIP / 2 - 1);
        context.textAlign = "left";
        context.font = '11px system-ui, "Segoe UI", Arial, sans-serif';
      });
    }
    this.#drawGroupNames();
  }

  #drawGroupNames(): void {
    const context = this.#context;
    this.#groups().forEach((group, i) => {
      const y = this.#commitsTop() + i * COMMIT_ROW;
      const leader = this.#story.leaderAt(group, this.#view.event);
      context.fillStyle = this.#theme.color("ink");
      context.fillText(this.#story.groups.get(group)!.name, 12, y + 13);
      context.fillStyle = this.#theme.color("muted");
      const led = leader < 0 ? "no leader" : `${this.#story.hosts[leader]} leads`;
      context.fillText(`${led}, commit ${this.#commits.get(group) ?? 0}`, 12, y + 28);
    });
  }

  #drawStrips(): void {
    const { startUs } = this.#view;
    const firstEvent = this.#story.eventAt(startUs);
    this.#groups().forEach((group, i) => {
      for (const { host, y } of this.#lanes) {
        this.#drawSpans(this.#story.groupRows(host, group), firstEvent, y + 7 + i * STRIP, STRIP - 2, false);
      }
    });
  }

  /** Spans of equal role and term. */
  #drawSpans(
    rows: readonly GroupRow[],
    firstEvent: number,
    y: number,
    height: number,
    leadersOnly: boolean,
  ): void {
    const { endUs } = this.#view;
    for (let at = Math.max(0, lastUpTo(rows, firstEvent)); at < rows.length;) {
      const row = rows[at]!;
      if (row.atUs > endUs) break;
      let next = at + 1;
      while (next < rows.length && rows[next]!.role === row.role && rows[next]!.term === row.term) next++;
      const untilUs = rows[next]?.atUs ?? this.#story.endUs;
      const [x0, x1] = this.#on.clip(row.atUs, untilUs);
      if (!leadersOnly || row.role === "leader") this.#drawSpan(row, x0, x1, y, height);
      at = next;
    }
  }

  #drawSpan(row: GroupRow, x0: number, x1: number, y: number, height: number): void {
    if (row.role === "gone") return;
    const context = this.#context;
    const share = row.role === "leader" ? 1 : row.role === "follower" ? 0.28 : 0.6;
    context.fillStyle = this.#theme.term(row.term);
    context.globalAlpha = row.role === "follower" ? 0.65 : 1;
    context.fillRect(x0, y + height * (1 - share) / 2, Math.max(1, x1 - x0), height * share);
    context.globalAlpha = 1;
    if (row.role !== "leader" || height < 6 || x1 - x0 < 62) return;
    context.fillStyle = "#fff";
    context.font = '600 8px system-ui, "Segoe UI", Arial, sans-serif';
    context.fillText(`leads term ${row.term}`, Math.max(x0, GUTTER) + 4, y + height / 2 + 0.5);
    context.font = '11px system-ui, "Segoe UI", Arial, sans-serif';
  }

  /** Events on the lanes, where they are far enough apart to be seen. */
  #drawTicks(): void {
    const first = this.#story.eventAt(this.#view.startUs);
    const last = this.#story.eventAt(this.#view.endUs);
    if (last - first > TICKS_LIMIT) return;
    const ys = new Map(this.#lanes.map((lane) => [lane.host, lane.y]));
    this.#context.fillStyle = this.#theme.color("muted");
    for (let event = Math.max(1, first); event <= last; event++) {
      const y = ys.get(this.#story.targetOf(event) - 1);
      if (y !== undefined) this.#context.fillRect(this.#on.x(this.#story.timeOf(event)) - 0.5, y - 2, 1, 5);
    }
  }

  #drawCommits(): void {
    const context = this.#context;
    const firstEvent = this.#story.eventAt(this.#view.startUs);
    this.#groups().forEach((group, i) => {
      const top = this.#commitsTop() + i * COMMIT_ROW;
      context.strokeStyle = this.#theme.color("line");
      drawLine(context, 0, top + 0.5, this.#on.width, top + 0.5);
      this.#commits.set(group, this.#drawCommitCurve(group, top + 12, COMMIT_ROW - 15));
      for (const { host } of this.#lanes) {
        this.#drawSpans(this.#story.groupRows(host, group), firstEvent, top + 4, 5, true);
      }
    });
  }

  /** Returns the commit index at the cursor. */
  #drawCommitCurve(group: number, top: number, height: number): number {
    const steps = this.#story.commits.get(group) ?? [];
    const { startUs, endUs } = this.#view;
    const cursorUs = this.#story.timeOf(this.#view.event);
    let [low, high, last] = [Infinity, 0, 0];
    let before = 0;
    const shown: { x: number; commit: number }[] = [];
    for (const { atUs, commit } of steps) {
      if (atUs <= cursorUs) last = commit;
      if (atUs < startUs) before = commit;
      else if (atUs <= endUs) shown.push({ x: this.#on.x(atUs), commit });
    }
    low = before;
    high = Math.max(before + 1, shown.at(-1)?.commit ?? before);
    const y = (commit: number) => top + height - (commit - low) / (high - low) * height;
    const context = this.#context;
    context.strokeStyle = this.#theme.color("good");
    context.fillStyle = this.#theme.color("good");
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(GUTTER, y(before));
    let at = before;
    for (const { x, commit } of shown) {
      context.lineTo(x, y(at));
      context.lineTo(x, y(commit));
      at = commit;
    }
    context.lineTo(Math.min(this.#on.width, this.#on.x(this.#story.endUs)), y(at));
    context.stroke();
    context.lineTo(Math.min(this.#on.width, this.#on.x(this.#story.endUs)), top + height);
    context.lineTo(GUTTER, top + height);
    context.globalAlpha = 0.09;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 1;
    return last;
  }

  #drawCursor(): void {
    const context = this.#context;
    const end = this.#story.result === null ? null : this.#on.x(this.#story.endUs);
    if (end !== null && this.#story.isBroken) {
      context.fillStyle = this.#theme.color("bad");
      context.globalAlpha = 0.12;
      context.fillRect(end, AXIS, this.#on.width, this.#on.height);
      context.globalAlpha = 1;
      context.strokeStyle = this.#theme.color("bad");
      context.lineWidth = 2;
      drawLine(context, end, AXIS - 8, end, this.#on.height);
      context.font = '600 12px system-ui, "Segoe UI", Arial, sans-serif';
      const text = this.#story.result!.checker || this.#story.result!.outcome;
      const isRight = end > this.#on.width - 160;
      context.textAlign = isRight ? "right" : "left";
      context.fillStyle = this.#theme.color("bad");
      context.fillText(`✗ ${text}`, end + (isRight ? -6 : 6), AXIS + FAULTS_HEIGHT - 12);
      context.textAlign = "left";
      context.font = '11px system-ui, "Segoe UI", Arial, sans-serif';
      this.#drawBroken(end);
    }
    const x = this.#on.x(this.#story.timeOf(this.#view.event));
    context.strokeStyle = this.#theme.color("accent");
    context.lineWidth = 1.5;
    drawLine(context, x, 0, x, this.#on.height);
    context.fillStyle = this.#theme.color("accent");
    context.beginPath();
    context.moveTo(x - 5, 0);
    context.lineTo(x + 5, 0);
    context.lineTo(x, 7);
    context.fill();
    context.lineWidth = 1;
    if (this.hoverX < GUTTER) return;
    context.strokeStyle = this.#theme.color("faint");
    context.setLineDash([2, 3]);
    drawLine(context, this.hoverX + 0.5, AXIS, this.hoverX + 0.5, this.#on.height);
    context.setLineDash([]);
  }

  /** Around the node at which it was seen. */
  #drawBroken(x: number): void {
    const host = this.#story.marks.findLast((mark) => mark.kind === "violation")?.host ?? -1;
    const lane = this.#lanes.find((lane) => lane.host === host);
    if (lane === undefined) return;
    const context = this.#context;
    context.strokeStyle = this.#theme.color("bad");
    context.fillStyle = this.#theme.color("ground");
    context.lineWidth = 2.5;
    context.beginPath();
    context.arc(x, lane.y, 9, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
    drawLine(context, x - 4, lane.y - 4, x + 4, lane.y + 4);
    drawLine(context, x - 4, lane.y + 4, x + 4, lane.y - 4);
  }
}
