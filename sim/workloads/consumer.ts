/**
 * One consumer of a stream at one of its targets. As a `sink` it keeps the offset with its effects, in one transaction,
 * and subscribes from there: exactly once in effect. As `acknowledge` it makes the effect and then acknowledges:
 * at least once. Now and then it dies between the two.
 */
import { DecodeError } from "../../src/core/errors.ts";
import type { Offset, Token } from "../../src/core/ids.ts";
import type { CallFailure, Push, Reply } from "../../src/node/calls.ts";
import { recordBatchMessages, verifyRecordBatch } from "../../src/stream/mod.ts";
import { EventKind, type Target } from "../event_queue.ts";
import type { Host } from "../host.ts";
import type { Draws } from "../prf.ts";
import type { Regime } from "../regime.ts";
import type { World } from "../world.ts";
import { type Caller, type Calls, RETRY_MEAN_MS, RETRY_MIN_MS } from "./clients.ts";
import { type ConsumerLedger, type Effects, idOf } from "./effects.ts";
import { nameOf } from "./lives.ts";

const CREDIT_BYTES = 8 * 1024;

/** Acknowledgements that leave a gap for a while, and subscribers that live on after another has taken over. */
const GAP_PER_MILLION = 200_000;
/** Of what lies on both sides of a gap, the later part is acknowledged first. */
const LATER_FIRST_PER_MILLION = 500_000;
/** How long the second of two gaps is left. */
const SECOND_GAP_MEAN_MS = 200;
/** Consumers that give no credit back before they have used up all. */
const HOARDER_PER_MILLION = 250_000;
/** Consumers that come back late when their subscription has ended. */
const LAZY_PER_MILLION = 250_000;
const LAZY_MEAN_MS = 3_000;
const ZOMBIE_PER_MILLION = 400_000;
/** Subscribers that give up early and begin anew: what they asked for first is still under way. */
const IMPATIENT_PER_MILLION = 100_000;
const IMPATIENT_MS = 60;

/** Offsets from `first` to below `next`. */
interface Range {
  readonly first: Offset;
  readonly next: Offset;
}

/** Of a cancellation: whatever its answer, the subscription is over for the one who asked. */
const NOBODY: Caller = { isRemote: true, onReply() {}, onPush() {}, onLost() {} };

export class Consumer implements Target, Caller {
  readonly traceId = 253;
  readonly isRemote = true;
  readonly ledger: ConsumerLedger;
  readonly #world: World;
  readonly #calls: Calls;
  readonly #effects: Effects;
  readonly #regime: Regime;
  readonly #draws: Draws;
  /** Of gaps and zombies. */
  readonly #habits: Draws;
  /** Of deaths between two messages of one batch. */
  readonly #cuts: Draws;
  /** Of acknowledgements around a gap. */
  readonly #order: Draws;
  readonly #isHoarder: boolean;
  readonly #isLazy: boolean;
  readonly host: Host;
  /** The subscription in use; what comes under another token is from an earlier one. */
  #token: Token | null = null;
  #isSubscribed = false;
  /** Offset that must come next in this subscription. */
  #expected = 0;
  /** Acks under way: token to the offset that it reaches. */
  readonly #acks = new Map<Token, number>();
  /** The first offset of this subscription that no acknowledgement covers yet; -1: none was delivered. */
  #acknowledgeFrom = -1;
  /** Acknowledged later than what follows it. */
  #held: Range[] = [];
  /** Delivered, and no credit given back for it. */
  #owedBytes = 0;
  /** A subscriber that nobody cancelled, and what it had been sent and not processed. */
  #zombie: { readonly token: Token; readonly range: Range } | null = null;
  #isPlanned = false;
  /** Its stream is gone. */
  #isOver = false;
  readonly counts = { subscribed: 0, crashes: 0, gaps: 0, zombies: 0 };

