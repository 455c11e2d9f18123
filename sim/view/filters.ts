/** Chips that show and hide: nodes, groups, kinds of messages. */
/// <reference lib="dom" />
import { byId, element } from "./elements.ts";
import { classOf, type Story } from "./story.ts";
import { CLASS_NAMES, MESSAGE_CLASSES, type ViewState } from "./view_state.ts";

export function fillFilters(story: Story, view: ViewState, onChange: () => void): void {
  const draw = () => {
    fill(
      "filter-nodes",
      story.hosts.map((name, host) => chip(name, view.hiddenHosts, host, "", "", changed)),
    );
    const groups = [...story.groups.values()].sort((a, b) => a.id - b.id);
    fill("filter-groups", groups.map(({ id, name }) => chip(name, view.hiddenGroups, id, "", "", changed)));
    const counts = new Map<string, number>();
    for (const [kind, count] of story.kinds) {
      counts.set(classOf(kind), (counts.get(classOf(kind)) ?? 0) + count);
    }
    fill(
      "filter-kinds",
      MESSAGE_CLASSES.map((kind) =>
        chip(
          CLASS_NAMES[kind],
          view.hiddenClasses,
          kind,
          `var(--${kind})`,
          String(counts.get(kind) ?? 0),
          changed,
        )
      ),
    );
  };
  const changed = () => {
    draw();
    onChange();
  };
  draw();
}

function fill(id: string, chips: readonly HTMLElement[]): void {
  const place = byId(id);
  place.replaceChildren(place.querySelector("legend")!, ...chips);
}

function chip<Key>(
  name: string,
  hidden: Set<Key>,
  key: Key,
  dot: string,
  count: string,
  onChange: () => void,
): HTMLElement {
  const button = element(
    "button",
    {
      class: `chip ${hidden.has(key) ? "off" : ""}`,
      "aria-pressed": String(!hidden.has(key)),
      title: "Show or hide",
      "data-filter": name,
    },
    dot === "" ? null : element("i", { style: `--dot: ${dot}` }),
    name,
    count === "" ? null : element("small", {}, count),
  );
  button.addEventListener("click", () => {
    if (hidden.has(key)) hidden.delete(key);
    else hidden.add(key);
    onChange();
  });
  return button;
}
