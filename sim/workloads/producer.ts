/**
 * One producer of a stream: opens its session, publishes batches one after the other, and repeats a batch whose fate it
 * does not know under the same sequence, through crashes of its node, until it is told. A fenced or unknown session is
 * opened anew, and what the group has of it already is not sent again.
 */
import { encodeText } from "../../src/core/bytes.ts";
import type { Sequence, Token } from "../../src/core/ids.ts";
import { ULID_BYTES } from "../../src/core/ulid.ts";
import type { CallFailure, Reply } from "../../src/node/calls.ts";
import { encodeRecordBatch } from "../../src/stream/mod.ts";
import { EventKind, type Target } from "../event_queue.ts";
import type { Host } from "../host.ts";
import type { Draws } from "../prf.ts";
import type { Regime } from "../regime.ts";
import type { World } from "../world.ts";
import { type Caller, type Calls, RETRY_MEAN_MS, RETRY_MIN_MS } from "./clients.ts";
import type { Effects, Level } from "./effects.ts";
import type { Budget } from "./kv_client.ts";
import { nameOf } from "./lives.ts";

/** Sessions that say something after a newer one has taken over. */
const ZOMBIE_PER_MILLION = 500_000;

/** Batches before which one is tried that leaves some out. */
const LEAP_PER_MILLION = 50_000;
/** Batches before which the last one is repeated with one message more. */
const STRETCH_PER_MILLION = 30_000;
/** Beyond all that a producer ever gets to: what was refused is never what comes next. */
const LEAP_MESSAGES = 1_000_000;

/** Sessions that go on while a newer one is being opened. */
const TWIN_PER_MILLION = 500_000;

/** Batches before which another process of the producer is started. */
const TAKEOVER_PER_MILLION = 30_000;
/** Batches of which another member is asked too. */
const OPINIONS_PER_MILLION = 50_000;

const HASTY_PER_MILLION = 250_000;
const HASTY_BATCHES = 40;
const NEW_SESSION_PER_MILLION = 300_000;

/** What it wakes up for. */
const TURN = 100;
const TWIN = 101;
/** And from here on, of which member. */
const OPINION = 200;

interface Session {
  readonly producerId: number;
  readonly epoch: number;
}

interface Batch {
  readonly baseSequence: number;
  readonly ids: readonly string[];
  readonly messages: readonly Uint8Array[];
  readonly level: Level;
}

export class Producer implements Target, Caller {
  readonly traceId = 253;
  readonly isRemote = true;
  readonly name: string;
  readonly stream: string;
  readonly #world: World;
  readonly #calls: Calls;
  readonly #effects: Effects;
  readonly #budget: Budget;
  readonly #regime: Regime;
  readonly #draws: Draws;
  /** Of zombies. */
  readonly #habits: Draws;
  readonly #isHasty: boolean;
  readonly host: Host;
  /** Where the stream can be published to. */
  readonly #members: readonly Host[];
  /** Where a session that seemed dead speaks up. */
  readonly #haunts: Draws;
  /** Whether and how it leaves some out. */
  readonly #leaps: Draws;
  /** Of twins. */
  readonly #twins: Draws;
  /** Of what other members say. */
  readonly #opinions: Draws;
  #session: Session | null = null;
  /** The one before it. */
  #lastSession: Session | null = null;
  #nextSequence = 1;
  /** Messages of the last batch that was published. */
  #lastCount = 0;
  #batch: Batch | null = null;
  #waiting: Token | null = null;
  #isRetired = false;
  /** Its stream is closed: there is nothing more to do. */
  #isOver = false;
  readonly counts = {
    opened: 0,
    published: 0,
    retried: 0,
    duplicates: 0,
    zombies: 0,
    leaps: 0,
    twins: 0,
    opinions: 0,
  };
  /** What the node said last where it refused. */
  lastFailure = "";

  constructor(
    world: World,
    calls: Calls,
    effects: Effects,
    budget: Budget,
    regime: Regime,
    host: Host,
    stream: string,
    name: string,
    members: readonly Host[],
  ) {
    this.#world = world;
    this.#calls = calls;
    this.#effects = effects;
    this.#budget = budget;
    this.#regime = regime;
    this.host = host;
    this.stream = stream;
    this.name = name;
    this.#members = members;
    this.#leaps = world.prf.site(`producer/${stream}/${name}/leaps`);
    this.#twins = world.prf.site(`producer/${stream}/${name}/twins`);
    this.#opinions = world.prf.site(`producer/${stream}/${name}/opinions`);
    this.#haunts = world.prf.site(`producer/${stream}/${name}/haunts`);
    this.#draws = world.prf.site(`producer/${stream}/${name}`);
    this.#habits = world.prf.site(`producer/${stream}/${name}/habits`);
    this.#isHasty = this.#habits.chance(HASTY_PER_MILLION);
  }

