/**
 * The wires between clients and their nodes, which are cut in ways of their own: what is asked may wait on the way while answers
 * come, or the other way round, until the wire is whole again and all of it arrives, late and in order. What a client had given
 * up by then is still asked. Or the connection breaks: nobody hears of it again, and no new one is made.
 */
import type { Host } from "../host.ts";

export type ClientCutMode = "both-ways" | "asked" | "answered" | "broken";
export const CLIENT_CUT_MODES: readonly ClientCutMode[] = ["both-ways", "asked", "answered", "broken"];

/** What passes from or to a client. */
type Passage = () => void;

interface Cut {
  readonly mode: ClientCutMode;
  readonly asked: Passage[];
  readonly answered: Passage[];
}

export class ClientWires {
  readonly #cuts = new Map<Host, Cut>();
  /** Calls, answers and pushes that a cut held or refused. */
  held = 0;

  isCut(host: Host): boolean {
    return this.#cuts.has(host);
  }

  cut(host: Host, mode: ClientCutMode): void {
    this.#cuts.set(host, { mode, asked: [], answered: [] });
  }

  /** True where a client finds no way to that node. */
  refuses(host: Host): boolean {
    const isRefused = this.#cuts.get(host)?.mode === "broken";
    if (isRefused) this.held += 1;
    return isRefused;
  }

  /** To the node, now or when the wire is whole. */
  ask(host: Host, passage: Passage): void {
    const cut = this.#cuts.get(host);
    if (cut === undefined || cut.mode === "answered" || cut.mode === "broken") return passage();
    this.held += 1;
    cut.asked.push(passage);
  }

  /** To the client, now or when the wire is whole. */
  answer(host: Host, passage: Passage): void {
    const cut = this.#cuts.get(host);
    if (cut === undefined || cut.mode === "asked" || cut.mode === "broken") return passage();
    this.held += 1;
    cut.answered.push(passage);
  }

  /** The wire is whole, and what was held arrives. */
  heal(host: Host): void {
    const cut = this.#cuts.get(host);
    if (cut === undefined) return;
    this.#cuts.delete(host);
    for (const passage of cut.answered) passage();
    for (const passage of cut.asked) passage();
  }

  /** The connections are gone, and what was held with them; the wire stays as it is. */
  drop(host: Host): void {
    const cut = this.#cuts.get(host);
    if (cut !== undefined) cut.asked.length = cut.answered.length = 0;
  }
}
