/**
 * How far each member's named subscriptions have processed a stream: replicated state. An offset belongs to
 * (stream, member, subscription) and only rises. A subscription is exclusive: opening it gives a new epoch, and what
 * the earlier subscriber says afterwards is ignored.
 */
import type { ByteReader, ByteWriter } from "../core/bytes.ts";
import type { MemberId, Offset } from "../core/ids.ts";
import { SUBSCRIPTIONS_PER_STREAM_LIMIT } from "../core/limits.ts";

export interface Subscription {
  readonly member: MemberId;
  readonly name: string;
  /** True where completion waits for it. */
  readonly required: boolean;
  readonly epoch: number;
  /** Everything below is processed. */
  readonly offset: Offset;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export class Subscriptions {
  /** In the order of creation, which is the same on every member. */
  readonly #all: Mutable<Subscription>[] = [];

  /** The subscriptions that completion waits for exist from the start, whether anybody listens or not. */
  require(members: readonly MemberId[], names: readonly string[]): void {
    for (const member of members) {
      for (const name of names) {
        this.#all.push({ member, name, required: true, epoch: 0, offset: 0 as Offset });
      }
    }
  }

  find(member: MemberId, name: string): Subscription | null {
    return this.#find(member, name);
  }

  all(): readonly Subscription[] {
    return this.#all;
  }

  /**
   * Opens (and creates) a subscription and fences its earlier subscriber; null where the limit is reached. A new one
   * begins at the floor, so that the floor never falls below what may have been dropped already.
   */
  open(member: MemberId, name: string, end: Offset): Subscription | null {
    let subscription = this.#find(member, name);
    if (subscription === null) {
      if (this.#all.length >= SUBSCRIPTIONS_PER_STREAM_LIMIT) return null;
      subscription = { member, name, required: false, epoch: 0, offset: this.floor(end) };
      this.#all.push(subscription);
    }
    subscription.epoch++;
    return subscription;
  }

  /** Moves an offset forward; false where the epoch is not the current one or the offset is beyond the end. */
  move(member: MemberId, name: string, epoch: number, offset: Offset, end: Offset): boolean {
    const subscription = this.#find(member, name);
    if (subscription === null || subscription.epoch !== epoch) return false;
    // Nobody can have processed what is not there: a member that says so is wrong, and stops nobody by it.
    if (offset > end) return false;
    if (offset > subscription.offset) subscription.offset = offset;
    return true;
  }

  removeMember(member: MemberId): void {
    for (let at = this.#all.length - 1; at >= 0; at--) {
      if (this.#all[at]!.member === member) this.#all.splice(at, 1);
    }
  }

  /**
   * All subscriptions become this member's. Of several with one name the lowest offset counts, so that nobody misses
   * anything, and the highest epoch, so that every earlier subscriber is fenced.
   */
  takeOver(member: MemberId): void {
    const merged = new Map<string, Mutable<Subscription>>();
    for (const each of this.#all) {
      const known = merged.get(each.name);
      merged.set(each.name, {
        member,
        name: each.name,
        required: each.required || (known?.required ?? false),
        epoch: Math.max(each.epoch, known?.epoch ?? 0),
        offset: known !== undefined && known.offset < each.offset ? known.offset : each.offset,
      });
    }
    this.#all.splice(0, this.#all.length, ...merged.values());
  }

  /** Everything below has been processed by every subscription; `end` where there is none. */
  floor(end: Offset): Offset {
    return lowest(this.#all, end);
  }

  /** Everything below has been processed by all that completion waits for; `end` where there is none. */
  completed(end: Offset): Offset {
    return lowest(this.#all.filter((subscription) => subscription.required), end);
  }

  /** The subscription that holds the floor down, or null. */
  slowest(): Subscription | null {
    let slowest: Subscription | null = null;
    for (const each of this.#all) if (slowest === null || each.offset < slowest.offset) slowest = each;
    return slowest;
  }

  write(writer: ByteWriter): void {
    writer.u32(this.#all.length);
    for (const each of this.#all) {
      writer.u64(each.member).text(each.name).bool(each.required).u32(each.epoch).u64(each.offset);
    }
  }

  static read(reader: ByteReader): Subscriptions {
    const subscriptions = new Subscriptions();
    for (let left = reader.u32(); left > 0; left--) {
      subscriptions.#all.push({
        member: reader.u64() as MemberId,
        name: reader.text(),
        required: reader.bool(),
        epoch: reader.u32(),
        offset: reader.u64() as Offset,
      });
    }
    return subscriptions;
  }

  #find(member: MemberId, name: string): Mutable<Subscription> | null {
    for (const each of this.#all) if (each.member === member && each.name === name) return each;
    return null;
  }
}

function lowest(subscriptions: readonly Subscription[], end: Offset): Offset {
  let low: Offset | null = null;
  for (const each of subscriptions) if (low === null || each.offset < low) low = each.offset;
  return low ?? end;
}
