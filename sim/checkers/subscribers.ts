/**
 * Who is attached to a subscription (DESIGN section 9: a subscription is exclusive, a new subscriber fences the old by epoch). Judged
 * by what every member applied: who is told that another one took over was taken over from, and who was taken over from is
 * told so as soon as its node knows, by whatever way that learned of it.
 */
import type { MemberId, Token } from "../../src/core/ids.ts";
import type { Call, Push, Reply } from "../../src/node/calls.ts";
import type { NodeInspection, StreamInspection } from "../../src/node/inspection.ts";
import { type Checker, SafetyViolation } from "./verdict.ts";

interface Where {
  readonly name: string;
  readonly incarnation: number;
  /** Turns that its node has taken. */
  readonly turns: number;
}

interface Attached {
  readonly token: Token;
  readonly host: string;
  readonly incarnation: number;
  readonly member: MemberId;
  readonly group: number;
  readonly name: string;
  readonly epoch: number;
  /** The turn in which its node was first seen to know of a later epoch; -1: it was not. */
  outdatedSince: number;
}

/** Of the subscription as the log has it. */
export type EpochOf = (group: number, member: number, name: string) => number;

export class Subscribers implements Checker {
  readonly name = "subscribers";
  /** Looks at somebody who is attached, where the stream's state had moved on. */
  inputs = 0;
  /** Subscribers that were told that another one took over. */
  fencedInputs = 0;
  readonly #epochOf: EpochOf;
  readonly #asked = new Map<Token, Extract<Call, { readonly kind: "subscribe" }>>();
  readonly #attached = new Map<Token, Attached>();
  /** By host and group: how far the stream's state was at the last look with somebody attached. */
  readonly #lookedAt = new Map<string, Map<number, number>>();

  constructor(epochOf: EpochOf) {
    this.#epochOf = epochOf;
  }

  asked(token: Token, call: Call): void {
    if (call.kind === "subscribe") this.#asked.set(token, call);
    // Its node may never hear of it: from now on nobody cares.
    if (call.kind === "cancel") this.#attached.delete(call.target);
  }

  answered(where: Where, token: Token, reply: Reply, node: () => NodeInspection): void {
    const call = this.#asked.get(token);
    if (call === undefined) return;
    this.#asked.delete(token);
    if (reply.kind !== "subscribed") return;
    const { memberId: member, streams } = node();
    const group = streams.find(({ name }) => name === call.stream)?.group;
    if (group === undefined) return;
    const { name: host, incarnation } = where;
    const { epoch } = reply;
    const name = call.subscription;
    this.#attached.set(token, { token, host, incarnation, member, group, name, epoch, outdatedSince: -1 });
    this.#lookedAt.get(host)?.delete(group);
  }

  lost(token: Token): void {
    this.#asked.delete(token);
  }

  pushed(token: Token, push: Push): void {
    const found = push.kind === "subscription-ended" ? this.#attached.get(token) : undefined;
    if (found === undefined || push.kind !== "subscription-ended") return;
    this.#attached.delete(token);
    if (push.error.code !== "SUBSCRIPTION_FENCED") return;
    this.fencedInputs += 1;
    const { host, member, group, name, epoch } = found;
    if (this.#epochOf(group, member, name) > epoch) return;
    throw new SafetyViolation(
      this.name,
      `${host} told the subscriber of ${name} in epoch ${epoch} that another one took over, and nobody did`,
    );
  }

  /** Looks at a stream at a host after its turn; `applied`: how far its state is. */
  check({ name: host, incarnation, turns }: Where, applied: number, stream: StreamInspection): void {
    if (this.#attached.size === 0) return;
    const looks = this.#lookedAt.get(host) ?? new Map<number, number>();
    this.#lookedAt.set(host, looks);
    if (looks.get(stream.group) === applied) return;
    let isCertain = true;
    for (const each of this.#attached.values()) {
      if (each.host !== host || each.group !== stream.group) continue;
      if (each.incarnation !== incarnation) this.#attached.delete(each.token);
      else isCertain = this.#isCurrent(each, turns, stream) && isCertain;
    }
    if (isCertain) looks.set(stream.group, applied);
  }

  /** What a turn brings about shows when it is over, and no other one begins before. */
  #isCurrent(each: Attached, turns: number, stream: StreamInspection): boolean {
    this.inputs += 1;
    const { member, name, epoch } = each;
    const now = stream.subscriptions().find((own) => own.member === member && own.name === name)?.epoch;
    if (now === undefined || now <= epoch) return true;
    if (each.outdatedSince < 0) each.outdatedSince = turns;
    // One turn more for who was attached in the very turn in which it was taken over from.
    if (turns <= each.outdatedSince + 1) return false;
    throw new SafetyViolation(
      this.name,
      `the subscriber of ${name} in epoch ${epoch} of ${stream.name} is attached to ${each.host}, where epoch ${now} is open`,
    );
  }
}
