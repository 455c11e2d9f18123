/**
 * One stream on one of its members: what its log's results mean to those who publish and subscribe at this node. The
 * meaning of the log itself is the stream room's.
 */
import type { ErrorCode, SennitError } from "../core/errors.ts";
import type { Offset, Token } from "../core/ids.ts";
import type { StreamResult, StreamState } from "../stream/mod.ts";
import type { LoadedEntry } from "../wal/mod.ts";
import type { AckLevel } from "./calls.ts";
import type { StreamRecord } from "./control_state.ts";
import { Delivery } from "./delivery.ts";
import type { Group } from "./group.ts";
import { Publishing } from "./publishing.ts";
import type { Reads } from "./reads.ts";
import type { StreamMachine } from "./stream_machine.ts";
import { type StreamNode, StreamSeat } from "./stream_seat.ts";

export class StreamHost {
  readonly #seat: StreamSeat;
  readonly #publishing: Publishing;
  readonly #delivery: Delivery;

  constructor(record: StreamRecord, group: Group, machine: StreamMachine, node: StreamNode) {
    this.#seat = new StreamSeat(record, group, machine, node);
    this.#publishing = new Publishing(this.#seat);
    this.#delivery = new Delivery(this.#seat);
    // A stream's leader sits at its source, where messages enter.
    group.raft.setPriorities(new Map([[record.source, 1]]));
  }

  get record(): StreamRecord {
    return this.#seat.record;
  }
  set record(record: StreamRecord) {
    this.#seat.record = record;
  }
  get group(): Group {
    return this.#seat.group;
  }
  get state(): StreamState {
    return this.#seat.state;
  }
  get reads(): Reads {
    return this.#seat.reads;
  }
  get outboxBatches(): number {
    return this.#publishing.outboxBatches;
  }
  get completionWaiters(): number {
    return this.#publishing.completionWaiterCount;
  }
  /** What the status of its group should say, "" for nothing. */
  get trouble(): string {
    return this.#publishing.trouble;
  }
  /** True where `work` does nothing before something is asked of the stream or its group was given something. */
  get isIdle(): boolean {
    return this.#publishing.isIdle && this.#delivery.isIdle && this.#seat.reads.size === 0;
  }
  /** True where the stream is closed and everything in it is processed by every subscription: nothing leads back from there. */
  get hasEnded(): boolean {
    const { closed, floor, nextOffset } = this.state;
    return closed && floor >= nextOffset;
  }
  /** True where nobody at this node waits for what becomes of anything that was published. */
  get isSettled(): boolean {
    return this.#publishing.isSettled;
  }
  owns(subscriber: Token): boolean {
    return this.#delivery.owns(subscriber);
  }

  recover(outboxId: number): void {
    this.#publishing.recover(outboxId);
  }
  openProducer(token: Token, producer: string): void {
    this.#publishing.openProducer(token, producer);
  }
  publish(token: Token, batch: Uint8Array<ArrayBuffer>, level: AckLevel): void {
    this.#publishing.publish(token, batch, level);
  }
  /** A batch from another member's outbox. */
  offered(content: Uint8Array): void {
    this.#publishing.offered(content);
  }
  subscribe(token: Token, name: string, fromOffset: Offset | null, creditBytes: number, now: number): void {
    this.#delivery.subscribe(token, name, fromOffset, creditBytes, now);
  }
  credit(subscriber: Token, bytes: number): void {
    this.#delivery.credit(subscriber, bytes);
  }
  acknowledge(token: Token, subscriber: Token, first: Offset, next: Offset): void {
    this.#delivery.acknowledge(token, subscriber, first, next);
  }
  cancel(subscriber: Token): boolean {
    return this.#delivery.cancel(subscriber);
  }

  /** Everything that may go on, goes on. True where the group was given something. */
  work(now: number): boolean {
    const { machine, node, group } = this.#seat;
    const replaced = machine.takeRestored();
    if (replaced !== null) this.#act(replaced.results);
    this.#act(machine.takeResults());
    if (replaced !== null) {
      node.requests.skipped(group.id, machine.applied);
      this.#publishing.afterRestore();
      this.#delivery.afterRestore();
    }
    const asked = this.#seat.reads.work(group, now);
    this.#publishing.openProducers(now);
    this.#publishing.sayQueued();
    this.#publishing.recoverLost();
    this.#publishing.expire(now);
    const proposed = this.#publishing.handOver(now);
    this.#delivery.deliver();
    this.#delivery.answerAcks(now);
    this.#delivery.moveOffsets(now);
    this.#publishing.complete();
    return proposed || asked;
  }

  /** When it wants to be looked at although nothing came. */
  deadline(): number {
    return Math.min(this.#publishing.deadline(), this.#delivery.deadline(), this.#seat.reads.deadline());
  }

  loaded(request: number, entries: readonly LoadedEntry[], failed: string | null): boolean {
    return this.#publishing.entriesLoaded(request, entries) ||
      this.#delivery.loaded(request, entries, failed);
  }
  outboxLoaded(id: number, bytes: Uint8Array | null, failed: ErrorCode | null): boolean {
    return this.#publishing.loaded(id, bytes, failed);
  }

  failAll(error: SennitError): void {
    this.#seat.reads.failAll(error);
    this.#publishing.failAll(error);
    this.#delivery.failAll(error);
  }

  #act(results: readonly StreamResult[]): void {
    for (const result of results) {
      if (result.kind === "batch") this.#publishing.batchApplied(result);
      else {
        this.#seat.node.requests.applied(result.origin, result);
        if (result.kind === "subscription") this.#delivery.fence(result);
      }
    }
  }
}
