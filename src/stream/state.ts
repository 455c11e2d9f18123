/**
 * The state machine of one stream: what its group's log means. Applying the same entries gives the same state on
 * every member, whoever it is: no clock, no randomness, no local configuration. The only local part is the batch index,
 * which says where retained messages lie in this member's log.
 */
import { assert } from "../core/assert.ts";
import { ByteReader, ByteWriter } from "../core/bytes.ts";
import { DecodeError } from "../core/errors.ts";
import type { Index, MemberId, Offset, Sequence } from "../core/ids.ts";
import type { Origin } from "../core/origin.ts";
import { BatchIndex, type BatchPosition } from "./batch_index.ts";
import { decodeStreamCommand, type StreamCommand } from "./commands.ts";
import { type ProducerOutcome, Producers } from "./producers.ts";
import { RECORD_BATCH_FORMAT, type RecordBatchHeader, verifyRecordBatch } from "./record_batch.ts";
import { type Subscription, Subscriptions } from "./subscriptions.ts";

const STATE_FORMAT = 1;

export type StreamResult =
  | {
    readonly kind: "batch";
    readonly header: RecordBatchHeader;
    readonly outcome: ProducerOutcome;
    readonly baseOffset: Offset;
  }
  | {
    readonly kind: "batch";
    readonly header: RecordBatchHeader;
    readonly outcome: { readonly kind: "closed" };
    readonly baseOffset: Offset;
  }
  | {
    readonly kind: "producer";
    readonly origin: Origin;
    readonly producerId: number;
    readonly epoch: number;
    readonly nextSequence: Sequence;
  }
  | {
    readonly kind: "subscription";
    readonly origin: Origin;
    readonly member: MemberId;
    readonly name: string;
    readonly epoch: number;
    readonly offset: Offset;
  }
  | { readonly kind: "moved"; readonly origin: Origin }
  | { readonly kind: "closed"; readonly origin: Origin }
  | { readonly kind: "member-removed"; readonly origin: Origin; readonly member: MemberId }
  | { readonly kind: "taken-over"; readonly origin: Origin; readonly member: MemberId }
  /** A limit is reached, or the stream is closed. */
  | {
    readonly kind: "refused";
    readonly origin: Origin;
    readonly reason: "PRODUCERS" | "SUBSCRIPTIONS" | "CLOSED";
  };

export class StreamState {
  #applied = 0 as Index;
  #nextOffset = 0 as Offset;
  #closed = false;
  #producers = new Producers();
  #subscriptions = new Subscriptions();
  #index = new BatchIndex();

  /** A new stream whose completion waits for these subscriptions at each of these targets. */
  static create(targets: readonly MemberId[], subscriptions: readonly string[]): StreamState {
    const state = new StreamState();
    state.#subscriptions.require(targets, subscriptions);
    return state;
  }

  get applied(): Index {
    return this.#applied;
  }
  /** The offset that the next accepted message gets. */
  get nextOffset(): Offset {
    return this.#nextOffset;
  }
  get closed(): boolean {
    return this.#closed;
  }
  /** The first offset that this member can still deliver. */
  get firstOffset(): Offset {
    return this.#index.firstOffset(this.#nextOffset);
  }
  get retainedBytes(): number {
    return this.#index.retainedBytes;
  }
  /** Bytes that the slowest subscription keeps from being dropped: what retention limits. */
  get heldBytes(): number {
    return this.floor >= this.#nextOffset ? 0 : this.#index.bytesFrom(this.floor);
  }
  /** Everything below has been processed by all that completion waits for. */
  get completedOffset(): Offset {
    return this.#subscriptions.completed(this.#nextOffset);
  }
  /** Everything below has been processed by every subscription: the retention floor. */
  get floor(): Offset {
    return this.#subscriptions.floor(this.#nextOffset);
  }

  judge(header: RecordBatchHeader): ProducerOutcome {
    return this.#producers.judge(header);
  }
  lastSequence(producerId: number): Sequence | null {
    return this.#producers.lastSequence(producerId);
  }
  producerId(name: string): number | null {
    return this.#producers.idOf(name);
  }
  subscription(member: MemberId, name: string): Subscription | null {
    return this.#subscriptions.find(member, name);
  }
  subscriptions(): readonly Subscription[] {
    return this.#subscriptions.all();
  }
  slowestSubscription(): Subscription | null {
    return this.#subscriptions.slowest();
  }
  producerCount(): number {
    return this.#producers.size;
  }

