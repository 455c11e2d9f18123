/**
 * Sessions of producers that are being opened at this node. A session fences the one before it, and with that whatever of it is
 * acknowledged here as QUEUED and not committed yet: so a session is asked for only once nothing of its producer waits in
 * the outbox, and nothing is taken in before it is known what became of it.
 *
 * An open that nobody answered may still be applied: it lies in a leader's log, or is on its way there. Until a later one of the
 * same producer has been applied, what the producer's last session publishes here is refused; or until no frame of that time
 * can be under way any more and then a command of this node has been applied, before which it must lie if it is anywhere. After
 * a start it is not known what was asked for before, and a command of this incarnation comes first for the same reason.
 */
import { SennitError } from "../core/errors.ts";
import type { Token } from "../core/ids.ts";
import { PENDING_CALLS_LIMIT } from "../core/limits.ts";
import { encodeStreamCommand, type StreamResult } from "../stream/mod.ts";
import type { StreamSeat } from "./stream_seat.ts";

/** How long an open that nobody answered is in doubt, in times that a call waits: sessions of links end sooner. */
const DOUBT_CALL_TIMEOUTS = 4;

interface PendingOpen {
  readonly token: Token;
  readonly producer: string;
  readonly deadlineMs: number;
}

export class ProducerOpens {
  readonly #seat: StreamSeat;
  /** True where the outbox holds something of a producer, or may. */
  readonly #mayHold: (producer: string) => boolean;
  /** Calls that wait until the producer's earlier records have left the outbox. */
  #waiting: PendingOpen[] = [];
  /** By producer: how many are asked for and not answered. */
  readonly #asked = new Map<string, number>();
  /** By producer: until when one may be on its way that nobody answered. */
  readonly #doubtedUntilMs = new Map<string, number>();
  /** A command of this incarnation has been applied. */
  #hasSpoken = false;
  #isSpeaking = false;

  constructor(seat: StreamSeat, mayHold: (producer: string) => boolean) {
    this.#seat = seat;
    this.#mayHold = mayHold;
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0;
  }
  /** When it wants to be looked at although nothing came. */
  get deadlineMs(): number {
    return this.#waiting.length === 0 ? Infinity : this.#waiting[0]!.deadlineMs;
  }

  open(token: Token, producer: string): void {
    if (this.#waiting.length + this.#asked.size + this.#doubtedUntilMs.size >= PENDING_CALLS_LIMIT) {
      this.#seat.refuse(token, "OVERLOADED", `${PENDING_CALLS_LIMIT} calls wait at this node: repeat later`);
      return;
    }
    const { now, callTimeoutMs } = this.#seat.node;
    this.#waiting.push({ token, producer, deadlineMs: now + callTimeoutMs });
  }

  /** Asks for the sessions that may be asked for. */
  work(now: number): void {
    for (const untilMs of this.#doubtedUntilMs.values()) if (now >= untilMs) this.#speak();
    if (this.#waiting.length === 0) return;
    const waiting: PendingOpen[] = [];
    for (const open of this.#waiting) {
      if (this.#mayHold(open.producer)) {
        if (now < open.deadlineMs) waiting.push(open);
        else {
          const text = `Earlier messages of ${open.producer} wait in the outbox: the group does not commit`;
          this.#seat.refuse(open.token, "TIMEOUT", text);
        }
      } else if (this.#seat.record.closed) {
        this.#seat.refuse(open.token, "STREAM_CLOSED", `Stream ${this.#seat.record.name} is closed`);
      } else this.#ask(open, now);
    }
    this.#waiting = waiting;
  }

  /** Why nothing may be taken in of the producer with this id now; null where it may. */
  refusal(producerId: number): SennitError | null {
    const { state } = this.#seat;
    for (const producer of this.#asked.keys()) {
      if (state.producerId(producer) !== producerId) continue;
      return new SennitError("NOT_READY", `A session of ${producer} is being opened: repeat in a moment`);
    }
    for (const producer of this.#doubtedUntilMs.keys()) {
      if (state.producerId(producer) !== producerId) continue;
      const text = `A newer session of ${producer} was asked for here, and may exist: open one again`;
      return new SennitError("PRODUCER_FENCED", text, { outcome: "UNKNOWN" });
    }
    if (this.#hasSpoken) return null;
    this.#speak();
    const text =
      "What was asked for here before this node was started is being found out, which takes a majority of " +
      "the stream's members: repeat in a moment";
    return new SennitError("NOT_READY", text);
  }

  failAll(error: SennitError): void {
    for (const { token } of this.#waiting) this.#seat.fail(token, error);
    this.#waiting = [];
  }

  #ask({ token, producer }: PendingOpen, now: number): void {
    const { node, group } = this.#seat;
    this.#asked.set(producer, (this.#asked.get(producer) ?? 0) + 1);
    node.requests.submit(
      group.id,
      (origin) => encodeStreamCommand({ kind: "open-producer", origin, producer }),
      now,
      (result) => {
        this.#answered(producer);
        this.#doubtedUntilMs.delete(producer);
        this.#spoken(now);
        this.#opened(token, result as StreamResult);
      },
      (error) => {
        this.#answered(producer);
        if (error.outcome !== "NOT_APPLIED") this.#doubt(producer);
        this.#seat.fail(token, error);
      },
    );
  }

  /** Brings a command into the log that changes nothing. */
  #speak(): void {
    if (this.#isSpeaking) return;
    this.#isSpeaking = true;
    const { node, group } = this.#seat;
    const { now } = node;
    node.requests.submit(
      group.id,
      (origin) => encodeStreamCommand({ kind: "move-offsets", origin, moves: [] }),
      now,
      () => {
        this.#isSpeaking = false;
        this.#spoken(now);
      },
      () => {
        this.#isSpeaking = false;
      },
    );
  }

  /** What this node asked for at `sinceMs` has been applied, and with it all that it had asked for before. */
  #spoken(sinceMs: number): void {
    this.#hasSpoken = true;
    for (const [producer, untilMs] of this.#doubtedUntilMs) {
      if (sinceMs >= untilMs) this.#doubtedUntilMs.delete(producer);
    }
  }

  #answered(producer: string): void {
    const left = this.#asked.get(producer)! - 1;
    if (left === 0) this.#asked.delete(producer);
    else this.#asked.set(producer, left);
  }

  #doubt(producer: string): void {
    const { now, callTimeoutMs } = this.#seat.node;
    this.#doubtedUntilMs.set(producer, now + DOUBT_CALL_TIMEOUTS * callTimeoutMs);
  }

  #opened(token: Token, result: StreamResult): void {
    if (result.kind === "producer") {
      const { producerId, epoch, nextSequence } = result;
      this.#seat.node.callers.reply(token, { kind: "producer", producerId, epoch, nextSequence });
    } else this.#seat.refused(token, result);
  }
}