  /** Nothing that it has handed over is without an answer. */
  get isIdle(): boolean {
    return this.#batch === null || this.#isRetired;
  }

  /** Its node is taken away for good, and what only that node holds with it. */
  retire(): void {
    this.#isRetired = true;
    this.#effects.retire(this.stream, this.name);
  }

  /** Its stream is gone, and another one has its name. */
  end(): void {
    this.#isOver = true;
    this.#batch = null;
  }

  begin(): void {
    this.#later(this.#regime.work.thinkMeanMs);
  }

  onEvent(_kind: EventKind, what: number): void {
    if (what === TWIN) return this.#speakAsTwin();
    if (what >= OPINION) return this.#askAlso(this.#members[what - OPINION]!);
    if (this.#waiting !== null || this.#isRetired || this.#isOver) return;
    if (this.#session === null) this.#open();
    else this.#publish();
  }

  onReply(token: Token, reply: Reply): void {
    if (token !== this.#waiting) return;
    this.#waiting = null;
    if (this.#isRetired || this.#isOver) return;
    if (reply.kind === "producer") this.#opened(reply);
    else if (reply.kind === "published") this.#published(reply);
    else if (reply.kind === "failed") this.#failed(reply.error);
    else throw new Error(`The node answered a producer with ${reply.kind}`);
  }

  onPush(): void {}

  onLost(): void {
    this.#waiting = null;
    // A producer that was started anew as well does not know its session any more.
    if (this.#habits.chance(NEW_SESSION_PER_MILLION)) this.#session = null;
    this.#later(RETRY_MEAN_MS, RETRY_MIN_MS);
  }

  #open(): void {
    const call = { kind: "producer-open", stream: nameOf(this.stream), producer: this.name } as const;
    this.#ask(this.#calls.make(this.host, call, this, this.#patienceMs()));
    if (this.#lastSession === null || !this.#twins.chance(TWIN_PER_MILLION)) return;
    const { wire, disk } = this.#regime;
    const waitUs = 1 + this.#twins.exponential(4 * wire.latencyUs + 2 * disk.deviceMeanUs);
    this.#world.schedule(this.#world.nowUs + waitUs, this, EventKind.Client, TWIN, 0, null);
  }

  /**
   * The process before this one still lives and goes on, at the same node, while a newer session is being opened there. What it
   * is told to be queued this one does not send again: it is told where to go on.
   */
  #speakAsTwin(): void {
    if (this.#session !== null || this.#waiting === null || this.#isRetired || this.#isOver) return;
    if (this.#batch === null) {
      if (!this.#budget.spend()) return;
      this.#batch = this.#draw();
      this.#effects.send(this.stream, this.#batch.ids);
    }
    this.counts.twins += 1;
    const batch = this.#batch;
    const caller: Caller = {
      isRemote: true,
      onReply: (_token, reply) => {
        const isAwaited = this.#batch === batch && this.#session === null && !this.#isRetired;
        if (reply.kind === "published" && isAwaited) this.#settle(reply, "QUEUED");
      },
      onPush() {},
      onLost() {},
    };
    const call = {
      kind: "publish",
      stream: nameOf(this.stream),
      batch: encodeBatch(this.#lastSession!, batch),
      level: "QUEUED",
    } as const;
    this.#calls.make(this.host, call, caller, this.#patienceMs());
  }

  #opened({ producerId, epoch, nextSequence }: Reply & { readonly kind: "producer" }): void {
    this.counts.opened += 1;
    this.#session = { producerId, epoch };
    this.#haunt();
    this.#lastSession = this.#session;
    const batch = this.#batch;
    if (batch !== null && nextSequence >= batch.baseSequence + batch.ids.length) {
      // The group has it: what was asked at another level is no longer asked.
      this.#effects.acknowledge(this.stream, batch.ids, "COMMITTED", -1);
      this.#batch = null;
    } else if (nextSequence > this.#nextSequence) {
      this.#effects.violations.push(
        `producer ${this.name} of ${this.stream} is to go on with ${nextSequence} but has sent up to ${
          this.#nextSequence - 1
        }`,
      );
    }
    if (this.#batch === null && nextSequence !== this.#nextSequence) {
      this.#effects.violations.push(
        `producer ${this.name} of ${this.stream} is to go on with ${nextSequence}, not ${this.#nextSequence}: ` +
          "acknowledged messages are forgotten",
      );
    }
    this.#later(1);
  }

  /**
   * The session before this one publishes once more, as a process that only seemed dead: what it says is refused, also by a
   * node that has not heard of the newer session yet.
   */
  #haunt(): void {
    const session = this.#lastSession;
    if (session === null || !this.#habits.chance(ZOMBIE_PER_MILLION)) return;
    this.counts.zombies += 1;
    const fields = {
      ...session,
      baseSequence: this.#nextSequence as Sequence,
      ulid: new Uint8Array(ULID_BYTES),
    };
    const batch = encodeRecordBatch(fields, [encodeText(`${this.name}/zombie `)]);
    const caller: Caller = {
      isRemote: true,
      onReply: (_token, reply) => {
        if (reply.kind === "failed") return;
        this.#effects.violations.push(
          `a fenced session of producer ${this.name} of ${this.stream} published (epoch ${session.epoch})`,
        );
      },
      onPush() {},
      onLost() {},
    };
    const call = { kind: "publish", stream: nameOf(this.stream), batch, level: "COMMITTED" } as const;
    this.#calls.make(this.#haunts.pick(this.#members), call, caller, this.#patienceMs());
  }

  /** A batch before which others are missing is refused, whatever its node knows. */
  #leap({ producerId, epoch }: Session): void {
    this.counts.leaps += 1;
    const baseSequence = this.#nextSequence + LEAP_MESSAGES as Sequence;
    const fields = { producerId, epoch, baseSequence, ulid: new Uint8Array(ULID_BYTES) };
    const batch = encodeRecordBatch(fields, [encodeText(`${this.name}/leap `)]);
    const caller: Caller = {
      onReply: (_token, reply) => {
        if (reply.kind === "failed") return;
        this.#effects.violations.push(
          `producer ${this.name} of ${this.stream} published ${baseSequence} with nothing before it`,
        );
      },
      onPush() {},
      onLost() {},
    };
    const level = this.#leaps.pick(["QUEUED", "COMMITTED"] as const);
    this.#calls.make(
      this.host,
      { kind: "publish", stream: nameOf(this.stream), batch, level },
      caller,
      this.#patienceMs(),
    );
  }

