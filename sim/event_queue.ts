/**
 * What will happen, in the order in which it happens: by time, then by when it was scheduled. A total order, so that
 * two runs of one seed take the same steps.
 */

/** What an event happens to. */
export interface Target {
  /** A small number for the trace and the log: the host's, or one of the world's own. */
  readonly traceId: number;
  onEvent(kind: EventKind, a: number, b: number, payload: unknown): void;
}

/** Numbers are part of the trace's hash. */
export const EventKind = {
  Turn: 1,
  Wake: 2,
  Arrive: 3,
  Drain: 4,
  EndClosed: 5,
  DialArrived: 6,
  DialAnswered: 7,
  DialOpened: 8,
  DialFailed: 9,
  Listening: 10,
  DiskDone: 11,
  CryptoDone: 12,
  Reply: 13,
  Push: 14,
  Fault: 15,
  Heal: 16,
  Restart: 17,
  Client: 18,
  Phase: 19,
  Call: 20,
} as const;
export type EventKind = (typeof EventKind)[keyof typeof EventKind];

export class WorldEvent {
  timeUs = 0;
  order = 0;
  target!: Target;
  kind: EventKind = EventKind.Turn;
  a = 0;
  b = 0;
  payload: unknown = null;
}

const SPARE_LIMIT = 4096;

export class EventQueue {
  readonly #heap: WorldEvent[] = [];
  readonly #spare: WorldEvent[] = [];
  #order = 0;

  get size(): number {
    return this.#heap.length;
  }
  get nextTimeUs(): number {
    return this.#heap.length === 0 ? Infinity : this.#heap[0]!.timeUs;
  }

  push(timeUs: number, target: Target, kind: EventKind, a: number, b: number, payload: unknown): void {
    const event = this.#spare.pop() ?? new WorldEvent();
    event.timeUs = timeUs;
    event.order = this.#order++;
    event.target = target;
    event.kind = kind;
    event.a = a;
    event.b = b;
    event.payload = payload;
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  /** The next event; hand it back by `recycle` when it is done with. */
  pop(): WorldEvent | undefined {
    const heap = this.#heap;
    const top = heap[0];
    if (top === undefined) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return top;
  }

  recycle(event: WorldEvent): void {
    event.payload = null;
    if (this.#spare.length < SPARE_LIMIT) this.#spare.push(event);
  }

  #sink(item: WorldEvent): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, item)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = item;
  }
}

function before(a: WorldEvent, b: WorldEvent): boolean {
  return a.timeUs < b.timeUs || (a.timeUs === b.timeUs && a.order < b.order);
}