  constructor(
    world: World,
    calls: Calls,
    effects: Effects,
    regime: Regime,
    host: Host,
    stream: string,
    subscription: string,
    mode: "sink" | "acknowledge",
  ) {
    this.#world = world;
    this.#calls = calls;
    this.#effects = effects;
    this.#regime = regime;
    this.host = host;
    this.#draws = world.prf.site(`consumer/${stream}/${host.name}/${subscription}`);
    this.#habits = world.prf.site(`consumer/${stream}/${host.name}/${subscription}/habits`);
    this.#cuts = world.prf.site(`consumer/${stream}/${host.name}/${subscription}/cuts`);
    this.#order = world.prf.site(`consumer/${stream}/${host.name}/${subscription}/order`);
    this.#isHoarder = this.#habits.chance(HOARDER_PER_MILLION);
    this.#isLazy = this.#habits.chance(LAZY_PER_MILLION);
    this.ledger = {
      stream,
      node: host.name,
      subscription,
      mode,
      nextOffset: 0,
      effects: [],
      seen: new Map(),
      asked: new Set(),
      acknowledgedOffset: 0,
      isRetired: false,
    };
    effects.consumers.push(this.ledger);
  }

  begin(): void {
    this.#later(10);
  }

  /** Its node is taken away for good: it need not see the rest. */
  retire(): void {
    this.ledger.isRetired = true;
  }

  /** Its stream is gone, and another one may have its name. */
  end(): void {
    this.#isOver = true;
  }

