/** The page of one run: puts picture, lists, keys and engine together. */
/// <reference lib="dom" />
import { Diagram } from "./diagram.ts";
import { byId, element } from "./elements.ts";
import { EnginePort } from "./engine_port.ts";
import { fillFilters } from "./filters.ts";
import { fillChecks, fillFaults, fillJumps, shownMarks } from "./lists.ts";
import { fillMoment, messageCard } from "./moment_panel.ts";
import { Overview } from "./overview.ts";
import type { BandRow, FromEngine, MessageRow, Moment, Result } from "./rows.ts";
import { listenToKeys, listenToPointer } from "./reader.ts";
import type { PageRun } from "./page_run.ts";
import { Story, type Strike } from "./story.ts";
import { formatTime, Theme } from "./theme.ts";
import { ViewState } from "./view_state.ts";

/** Until the engine is sent to where the cursor came to rest. */
const REST_MS = 120;
/** Events for each picture while it runs on; more the longer it does. */
const PLAY_EVENTS = 7;
const TABS = ["moment", "jumps", "faults", "checks"] as const;

export class App {
  readonly story = new Story();
  readonly view = new ViewState();
  readonly theme = new Theme();
  readonly run: PageRun;
  readonly diagram: Diagram;
  readonly overview: Overview;
  readonly #engine: EnginePort;
  #moment: Moment | null = null;
  #tab: (typeof TABS)[number] = "moment";
  #panelKey = "";
  #panelSelected: MessageRow | null = null;
  #isDrawWanted = false;
  #restTimer = 0;
  isPlaying = false;

