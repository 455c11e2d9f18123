/**
 * Publishing to one stream at this node: a batch is judged, becomes an outbox record, goes to the leader until it is seen
 * applied, and is acknowledged at the level that was asked for.
 */
import { DecodeError, type ErrorCode, SennitError } from "../core/errors.ts";
import type { Lsn, Offset, Sequence, Token } from "../core/ids.ts";
import {
  BATCH_BYTES_LIMIT,
  OUTBOX_BATCHES_LIMIT,
  OUTBOX_BYTES_LIMIT,
  OUTBOX_INFLIGHT_BYTES_LIMIT,
  PENDING_CALLS_LIMIT,
} from "../core/limits.ts";
import {
  type RecordBatchHeader,
  type StreamResult,
  type StreamState,
  verifyRecordBatch,
} from "../stream/mod.ts";
import type { LoadedEntry } from "../wal/mod.ts";
import type { AckLevel } from "./calls.ts";
import { LostRecords } from "./lost_records.ts";
import { Offers } from "./offers.ts";
import { ProducerOpens } from "./producer_opens.ts";
import { Outbox, type OutboxRecord, type PublishWaiter } from "./outbox.ts";
import { unknownOutcome } from "./replies.ts";
import type { StreamSeat } from "./stream_seat.ts";

/** Calls that may wait for one batch: a repetition asks again, a crowd of them is a mistake. */
const PUBLISH_WAITERS_LIMIT = 64;
/** A batch that was handed to a leader and not seen applied is handed over again after this. */
const HAND_AGAIN_MS = 1000;

interface CompletionWaiter {
  readonly token: Token;
  readonly end: Offset;
  readonly firstOffset: number;
  readonly duplicate: boolean;
}

export class Publishing {
  readonly #seat: StreamSeat;
  readonly #outbox = new Outbox();
  readonly #offers = new Offers();
  /** Records of the log that are still being read; nothing is published before they are in their place. */
  readonly #recovering = new Map<number, Uint8Array | null>();
  /** Sorted by end: offsets complete in order. */
  #completions: CompletionWaiter[] = [];
  readonly #opens: ProducerOpens;
  /** No waiter of a record of the outbox has an earlier deadline. */
  #waitersUntilMs = Infinity;

  readonly #lost: LostRecords;

  constructor(seat: StreamSeat) {
    this.#seat = seat;
    this.#lost = new LostRecords(seat);
    this.#opens = new ProducerOpens(seat, (producer) => this.#mayHold(producer));
  }

  /** Why what was published here cannot go on, "" where it can. */
  get trouble(): string {
    return this.#lost.trouble;
  }

  get outboxBatches(): number {
    return this.#outbox.size + this.#recovering.size;
  }
  get completionWaiterCount(): number {
    return this.#completions.length;
  }

  /** True where nothing that was published or asked for here waits. */
  get isSettled(): boolean {
    return this.outboxBatches === 0 && this.#opens.isIdle && this.#completions.length === 0;
  }

  /** True where nothing is to be done before something is asked. */
  get isIdle(): boolean {
    return this.isSettled && this.#lost.size === 0 && this.#waitersUntilMs === Infinity;
  }

  /** A record that the write-ahead log held at the start; ids come in order. */
  recover(id: number): void {
    this.#recovering.set(id, null);
    this.#seat.node.wal.loadOutbox(id);
  }

  /** A record's content was read. True where it is this stream's. */
  loaded(id: number, bytes: Uint8Array | null, failed: ErrorCode | null): boolean {
    if (failed === "DATA_DAMAGED" && this.#isOwn(id)) {
      this.#lost.add(id);
      return true;
    }
    if (this.#recovering.has(id)) {
      if (bytes === null) {
        const text = `Outbox record ${id} of ${this.#seat.record.name} cannot be read`;
        this.#seat.node.fail(new SennitError(failed ?? "DATA_DAMAGED", text));
        return true;
      }
      this.#recovering.set(id, bytes);
      this.#takeRecovered();
      return true;
    }
    for (const record of this.#outbox.records()) {
      if (record.id !== id) continue;
      if (bytes === null) {
        const text = `Outbox record ${id} of ${this.#seat.record.name} cannot be read back`;
        this.#seat.node.fail(new SennitError(failed ?? "DATA_DAMAGED", text));
        return true;
      }
      record.loading = false;
      record.loaded = bytes;
      return true;
    }
    return false;
  }