  onEvent(): void {
    this.#isPlanned = false;
    if (this.ledger.isRetired || this.#isOver) return;
    if (this.#token === null) this.#subscribe();
    else if (this.#isSubscribed) {
      if (this.#owedBytes >= CREDIT_BYTES) this.#giveBack();
      this.#acknowledge();
    }
  }

  onReply(token: Token, reply: Reply): void {
    const reached = this.#acks.get(token);
    if (reached !== undefined) {
      this.#acks.delete(token);
      if (reply.kind === "done") this.#acknowledged(reached);
      else this.#startOver();
      return;
    }
    if (token !== this.#token) return;
    if (reply.kind === "subscribed") {
      this.counts.subscribed += 1;
      this.#isSubscribed = true;
      this.#expected = reply.nextOffset;
      this.#checkStart(reply.nextOffset);
      // The effects may be ahead of what was acknowledged before the last end.
      if (this.ledger.mode === "sink" && reply.nextOffset > 0) this.#acknowledgeFrom = reply.nextOffset - 1;
      // What an unanswered acknowledgement brought about shows in where the next subscription starts.
      if (this.ledger.mode === "acknowledge") this.#acknowledged(reply.nextOffset);
      this.#haunt();
      this.#acknowledge();
    } else if (reply.kind === "failed") this.#ended(reply.error);
    else throw new Error(`The node answered a subscriber with ${reply.kind}`);
  }

  onPush(token: Token, push: Push): void {
    if (token !== this.#token) return;
    if (push.kind === "subscription-ended") this.#ended(push.error);
    else if (push.kind === "delivery") this.#deliver(push);
  }

  onLost(token: Token): void {
    if (this.#acks.delete(token)) this.#startOver();
    else if (token === this.#token) this.#startOver();
  }

  #ended({ code }: CallFailure): void {
    if (code === "STREAM_CLOSED" && this.#effects.closed.has(this.ledger.stream)) this.#isOver = true;
    this.#end();
  }

  #subscribe(): void {
    const { stream: life, subscription, mode, nextOffset } = this.ledger;
    const stream = nameOf(life);
    const fromOffset = mode === "sink" ? nextOffset as Offset : null;
    const call = { kind: "subscribe", stream, subscription, fromOffset, creditBytes: CREDIT_BYTES } as const;
    this.#isSubscribed = false;
    const isImpatient = this.#habits.chance(IMPATIENT_PER_MILLION);
    const patienceMs = isImpatient
      ? this.#habits.between(1, IMPATIENT_MS)
      : 2 * this.#regime.settings.callTimeoutMs;
    this.#token = this.#calls.make(this.host, call, this, patienceMs, true);
    if (this.#token === null) this.#later(RETRY_MEAN_MS, RETRY_MIN_MS);
  }

  /** A subscription that follows its acknowledgements starts at the last of them, and never before it. */
  #checkStart(nextOffset: number): void {
    const { mode, acknowledgedOffset, asked, stream, node } = this.ledger;
    if (mode === "acknowledge" && nextOffset < acknowledgedOffset) {
      this.#effects.violations.push(
        `${stream} at ${node} starts at ${nextOffset} although everything below ${acknowledgedOffset} was acknowledged`,
      );
    }
    for (let offset = acknowledgedOffset; mode === "acknowledge" && offset < nextOffset; offset++) {
      if (asked.has(offset)) continue;
      this.#effects.violations.push(
        `${stream} at ${node} starts at ${nextOffset} although offset ${offset} was never acknowledged`,
      );
      break;
    }
    if (mode === "sink" && nextOffset !== this.ledger.nextOffset) {
      this.#effects.violations.push(
        `${stream} at ${node} starts at ${nextOffset}, not at ${this.ledger.nextOffset}`,
      );
    }
  }

  #deliver(push: Push & { readonly kind: "delivery" }): void {
    const { stream, node } = this.ledger;
    this.#effects.counts.deliveries += 1;
    if (!isWhole(push.batch)) {
      this.#effects.violations.push(
        `${stream} at ${node}: what is delivered at ${push.baseOffset} is no batch`,
      );
      return;
    }
    const header = verifyRecordBatch(push.batch);
    const messages = recordBatchMessages(push.batch);
    if (this.#owedBytes >= CREDIT_BYTES) {
      this.#effects.violations.push(
        `${stream} at ${node} sends more where ${this.#owedBytes} of ${CREDIT_BYTES} bytes of credit are used up`,
      );
    }
    this.#owedBytes += push.batch.length;
    if (header.count !== push.count || push.skip >= push.count) {
      this.#effects.violations.push(`${stream} at ${node}: a delivery says ${push.count}, skip ${push.skip}`);
    }
    if (!this.#isSubscribed) {
      this.#effects.violations.push(`${stream} at ${node}: a delivery before the reply`);
    }
    if (this.#draws.chance(this.#regime.work.consumerCrashPerMillion)) {
      // Before it did anything: nobody may count this delivery as processed.
      const range = {
        first: push.baseOffset + push.skip as Offset,
        next: push.baseOffset + push.count as Offset,
      };
      this.#die(range);
      return;
    }
    if (this.#acknowledgeFrom < 0) this.#acknowledgeFrom = push.baseOffset + push.skip;
    const isCut = this.#cuts.chance(this.#regime.work.consumerCrashPerMillion);
    const end = isCut ? this.#cuts.between(push.skip + 1, messages.length) : messages.length;
    for (let i = push.skip; i < end; i++) {
      this.#take(push.baseOffset + i, idOf(messages[i]!));
    }
    if (end < messages.length) {
      // What it has done counts; the rest of the batch comes to the next one.
      this.#acknowledge();
      this.#die();
      return;
    }
    if (this.#draws.chance(this.#regime.work.consumerCrashPerMillion)) {
      this.#die();
      return;
    }
    if (this.#draws.chance(700_000)) this.#acknowledge();
    else this.#later(50); // One acknowledgement for several deliveries.
    // A hoarder waits until it has used up all, and a while longer: nothing comes in that time.
    if (!this.#isHoarder) this.#giveBack();
    else if (this.#owedBytes >= CREDIT_BYTES) this.#later(50);
  }

  #giveBack(): void {
    this.#calls.tell(this.host, { kind: "credit", subscriber: this.#token!, bytes: this.#owedBytes }, this);
    this.#owedBytes = 0;
  }

  /** `unprocessed`: what it had been sent; it may say later, as a process that only seemed dead, that it has done it. */
  #die(unprocessed: Range | null = null): void {
    this.counts.crashes += 1;
    this.#world.ledger.strike("consumer-crash");
    const isZombie = unprocessed !== null && this.ledger.mode === "acknowledge" &&
      this.#habits.chance(ZOMBIE_PER_MILLION);
    if (!isZombie) return this.#startOver();
    this.#zombie = { token: this.#token!, range: unprocessed };
    this.#end();
  }

  /** The next subscription is there: what the one before it says now is said by nobody. */
  #haunt(): void {
    if (this.#zombie === null) return;
    const { token: subscriber, range: { first, next } } = this.#zombie;
    this.#zombie = null;
    this.counts.zombies += 1;
    const { stream, node } = this.ledger;
    const caller: Caller = {
      isRemote: true,
      onReply: (_token, reply) => {
        if (reply.kind === "failed") return;
        this.#effects.violations.push(
          `${stream} at ${node}: a subscriber that was fenced acknowledged [${first}, ${next})`,
        );
      },
      onPush() {},
      onLost() {},
    };
    this.#calls.make(this.host, { kind: "ack", subscriber, first, next }, caller, 1_000);
  }

  #take(offset: number, id: string): void {
    const { ledger } = this;
    if (offset !== this.#expected) {
      this.#effects.violations.push(
        `${ledger.stream} at ${ledger.node} delivers offset ${offset} where ${this.#expected} is next`,
      );
    }
    this.#expected = offset + 1;
    this.#effects.place(ledger.stream, offset, id);
    this.#effects.counts.effects += 1;
    if (ledger.mode === "sink") {
      ledger.effects.push(id);
      ledger.nextOffset = offset + 1;
      return;
    }
    const before = ledger.seen.get(offset) ?? 0;
    if (before > 0) this.#effects.counts.redelivered += 1;
    ledger.seen.set(offset, before + 1);
  }

  /** What was delivered and not yet acknowledged: in one range, or the later part of it first. */
  #acknowledge(): void {
    const held = this.#held.shift();
    if (held !== undefined) this.#ack(held);
    if (this.#token === null) return;
    if (this.#held.length > 0) {
      if (this.#habits.chance(GAP_PER_MILLION)) return this.#die();
      return this.#later(SECOND_GAP_MEAN_MS);
    }
    if (this.#acknowledgeFrom < 0 || this.#acknowledgeFrom >= this.#expected) return;
    const range: Range = { first: this.#acknowledgeFrom as Offset, next: this.#expected as Offset };
    this.#acknowledgeFrom = range.next;
    const leavesGap = range.next - range.first > 1 && this.ledger.mode === "acknowledge" &&
      this.#habits.chance(GAP_PER_MILLION);
    if (!leavesGap) return this.#ack(range);
    this.counts.gaps += 1;
    const middle = this.#habits.between(range.first + 1, range.next - 1) as Offset;
    this.#held = [{ first: range.first, next: middle }];
    if (range.next - middle > 2) {
      // A second gap, of one message, behind the first.
      const second = middle + 1 as Offset;
      this.#held.push({ first: second, next: second + 1 as Offset });
      const around: Range[] = [
        { first: middle, next: second },
        { first: second + 1 as Offset, next: range.next },
      ];
      // Whoever works on several messages at a time is done with them in any order.
      if (this.#order.chance(LATER_FIRST_PER_MILLION)) around.reverse();
      for (const part of around) if (this.#token !== null) this.#ack(part);
    } else this.#ack({ first: middle, next: range.next });
    this.#later(50);
  }

  #ack({ first, next }: Range): void {
    for (let offset: number = first; offset < next; offset++) this.ledger.asked.add(offset);
    const call = { kind: "ack", subscriber: this.#token!, first, next } as const;
    const token = this.#calls.make(this.host, call, this, this.#regime.settings.callTimeoutMs * 2);
    if (token !== null) this.#acks.set(token, next);
  }

  #acknowledged(reached: number): void {
    this.ledger.acknowledgedOffset = Math.max(this.ledger.acknowledgedOffset, reached);
  }

  /** As a consumer that died: its node sees the subscription end, a new one begins later. */
  #startOver(): void {
    if (this.#token === null) return;
    this.#calls.make(this.host, { kind: "cancel", target: this.#token }, NOBODY, 1_000);
    this.#end();
  }

  #end(): void {
    if (this.#token !== null) this.#calls.forget(this.#token);
    this.#token = null;
    this.#isSubscribed = false;
    this.#acknowledgeFrom = -1;
    this.#held = [];
    this.#owedBytes = 0;
    this.#acks.clear();
    this.#later(this.#isLazy && !this.#effects.isEnding ? LAZY_MEAN_MS : RETRY_MEAN_MS, RETRY_MIN_MS);
  }

  #later(meanMs: number, minMs = 0): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    const waitUs = 1000 * (minMs + this.#draws.exponential(meanMs)) + 1;
    this.#world.schedule(this.#world.nowUs + waitUs, this, EventKind.Client, 200, 0, null);
  }
}

function isWhole(batch: Uint8Array): boolean {
  try {
    verifyRecordBatch(batch);
    return true;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return false;
  }
}