  /** The last batch once more, with one message that follows it: refused, for a batch is repeated whole or not at all. */
  #stretch(): boolean {
    const count = this.#lastCount;
    if (count === 0) return false;
    this.counts.leaps += 1;
    const next = this.#nextSequence;
    const ulid = new Uint8Array(ULID_BYTES);
    const fields = { ...this.#session!, baseSequence: next - count as Sequence, ulid };
    const messages = Array.from({ length: count + 1 }, () => encodeText(`${this.name}/stretch `));
    const batch = encodeRecordBatch(fields, messages);
    const caller: Caller = {
      isRemote: true,
      onReply: (_token, reply) => {
        // What has been sent since may be what it reaches into.
        if (reply.kind === "failed" || this.#nextSequence !== next) return;
        this.#effects.violations.push(
          `producer ${this.name} of ${this.stream} repeated ${
            next - count
          } with one message more, and was told that it is there`,
        );
      },
      onPush() {},
      onLost() {},
    };
    const call = { kind: "publish", stream: this.stream, batch, level: "COMMITTED" } as const;
    this.#calls.make(this.host, call, caller, this.#patienceMs());
    this.#later(RETRY_MEAN_MS, RETRY_MIN_MS);
    return true;
  }

  #publish(): void {
    if (this.#batch === null) {
      if (this.#leaps.chance(STRETCH_PER_MILLION) && this.#stretch()) return;
      if (this.#twins.chance(TAKEOVER_PER_MILLION)) {
        this.#session = null;
        return this.#open();
      }
      if (!this.#budget.spend()) return;
      if (this.#leaps.chance(LEAP_PER_MILLION)) this.#leap(this.#session!);
      this.#batch = this.#draw();
      this.#effects.send(this.stream, this.#batch.ids);
    } else this.counts.retried += 1;
    const { level } = this.#batch;
    const batch = encodeBatch(this.#session!, this.#batch);
    const call = { kind: "publish", stream: nameOf(this.stream), batch, level } as const;
    this.#ask(this.#calls.make(this.host, call, this, this.#patienceMs()));
    const { wire, disk } = this.#regime;
    for (const i of this.#members.keys()) {
      if (!this.#opinions.chance(OPINIONS_PER_MILLION)) continue;
      this.#wonder(i, this.#opinions.exponential(2 * wire.latencyUs + disk.deviceMeanUs));
    }
  }

  /** Its stream is being closed: it asks around again and again until it knows what became of what is under way. */
  worry(): void {
    for (const i of this.#members.keys()) this.#wonder(i, 0);
  }

  #wonder(member: number, waitUs: number): void {
    if (this.#members[member] === this.host) return;
    this.#world.schedule(this.#world.nowUs + 1 + waitUs, this, EventKind.Client, OPINION + member, 0, null);
  }

  /** What is under way is published at another member too, which says what it knows of it: above all what will never become of it. */
  #askAlso(member: Host): void {
    const batch = this.#batch;
    if (this.#effects.closed.has(this.stream) && !this.#isOver && !this.#isRetired) {
      const waitUs = 1000 * (RETRY_MIN_MS + this.#opinions.exponential(RETRY_MEAN_MS));
      this.#wonder(this.#members.indexOf(member), waitUs);
    }
    if (batch === null || this.#session === null || this.#isRetired || this.#isOver) return;
    this.counts.opinions += 1;
    const caller: Caller = {
      isRemote: true,
      onReply: (_token, reply) => {
        if (reply.kind === "published") {
          this.#effects.acknowledge(this.stream, batch.ids, "COMMITTED", reply.firstOffset);
        } else if (reply.kind === "failed" && reply.error.code === "STREAM_CLOSED") {
          if (reply.error.outcome === "NOT_APPLIED") this.#effects.refuse(this.stream, batch.ids);
        }
      },
      onPush() {},
      onLost() {},
    };
    const bytes = encodeBatch(this.#session, batch);
    const call = { kind: "publish", stream: nameOf(this.stream), batch: bytes, level: "COMMITTED" } as const;
    this.#calls.make(member, call, caller, this.#patienceMs());
  }

  #draw(): Batch {
    const { batchMessagesLimit, messageBytesLimit } = this.#regime.work;
    const count = this.#draws.between(1, batchMessagesLimit);
    const baseSequence = this.#nextSequence;
    this.#nextSequence += count;
    const ids: string[] = [];
    const messages: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const id = `${this.name}/${baseSequence + i}`;
      ids.push(id);
      messages.push(encodeText(`${id} ${"x".repeat(this.#draws.below(messageBytesLimit))}`));
    }
    const drawn = this.#draws.pick(["QUEUED", "COMMITTED", "COMMITTED", "COMPLETED"] as const);
    // Who waits for no commit fills the outbox.
    const level = this.#isHasty && this.counts.published < HASTY_BATCHES ? "QUEUED" : drawn;
    return { baseSequence, ids, messages, level };
  }

  #published(reply: Reply & { readonly kind: "published" }): void {
    this.#settle(reply, this.#batch!.level);
    this.#later(this.#regime.work.thinkMeanMs);
  }

  #settle({ firstOffset, duplicate }: Reply & { readonly kind: "published" }, level: Level): void {
    const { ids } = this.#batch!;
    this.#lastCount = ids.length;
    this.counts.published += 1;
    if (duplicate) this.counts.duplicates += 1;
    this.#effects.acknowledge(this.stream, ids, level, firstOffset);
    this.#batch = null;
  }

  #failed(error: CallFailure): void {
    this.lastFailure = `${error.code} ${error.message}`;
    if (error.code === "STREAM_CLOSED" && this.#effects.closed.has(this.stream)) {
      // A session that is refused says nothing of what was published under an earlier one.
      const isRefused = this.#session !== null && error.outcome === "NOT_APPLIED";
      if (this.#batch !== null && isRefused) this.#effects.refuse(this.stream, this.#batch.ids);
      return this.end();
    }
    if (error.code === "PRODUCER_FENCED" || error.code === "UNKNOWN_PRODUCER") this.#session = null;
    // This producer sends one batch at a time and keeps to its node: there is never one missing before it.
    if (error.code === "SEQUENCE_GAP") {
      this.#effects.violations.push(
        `producer ${this.name} of ${this.stream} was told of a gap before ${this.#batch?.baseSequence}`,
      );
    }
    this.#later(RETRY_MEAN_MS, RETRY_MIN_MS);
  }

  #ask(token: Token | null): void {
    this.#waiting = token;
    if (token === null) this.#later(RETRY_MEAN_MS, RETRY_MIN_MS);
  }

  #patienceMs(): number {
    return this.#regime.settings.callTimeoutMs * 2;
  }

  #later(meanMs: number, minMs = 0): void {
    const waitUs = 1000 * (minMs + this.#draws.exponential(meanMs)) + 1;
    this.#world.schedule(this.#world.nowUs + waitUs, this, EventKind.Client, TURN, 0, null);
  }
}

function encodeBatch(
  { producerId, epoch }: Session,
  { baseSequence, messages }: Batch,
): Uint8Array<ArrayBuffer> {
  const ulid = new Uint8Array(ULID_BYTES);
  for (let i = 0; i < 8; i++) ulid[i] = baseSequence >> (8 * (i & 3));
  const fields = { producerId, epoch, baseSequence: baseSequence as Sequence, ulid };
  return encodeRecordBatch(fields, messages);
}
