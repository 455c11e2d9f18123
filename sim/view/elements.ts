/** Small things for making elements; text goes in as text, never as markup. */
/// <reference lib="dom" />

type Child = Node | string | number | null;

export function element(
  tag: string,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElement {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(
    ...children.filter((child) => child !== null).map((child) =>
      typeof child === "number" ? `${child}` : child
    ),
  );
  return made;
}

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no #${id}`);
  return found;
}

export interface Column {
  readonly title: string;
  readonly className?: "n" | "wide";
}

export interface Row {
  readonly cells: readonly (Node | string | number)[];
  readonly className?: string;
  /** Jumps there when clicked. */
  readonly event?: number;
}

export function table(columns: readonly Column[], rows: readonly Row[]): HTMLElement {
  const head = element(
    "tr",
    {},
    ...columns.map(({ title, className }) => element("th", { class: className ?? "" }, title)),
  );
  const body = rows.map(({ cells, className, event }) =>
    element(
      "tr",
      { class: className ?? "", ...(event === undefined ? {} : { "data-event": String(event) }) },
      ...cells.map((cell, i) => element("td", { class: columns[i]?.className ?? "" }, cell)),
    )
  );
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
}
