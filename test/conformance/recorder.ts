/**
 * What a conformance body sees of a platform: it submits operations, and drives the world until their completions have
 * arrived. A frame is lent only until its turn ends, so the recorder keeps a copy.
 */
import type { Token } from "../../src/core/ids.ts";
import type { CryptoEvent, DiskEvent, Inbox, Io, IoEvent, NetworkEvent, Platform } from "../../src/io/mod.ts";

/**
 * Lets the world go on until the condition holds: virtual time advances in a simulation, real events are awaited
 * otherwise. Fails where that takes too long; `what` says what was awaited.
 */
export type Drive = (until: () => boolean, what: string) => void | Promise<void>;

export type OkDiskEvent = Extract<DiskEvent, { ok: true }>;
export type NetworkEventOf<Kind extends NetworkEvent["kind"]> = Extract<NetworkEvent, { kind: Kind }>;

export class Recorder implements Inbox {
  readonly io: Io;
  readonly events: IoEvent[] = [];
  turns = 0;
  readonly #drive: Drive;
  #lastToken = 0;

  constructor(platform: Platform, drive: Drive, incarnation = 1) {
    this.io = platform.io;
    this.#drive = drive;
    platform.attach(incarnation, this);
  }

  deliver(_incarnation: number, event: IoEvent): void {
    this.events.push(event.kind === "frame" ? { ...event, bytes: event.bytes.slice() } : event);
    this.io.clock.requestTurn();
  }

  turn(): void {
    this.turns += 1;
  }

  token(): Token {
    return ++this.#lastToken as Token;
  }

  /** Submits one disk operation and awaits its completion. */
  async disk(submit: (token: Token) => void): Promise<DiskEvent> {
    const token = this.token();
    submit(token);
    return await this.diskEvent(token);
  }

  async diskOk(submit: (token: Token) => void): Promise<OkDiskEvent> {
    const event = await this.disk(submit);
    if (!event.ok) throw new Error(event.message);
    return event;
  }

  async diskEvent(token: Token): Promise<DiskEvent> {
    return await this.one(
      (event): event is DiskEvent => event.kind === "disk" && event.token === token,
      `disk operation ${token}`,
    );
  }

  async crypto(submit: (token: Token) => void): Promise<CryptoEvent> {
    const token = this.token();
    submit(token);
    return await this.one(
      (event): event is CryptoEvent => event.kind === "crypto" && event.token === token,
      `crypto operation ${token}`,
    );
  }

  /** The first event of the kind, now or later. */
  async network<Kind extends NetworkEvent["kind"]>(
    kind: Kind,
    matches: (event: NetworkEventOf<Kind>) => boolean = () => true,
  ): Promise<NetworkEventOf<Kind>> {
    return await this.one(
      (event): event is NetworkEventOf<Kind> => event.kind === kind && matches(event as NetworkEventOf<Kind>),
      `network event "${kind}"`,
    );
  }

  frames(): NetworkEventOf<"frame">[] {
    return this.events.filter((event): event is NetworkEventOf<"frame"> => event.kind === "frame");
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    await this.#drive(condition, what);
  }

  async one<E extends IoEvent>(matches: (event: IoEvent) => event is E, what: string): Promise<E> {
    let found: E | undefined;
    let seen = 0;
    await this.#drive(() => {
      for (; found === undefined && seen < this.events.length; seen++) {
        const event = this.events[seen]!;
        if (matches(event)) found = event;
      }
      return found !== undefined;
    }, what);
    if (found === undefined) throw new Error(`The drive ended without ${what}`);
    return found;
  }
}