  #isOwn(id: number): boolean {
    if (this.#recovering.has(id)) return true;
    for (const record of this.#outbox.records()) if (record.id === id) return true;
    return false;
  }

  /** Looks for what the disk has lost, and reads what is whole again. */
  recoverLost(): void {
    if (this.#lost.size === 0) return;
    this.#lost.search();
    for (const id of this.#lost.takeWhole()) if (this.#isOwn(id)) this.#seat.node.wal.loadOutbox(id);
  }
  entriesLoaded(request: number, entries: readonly LoadedEntry[]): boolean {
    return this.#lost.loaded(request, entries);
  }

  #takeRecovered(): void {
    for (const [id, bytes] of this.#recovering) {
      if (bytes === null) return;
      this.#recovering.delete(id);
      const header = verifyRecordBatch(bytes);
      this.#outbox.add({
        id,
        header,
        lengthBytes: bytes.length,
        lsn: 0 as Lsn,
        handed: null,
        waiters: [],
        loading: false,
        loaded: bytes,
      });
    }
  }

  /** When it wants to be looked at although nothing came. */
  deadline(): number {
    return Math.min(this.#opens.deadlineMs, this.#waitersUntilMs, this.#handOverDeadline());
  }

  #handOverDeadline(): number {
    // What this member proposed itself is in its log, and without a leader there is nobody to hand anything to.
    const { leader, hasAppliedTerm } = this.#seat.group;
    if (leader === 0 || leader === this.#seat.node.memberId || !hasAppliedTerm) return Infinity;
    for (const record of this.#outbox.records()) {
      return record.handed === null ? Infinity : record.handed.atMs + HAND_AGAIN_MS;
    }
    return Infinity;
  }

  /** A snapshot was installed: what was published here may be among what it covers. */
  afterRestore(): void {
    for (const record of [...this.#outbox.records()]) this.#isOver(record);
    this.#outbox.handAgain();
  }

  /** Ends a record of which the state knows already what became of it. */
  #isOver(record: OutboxRecord): boolean {
    const { record: { name }, state } = this.#seat;
    const outcome = state.judge(record.header);
    if (outcome.kind === "duplicate") this.#applied(record, outcome.offset, true);
    else if (outcome.kind === "fenced") {
      this.#drop(record, "PRODUCER_FENCED", "A newer session of the producer exists");
    } else if (state.closed) this.#drop(record, "STREAM_CLOSED", `Stream ${name} is closed`);
    else return false;
    return true;
  }

  /** Fails what waits here; records stay in the log and are handed over after the next start. */
  failAll(error: SennitError): void {
    for (const record of this.#outbox.records()) {
      for (const { token } of record.waiters) this.#seat.fail(token, unknownOutcome(error));
      record.waiters = [];
    }
    for (const { token } of this.#completions) this.#seat.fail(token, unknownOutcome(error));
    this.#opens.failAll(error);
    this.#completions = [];
  }

  openProducer(token: Token, producer: string): void {
    this.#opens.open(token, producer);
  }

  /** Queues a batch; the reply follows when its level is reached. */
  publish(token: Token, batch: Uint8Array<ArrayBuffer>, level: AckLevel): void {
    if (this.#lost.size > 0) {
      if (this.#lost.offer(batch)) {
        const text =
          "The batch is the one that the disk had lost, and is written back: repeat it in a moment";
        this.#seat.refuse(token, "NOT_READY", text);
      } else this.#seat.refuse(token, "DATA_DAMAGED", `${this.#seat.record.name}: ${this.#lost.trouble}`);
      return;
    }
    if (this.#recovering.size > 0) {
      this.#seat.refuse(
        token,
        "NOT_READY",
        `The outbox of ${this.#seat.record.name} is being read: repeat in a moment`,
      );
      return;
    }
    const header = this.#admit(token, batch);
    const { now, callTimeoutMs } = this.#seat.node;
    if (header !== null) this.#take({ token, level, deadlineMs: now + callTimeoutMs }, batch, header, false);
  }

  /**
   * `certain`: the state holds everything that was committed when the batch came. Until then a refusal may be wrong: this
   * member may just have started, or be behind.
   */
  #take(
    waiter: PublishWaiter,
    batch: Uint8Array<ArrayBuffer>,
    header: RecordBatchHeader,
    certain: boolean,
  ): void {
    const { token } = waiter;
    const waiting = this.#outbox.find(header);
    if (waiting !== null) {
      if (waiting.header.count !== header.count) {
        const text =
          `Sequence ${header.baseSequence} waits here with ${waiting.header.count} messages, not ` +
          `${header.count}: a batch is repeated whole or not at all`;
        this.#seat.refuse(token, "SEQUENCE_GAP", text, { expected: this.#expected(header) });
      } else if (waiting.waiters.length >= PUBLISH_WAITERS_LIMIT) {
        this.#seat.refuse(token, "OVERLOADED", "The batch is being published: wait for its acknowledgement");
      } else {
        waiting.waiters.push(waiter);
        this.#waitersUntilMs = Math.min(this.#waitersUntilMs, waiter.deadlineMs);
      }
      return;
    }
    const outcome = this.#judge(header);
    const { record, state } = this.#seat;
    if ((record.closed || state.closed) && outcome.kind !== "duplicate" && outcome.kind !== "fenced") {
      // Until the group's own log is closed it may still accept the batch from an earlier try.
      const known = state.closed ? "NOT_APPLIED" : "UNKNOWN";
      const error = new SennitError("STREAM_CLOSED", `Stream ${record.name} is closed`, { outcome: known });
      this.#seat.fail(token, error);
      return;
    }
    if (!certain && (outcome.kind === "gap" || outcome.kind === "unknown")) {
      this.#seat.confirm(
        () => this.#take(waiter, batch, header, true),
        (error) => this.#seat.fail(token, error),
      );
      return;
    }
    switch (outcome.kind) {
      case "duplicate":
        this.#settle(waiter, header, outcome.offset, true);
        return;
      case "gap": {
        const text = `Producer must continue with sequence ${outcome.expected}, not ${header.baseSequence}`;
        this.#seat.refuse(token, "SEQUENCE_GAP", text, { expected: outcome.expected });
        return;
      }
      case "fenced":
        this.#seat.refuse(
          token,
          "PRODUCER_FENCED",
          `A newer session of the producer exists (epoch ${outcome.epoch})`,
        );
        return;
      case "unknown":
        this.#seat.refuse(token, "UNKNOWN_PRODUCER", "Open the producer at this stream first");
        return;
      case "accept":
        break;
    }
    const refusal = this.#opens.refusal(header.producerId) ?? this.#full();
    if (refusal !== null) {
      this.#seat.fail(token, refusal);
      return;
    }
    const id = this.#seat.node.nextOutboxId();
    this.#waitersUntilMs = Math.min(this.#waitersUntilMs, waiter.deadlineMs);
    const lsn = this.#seat.node.wal.appendOutbox(id, this.#seat.group.id, this.#seat.group.generation, batch);
    this.#outbox.add({
      id,
      header,
      lengthBytes: batch.length,
      lsn,
      handed: null,
      waiters: [waiter],
      loading: false,
      loaded: null,
    });
  }

  /** Takes a batch from another member's outbox, as leader. Anything else is dropped: the member sends again. */
  offered(content: Uint8Array): void {
    if (!this.#seat.group.isLeader || this.#seat.record.closed) return;
    const header = verifyRecordBatch(content);
    const { group: { raft }, state } = this.#seat;
    if (!this.#offers.wants(header, raft.term, state.lastSequence(header.producerId))) return;
    if (this.#seat.group.propose(content).ok) this.#offers.taken(header);
    else this.#offers.refused(header);
  }

  #admit(token: Token, batch: Uint8Array): RecordBatchHeader | null {
    if (batch.length > BATCH_BYTES_LIMIT) {
      this.#seat.refuse(
        token,
        "TOO_LARGE",
        `A batch may have ${BATCH_BYTES_LIMIT} bytes, this one has ${batch.length}`,
      );
      return null;
    }
    try {
      return verifyRecordBatch(batch);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#seat.refuse(token, "INVALID_ARGUMENT", `The batch is malformed: ${error.message}`);
      return null;
    }
  }

  /** As the state judges, but what waits in the outbox counts as accepted. */
  #judge(header: RecordBatchHeader): ReturnType<StreamState["judge"]> {
    const outcome = this.#seat.state.judge(header);
    if (outcome.kind !== "accept" && outcome.kind !== "gap") return outcome;
    if (this.#outbox.lastSequence(header) === null) return outcome;
    const expected = this.#expected(header);
    return header.baseSequence === expected ? { kind: "accept" } : { kind: "gap", expected };
  }

  #expected({ producerId, epoch }: RecordBatchHeader): Sequence {
    const waiting = this.#outbox.lastSequence({ producerId, epoch }) ?? 0;
    return Math.max(waiting, this.#seat.state.lastSequence(producerId) ?? 0) + 1 as Sequence;
  }

  #full(): SennitError | null {
    if (this.#outbox.size >= OUTBOX_BATCHES_LIMIT || this.#outbox.bytes >= OUTBOX_BYTES_LIMIT) {
      return new SennitError(
        "OVERLOADED",
        `The outbox of ${this.#seat.record.name} is full: its group does not commit`,
      );
    }
    if (this.#seat.state.heldBytes + this.#outbox.bytes >= this.#seat.record.retentionBytes) {
      const slowest = this.#seat.state.slowestSubscription();
      const holder = slowest === null
        ? "nobody"
        : `${slowest.name} at ${this.#seat.node.memberName(slowest.member)}`;
      const text = `Retention of ${this.#seat.record.retentionBytes} bytes is held by subscription ${holder}`;
      return new SennitError("RETENTION_HELD", text, { details: { holder } });
    }
    return null;
  }

  batchApplied(result: StreamResult & { kind: "batch" }): void {
    const { kind } = result.outcome;
    if (kind !== "accept" && kind !== "duplicate") this.#offers.forget(result.header);
    const record = this.#outbox.find(result.header);
    if (record === null) return;
    switch (result.outcome.kind) {
      case "accept":
        this.#applied(record, result.baseOffset, false);
        break;
      case "duplicate":
        this.#applied(record, result.outcome.offset, true);
        break;
      case "gap":
        // One before it was lost on the way: begin again with the first.
        this.#outbox.handAgain();
        break;
      case "fenced":
        this.#drop(record, "PRODUCER_FENCED", "A newer session of the producer exists");
        break;
      case "unknown":
        this.#drop(record, "UNKNOWN_PRODUCER", "The stream does not know the producer's session");
        break;
      case "closed":
        this.#drop(record, "STREAM_CLOSED", `Stream ${this.#seat.record.name} is closed`);
        break;
    }
  }

  #applied(record: OutboxRecord, firstOffset: number, duplicate: boolean): void {
    for (const waiter of record.waiters) this.#settle(waiter, record.header, firstOffset, duplicate);
    this.#outbox.remove(record);
    this.#seat.node.wal.releaseOutbox(record.id);
  }

  #drop(record: OutboxRecord, code: ErrorCode, message: string): void {
    for (const { token } of record.waiters) this.#seat.refuse(token, code, message);
    this.#outbox.remove(record);
    this.#seat.node.wal.releaseOutbox(record.id);
  }

  /** The batch is committed and applied: answers, or waits for completion. */
  #settle(waiter: PublishWaiter, header: RecordBatchHeader, firstOffset: number, duplicate: boolean): void {
    const { token, level } = waiter;
    if (level !== "COMPLETED") {
      this.#seat.node.callers.reply(token, { kind: "published", firstOffset, duplicate });
      return;
    }
    if (this.#completions.length >= PENDING_CALLS_LIMIT) {
      const text = `${PENDING_CALLS_LIMIT} calls wait for completion: repeat later`;
      this.#seat.fail(token, new SennitError("OVERLOADED", text, { outcome: "APPLIED" }));
      return;
    }
    // Of an old duplicate it is forgotten where it lies: nowhere behind what there is now.
    const end = firstOffset < 0 ? this.#seat.state.nextOffset : firstOffset + header.count as Offset;
    const waiting: CompletionWaiter = { token, end, firstOffset, duplicate };
    let at = this.#completions.length;
    while (at > 0 && this.#completions[at - 1]!.end > end) at--;
    this.#completions.splice(at, 0, waiting);
  }

  complete(): void {
    if (this.#completions.length === 0) return;
    const completed = this.#seat.state.completedOffset;
    let count = 0;
    while (count < this.#completions.length && this.#completions[count]!.end <= completed) count++;
    for (const { token, firstOffset, duplicate } of this.#completions.splice(0, count)) {
      this.#seat.node.callers.reply(token, { kind: "published", firstOffset, duplicate });
    }
  }

  sayQueued(): void {
    const durable = this.#seat.node.wal.durableLsn;
    for (const record of this.#outbox.records()) {
      if (record.lsn > durable) break;
      if (!record.waiters.some(waitsForQueued)) continue;
      const queued = record.waiters.filter(waitsForQueued);
      record.waiters = record.waiters.filter((waiter) => !waitsForQueued(waiter));
      for (const { token } of queued) {
        this.#seat.node.callers.reply(token, { kind: "published", firstOffset: -1, duplicate: false });
      }
    }
  }

  /** Ends calls that have waited long enough for a commit. What they published stays queued and goes on. */
  expire(now: number): void {
    if (now < this.#waitersUntilMs) return;
    this.#waitersUntilMs = Infinity;
    const { name } = this.#seat.record;
    const text = `Stream ${name} has not committed the batch in time; it stays queued here and will be ` +
      `committed when a majority of the stream's members is back: publish it again with the same sequence to wait on`;
    for (const record of this.#outbox.records()) {
      if (record.waiters.some((waiter) => waiter.deadlineMs <= now)) {
        for (const { token, deadlineMs } of record.waiters) {
          if (deadlineMs <= now) {
            this.#seat.fail(token, new SennitError("TIMEOUT", text, { outcome: "UNKNOWN" }));
          }
        }
        record.waiters = record.waiters.filter(({ deadlineMs }) => deadlineMs > now);
      }
      for (const { deadlineMs } of record.waiters) {
        this.#waitersUntilMs = Math.min(this.#waitersUntilMs, deadlineMs);
      }
    }
  }

  /**
   * Hands what waits to the leader, in order, within a window; in each term only what is not among the entries of earlier
   * ones, which the leader holds. Where leaders change more often than they commit the log would fill with repetitions.
   */
  handOver(now: number): boolean {
    if (this.#outbox.size === 0 || this.#seat.group.leader === 0) return false;
    if (!this.#seat.group.hasAppliedTerm) return false;
    const { term } = this.#seat.group.raft;
    const { leader } = this.#seat.group;
    let window = OUTBOX_INFLIGHT_BYTES_LIMIT;
    let proposed = false;
    let first = true;
    for (const record of this.#outbox.records()) {
      window -= record.lengthBytes;
      if (window < 0 && !first) break;
      const { handed } = record;
      const stale = handed === null || handed.term !== term || handed.leader !== leader ||
        (leader !== this.#seat.node.memberId && handed.atMs + HAND_AGAIN_MS <= now);
      if (stale) {
        // Found in the log at the start, and applied before: no leader takes it once more.
        if (this.#isOver(record)) continue;
        if (first && handed !== null) this.#outbox.handAgain();
        if (!this.#hand(record)) break;
        record.handed = { term, leader, atMs: now };
        proposed = true;
      }
      first = false;
    }
    return proposed;
  }

  #hand(record: OutboxRecord): boolean {
    const bytes = record.loaded ?? this.#seat.node.wal.outboxBytes(record.id);
    if (bytes === null) {
      if (!record.loading) this.#seat.node.wal.loadOutbox(record.id);
      record.loading = true;
      return false;
    }
    const handed = this.#seat.group.isLeader
      ? this.#seat.group.propose(bytes, record.id).ok
      : this.#seat.node.sendNode(this.#seat.group.leader, {
        kind: "publish",
        group: this.#seat.group.id,
        content: bytes,
      });
    // Kept where it is not taken: who cannot take it now would have it read from the disk again and again.
    if (handed) record.loaded = null;
    return handed;
  }

  openProducers(now: number): void {
    if (this.#lost.size > 0) {
      const text = `${this.#seat.record.name}: ${this.#lost.trouble}`;
      this.#opens.failAll(new SennitError("DATA_DAMAGED", text));
    } else this.#opens.work(now);
  }

  /** True where something of the producer waits here, or may: after a start the state need not know yet whose it is. */
  #mayHold(producer: string): boolean {
    if (this.#recovering.size > 0) return true;
    const { state } = this.#seat;
    const id = state.producerId(producer);
    return this.#outbox.producers().some((each) => each === id || state.lastSequence(each) === null);
  }
}

function waitsForQueued(waiter: PublishWaiter): boolean {
  return waiter.level === "QUEUED";
}