  constructor() {
    this.run = JSON.parse(byId("run").textContent!) as PageRun;
    this.diagram = new Diagram(byId("diagram") as HTMLCanvasElement, this.story, this.view, this.theme);
    this.overview = new Overview(byId("overview") as HTMLCanvasElement, this.story, this.view, this.theme);
    const code = byId("engine-code").textContent!;
    this.#engine = new EnginePort(
      code,
      this.run.source,
      (message) => this.#onFailure(message),
    );
    this.#engine.onMoment = (moment) => this.#onMoment(moment);
    this.#engine.onGoing = (at, to) => this.#showEngine(`running the nodes' code: event ${at} of ${to}`);
  }

  start(): void {
    byId("name").textContent = this.run.title;
    this.#fillLegend();
    this.#listen();
    this.#engine.record((message) => this.#onRecorded(message));
    this.draw();
  }

  // Moving.

  /** Moves the cursor to after this event; the engine follows. */
  goTo(event: number, isRevealed = true): void {
    this.view.event = Math.min(Math.max(0, Math.round(event)), this.story.events);
    if (isRevealed) this.view.reveal(this.story.timeOf(this.view.event), this.story.endUs);
    this.draw();
    clearTimeout(this.#restTimer);
    if (Math.abs(this.view.event - (this.#moment?.event ?? 0)) <= 64) this.#engine.go(this.view.event);
    else this.#restTimer = setTimeout(() => this.#engine.go(this.view.event), REST_MS) as unknown as number;
  }
  goToTime(timeUs: number): void {
    this.goTo(this.story.eventAt(timeUs), false);
  }
  jump(step: 1 | -1): void {
    const marks = shownMarks(this.story, this.view);
    const next = step > 0
      ? marks.find((mark) => mark.event > this.view.event)
      : marks.findLast((mark) => mark.event < this.view.event);
    if (next === undefined) return;
    if (next.host >= 0) this.view.host = next.host;
    this.goTo(next.event);
  }
  choose(host: number): void {
    if (host < 0 || host >= this.story.hosts.length) return;
    this.view.host = host;
    this.draw();
  }
  play(isOn = !this.isPlaying): void {
    this.isPlaying = isOn;
    byId("play").textContent = isOn ? "stop" : "run";
    if (isOn) this.goTo(this.view.event + PLAY_EVENTS);
  }
  showAll(): void {
    this.view.show(0, this.story.endUs, this.story.endUs);
    this.draw();
  }

  // Drawing.

  draw(): void {
    if (this.#isDrawWanted) return;
    this.#isDrawWanted = true;
    requestAnimationFrame(() => {
      this.#isDrawWanted = false;
      this.#drawNow();
    });
  }

  #drawNow(): void {
    const { story, view } = this;
    this.overview.draw();
    this.diagram.draw();
    (byId("to-event") as HTMLInputElement).placeholder = String(view.event);
    (byId("to-time") as HTMLInputElement).placeholder = formatTime(story.timeOf(view.event)).replace(
      " s",
      "",
    );
    this.#drawPanel();
    const { thinned } = this.diagram.arrows;
    byId("thinned").textContent = thinned === 0 ? "" : `${thinned} messages not drawn: look closer`;
  }

  /** Only where something of it changed: the pointer's way over the picture changes nothing. */
  #drawPanel(): void {
    const { story, view } = this;
    const hidden = [...view.hiddenHosts, "/", ...view.hiddenGroups].join(" ");
    const key = [this.#tab, view.event, view.host, this.#moment?.event, story.events, hidden].join(" ");
    if (key === this.#panelKey && view.selected === this.#panelSelected) return;
    this.#panelKey = key;
    this.#panelSelected = view.selected;
    if (this.#tab === "moment") fillMoment(byId("moment"), story, view, this.#moment);
    else if (this.#tab === "jumps") fillJumps(byId("jumps"), story, view);
  }

  showTab(tab: (typeof TABS)[number]): void {
    this.#tab = tab;
    for (const each of TABS) {
      byId(each).hidden = each !== tab;
      document.querySelector(`[data-tab="${each}"]`)!.setAttribute("aria-selected", String(each === tab));
    }
    if (tab === "faults") fillFaults(byId(tab), this.story);
    if (tab === "checks") fillChecks(byId(tab), this.story);
    this.draw();
  }

  showTip(x: number, y: number): void {
    const tip = byId("tip");
    const said = this.#tipAt(x, y);
    tip.hidden = said.length === 0;
    if (tip.hidden) return;
    tip.replaceChildren(...said);
    const { clientWidth, clientHeight } = byId("picture");
    const top = y + this.overview.canvas.clientHeight + 16;
    tip.style.left = `${Math.min(x + 14, clientWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${Math.min(top, clientHeight - tip.offsetHeight - 8)}px`;
  }

  #tipAt(x: number, y: number): HTMLElement[] {
    const { story, diagram } = this;
    const message = diagram.arrows.at(x, y);
    if (message !== null) return [messageCard(story, message)];
    const said = diagram.wrongAt(x, y).map((what) => this.#wrong(what));
    const timeUs = diagram.timeAt(x);
    const host = diagram.hostAt(y);
    const group = diagram.groupAt(y);
    const row = host < 0 || group < 0 ? null : story.groupAt(host, group, story.eventAt(timeUs));
    if (row !== null && row.role !== "gone") {
      const what = `${story.hosts[host]} is ${row.role} of ${
        story.groups.get(group)!.name
      } in term ${row.term}`;
      said.push(element("div", {}, element("b", {}, what), ` commit ${row.commit}, log to ${row.last}`));
    }
    return said;
  }

  #wrong(what: BandRow | Strike): HTMLElement {
    const { hosts, endUs } = this.story;
    const forMs = ((Math.min(what.endUs, endUs) - what.startUs) / 1000).toFixed(1);
    const name = "site" in what
      ? `${what.kind} (${what.site})`
      : `${hosts[what.host]}${what.to < 0 ? "" : ` → ${hosts[what.to]}`} is ${what.kind}`;
    const isVain = "site" in what && what.isVain;
    const how = isVain ? " found nothing to strike" : ` for ${forMs} ms`;
    return element("div", {}, element("b", {}, name), `${how} from ${formatTime(what.startUs)}`);
  }

  // What the engine says.

  #onRecorded(message: FromEngine): void {
    const { story, view } = this;
    if (message.kind === "hosts") story.hosts = message.names;
    else if (message.kind === "batch") {
      story.add(message.batch);
      byId("figures").textContent = `${story.events} events, ${formatTime(story.endUs, 1e8)} so far`;
      fillFilters(story, view, () => this.draw());
    } else if (message.kind === "over") this.#onOver(message.result);
    this.draw();
  }

  #onOver(result: Result): void {
    const { story, view, run } = this;
    story.end(result);
    byId("figures").textContent = `${result.events} events, ${
      formatTime(story.endUs, 1e8)
    } virtual, recorded here in ${(result.wallMs / 1000).toFixed(1)} s`;
    const badge = byId("outcome");
    badge.textContent = story.isBroken ? `${result.outcome} ${result.checker}` : result.outcome;
    badge.className = `badge ${story.isBroken ? "broken" : "ok"}`;
    const trace = byId("trace");
    trace.textContent = `trace ${result.trace}`;
    trace.className = `mono ${run.trace === "" ? "" : run.trace === result.trace ? "same" : "other"}`;
    if (story.isBroken) {
      this.#say(result.message);
      view.show(story.endUs - 1_200_000, story.endUs + 60_000, story.endUs);
      const last = story.marks.at(-1)!;
      if (last.host >= 0) view.host = last.host;
      this.goTo(result.events, false);
      byId("end").textContent = "to the broken promise";
    } else {
      view.show(0, story.endUs, story.endUs);
      this.goTo(story.marks.find((mark) => mark.kind === "leader")?.event ?? 0, false);
    }
    document.body.dataset["state"] = "ready";
    this.showTab(this.#tab);
  }

  #onMoment(moment: Moment): void {
    this.#moment = moment;
    this.#showEngine(`code run to event ${moment.event}: trace `, moment.trace);
    document.body.dataset["moment"] = String(moment.event);
    this.draw();
    if (!this.isPlaying || moment.event !== this.view.event) return;
    if (moment.event >= this.story.events) this.play(false);
    else requestAnimationFrame(() => this.isPlaying && this.goTo(this.view.event + PLAY_EVENTS));
  }

  #showEngine(text: string, strong = ""): void {
    byId("engine").replaceChildren(text, element("b", { id: "moment-trace" }, strong));
  }

  #onFailure(message: string): void {
    this.#say(`The simulator itself failed: ${message}`);
    document.body.dataset["state"] = "failed";
  }

  #say(text: string): void {
    const place = byId("verdict");
    place.hidden = false;
    place.textContent = text;
  }

  // Wiring.

  #fillLegend(): void {
    const legend = byId("legend");
    const words = { down: "down", paused: "paused", disk: "disk hung or full", wire: "wire cut or clogged" };
    for (const [color, word] of Object.entries(words)) {
      legend.append(element("span", {}, element("i", { style: `--dot: var(--${color})` }), word));
    }
    legend.prepend(element("span", { id: "thinned" }));
  }

  #listen(): void {
    const on = (id: string, action: (event: MouseEvent) => void) =>
      byId(id).addEventListener("click", action);
    on("begin", () => this.goTo(0));
    on("back", ({ shiftKey }) => this.step(-1, shiftKey));
    on("step", ({ shiftKey }) => this.step(1, shiftKey));
    on("play", () => this.play());
    on("end", () => this.goTo(this.story.events));
    on("next-mark", () => this.jump(1));
    on("help-button", () => (byId("help") as HTMLDialogElement).showModal());
    on("verdict", () => this.goTo(this.story.events));
    for (const tab of TABS) {
      document.querySelector(`[data-tab="${tab}"]`)!.addEventListener("click", () => this.showTab(tab));
    }
    document.querySelector("aside")!.addEventListener("click", (event) => {
      const row = (event.target as HTMLElement).closest<HTMLElement>("tr[data-event]");
      if (row !== null) this.goTo(Number(row.dataset["event"]));
    });
    this.#listenToFields();
    listenToPointer(this);
    listenToKeys(this);
    addEventListener("resize", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.theme.forget();
      this.draw();
    });
  }

  #listenToFields(): void {
    const take = (id: string, action: (value: number) => void) => {
      const field = byId(id) as HTMLInputElement;
      field.addEventListener("change", () => {
        const value = Number(field.value);
        field.value = "";
        if (Number.isFinite(value) && value >= 0) action(value);
      });
    };
    take("to-event", (event) => this.goTo(event));
    take("to-time", (seconds) => this.goTo(this.story.eventAt(seconds * 1_000_000)));
    const search = byId("search") as HTMLInputElement;
    search.addEventListener("input", () => {
      this.view.search = search.value.trim();
      this.draw();
    });
  }

  /** One event, or one of the chosen node. */
  step(step: 1 | -1, isOfNode: boolean): void {
    const { story, view } = this;
    this.goTo(isOfNode ? story.nextOf(view.host, view.event, step) : view.event + step);
  }
}

new App().start();