  /** The batch that holds `offset` (below nextOffset), or null where it is no longer retained here. */
  find(offset: Offset): BatchPosition | null {
    assert(offset < this.#nextOffset, "only what was accepted can be found");
    return this.#index.find(offset);
  }

  /** Applies one Command entry. Entries come in order; throws `DecodeError` on a kind that is unknown. */
  apply(index: Index, bytes: Uint8Array): StreamResult {
    this.#advance(index);
    if (bytes[0] === RECORD_BATCH_FORMAT) return this.#applyBatch(index, bytes);
    return this.#applyCommand(index, decodeStreamCommand(bytes));
  }

  /** Passes an entry that means nothing to the state machine (no-op, configuration). */
  skip(index: Index): void {
    this.#advance(index);
  }

  /** The log no longer holds entries at and before `base`. */
  compact(base: Index): void {
    this.#index.compact(base);
  }

  /** The log index through which everything is below the retention floor: what may be compacted. */
  compactableThrough(): Index {
    if (this.floor >= this.#nextOffset) return this.#applied;
    const holding = this.#index.find(this.floor);
    return holding === null ? 0 as Index : holding.index - 1 as Index;
  }

  /** The replicated part, byte for byte equal on all members that applied the same entries. */
  canonicalBytes(): Uint8Array<ArrayBuffer> {
    const writer = new ByteWriter(1024);
    this.#writeReplicated(writer);
    return writer.take();
  }

  /** Everything, for this member's own restart or another's catching up. Holds no message. */
  encode(): Uint8Array<ArrayBuffer> {
    const writer = new ByteWriter(4096);
    this.#writeReplicated(writer);
    this.#index.write(writer);
    return writer.take();
  }

  /** Reads what `encode` wrote. `base`: where the log at hand begins. Throws `DecodeError`. */
  static decode(bytes: Uint8Array, base: Index): StreamState {
    const reader = new ByteReader(bytes);
    const format = reader.u8();
    if (format !== STATE_FORMAT) throw new DecodeError(`Stream state format ${format} is unknown`);
    const state = new StreamState();
    state.#applied = reader.u64() as Index;
    state.#nextOffset = reader.u64() as Offset;
    state.#closed = reader.bool();
    state.#producers = Producers.read(reader);
    state.#subscriptions = Subscriptions.read(reader);
    state.#index = BatchIndex.read(reader, base);
    reader.end();
    return state;
  }

  #writeReplicated(writer: ByteWriter): void {
    writer.u8(STATE_FORMAT).u64(this.#applied).u64(this.#nextOffset).bool(this.#closed);
    this.#producers.write(writer);
    this.#subscriptions.write(writer);
  }

  #advance(index: Index): void {
    assert(index === this.#applied + 1, "entries are applied in order, each once");
    this.#applied = index;
  }

  #applyBatch(index: Index, bytes: Uint8Array): StreamResult {
    // Verified when it was published; verified again where it becomes state.
    const header = verifyRecordBatch(bytes);
    const baseOffset = this.#nextOffset;
    if (this.#closed) return { kind: "batch", header, outcome: { kind: "closed" }, baseOffset };
    const outcome = this.#producers.judge(header);
    if (outcome.kind === "accept") {
      this.#producers.accept(header, baseOffset);
      this.#index.push(index, baseOffset, bytes.length);
      this.#nextOffset = baseOffset + header.count as Offset;
    }
    return { kind: "batch", header, outcome, baseOffset };
  }

  #applyCommand(index: Index, command: StreamCommand): StreamResult {
    const { origin } = command;
    switch (command.kind) {
      case "open-producer": {
        if (this.#closed) return { kind: "refused", origin, reason: "CLOSED" };
        const session = this.#producers.open(command.producer, index);
        if (session === null) return { kind: "refused", origin, reason: "PRODUCERS" };
        return { kind: "producer", origin, ...session };
      }
      case "open-subscription": {
        const { member, subscription: name } = command;
        const opened = this.#subscriptions.open(member, name, this.#nextOffset);
        if (opened === null) return { kind: "refused", origin, reason: "SUBSCRIPTIONS" };
        return { kind: "subscription", origin, member, name, epoch: opened.epoch, offset: opened.offset };
      }
      case "move-offsets":
        for (const move of command.moves) {
          this.#subscriptions.move(move.member, move.subscription, move.epoch, move.offset, this.#nextOffset);
        }
        return { kind: "moved", origin };
      case "close":
        this.#closed = true;
        return { kind: "closed", origin };
      case "remove-member":
        this.#subscriptions.removeMember(command.member);
        return { kind: "member-removed", origin, member: command.member };
      case "take-over":
        this.#subscriptions.takeOver(command.member);
        return { kind: "taken-over", origin, member: command.member };
    }
  }
}
