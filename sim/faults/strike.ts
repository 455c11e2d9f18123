/**
 * One strike of the nemesis: what it draws, which acts it still has ahead, and how it is taken back. Everything about it
 * is drawn from its own site, so that a run without this strike has all the others as they were.
 */
import { EventKind, type Target } from "../event_queue.ts";
import type { Host } from "../host.ts";
import type { Draws } from "../prf.ts";
import type { World } from "../world.ts";
import type { FaultKind } from "./kinds.ts";

/** Ends what was injected. */
export type Undo = () => void;

/** For faults that end by themselves. */
export const NOTHING_TO_UNDO: Undo = () => {};

/** A group of faults: does what a strike asks, and returns how to end it; null where there was nothing to do it to. */
export interface Faults {
  inject(kind: FaultKind, strike: Strike): Undo | null;
}

/** Something that a strike does later, unless it is over by then. */
export interface Act {
  readonly strike: Strike;
  readonly perform: () => void;
}

export class Strike {
  /** Names this strike's decisions. */
  readonly site: string;
  readonly draws: Draws;
  readonly kind: FaultKind;
  lengthMs: number;
  isOver = false;
  undo: Undo = NOTHING_TO_UNDO;
  /** Whom it is for, where that was decided elsewhere; else it draws. */
  readonly named: readonly Host[];
  readonly #world: World;
  readonly #nemesis: Target;

  constructor(
    world: World,
    nemesis: Target,
    site: string,
    draws: Draws,
    kind: FaultKind,
    lengthMs: number,
    named: readonly Host[] = [],
  ) {
    this.#world = world;
    this.#nemesis = nemesis;
    this.site = site;
    this.draws = draws;
    this.kind = kind;
    this.lengthMs = lengthMs;
    this.named = named;
  }

  later(afterUs: number, perform: () => void): void {
    const act: Act = { strike: this, perform };
    this.#world.schedule(this.#world.nowUs + afterUs, this.#nemesis, EventKind.Heal, 0, 0, act);
  }

  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.undo();
  }

  /** So many of them, in a drawn order; all where there are not so many. The first ones where nothing is drawn. */
  choose(hosts: readonly Host[], count: number): Host[] {
    if (this.named.length > 0) {
      const others = hosts.filter((host) => !this.named.includes(host));
      return [...this.named.filter((host) => hosts.includes(host)), ...others].slice(0, count);
    }
    const left = [...hosts];
    const chosen: Host[] = [];
    while (chosen.length < count && left.length > 0) {
      chosen.push(...left.splice(this.draws.below(left.length), 1));
    }
    return chosen;
  }

  one(hosts: readonly Host[]): Host | undefined {
    if (this.named.length > 0) return this.named.find((host) => hosts.includes(host));
    return this.choose(hosts, 1)[0];
  }
}
