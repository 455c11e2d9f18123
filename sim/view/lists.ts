/** The lists beside the picture: where to jump, what the faults did, what the checkers were given. */
/// <reference lib="dom" />
import { element, table } from "./elements.ts";
import type { Mark, Story } from "./story.ts";
import { formatTime } from "./theme.ts";
import type { ViewState } from "./view_state.ts";

/** More are left out, and the list says so. */
const ROWS_LIMIT = 600;

export function shownMarks(story: Story, view: ViewState): Mark[] {
  return story.marks.filter((mark) =>
    mark.kind === "violation" || (
      mark.kind !== "note" && !(mark.host >= 0 && view.hiddenHosts.has(mark.host)) &&
      !(mark.group >= 0 && view.hiddenGroups.has(mark.group))
    )
  );
}

export function fillJumps(panel: HTMLElement, story: Story, view: ViewState): void {
  const marks = shownMarks(story, view);
  // The neighbourhood of the cursor where there are too many.
  const here = marks.findIndex((mark) => mark.event >= view.event);
  const from = Math.max(
    0,
    Math.min((here < 0 ? marks.length : here) - ROWS_LIMIT / 2, marks.length - ROWS_LIMIT),
  );
  const rows = marks.slice(from, from + ROWS_LIMIT).map((mark) => ({
    event: mark.event,
    className: `${mark.kind} ${mark.event <= view.event ? "past" : ""}`,
    cells: [formatTime(mark.atUs, 1_000_000), mark.kind, mark.text],
  }));
  const columns = [{ title: "time" }, { title: "what" }, { title: "", className: "wide" }] as const;
  panel.replaceChildren(
    element("h2", {}, `${marks.length} places `, element("small", {}, "n and p go through them")),
    table(columns, rows),
    marks.length > rows.length
      ? element("p", { class: "never" }, `${marks.length - rows.length} more, around other times`)
      : "",
  );
}

export function fillFaults(panel: HTMLElement, story: Story): void {
  const counts = Object.entries(story.result?.faults ?? {});
  const bands = [...story.bands.values()];
  const tried = counts.map(([name, { tried, struck }]) => ({
    cells: [name, tried === 0 ? "–" : tried, struck],
    className: struck === 0 ? "gone" : "",
  }));
  const lasted = bands.slice(0, ROWS_LIMIT).map((band) => ({
    event: band.event,
    cells: [
      formatTime(band.startUs, 1_000_000),
      band.kind,
      band.to < 0 ? story.hosts[band.host]! : `${story.hosts[band.host]} → ${story.hosts[band.to]}`,
      forMs(band, story),
    ],
  }));
  const strikes = story.strikes.slice(0, ROWS_LIMIT).map((strike) => ({
    event: strike.event,
    className: strike.isVain ? "gone" : "",
    cells: [
      formatTime(strike.startUs, 1_000_000),
      strike.kind,
      strike.isVain ? "nothing to strike" : forMs(strike, story),
      strike.site,
    ],
  }));
  panel.replaceChildren(
    element("h2", {}, "What was injected ", element("small", {}, `${story.strikes.length} strikes`)),
    table(
      [{ title: "at" }, { title: "fault" }, { title: "for", className: "n" }, { title: "decisions" }],
      strikes,
    ),
    element("h2", {}, "What was tried and what struck"),
    counts.length === 0 ? element("p", { class: "never" }, "Counted when the run is over.") : table(
      [{ title: "fault" }, { title: "tried", className: "n" }, { title: "struck", className: "n" }],
      tried,
    ),
    element("h2", {}, "What was wrong, and how long ", element("small", {}, `${bands.length} times`)),
    table(
      [{ title: "from" }, { title: "what" }, { title: "where" }, { title: "for", className: "n" }],
      lasted,
    ),
    bands.length > ROWS_LIMIT ? element("p", { class: "never" }, `${bands.length - ROWS_LIMIT} more`) : "",
  );
}

function forMs(
  { startUs, endUs }: { readonly startUs: number; readonly endUs: number },
  story: Story,
): string {
  return `${((Math.min(endUs, story.endUs) - startUs) / 1000).toFixed(1)} ms${
    endUs === Infinity ? " and on" : ""
  }`;
}

export function fillChecks(panel: HTMLElement, story: Story): void {
  const { result } = story;
  if (result === null) {
    panel.replaceChildren(element("p", { class: "never" }, "Known when the run is over."));
    return;
  }
  const rows = Object.entries(result.checks).map(([name, inputs]) => ({
    cells: [name === result.checker ? `✗ ${name}` : name, inputs],
    className: name === result.checker ? "violation" : inputs === 0 ? "gone" : "",
  }));
  const work = Object.entries(result.work).map(([name, count]) => ({ cells: [name, count] }));
  panel.replaceChildren(
    element(
      "h2",
      {},
      result.outcome === "ok" ? "Every promise was kept" : `${result.outcome} ${result.checker}`,
    ),
    result.message === "" ? "" : element("p", { class: "facts" }, result.message),
    element("h2", {}, "Evidence that each checker was given"),
    table([{ title: "checker" }, { title: "inputs", className: "n" }], rows),
    element("h2", {}, "What the clients did"),
    table([{ title: "work" }, { title: "times", className: "n" }], work),
  );
}
